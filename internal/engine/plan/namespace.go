package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/plan/compare"
)

// addNamespace plans the destination namespace when the App asks for it and
// does not declare it.
func (b *build) addNamespace(context.Context) error {
	name := b.App.Destination.Namespace
	if name == "" || !b.options(nil).Has("CreateNamespace=true") {
		return nil
	}
	ref := syncline.Ref{Kind: "Namespace", Name: name}
	if slices.ContainsFunc(b.changes, func(c syncline.Change) bool { return c.Ref == ref }) {
		return nil
	}
	marked := len(b.App.Policy.NamespaceLabels)+len(b.App.Policy.NamespaceAnnotations) > 0
	live, exists := b.Memory.Get(ref)
	if exists && !live.Terminating && !marked {
		return nil
	}
	object, err := syncline.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}, "spec.destination.namespace")
	if err != nil {
		return err
	}
	for key, value := range b.App.Policy.NamespaceLabels {
		object = object.WithLabel(key, value)
	}
	for key, value := range b.App.Policy.NamespaceAnnotations {
		object = object.WithAnnotation(key, value)
	}
	object = object.WithManager(fieldmanager.Namespace(b.App.Instance))
	c := b.change(object, syncline.RoleNamespace, syncline.PreSync, nil)
	c.Action, c.Why, c.Options = syncline.Create, cmp.Or(c.Why, "CreateNamespace=true"), applyOnly(b.options(nil))
	b.changes = append(b.changes, c)
	return nil
}

// applyOnly returns the options without those which remove what others gave an
// object: an App does not own its destination namespace.
func applyOnly(options option.List) option.List {
	return slices.DeleteFunc(slices.Clone(options), func(option string) bool {
		return option == "Replace=true" || option == "Force=true"
	})
}

// giveWay leaves the labels and annotations of a namespace to the other Apps which
// set them to another value: who declares the namespace, or who was first. Else each
// would take them back from the other for ever.
func (b *build) giveWay(ctx context.Context, c syncline.Change) (kept, error) {
	current, err := b.comparer.Read(ctx, c)
	if err != nil {
		return kept{}, err
	}
	content, live := c.Desired.Reveal().Object, current.Reveal().Object
	metadata, _ := content["metadata"].(map[string]any)
	liveMetadata, _ := live["metadata"].(map[string]any)
	whose := b.otherOwners(current, c)
	var disputes []string
	left := 0
	for _, kind := range []string{"label", "annotation"} {
		wanted, _ := metadata[kind+"s"].(map[string]any)
		has, _ := liveMetadata[kind+"s"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			value, exists := has[key]
			owner := whose(kind, key)
			if owner == "" || !exists || value == wanted[key] {
				continue
			}
			disputes = append(disputes, fmt.Sprintf("the %s %s of %s is left to %s, which sets it to %q; managedNamespaceMetadata says %q",
				kind, key, c.Ref, owner, value, wanted[key]))
			delete(wanted, key)
		}
		if left += len(wanted); len(wanted) == 0 {
			delete(metadata, kind+"s")
		}
	}
	if disputes == nil {
		return kept{desired: c.Desired}, nil
	}
	desired, err := syncline.NewObject(content, c.Desired.Origin())
	return kept{
		desired: desired.WithManager(c.Desired.Manager()), disputes: disputes,
		nothing: left == 0 && !compare.HasApplied(live, c.Desired.Manager()),
	}, err
}

// otherOwners returns what says which other App owns a label or an annotation of a
// namespace, "" when none does. What was applied under our own name is another App's
// if the namespace is: Argo CD wrote there what it now is to write as this App.
func (b *build) otherOwners(current syncline.Object, c syncline.Change) func(kind, key string) string {
	declarer := b.App.Dialect.Ownership.Owner(c.Ref, current)
	managers := compare.ManagersOf(current.Reveal().Object)
	return func(kind, key string) string {
		for _, entry := range managers {
			fields, _ := entry["fieldsV1"].(map[string]any)
			of, _ := fields["f:metadata"].(map[string]any)
			keys, _ := of["f:"+kind+"s"].(map[string]any)
			if _, owns := keys["f:"+key]; !owns {
				continue
			}
			manager, _ := entry["manager"].(string)
			name, ofNamespace := strings.CutPrefix(manager, fieldmanager.Namespaces)
			instance, named := strings.CutPrefix(name, "/")
			switch {
			case manager == c.Desired.Manager():
			case manager == b.App.Dialect.Manager && declarer != "" && declarer != b.App.Instance:
				return "application " + declarer
			case ofNamespace && named:
				return "application " + instance
			case ofNamespace:
				return "another application"
			}
		}
		return ""
	}
}
