// Package drawn tells which of the objects that a source renders to are others at each
// rendering of the same files, because a chart draws random values or asks for the time.
// It renders nothing itself.
package drawn

import (
	"fmt"
	"strings"
	"sync"

	"github.com/syncline-io/syncline"
)

// Drawings remembers, by App, what was found out of its last rendering. The zero value is
// empty. It is safe for concurrent use.
type Drawings struct {
	mu    sync.Mutex
	known map[syncline.AppID]drawing
}

// drawing is which objects of one rendering are drawn; none when it came to the same again.
type drawing struct {
	rendered syncline.Digest
	refs     map[syncline.Ref]bool
}

// Mark marks the changes of a plan whose objects are drawn, and returns what there is to say
// of it. The objects are what the App renders to. Where that is something else than was
// deployed it asks, once, for what they come to at another rendering of the same.
func (d *Drawings) Mark(
	plan *syncline.Plan, app syncline.App, objects []syncline.Object, again func() ([]syncline.Object, error),
) ([]syncline.Condition, error) {
	rendered := syncline.DigestOfObjects(objects)
	if app.Past.Rendered == "" || app.Past.Rendered == rendered {
		return nil, nil
	}
	d.mu.Lock()
	known := d.known[app.ID]
	d.mu.Unlock()
	if known.rendered != rendered {
		others, err := again()
		if err != nil {
			return nil, err
		}
		known = drawing{rendered, differing(objects, others)}
		d.keep(app.ID, known)
	}
	return mark(plan, known.refs), nil
}

func (d *Drawings) keep(id syncline.AppID, found drawing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[syncline.AppID]drawing{}
	}
	d.known[id] = found
}

// Forget drops what is remembered of an App.
func (d *Drawings) Forget(id syncline.AppID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, id)
}

// differing returns the refs of the objects that are not the same among the others.
func differing(objects, others []syncline.Object) map[syncline.Ref]bool {
	digests := make(map[syncline.Ref]syncline.Digest, len(others))
	for _, other := range others {
		digests[other.Ref()] = other.Digest()
	}
	refs := map[syncline.Ref]bool{}
	for _, object := range objects {
		if digests[object.Ref()] != object.Digest() {
			refs[object.Ref()] = true
		}
	}
	return refs
}

// told is how many objects a condition names.
const told = 5

// mark marks the changes of drawn objects in a plan, and says so. With them goes whatever the plan prunes: where names are drawn, it is what an
// earlier drawing made.
func mark(plan *syncline.Plan, refs map[syncline.Ref]bool) []syncline.Condition {
	if len(refs) == 0 {
		return nil
	}
	var names []string
	for i := range plan.Changes {
		c := &plan.Changes[i]
		rendered := c.Ref
		rendered.Namespace = "" // which a source need not say
		if c.Drawn = c.Action == syncline.Prune || refs[c.Ref] || refs[rendered]; c.Drawn && c.Differs() {
			names = append(names, c.Ref.String())
		}
	}
	if names == nil {
		return nil
	}
	list := strings.Join(names[:min(told, len(names))], ", ")
	if len(names) > told {
		list += fmt.Sprintf(" and %d more", len(names)-told)
	}
	return []syncline.Condition{{Type: syncline.RandomValuesWarning, Message: "the source draws random values, which are others at each rendering: " +
		list + "; a sync or a commit delivers them, and self-heal does not"}}
}
