package usage

import (
	"strconv"
	"time"

	"github.com/syncline-io/syncline"
)

// Seconds is a flag that takes a duration such as "5m", or a plain number of
// seconds as the argocd command line does.
type Seconds time.Duration

// String returns the flag's value.
func (s *Seconds) String() string {
	if *s == 0 {
		return "0"
	}
	return time.Duration(*s).String()
}

// Set reads the flag's value.
func (s *Seconds) Set(text string) error {
	if count, err := strconv.ParseUint(text, 10, 31); err == nil {
		*s = Seconds(time.Duration(count) * time.Second)
		return nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		return syncline.Errorf(syncline.Invalid, "%q is neither a number of seconds nor a duration such as 90s or 5m", text)
	}
	*s = Seconds(duration)
	return nil
}

// Type names the flag's value in help texts.
func (*Seconds) Type() string { return "duration" }
