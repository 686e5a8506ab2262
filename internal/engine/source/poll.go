package source

import (
	"context"
	"time"
)

// Poll asks every repository that revisions were resolved in for its refs, at
// the interval, until ctx ends. A repository that fails or hangs delays no other.
func (r *Resolver) Poll(ctx context.Context) error {
	for {
		timer := time.NewTimer(r.pollDue(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-r.wake:
			timer.Stop()
		}
	}
}

// pollDue begins to list the refs of each repository whose time has come, and
// returns how long it is until the next one's.
func (r *Resolver) pollDue(ctx context.Context) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.options.Interval
	for key, known := range r.known {
		if known.listing != nil {
			continue // its end wakes us
		}
		wait := time.Until(known.due)
		switch {
		case wait > 0:
			next = min(next, wait)
		case !r.options.Uses(key):
			delete(r.known, key)
		default:
			r.begin(ctx, known, known.access)
		}
	}
	return next
}
