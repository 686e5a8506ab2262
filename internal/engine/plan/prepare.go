package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// prepare makes a Change of every rendered object: in its namespace, with its
// tracking annotation, and with what its own annotations say. Of objects with
// the same ref the last one counts, as in Argo CD.
func (b *build) prepare(ctx context.Context) error {
	b.defined = definitions(b.Objects)
	b.seen = map[place]int{}
	b.unplaced = map[syncline.Ref]bool{}
	b.declared = map[syncline.Ref]bool{}
	b.unserved = map[schema.GroupVersionKind]error{}
	for i, object := range b.Objects {
		object = withoutControlled(object.Desired()).WithManager(b.App.Dialect.Manager)
		asks := b.read(object)
		object, unknown, err := b.place(ctx, object, asks)
		if err != nil {
			return err
		}
		b.declared[object.Ref()] = true
		if asks.Hook != nil {
			b.addHooks(object, asks, i, unknown)
			b.noteHook(object, asks.Hook)
			continue
		}
		b.add(b.resource(b.named(object, "", i), asks, unknown))
	}
	b.warnRepeated()
	return nil
}

// place is where an object stands in a plan: a resource once, and a hook once
// in each of its phases.
type place struct {
	ref syncline.Ref
	// hook is empty for a resource.
	hook syncline.Phase
}

func placeOf(c syncline.Change) place {
	if c.Role == syncline.RoleHook {
		return place{c.Ref, c.Phase}
	}
	return place{ref: c.Ref}
}

// add appends a change, and removes an earlier one at the same place.
func (b *build) add(c syncline.Change) {
	at := placeOf(c)
	if b.seen[at]++; b.seen[at] > 1 {
		b.changes = slices.DeleteFunc(b.changes, func(old syncline.Change) bool { return placeOf(old) == at })
	}
	b.changes = append(b.changes, c)
}

func (b *build) warnRepeated() {
	for _, c := range b.changes {
		if n := b.seen[placeOf(c)]; n > 1 {
			b.warn(syncline.RepeatedWarning,
				fmt.Sprintf("Resource %s appeared %d times among application resources.", c.Ref, n))
		}
	}
}

// resource returns the Change of an object that the App keeps, not compared yet.
func (b *build) resource(object syncline.Object, asks syncline.Directive, unknown error) syncline.Change {
	c := b.change(b.stamped(object), syncline.RoleResource, syncline.Sync, unknown)
	c.Action, c.Wave, c.Options = syncline.Create, asks.Wave, b.options(asks.Options)
	return c
}

// read returns what an object asks for, in the App's dialect, also by its slips.
func (b *build) read(object syncline.Marked) syncline.Directive {
	if declared, ok := object.(syncline.Object); ok {
		if slips := near.Meaning(declared.Annotations(), b.App.Dialect.Conventions.Slip); slips != nil {
			object = slipped{object, slips}
		}
	}
	return b.App.Dialect.Conventions.Read(object)
}

// slipped is an object with what its slips say.
type slipped struct {
	syncline.Marked
	slips map[string]string
}

// Annotation returns the value of an annotation, or what slips of one say.
func (s slipped) Annotation(key string) string {
	if text, ok := s.slips[key]; ok {
		return text
	}
	return s.Marked.Annotation(key)
}

// stamped returns the object with the marks that say whose it is.
func (b *build) stamped(object syncline.Object) syncline.Object {
	return b.App.Dialect.Ownership.Stamp(object, b.App)
}

// change returns the Change of an object whose ref is final, judged. Unknown is
// why its kind or place is not known, or nil.
func (b *build) change(object syncline.Object, role syncline.Role, phase syncline.Phase, unknown error) syncline.Change {
	c := syncline.Change{
		Ref: object.Ref(), Version: object.GroupVersionKind().Version, Role: role,
		Phase: phase, Desired: object, Err: unknown,
		IsApp: b.Dialects.IsApp(object.Ref().GroupKind()), ServesApps: b.Dialects.ServesApps(object.Ref().GroupKind()),
		Unserved: b.unserved[object.GroupVersionKind()],
		Unknown:  b.Unanswered[object.Ref().GroupKind()] != nil,
	}
	if err := c.Ref.Check(); err != nil && unknown == nil {
		c.Err = fmt.Errorf("%s: %w", object.Origin(), err)
	}
	if err := b.Judge(c); err != nil {
		c.Refused, c.Why = true, "the project does not allow it"
		c.Err = cmp.Or(unknown, err)
	}
	return c
}

// options returns the sync options in force for an object: its own, then those
// of the operation, then those of the App.
func (b *build) options(own option.List) option.List {
	options := own
	if b.Operation != nil {
		options = options.Over(b.Operation.Operation.Options)
	}
	return options.Over(b.App.Policy.Options)
}

// place puts the object into the namespace that its kind's scope asks for. The
// first error concerns this object only: its kind or namespace is not known. The
// second means that nothing can be said now.
func (b *build) place(ctx context.Context, object syncline.Object, asks syncline.Directive) (placed syncline.Object, unknown, err error) {
	kind := object.GroupVersionKind()
	scope, err := b.Cluster.Scope(ctx, kind)
	if down := b.Unanswered[kind.GroupKind()]; down != nil {
		scope, unknown = cmp.Or(scope, syncline.Namespaced), down
		if b.mayBeMissing(asks) {
			unknown = nil
		}
		err = nil
	}
	if syncline.KindOf(err) == syncline.NotFound {
		b.unserved[kind] = err
		scope, unknown = b.scopeOfUnknown(ctx, object, asks, err)
		err = nil
	}
	switch {
	case err != nil:
		return object, nil, fmt.Errorf("%s: %w", object.Ref(), err)
	case scope == syncline.ClusterScoped:
		return object.WithNamespace(""), unknown, nil
	case object.Ref().Namespace != "":
		return object, unknown, nil
	case b.App.Destination.Namespace == "":
		b.unplaced[object.Ref()] = true
		return object, syncline.Errorf(syncline.Invalid,
			"Namespace for %s %s is missing. Set it in the manifest or in spec.destination.namespace.", object.Ref().Name, kind), nil
	}
	return object.WithNamespace(b.App.Destination.Namespace), unknown, nil
}

// scopeOfUnknown answers for a kind that the cluster does not have (yet) in the
// version that is declared: it has it in another one, a CRD of the same plan says it,
// or it is taken for namespaced as in Argo CD.
func (b *build) scopeOfUnknown(ctx context.Context, object syncline.Object, asks syncline.Directive, cause error) (syncline.Scope, error) {
	kind := object.GroupVersionKind()
	d, defined := b.defined[kind.GroupKind()]
	scope := cmp.Or(d.scope, syncline.Namespaced)
	if served, err := b.Cluster.Scope(ctx, kind.GroupKind().WithVersion("")); err == nil {
		scope = served
	}
	if defined && d.brings(kind.Version) || b.mayBeMissing(asks) {
		return scope, nil
	}
	return scope, cause
}

// mayBeMissing reports whether it is expected that the kind of an object comes only
// while it is delivered.
func (b *build) mayBeMissing(asks syncline.Directive) bool {
	return b.options(asks.Options).Has("SkipDryRunOnMissingResource=true")
}

// definitions returns the kinds that CRDs among the objects define.
func definitions(objects []syncline.Object) map[schema.GroupKind]definition {
	defined := map[schema.GroupKind]definition{}
	for _, o := range objects {
		ref := o.Ref()
		if ref.Group != "apiextensions.k8s.io" || ref.Kind != "CustomResourceDefinition" {
			continue
		}
		group, _ := o.Field("spec", "group")
		kind, _ := o.Field("spec", "names", "kind")
		scope, _ := o.Field("spec", "scope")
		d := definition{ref: ref, scope: syncline.Namespaced, versions: servedVersions(o)}
		if scope == "Cluster" {
			d.scope = syncline.ClusterScoped
		}
		defined[schema.GroupKind{Group: fmt.Sprint(group), Kind: fmt.Sprint(kind)}] = d
	}
	return defined
}

// servedVersions returns the versions that a definition says to serve, nil when it
// does not say.
func servedVersions(definition syncline.Object) []string {
	listed, _ := definition.Field("spec", "versions")
	all, _ := listed.([]any)
	var served []string
	for _, one := range all {
		version, _ := one.(map[string]any)
		if name, named := version["name"].(string); named && version["served"] == true {
			served = append(served, name)
		}
	}
	return served
}

// named gives an object without a name that which it has in this operation: the
// same on every turn, so that it is found again. A hook needs no generateName.
func (b *build) named(object syncline.Object, phase syncline.Phase, index int) syncline.Object {
	if object.Ref().Name != "" {
		return object
	}
	if phase == "" {
		return object.WithName(fmt.Sprintf("%s%d", object.GenerateName(), index))
	}
	name := fmt.Sprintf("%s%s-%s", object.GenerateName(), b.hint(), phase)
	if b.Operation != nil {
		name += fmt.Sprintf("-%d", b.Operation.StartedAt.Unix())
	}
	return object.WithName(strings.ToLower(name))
}

// hint is the beginning of the first source's revision: of a chart's version, of what follows
// "sha256:". What is in no name is left out. It is the operation's time that makes a name unique.
func (b *build) hint() string {
	if len(b.Revisions) == 0 {
		return ""
	}
	version, _ := upstream.CutChart(b.Revisions[0])
	version = strings.TrimPrefix(version, "sha256:")
	return strings.NewReplacer("+", "", "_", "").Replace(version[:min(7, len(version))])
}
