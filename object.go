package syncline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/base/packed"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Digest identifies content: equal digests mean equal content. The zero Digest
// means that there is none.
type Digest string

// DigestOf returns the digest of a JSON value, which does not depend on the
// order of map keys.
func DigestOf(value any) (Digest, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", Errorf(Invalid, "not JSON: %w", err)
	}
	return Digest(packed.Sum(text)), nil
}

// Object is a Kubernetes object. It is immutable: the With methods return
// changed copies. Whatever prints, logs or marshals it sees the values of a
// Secret redacted; only Reveal gives them.
type Object struct {
	// parts are nil in the zero Object.
	parts *parts
}

// parts are what an Object is made of.
type parts struct {
	apiVersion, kind string
	metadata         map[string]any
	// body is the rest. All copies that differ in other parts only share it.
	body   *packed.Fields
	origin string
	// manager is the field manager under which the object is applied, "" for ours.
	manager string
	// digest is computed once.
	digest func() Digest
}

// NewObject takes an object as it was parsed. Content is not copied; the caller
// hands it over. It is an Invalid error if it is not a Kubernetes object, and
// the error names what is missing. Origin says where it was found, for messages.
func NewObject(content map[string]any, origin string) (Object, error) {
	u := &unstructured.Unstructured{Object: content}
	metadata, _ := content["metadata"].(map[string]any)
	o := Object{}.with(func(p *parts) {
		*p = parts{apiVersion: u.GetAPIVersion(), kind: u.GetKind(), metadata: metadata, body: bodyOf(content), origin: origin}
	})
	wrong := wrongMetadata(metadata)
	for _, field := range []struct{ name, value string }{
		{"apiVersion", u.GetAPIVersion()},
		{"kind", u.GetKind()},
		{"metadata.name", u.GetName() + u.GetGenerateName()},
	} {
		if field.value == "" && (field.name != "metadata.name" || !isNamelessHook(u)) {
			return Object{}, Errorf(Invalid, "%s: %s is missing or is not a text", o.describe(), field.name)
		}
	}
	if _, err := schema.ParseGroupVersion(u.GetAPIVersion()); err != nil {
		return Object{}, Errorf(Invalid, "%s: apiVersion %q is not GROUP/VERSION", o.describe(), u.GetAPIVersion())
	}
	if wrong != "" {
		return Object{}, WithHint(Errorf(Invalid, "%s: %s is not a text", o.describe(), wrong), "put its value in quotes")
	}
	return o, nil
}

// bodyOf returns all of an object but its identity and its metadata.
func bodyOf(content map[string]any) *packed.Fields {
	fields := maps.Clone(content)
	for _, field := range []string{"apiVersion", "kind", "metadata"} {
		delete(fields, field)
	}
	return packed.Of(fields)
}

// isNamelessHook reports whether an object says that it is a hook of Argo CD or
// of Helm, and nothing about its name: it gets one when it is run.
func isNamelessHook(u *unstructured.Unstructured) bool {
	name, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "name")
	generate, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "generateName")
	annotations := u.GetAnnotations()
	return name == nil && generate == nil && (annotations["argocd.argoproj.io/hook"] != "" || annotations["helm.sh/hook"] != "")
}

// wrongMetadata makes texts of the labels and annotations that have no value, as
// the API server does, and returns the first whose value is something else.
func wrongMetadata(metadata map[string]any) string {
	for _, field := range []string{"annotations", "labels"} {
		texts, isMap := metadata[field].(map[string]any)
		if metadata[field] != nil && !isMap {
			return "metadata." + field
		}
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			switch texts[key].(type) {
			case string:
			case nil:
				texts[key] = ""
			default:
				return fmt.Sprintf("metadata.%s[%q]", field, key)
			}
		}
	}
	return ""
}

// describe names an object that may be incomplete.
func (o Object) describe() string {
	name := o.Ref().String()
	switch {
	case o.read().origin == "":
		return name
	case name == "":
		return o.read().origin
	}
	return o.read().origin + ": " + name
}

// read returns the parts for reading; those of the zero Object are empty.
func (o Object) read() *parts {
	if o.parts == nil {
		return &parts{}
	}
	return o.parts
}

// head returns an object that has the metadata alone.
func (p *parts) head() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": p.metadata}}
}

// content returns all of the object. It shares the metadata, and mostly the body.
func (o Object) content() map[string]any {
	if o.parts == nil {
		return nil
	}
	content := maps.Clone(o.parts.body.Map())
	content["apiVersion"], content["kind"], content["metadata"] = o.parts.apiVersion, o.parts.kind, o.parts.metadata
	return content
}

// IsZero reports whether there is no object.
func (o Object) IsZero() bool { return o.parts == nil }

// Packed returns the object in less memory, for who keeps many: it takes some time to look
// into its body then, unless that is large.
func (o Object) Packed() Object {
	if o.IsZero() {
		return o
	}
	return o.with(func(p *parts) { p.body = p.body.Packed() })
}

// with returns a copy with other parts.
func (o Object) with(change func(*parts)) Object {
	p := *o.read()
	change(&p)
	p.digest = sync.OnceValue(func() Digest { return digestOf(p.metadata, p.body) })
	return Object{&p}
}

// Origin says where the object was found, such as "apps/web/deployment.yaml".
func (o Object) Origin() string { return o.read().origin }

// Ref returns the object's name within its cluster.
func (o Object) Ref() Ref {
	p := o.read()
	group, _, grouped := strings.Cut(p.apiVersion, "/")
	if !grouped {
		group = ""
	}
	namespace, _ := p.metadata["namespace"].(string)
	name, _ := p.metadata["name"].(string)
	return Ref{Group: group, Kind: p.kind, Namespace: namespace, Name: name}
}

// GroupVersionKind returns the object's kind and version.
func (o Object) GroupVersionKind() schema.GroupVersionKind {
	p := o.read()
	return schema.FromAPIVersionAndKind(p.apiVersion, p.kind)
}

// Manager is the field manager under which the object is applied: [FieldManager],
// unless WithManager said another.
func (o Object) Manager() string { return cmp.Or(o.read().manager, FieldManager) }

// WithManager returns a copy that is applied under the name of a field manager.
func (o Object) WithManager(name string) Object {
	return o.with(func(p *parts) { p.manager = name })
}

// GenerateName returns metadata.generateName.
func (o Object) GenerateName() string { return o.read().head().GetGenerateName() }

// Annotation returns the value of an annotation, or "".
func (o Object) Annotation(key string) string { return textIn(o.read().metadata, "annotations", key) }

// Label returns the value of a label, or "".
func (o Object) Label(key string) string { return textIn(o.read().metadata, "labels", key) }

// Annotations returns a copy of the annotations.
func (o Object) Annotations() map[string]string { return o.read().head().GetAnnotations() }

// Labels returns a copy of the labels.
func (o Object) Labels() map[string]string { return o.read().head().GetLabels() }

// WithNamespace returns a copy in the given namespace; "" removes it.
func (o Object) WithNamespace(namespace string) Object {
	return o.withMetadata(func(u *unstructured.Unstructured) { u.SetNamespace(namespace) })
}

// WithName returns a copy that has the given name and no generateName.
func (o Object) WithName(name string) Object {
	return o.withMetadata(func(u *unstructured.Unstructured) {
		u.SetName(name)
		u.SetGenerateName("")
	})
}

// WithAnnotation returns a copy with one annotation set.
func (o Object) WithAnnotation(key, value string) Object {
	return o.withMetadata(func(u *unstructured.Unstructured) {
		annotations := u.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[key] = value
		u.SetAnnotations(annotations)
	})
}

// WithLabel returns a copy with one label set.
func (o Object) WithLabel(key, value string) Object {
	return o.withMetadata(func(u *unstructured.Unstructured) {
		labels := u.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
		u.SetLabels(labels)
	})
}

// WithFinalizer returns a copy that has the finalizer.
func (o Object) WithFinalizer(finalizer string) Object {
	return o.withMetadata(func(u *unstructured.Unstructured) {
		u.SetFinalizers(append(u.GetFinalizers(), finalizer))
	})
}

// withMetadata changes a copy that shares everything but the metadata.
func (o Object) withMetadata(change func(*unstructured.Unstructured)) Object {
	return o.with(func(p *parts) {
		p.metadata = runtime.DeepCopyJSON(p.metadata)
		change(p.head())
	})
}

// Desired returns the object as it is to be applied: without status and
// server-set metadata, and with a Secret's stringData folded into data, as the
// API server does.
func (o Object) Desired() Object {
	desired := o.withMetadata(func(u *unstructured.Unstructured) {
		for _, field := range []string{
			"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid",
		} {
			unstructured.RemoveNestedField(u.Object, "metadata", field)
		}
	})
	content := desired.parts.body.Map()
	_, reported := content["status"]
	_, texts := content["stringData"]
	if reported || texts {
		content = maps.Clone(content)
		delete(content, "status")
		if desired.isSecret() {
			sealed.FoldTexts(content)
		}
		return desired.with(func(p *parts) { p.body = packed.Of(content) })
	}
	return desired
}

// Digest identifies what the object asks for: its content without its identity
// (apiVersion, kind, name, namespace), which is equal in every object compared.
func (o Object) Digest() Digest {
	if o.parts == nil {
		return ""
	}
	return o.parts.digest()
}

// DigestOfObjects identifies what objects ask for, and their order.
func DigestOfObjects(objects []Object) Digest {
	all := make([]string, 0, 2*len(objects))
	for _, o := range objects {
		all = append(all, o.GroupVersionKind().String()+" "+o.Ref().String(), string(o.Digest()))
	}
	digest, _ := DigestOf(all) // texts
	return digest
}

// DigestOfFields returns the [Object.Digest] of an object that asks for these
// fields, and "" when they are not JSON.
func DigestOfFields(fields map[string]any) Digest {
	metadata, _ := fields["metadata"].(map[string]any)
	return digestOf(metadata, bodyOf(fields))
}

func digestOf(metadata map[string]any, body *packed.Fields) Digest {
	asked := maps.Clone(metadata)
	delete(asked, "name")
	delete(asked, "namespace")
	if len(asked) == 0 {
		asked = nil
	}
	digest, err := DigestOf([]any{asked, body.Sum()})
	if err != nil || body.Sum() == "" { // content came from a JSON or YAML parser
		return ""
	}
	return digest
}

// Sensitive reports whether values of the object are secret: it is a Secret, or
// something that may be meant to be one, or holds one.
func (o Object) Sensitive() bool { return o.parts != nil && sealed.Within(o.content()) }

// isSecret reports whether the object is what the API server takes for a Secret.
func (o Object) isSecret() bool {
	ref := o.Ref()
	return ref.Group == "" && ref.Kind == "Secret"
}

// Reveal returns a deep copy of the content, with secret values. Only
// internal/edge and the stages that compare and apply may call it.
func (o Object) Reveal() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: runtime.DeepCopyJSON(o.content())}
}

// Field returns the value at a path of map keys, redacted. It is for reading;
// callers do not change it.
func (o Object) Field(path ...string) (any, bool) {
	content := o.content()
	if sealed.Within(content) {
		content = o.Redacted()
	}
	value, found, err := unstructured.NestedFieldNoCopy(content, path...)
	return value, found && err == nil
}

// Redacted returns a deep copy of the content in which the values of a Secret,
// also those in the last-applied annotation, are replaced by masks. Equal
// values of one object get equal masks. So are keys that no Secret can have, see
// [sealed.ShownKey].
func (o Object) Redacted() map[string]any {
	content := runtime.DeepCopyJSON(o.content())
	if sealed.Within(content) {
		sealed.Mask(content)
	}
	return content
}

// MarshalJSON marshals the redacted content.
func (o Object) MarshalJSON() ([]byte, error) { return json.Marshal(o.Redacted()) }

// String returns the object's name, never its content.
func (o Object) String() string { return o.Ref().String() }

// Format prints the object's name whatever the verb.
func (o Object) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// Equal reports whether both have the same content.
func (o Object) Equal(other Object) bool {
	a, errA := json.Marshal(o.content())
	b, errB := json.Marshal(other.content())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
