package autosync

import (
	"slices"

	"github.com/syncline-io/syncline"
)

// Occasion is what an operation that the App's policy asks for is to it, as far as its
// status tells. Some of them are written down once, with their outcome, where others
// need a status before their first write. That is safe because of what a process finds
// that follows one which was killed in between:
//
//	occasion    the status says             found after a kill    begun again where all is as declared
//	FirstSync   of no sync                  by its tracking       yes
//	NewRender   what was deployed last      by kinds it lists     yes, if that was something else
//	Repair      of a sync of the revisions  by kinds it lists     no: it was no deployment
//	Repetition  the same, or not enough     not                   no
//
// Only a Repetition is written down before it begins.
type Occasion int

// The occasions.
const (
	FirstSync Occasion = iota
	NewRender
	Repair
	Repetition
)

// OccasionOf returns what an operation, of everything or of a part, is to an App.
func OccasionOf(app syncline.App, revisions []string, partial bool) Occasion {
	switch {
	case app.Past.Operation == nil && len(app.Past.History) == 0:
		return FirstSync
	case partial:
		return Repair
	case app.Past.Rendered != "" && !attempted(app, revisions):
		return NewRender
	}
	return Repetition
}

// MayPrecede reports whether the work of an operation that the policy asked for may
// precede its record: it runs no hook, and it deletes nothing.
func (of Occasion) MayPrecede(p syncline.Plan) bool {
	return of != Repetition && !slices.ContainsFunc(p.Changes, func(c syncline.Change) bool {
		switch c.Action {
		case syncline.Create, syncline.Update, syncline.Keep, syncline.Retain:
			return false
		case syncline.Run:
			return of != Repair // which runs none
		}
		return true
	})
}

// unrecorded reports whether everything is as the rendered objects declare, and nobody
// ever said that it was deployed: the operation was killed when it had done
// everything and before that was written down, or the objects were so before.
func unrecorded(app syncline.App, p syncline.Plan, objects []syncline.Object) bool {
	if len(p.Changes) == 0 || slices.ContainsFunc(p.Changes, func(c syncline.Change) bool { return c.Action != syncline.Keep && !c.Claimed }) {
		return false
	}
	switch OccasionOf(app, p.Revisions, false) {
	case FirstSync:
		return true
	case NewRender:
		return app.Past.Rendered != syncline.DigestOfObjects(objects)
	}
	return false
}
