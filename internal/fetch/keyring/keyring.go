// Package keyring holds the keys by which projects read what is encrypted in their
// repositories, as Secrets give them, and shows files in plaintext. Keys do not leave it.
package keyring

import (
	"context"
	"encoding/base64"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/kms"
)

// Selector selects the Secrets with keys, in the namespace of the control plane.
const Selector = "syncline.io/secret-type=sops"

// The entry of a Secret that says whose its keys are. What else is read is said at
// [sops.ReadKeys].
const (
	projectEntry = "project"
	// everybody stands for all projects.
	everybody = "*"
)

// Options are those of a Ring. The zero value works.
type Options struct {
	// Services are those of key services. Default: see there.
	Services kms.Options
	// Changed is told the project that has other keys now, or "" for all of them.
	// Default: nobody is told.
	Changed func(project string)
}

// Ring holds the keys as they were last seen. It is safe for concurrent use.
type Ring struct {
	client    *kms.Client
	decrypter *sops.Decrypter
	changed   func(project string)

	mu      sync.RWMutex
	entries map[types.NamespacedName]entry
}

// entry is one Secret.
type entry struct {
	// project is whose the keys are: a name, everybody, or "" for nobody.
	project string
	data    map[string]sealed.Text
	keys    sops.Keys
}

// New returns a Ring without keys.
func New(options Options) *Ring {
	if options.Changed == nil {
		options.Changed = func(string) {}
	}
	return &Ring{
		client: kms.New(options.Services), decrypter: sops.New(sops.Options{}), changed: options.Changed,
		entries: map[types.NamespacedName]entry{},
	}
}

// Put takes note of a Secret as it was seen. It is an Invalid error when it is of no use:
// of the keys of which no project may have any, or some of which cannot be read. What the
// latter might open says so, too.
func (r *Ring) Put(u *unstructured.Unstructured) error {
	name := types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
	e, err := r.read(u)
	r.mu.Lock()
	before := r.entries[name]
	r.entries[name] = e
	r.mu.Unlock()
	if before.project != e.project || !reflect.DeepEqual(before.data, e.data) {
		r.tell(before, e)
	}
	return err
}

// Delete forgets a Secret that is gone.
func (r *Ring) Delete(name types.NamespacedName) {
	r.mu.Lock()
	before := r.entries[name]
	delete(r.entries, name)
	r.mu.Unlock()
	r.tell(before, entry{})
}

// read translates a Secret.
func (r *Ring) read(u *unstructured.Unstructured) (entry, error) {
	encoded, _, _ := unstructured.NestedStringMap(u.Object, "data")
	e := entry{data: map[string]sealed.Text{}}
	for name, text := range encoded {
		plain, err := base64.StdEncoding.DecodeString(text)
		switch {
		case err != nil: // which the API server refuses
		case name == projectEntry:
			e.project = strings.TrimSpace(string(plain))
		default:
			e.data[name] = sealed.Text(plain)
		}
	}
	if e.project == "" {
		return e, syncline.WithHint(syncline.Errorf(syncline.Invalid, "it names no project, so that nobody has its keys"),
			`set its entry "project" to the name of a project, or to "*" for all projects`)
	}
	var err error
	if e.keys, err = sops.ReadKeys(r.client, e.project, e.data); err != nil {
		e.keys = sops.Unreadable(syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "Secret %s/%s cannot be read: %w", u.GetNamespace(), u.GetName(), err), syncline.HintOf(err)), e.data)
	}
	return e, err
}

// tell tells whose keys a change concerns.
func (r *Ring) tell(entries ...entry) {
	var concerned []string
	for _, e := range entries {
		switch {
		case e.project == everybody:
			r.changed("")
			return
		case e.project != "" && !slices.Contains(concerned, e.project):
			concerned = append(concerned, e.project)
		}
	}
	for _, project := range concerned {
		r.changed(project)
	}
}

// Open returns files as Apps of a project read them: those that are encrypted in
// plaintext, by the keys that the project has now.
func (r *Ring) Open(ctx context.Context, project string, files syncline.Tree) syncline.Tree {
	return r.decrypter.Tree(ctx, files, r.keysOf(project))
}

// keysOf returns the keys of a project, its own before those of all, in the order of
// the names of their Secrets.
func (r *Ring) keysOf(project string) sops.Keys {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var own, shared []sops.Keys
	for _, name := range slices.SortedFunc(maps.Keys(r.entries), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) }) {
		switch e := r.entries[name]; {
		case e.project == everybody:
			shared = append(shared, e.keys)
		case e.project == project && project != "":
			own = append(own, e.keys)
		}
	}
	return sops.Join(project, append(own, shared...)...)
}
