package source

import (
	"container/heap"
	"context"
	"time"
)

// Poll asks every repository that revisions were resolved in what it has, at
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

// pollDue begins to list each repository whose time has come, and
// returns how long it is until the next one's. It looks at no other.
func (r *Resolver) pollDue(ctx context.Context) time.Duration {
	due, wait := r.takeDue()
	owners := make([][]string, len(due)) // of those that somebody uses
	for i, known := range due {
		if r.options.Uses(known.access) {
			owners[i] = r.options.Owners(known.access)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, known := range due {
		switch {
		case known.listing != nil: // somebody asked meanwhile
		case owners[i] == nil:
			r.forget(known)
		case r.known[known.way()] == known:
			r.begin(ctx, known, owners[i])
		}
	}
	return wait
}

// takeDue returns the repositories whose time has come, and how long it is until
// the next one's. Those of which a listing goes on are due again when it ends.
func (r *Resolver) takeDue() (due []*repository, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.due) > 0 {
		next := r.due[0]
		if wait := time.Until(next.at); wait > 0 {
			return due, min(wait, r.options.Interval)
		}
		heap.Pop(&r.due)
		current := next.at.Equal(next.repository.due) && r.known[next.repository.way()] == next.repository
		if current && next.repository.listing == nil {
			due = append(due, next.repository)
		}
	}
	return due, r.options.Interval
}

// postpone sets when a repository is due.
func (r *Resolver) postpone(known *repository, due time.Time) {
	known.due = due
	heap.Push(&r.due, dueRepository{due, known})
}

// dueQueue holds when repositories are due, the earliest first. An entry whose
// repository is due at another time by now does not count.
type dueQueue []dueRepository

type dueRepository struct {
	at         time.Time
	repository *repository
}

// Len returns the number of entries.
func (q dueQueue) Len() int { return len(q) }

// Less reports whether an entry is due before another.
func (q dueQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

// Swap swaps two entries.
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push appends an entry.
func (q *dueQueue) Push(entry any) {
	*q = append(*q, entry.(dueRepository)) //nolint:forcetypeassert // nothing else is pushed
}

// Pop removes the last entry.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	entry := (*q)[last]
	(*q)[last] = dueRepository{}
	*q = (*q)[:last]
	return entry
}
