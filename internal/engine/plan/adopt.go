package plan

import (
	"github.com/syncline-io/syncline"
)

// isUnowned reports whether the field manager under which an object is to be applied
// owns nothing of the live one. It has to be applied then even if it is as desired:
// what leaves the source later would not be removed.
func (b *build) isUnowned(in inquiry, current syncline.Object) bool {
	return in.change.Role == syncline.RoleNamespace &&
		appliedBy(current.Reveal().Object, in.change.Desired.Manager()) == nil
}

// ownership is the difference of an object whose declared fields become ours.
func ownership(c syncline.Change) syncline.Field {
	return syncline.Field{Path: "metadata.managedFields", Desired: c.Desired.Manager()}
}
