package engine

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// occasion is what an operation that the App's policy asks for is to it, as far as its
// status tells. Some of them are written down once, with their outcome, where others
// need a status before their first write. That is safe because of what a process finds
// that follows one which was killed in between:
//
//	occasion    the status says             found after a kill    begun again where all is as declared
//	firstSync   of no sync                  by its tracking       yes
//	newRender   what was deployed last      by kinds it lists     yes, if that was something else
//	repair      of a sync of the revisions  by kinds it lists     no: it was no deployment
//	repetition  the same, or not enough     not                   no
//
// Only a repetition is written down before it begins.
type occasion int

const (
	firstSync occasion = iota
	newRender
	repair
	repetition
)

// occasionOf returns what an operation, of everything or of a part, is to an App.
func occasionOf(app syncline.App, revisions []string, partial bool) occasion {
	switch {
	case app.Past.Operation == nil && len(app.Past.History) == 0:
		return firstSync
	case partial:
		return repair
	case app.Past.Rendered != "" && !attempted(app, revisions):
		return newRender
	}
	return repetition
}

// unrecorded reports whether everything is as the rendered objects declare, and nobody
// ever said that it was deployed: the operation was killed when it had done
// everything and before that was written down, or the objects were so before.
func unrecorded(app syncline.App, p syncline.Plan, objects []syncline.Object) bool {
	if len(p.Changes) == 0 || slices.ContainsFunc(p.Changes, func(c syncline.Change) bool { return c.Action != syncline.Keep && !c.Claimed }) {
		return false
	}
	switch occasionOf(app, p.Revisions, false) {
	case firstSync:
		return true
	case newRender:
		return app.Past.Rendered != syncline.DigestOfObjects(objects)
	}
	return false
}

// recorded reports whether enough is written down for a killed process to find
// again whatever the next step makes: the beginning of the operation, where its
// occasion asks for that, and the kinds of its objects.
func (t *turn) recorded() bool {
	of := occasionOf(t.app, t.revisions, t.operation.Operation.Partial())
	switch {
	case t.begun && !t.mayPrecede(of):
		return false
	case t.begun && of == firstSync:
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

// mayPrecede reports whether the work of an operation that begins may precede its
// record: nobody asked for it but the policy, it runs no hook, and it deletes nothing.
func (t *turn) mayPrecede(of occasion) bool {
	if !t.automatic || t.operation.RetryCount > 0 || of == repetition {
		return false
	}
	return !slices.ContainsFunc(t.plan.Changes, func(c syncline.Change) bool {
		switch c.Action {
		case syncline.Create, syncline.Update, syncline.Keep, syncline.Retain:
			return false
		case syncline.Run:
			return of != repair // which runs none
		}
		return true
	})
}
