package live

import (
	"maps"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/aspect"
)

// Change says that what is remembered of an object changed. It is Ours when Observe
// told it before the watch did.
type Change = syncline.LiveChange

// What is a set of the things that can change.
type What = aspect.Set

// The things that can change.
const (
	Existence   = aspect.Existence
	Applied     = aspect.Applied
	Owner       = aspect.Owner
	Marks       = aspect.Marks
	Health      = aspect.Health
	Terminating = aspect.Terminating
	Summary     = aspect.Summary
)

// changeOf compares what was and is remembered of one object; either may be nil.
func changeOf(before, after *record) Change {
	switch {
	case before == nil && after == nil:
		return Change{}
	case before == nil:
		return Change{Ref: after.Ref, After: after.Owner, Claim: !after.Made, What: Existence}
	case after == nil:
		return Change{Ref: before.Ref, Before: before.Owner, Claim: !before.Made, What: Existence}
	}
	change := Change{Ref: after.Ref, Before: before.Owner, After: after.Owner, Claim: !before.Made && !after.Made}
	for _, thing := range []struct {
		what    What
		changed bool
	}{
		{Existence, before.UID != after.UID},
		{Applied, !sameOwners(before, after) || !sameState(before, after)},
		{Owner, before.Owner != after.Owner || before.Controlled != after.Controlled},
		{Marks, !maps.Equal(before.Marks, after.Marks)},
		{Health, before.Health != after.Health},
		{Terminating, before.Terminating != after.Terminating || !slices.Equal(before.Finalizers, after.Finalizers)},
		{Summary, !slices.Equal(before.Images, after.Images) || !slices.Equal(before.URLs, after.URLs)},
	} {
		if thing.changed {
			change.What |= thing.what
		}
	}
	return change
}

// sameOwners reports whether who owns which fields of an object is as it was.
func sameOwners(before, after *record) bool {
	return before.Applied == after.Applied && before.Made == after.Made && before.Migrate == after.Migrate &&
		maps.Equal(before.Beside, after.Beside)
}

// sameState reports whether what is told of an object that is followed says that
// nobody else changed it.
func sameState(before, after *record) bool {
	return before.State == "" || after.ours || after.State == before.State
}
