package request

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// Check says what is wrong with a command whatever there is, as an Invalid error: what
// it declares is no Application, or does not fit together.
func (Writer) Check(c command.Command) error {
	if verb, declares := c.Verb.(command.Declare); declares {
		_, err := manifestOf(c.App, verb)
		return err
	}
	return nil
}

// declaring makes the Application, or has an existing one declare something else.
func declaring(c command.Command, verb command.Declare, u *unstructured.Unstructured) (Write, error) {
	manifest, err := manifestOf(c.App, verb)
	if err != nil {
		return Write{}, err
	}
	if u == nil {
		return Write{App: c.App, Create: manifest}, nil
	}
	patch := upsertPatch(u.Object, manifest)
	switch {
	case len(patch) == 0:
		return Write{}, nil
	case !verb.Upsert:
		return Write{}, syncline.WithHint(
			syncline.Errorf(syncline.Conflict, "app %s: existing application spec is different, use upsert flag to force update", c.App),
			"change it with --upsert")
	}
	write, err := patching(c, u, patch)
	write.Strict = true
	return write, err
}

// upsertPatch returns the JSON merge patch that makes an existing resource's spec the
// declared one and adds the declared labels, annotations and finalizers. It is empty
// when nothing has to change.
func upsertPatch(existing, declared map[string]any) map[string]any {
	patch, metadata := map[string]any{}, map[string]any{}
	if spec := application.MergePatch(part(existing, "spec"), part(declared, "spec")); len(spec) > 0 {
		patch["spec"] = spec
	}
	for _, name := range []string{"labels", "annotations"} {
		added, old := maps.Clone(part(declared, "metadata", name)), part(existing, "metadata", name)
		maps.DeleteFunc(added, func(key string, value any) bool { return reflect.DeepEqual(old[key], value) })
		if len(added) > 0 {
			metadata[name] = added
		}
	}
	old, _ := part(existing, "metadata")["finalizers"].([]any)
	wanted, _ := part(declared, "metadata")["finalizers"].([]any)
	if merged := overlaid(old, wanted, textOf); len(merged) > len(old) {
		metadata["finalizers"] = merged
	}
	if len(metadata) > 0 {
		patch["metadata"] = metadata
	}
	return patch
}

// manifestOf returns the Application that a command declares. What has a name in a list
// is replaced where the resource has it and added where it has not; other lists are
// replaced.
func manifestOf(id syncline.AppID, verb command.Declare) (map[string]any, error) {
	manifest := runtime.DeepCopyJSON(verb.Resource)
	group := schema.GroupVersion{Group: v1alpha1.Group, Version: v1alpha1.Version}.String()
	switch {
	case manifest == nil:
		manifest = map[string]any{"apiVersion": group, "kind": v1alpha1.ApplicationKind}
	case manifest["apiVersion"] != group || manifest["kind"] != v1alpha1.ApplicationKind:
		return nil, syncline.Errorf(syncline.Invalid, "%s is not an Application of %s", refOf(manifest), group)
	}
	metadata, spec := field(manifest, "metadata"), field(manifest, "spec")
	metadata["name"], metadata["namespace"] = id.Name, id.Namespace
	return manifest, layOver(metadata, spec, verb.Declaration)
}

func refOf(manifest map[string]any) syncline.Ref {
	u := unstructured.Unstructured{Object: manifest}
	return syncline.Ref{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

// layOver writes a declaration over what is there.
func layOver(metadata, spec map[string]any, d command.Declaration) error {
	declared, err := specOf(d)
	if err != nil {
		return err
	}
	if err := fits(spec, declared, d.Policy); err != nil {
		return err
	}
	if d.Destination.Server != "" || d.Destination.Name != "" {
		delete(part(spec, "destination"), "server")
		delete(part(spec, "destination"), "name")
	}
	if d.ByHand {
		delete(part(spec, "syncPolicy"), "automated")
	}
	if d.Source.Helm != nil && d.Source.Helm.Values != "" {
		delete(part(spec, "source", "helm"), "valuesObject")
	}
	overlay(spec, declared)
	added := map[string]any{}
	set(added, "labels", textMap(d.Labels))
	set(added, "annotations", textMap(d.Annotations))
	if d.Cascade {
		added["finalizers"] = []any{v1alpha1.ResourcesFinalizer}
	}
	overlay(metadata, added)
	return nil
}

// fits says what of a declaration has no place in the spec of a file.
func fits(spec, declared map[string]any, policy syncline.SyncPolicy) error {
	automatic := policy.Prune || policy.SelfHeal || policy.AllowEmpty
	switch {
	case declared["source"] != nil && spec["sources"] != nil:
		return syncline.Errorf(syncline.Invalid, "the file has several sources, and the flags are about one: change them in the file")
	case automatic && !policy.Automated && part(spec, "syncPolicy")["automated"] == nil:
		return syncline.Errorf(syncline.Invalid, "--auto-prune, --self-heal and --allow-empty need --sync-policy automated, here or in the file")
	}
	return nil
}

// specOf returns what a declaration says, as fields of a spec, and nothing else.
func specOf(d command.Declaration) (map[string]any, error) {
	source, err := application.ToJSON(convention.FromSource(d.Source))
	if err != nil {
		return nil, err
	}
	if d.Source.RepoURL == "" {
		delete(source, "repoURL")
	}
	destination, err := application.ToJSON(v1alpha1.ApplicationDestination{
		Server: d.Destination.Server, Name: d.Destination.Name, Namespace: d.Destination.Namespace,
	})
	if err != nil {
		return nil, err
	}
	policy, err := policyOf(d.Policy)
	if err != nil {
		return nil, err
	}
	spec := map[string]any{}
	set(spec, "source", withoutEmpty(source))
	set(spec, "destination", destination)
	set(spec, "syncPolicy", policy)
	if d.Project != "" {
		spec["project"] = d.Project
	}
	if d.HistoryLimit != nil {
		spec["revisionHistoryLimit"] = *d.HistoryLimit
	}
	return spec, nil
}

func policyOf(p syncline.SyncPolicy) (map[string]any, error) {
	policy := v1alpha1.SyncPolicy{SyncOptions: p.Options}
	if settings := (v1alpha1.SyncPolicyAutomated{Prune: p.Prune, SelfHeal: p.SelfHeal, AllowEmpty: p.AllowEmpty}); p.Automated || settings != (v1alpha1.SyncPolicyAutomated{}) {
		policy.Automated = &settings
	}
	if p.Retry != nil {
		retry := application.FromRetry(*p.Retry)
		policy.Retry = &retry
	}
	return application.ToJSON(policy)
}

// set sets a field to an object that has something.
func set(of map[string]any, name string, object map[string]any) {
	if len(object) > 0 {
		of[name] = object
	}
}

// textMap returns a map as decoded JSON has it.
func textMap(texts map[string]string) map[string]any {
	values := make(map[string]any, len(texts))
	for key, text := range texts {
		values[key] = text
	}
	return values
}

// withoutEmpty takes away the objects that have nothing, which would say something.
func withoutEmpty(of map[string]any) map[string]any {
	maps.DeleteFunc(of, func(_ string, value any) bool {
		object, is := value.(map[string]any)
		return is && len(withoutEmpty(object)) == 0
	})
	return of
}

// part returns the object that is at a path, nil when there is none.
func part(of map[string]any, path ...string) map[string]any {
	for _, name := range path {
		of, _ = of[name].(map[string]any)
	}
	return of
}

// field returns the object that a field holds, and puts one there if there is none.
func field(of map[string]any, name string) map[string]any {
	object, ok := of[name].(map[string]any)
	if !ok {
		object = map[string]any{}
		of[name] = object
	}
	return object
}

// overlay writes one object over another.
func overlay(on, what map[string]any) {
	for name, value := range what {
		switch value := value.(type) {
		case map[string]any:
			overlay(field(on, name), value)
		case []any:
			old, _ := on[name].([]any)
			on[name] = overlaid(old, value, keyOf(name))
		default:
			on[name] = value
		}
	}
}

// keyOf returns what tells the items of a list apart, nil when a list is one value.
func keyOf(list string) func(item any) string {
	switch list {
	case "parameters", "fileParameters", "replicas", "extVars", "tlas":
		return func(item any) string {
			object, _ := item.(map[string]any)
			return textOf(object["name"])
		}
	case "syncOptions":
		return func(item any) string {
			name, _, _ := strings.Cut(textOf(item), "=")
			return name
		}
	case "images":
		return func(item any) string { return imageName(textOf(item)) }
	case "finalizers":
		return textOf
	}
	return nil
}

func textOf(item any) string {
	text, _ := item.(string)
	return text
}

// imageName returns what a kustomize image is matched by: the part before "=", or
// else the image without its tag and digest.
func imageName(image string) string {
	if name, _, ok := strings.Cut(image, "="); ok {
		return name
	}
	name, _, _ := strings.Cut(image, "@")
	if tag := strings.LastIndexByte(name, ':'); tag > strings.LastIndexByte(name, '/') {
		name = name[:tag]
	}
	return name
}

// overlaid returns a list with items in place of those of the same key, and the
// others behind them.
func overlaid(list, items []any, key func(any) string) []any {
	if key == nil {
		return items
	}
	merged := slices.Clone(list)
	for _, item := range items {
		same := func(other any) bool { return key(other) == key(item) }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i] = item
		} else {
			merged = append(merged, item)
		}
	}
	return merged
}
