package engine

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/autosync"
)

// recorded reports whether enough is written down for a killed process to find
// again whatever the next step makes: the beginning of the operation, where its
// occasion asks for that, and the kinds of its objects.
func (t *turn) recorded() bool {
	of := autosync.OccasionOf(t.app, t.revisions, t.operation.Operation.Partial())
	switch {
	case t.begun && !(t.automatic && t.operation.RetryCount == 0 && of.MayPrecede(*t.plan)): // nobody asked for it but the policy
		return false
	case t.begun && of == autosync.FirstSync:
		return true // what it declares tells the kinds
	}
	kinds := map[schema.GroupKind]bool{}
	for _, o := range t.app.Past.Objects {
		kinds[o.Ref.GroupKind()] = true
	}
	return !slices.ContainsFunc(t.plan.Changes, func(c syncline.Change) bool {
		return c.Role == syncline.RoleResource && !c.Refused && !kinds[c.Ref.GroupKind()]
	})
}
