package lua

import (
	"context"
	"time"
)

// leniency is how many times its limit a rule may take that waits for the
// processor: what others do is not its fault.
const leniency = 5

// limited returns a context that ends when this process has had that much
// processor time, and not before that much time has passed. Its cause is then
// [context.DeadlineExceeded].
func limited(ctx context.Context, limit time.Duration) (limited context.Context, done func()) {
	limited, cancel := context.WithCancelCause(ctx)
	before, end := processorTime(), time.Now().Add(leniency*limit)
	go func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		for {
			select {
			case <-limited.Done():
				return
			case <-timer.C:
			}
			left := min(limit-(processorTime()-before), time.Until(end))
			if left <= 0 {
				cancel(context.DeadlineExceeded)
				return
			}
			timer.Reset(max(left, limit/20))
		}
	}()
	return limited, func() { cancel(nil) }
}
