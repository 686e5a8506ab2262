package plan

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
)

// users are the Apps that need an object.
type users struct {
	// going are about to go, or to be changed; staying are the others, by name.
	going   []syncline.Ref
	staying []string
}

// usersOf returns the Apps that need an object which an App would delete. Going says
// which Applications the plan deletes or changes. The App itself outlives its plan.
func usersOf(neighbours Neighbours, self syncline.AppID, c syncline.Change, going map[syncline.Ref]bool) (found users) {
	if !c.ServesApps {
		return found
	}
	for _, app := range neighbours.Users(c.Ref) {
		if app.ID != self && (app.Deleting != nil || going[app.ID.Ref()]) {
			found.going = append(found.going, app.ID.Ref())
		} else {
			found.staying = append(found.staying, app.ID.String())
		}
	}
	return found
}

// keptFor says whom an object is kept for that Apps need.
func keptFor(apps []string) string {
	const few = 3
	text := "application " + strings.Join(apps[:min(few, len(apps))], ", application ")
	if more := len(apps) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// keepServing lets the prune of what Apps need wait for those of them that go, and
// holds it back while others need it: they could be neither delivered nor deleted.
func (b *build) keepServing() {
	neighbours := b.neighbours()
	if neighbours == nil {
		return
	}
	going := b.goingApps()
	for i := range b.changes {
		c := &b.changes[i]
		if c.Action != syncline.Prune || c.Role == syncline.RoleHook {
			continue
		}
		found := usersOf(neighbours, b.App.ID, *c, going)
		c.After = found.going
		if found.staying == nil {
			continue
		}
		who := keptFor(found.staying)
		c.Action, c.After, c.Err, c.Undecided = syncline.Retain, nil, nil, false
		c.Why = "it is no longer in the source, and kept because it is needed by " + who
		b.warn(syncline.SharedResourceWarning, fmt.Sprintf("%s is not pruned: it is needed by %s", c.Ref, who))
	}
}

// goingApps returns the Applications that the plan deletes, or changes so that they
// may need something else, as far as the operation covers them.
func (b *build) goingApps() map[syncline.Ref]bool {
	changes := b.changes
	if b.Operation != nil {
		changes = syncline.Plan{Changes: changes}.Of(b.Operation.Operation).Changes
	}
	going := map[syncline.Ref]bool{}
	for _, c := range changes {
		if c.IsApp && c.Role == syncline.RoleResource && (c.Leaving || c.Action != syncline.Keep && c.Action != syncline.Retain) {
			going[c.Ref] = true
		}
	}
	return going
}
