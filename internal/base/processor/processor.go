// Package processor limits work by the time that it computes, and not by the
// clock: what others do on a busy machine is not its fault. It also has what takes
// long give way to others, and stops nothing itself.
package processor

import (
	"context"
	"time"
)

// leniency is how many times its limit work may take that waits for the processor.
const leniency = 5

// Used is how long a process has computed, false when that cannot be told.
type Used func() (time.Duration, bool)

// Limit returns a context that ends when the process has computed for the limit
// from now on, and when five times as long has passed by the clock. Where nobody
// can tell how long it computed, the clock alone judges. Its cause is then
// [context.DeadlineExceeded].
func Limit(ctx context.Context, limit time.Duration, used Used) (limited context.Context, done func()) {
	limited, cancel := context.WithCancelCause(ctx)
	before, _ := used()
	end := time.Now().Add(leniency * limit)
	go func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		for {
			select {
			case <-limited.Done():
				return
			case <-timer.C:
			}
			now, known := used()
			left := min(limit-(now-before), time.Until(end))
			if !known || left <= 0 {
				cancel(context.DeadlineExceeded)
				return
			}
			timer.Reset(max(left, limit/20))
		}
	}()
	return limited, func() { cancel(nil) }
}
