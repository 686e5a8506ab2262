package exchange

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
)

// longest is how long what a server gave is used at most, however long it is said to last.
const longest = 24 * time.Hour

// Kept is what a server gave, which is used until shortly before its end. It is safe for
// concurrent use; use [NewKept].
type Kept[T comparable] struct {
	// asking holds an element while somebody asks for it, and guards the rest.
	asking chan struct{}
	value  T
	until  time.Time
}

// NewKept returns a Kept for which the server has yet to be asked.
func NewKept[T comparable]() *Kept[T] { return &Kept[T]{asking: make(chan struct{}, 1)} }

// Get returns what is kept, or what asking comes to and how long that lasts. One asks at
// a time, and who waits for that waits until ctx ends.
func (k *Kept[T]) Get(ctx context.Context, now func() time.Time, ask func(context.Context) (T, time.Duration, error)) (T, error) {
	var none T
	select {
	case k.asking <- struct{}{}:
		defer func() { <-k.asking }()
	case <-ctx.Done():
		return none, syncline.Errorf(syncline.Transient, "waiting for it: %w", ctx.Err())
	}
	began := now()
	if began.Before(k.until) {
		return k.value, nil
	}
	value, lasts, err := ask(ctx)
	switch {
	case err != nil:
		return none, err
	case value == none:
		return none, syncline.Errorf(syncline.Invalid, "the server answered no token")
	}
	lasts = min(max(lasts, 0), longest)
	k.value, k.until = value, began.Add(lasts-min(5*time.Minute, lasts/5)) // what begins with it has to go well
	return value, nil
}

// Drop has another one asked for, if the one that is kept is not wanted any more. Where
// another one is asked for already it does nothing.
func (k *Kept[T]) Drop(unwanted func(T) bool) {
	select {
	case k.asking <- struct{}{}:
		defer func() { <-k.asking }()
	default:
		return
	}
	if unwanted(k.value) {
		k.until = time.Time{}
	}
}
