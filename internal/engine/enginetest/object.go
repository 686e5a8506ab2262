package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/near"
)

// Tester is a test, of whichever kind.
type Tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Target knows no cluster but the local one, by its address and its name.
func Target(to syncline.Destination) (syncline.Target, error) {
	local := syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: "https://kubernetes.default.svc"}
	if !local.Is(to) {
		return syncline.Target{Name: to.Name, Server: to.Server}, syncline.Errorf(syncline.NotFound, "there is no cluster %q", to.Name+to.Server)
	}
	return local, nil
}

// Objects parses YAML of any number of documents.
func Objects(t Tester, text string) []syncline.Object {
	t.Helper()
	var objects []syncline.Object
	for document := range strings.SplitSeq(text, "\n---\n") {
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		object, err := syncline.NewObject(whole(content).(map[string]any), "test")
		if err != nil {
			t.Fatalf("%v", err)
		}
		objects = append(objects, object)
	}
	return objects
}

// whole makes integers of numbers that are whole, as the API server does.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = whole(v[key])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

// object is one live object.
type object struct {
	// content is all of it, as a reader gets it.
	content map[string]any
	owners  owners
	health  syncline.Health
	// slow keeps the object when it is deleted, until the test lets it go.
	slow bool
	// followed says that its state is told.
	followed bool
}

func (o *object) meta() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.content}
}

// copy returns one that can be changed without the object.
func (o *object) copy() *object {
	return &object{content: runtime.DeepCopyJSON(o.content), owners: maps.Clone(o.owners), health: o.health, slow: o.slow, followed: o.followed}
}

// reveal returns a copy as the API server would answer with.
func (o *object) reveal() syncline.Object {
	object, err := syncline.NewObject(runtime.DeepCopyJSON(o.content), "the cluster")
	if err != nil {
		panic(err) // it came from an Object
	}
	return object
}

// keyOf is how managedFields call an item of a list by its name.
func keyOf(name string) string { return fmt.Sprintf(`k:{"name":%q}`, name) }

// lastApplied is what kubectl wrote down of its last client-side apply.
func (o *object) lastApplied() map[string]any {
	applied := map[string]any{}
	text := o.meta().GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]
	if yaml.Unmarshal([]byte(text), &applied) != nil {
		return nil
	}
	return applied
}

// live is what a cache remembers of the object.
func (o *object) live(dialects syncline.Dialects) syncline.Live {
	u := o.meta()
	gvk := u.GroupVersionKind()
	live := syncline.Live{
		Ref:     o.reveal().Ref(),
		Version: gvk.Version, UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(),
		Controlled:  len(u.GetOwnerReferences()) > 0,
		Health:      o.health,
		Terminating: u.GetDeletionTimestamp() != nil,
		Marks:       o.marks(dialects),
	}
	if o.followed {
		live.State = stateOf(o.content)
	}
	o.claim(&live, dialects)
	for by := range o.owners {
		switch {
		case by.operation == updating && takenOver(dialects, by.manager):
			live.Migrate = true
		case gvk.Kind == "Namespace" && strings.HasPrefix(by.manager, fieldmanager.Namespaces):
			if live.Beside == nil {
				live.Beside = map[string]syncline.Digest{}
			}
			live.Beside[by.manager] = o.digestOf(by.manager)
		}
	}
	if live.Terminating {
		live.Finalizers = u.GetFinalizers()
	}
	return live
}

// claim takes note of whose the object is, and of what was applied to it.
func (o *object) claim(live *syncline.Live, dialects syncline.Dialects) {
	instance, owner := dialects.Owner(live.Ref, syncline.Content(o.content))
	if live.Owner = instance; owner != nil {
		live.Made = o.made(owner)
		live.Manager, live.Applied = owner.Manager, o.digestOf(owner.Manager)
	}
	for _, dialect := range dialects {
		if digest := o.digestOf(dialect.Manager); digest != "" && live.Manager == "" {
			live.Manager, live.Applied = dialect.Manager, digest
		} else if digest != "" && dialect.Manager != live.Manager {
			if live.Beside == nil {
				live.Beside = map[string]syncline.Digest{}
			}
			live.Beside[dialect.Manager] = digest
		}
	}
}

// made reports whether a manager of a dialect wrote the mark that says whose the object
// is.
func (o *object) made(dialect *syncline.Dialect) bool {
	for by, owned := range o.owners {
		if (by.manager == dialect.Manager || slices.Contains(dialect.Former, by.manager)) && hasMark(owned, dialect) {
			return true
		}
	}
	return false
}

// marks are those of the object's annotations and labels that mean something.
func (o *object) marks(dialects syncline.Dialects) syncline.Marks {
	marks := syncline.Marks{}
	for key, value := range o.meta().GetAnnotations() {
		if dialects.Steers(key, false) {
			marks[key] = value
		}
	}
	for _, dialect := range dialects {
		for key, value := range near.Meaning(o.meta().GetAnnotations(), dialect.Conventions.Slip) {
			if dialect.Conventions.Steers(key, false) {
				marks[key] = value
			}
		}
	}
	for key, value := range o.meta().GetLabels() {
		if dialects.Steers(key, true) {
			marks[syncline.LabelKey(key)] = value
		}
	}
	return marks
}

// digestOf is that of the fields that a manager applied, as they are now.
func (o *object) digestOf(manager string) syncline.Digest {
	owned, applied := o.owners[writer{manager, applying}]
	if !applied {
		return ""
	}
	return syncline.DigestOfFields(asMap(extract(o.content, owned)))
}

// stateOf is [syncline.DigestOfState] of an object.
func stateOf(content map[string]any) syncline.Digest {
	state, err := syncline.DigestOfState(content)
	if err != nil {
		panic(err) // it came from an Object
	}
	return state
}

// Follow has the state of an object told until it is written. The tests say themselves
// which changes bring a turn.
func (c *Cluster) Follow(object syncline.Object) syncline.Digest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.objects[object.Ref()]; ok {
		o.followed = true
	}
	return stateOf(object.Reveal().Object)
}
