package live

import (
	"maps"
	"slices"

	"github.com/syncline-io/syncline"
)

// Change says that what is remembered of an object changed.
type Change struct {
	Ref syncline.Ref
	// Before and After are the instances that tracked the object; "" when none did.
	Before, After string
	What          What
	// Claim reports that only the annotation, which anybody may write, says and said
	// whose the object is.
	Claim bool
	// Ours reports that the change is the outcome of our own write, told by
	// Observe before the watch told it.
	Ours bool
}

// What is a set of the things that can change.
type What uint8

// The things that can change.
const (
	// Existence: the object came, went, or was created anew.
	Existence What = 1 << iota
	// Applied: the fields that our manager applied, or who else owns them; all that an
	// object holds which is followed.
	Applied
	// Tracking: the annotation that says whose the object is, or its owners.
	Tracking
	// Marks: the annotations that steer Syncline.
	Marks
	// Health: the object's own health.
	Health
	// Terminating: its deletion began, or what it waits for then.
	Terminating
	// Summary: its images or addresses.
	Summary
)

// Has reports whether one of the things is in the set.
func (w What) Has(things What) bool { return w&things != 0 }

// changeOf compares what was and is remembered of one object; either may be nil.
func changeOf(before, after *record) Change {
	switch {
	case before == nil && after == nil:
		return Change{}
	case before == nil:
		return Change{Ref: after.Ref, After: instanceOf(&after.Live), Claim: !after.Made, What: Existence}
	case after == nil:
		return Change{Ref: before.Ref, Before: instanceOf(&before.Live), Claim: !before.Made, What: Existence}
	}
	change := Change{Ref: after.Ref, Before: instanceOf(&before.Live), After: instanceOf(&after.Live), Claim: !before.Made && !after.Made}
	for _, thing := range []struct {
		what    What
		changed bool
	}{
		{Existence, before.UID != after.UID},
		{Applied, !sameOwners(before, after) || before.State != "" && after.State != before.State && !after.ours},
		{Tracking, before.Tracking != after.Tracking || before.Controlled != after.Controlled},
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
