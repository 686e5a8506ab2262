package gate

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The pauses after a server said that it was asked too often: where it says until when, no
// longer than longestPause. Then it is asked whether that is still so.
const (
	usualPause   = time.Minute
	longestPause = 5 * time.Minute
)

// Pause is until when something is not asked, because it was asked too often. The zero
// value is none. It is safe for concurrent use.
type Pause struct {
	mu    sync.Mutex
	until time.Time
}

// Begin has nothing asked for a while. After is the header Retry-After of an answer: in
// seconds or a date, or a minute where it says nothing.
func (p *Pause) Begin(after string) {
	wait := usualPause
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		wait = time.Until(at)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(min(wait, longestPause))
}

// Left returns how long nothing is asked from now on, 0 when it may be.
func (p *Pause) Left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.until))
}
