package syncline

import "github.com/syncline-io/syncline/internal/base/aspect"

// LiveChange says that what is remembered of an object changed.
type LiveChange struct {
	Ref Ref
	// Before and After are the instances that tracked the object; "" when none did.
	Before, After string
	What          aspect.Set
	// Claim reports that only the annotation, which anybody may write, says and said
	// whose the object is.
	Claim bool
	// Ours reports that the change is the outcome of our own write, told before the
	// watch told it.
	Ours bool
}
