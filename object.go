package syncline

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	sum := sha256.Sum256(text)
	return Digest(hex.EncodeToString(sum[:])), nil
}

// Object is a Kubernetes object. It is immutable: the With methods return
// changed copies. Whatever prints, logs or marshals it sees the values of a
// Secret redacted; only Reveal gives them.
type Object struct {
	content map[string]any
	origin  string
	// manager is the field manager under which the object is applied, "" for ours.
	manager string
	// digest is computed once, and body, that of everything but the metadata, once
	// for all copies that differ in their metadata only. Both are nil in the zero
	// Object.
	digest, body *lazyDigest
}

type lazyDigest struct {
	once  sync.Once
	value Digest
}

func (l *lazyDigest) get(compute func() Digest) Digest {
	l.once.Do(func() { l.value = compute() })
	return l.value
}

// NewObject takes an object as it was parsed. Content is not copied; the caller
// hands it over. It is an Invalid error if it is not a Kubernetes object, and
// the error names what is missing. Origin says where it was found, for messages.
func NewObject(content map[string]any, origin string) (Object, error) {
	o := Object{content: content, origin: origin, digest: &lazyDigest{}, body: &lazyDigest{}}
	u := o.unstructured()
	wrong := o.wrongMetadata()
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
func (o Object) wrongMetadata() string {
	metadata, _ := o.content["metadata"].(map[string]any)
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
	case o.origin == "":
		return name
	case name == "":
		return o.origin
	}
	return o.origin + ": " + name
}

func (o Object) unstructured() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.content}
}

// IsZero reports whether there is no object.
func (o Object) IsZero() bool { return o.content == nil }

// Origin says where the object was found, such as "apps/web/deployment.yaml".
func (o Object) Origin() string { return o.origin }

// Ref returns the object's name within its cluster.
func (o Object) Ref() Ref {
	u := o.unstructured()
	group, _, _ := strings.Cut(u.GetAPIVersion(), "/")
	if !strings.Contains(u.GetAPIVersion(), "/") {
		group = ""
	}
	return Ref{Group: group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

// GroupVersionKind returns the object's kind and version.
func (o Object) GroupVersionKind() schema.GroupVersionKind {
	return o.unstructured().GroupVersionKind()
}

// Manager is the field manager under which the object is applied: [FieldManager],
// unless WithManager said another.
func (o Object) Manager() string { return cmp.Or(o.manager, FieldManager) }

// WithManager returns a copy that is applied under the name of a field manager.
func (o Object) WithManager(name string) Object {
	o.manager = name
	return o
}

// GenerateName returns metadata.generateName.
func (o Object) GenerateName() string { return o.unstructured().GetGenerateName() }

// Annotation returns the value of an annotation, or "".
func (o Object) Annotation(key string) string { return Content(o.content).Annotation(key) }

// Label returns the value of a label, or "".
func (o Object) Label(key string) string { return Content(o.content).Label(key) }

// Annotations returns a copy of the annotations.
func (o Object) Annotations() map[string]string { return o.unstructured().GetAnnotations() }

// Labels returns a copy of the labels.
func (o Object) Labels() map[string]string { return o.unstructured().GetLabels() }

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
	content := maps.Clone(o.content)
	metadata, _, _ := unstructured.NestedMap(o.content, "metadata")
	if metadata == nil {
		metadata = map[string]any{}
	}
	content["metadata"] = metadata
	copied := Object{content: content, origin: o.origin, manager: o.manager, digest: &lazyDigest{}, body: o.body}
	change(copied.unstructured())
	return copied
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
	_, reported := desired.content["status"]
	_, texts := desired.content["stringData"]
	if reported || texts {
		desired.body = &lazyDigest{}
	}
	delete(desired.content, "status")
	if desired.isSecret() {
		foldStringData(desired.content)
	}
	return desired
}

// foldStringData moves the texts of stringData into data, base64-encoded. What
// is no text stays, for the API server to refuse.
func foldStringData(content map[string]any) {
	texts, ok := content["stringData"].(map[string]any)
	if !ok {
		return
	}
	old, _ := content["data"].(map[string]any)
	data := maps.Clone(old)
	if data == nil {
		data = map[string]any{}
	}
	rest := map[string]any{}
	for key, value := range texts {
		if text, ok := value.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(text))
		} else {
			rest[key] = value
		}
	}
	content["data"] = data
	delete(content, "stringData")
	if len(rest) > 0 {
		content["stringData"] = rest
	}
}

// Digest identifies what the object asks for: its content without its identity
// (apiVersion, kind, name, namespace), which is equal in every object compared.
func (o Object) Digest() Digest {
	if o.digest == nil {
		return ""
	}
	return o.digest.get(func() Digest {
		return digestOfParts(o.content, o.body.get(func() Digest { return digestOfBody(o.content) }))
	})
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
	return digestOfParts(fields, digestOfBody(fields))
}

// digestOfParts returns the digest of an object of which that of the body is known.
func digestOfParts(content map[string]any, body Digest) Digest {
	asked, _ := content["metadata"].(map[string]any)
	asked = maps.Clone(asked)
	delete(asked, "name")
	delete(asked, "namespace")
	if len(asked) == 0 {
		asked = nil
	}
	digest, err := DigestOf([]any{asked, body})
	if err != nil || body == "" { // content came from a JSON or YAML parser
		return ""
	}
	return digest
}

// digestOfBody returns the digest of everything but the identity and the metadata.
func digestOfBody(content map[string]any) Digest {
	body := maps.Clone(content)
	delete(body, "apiVersion")
	delete(body, "kind")
	delete(body, "metadata")
	digest, err := DigestOf(body)
	if err != nil {
		return ""
	}
	return digest
}

// Sensitive reports whether values of the object are secret: it is a Secret, or
// something that may be meant to be one, or holds one.
func (o Object) Sensitive() bool { return sealed.Within(o.content) }

// isSecret reports whether the object is what the API server takes for a Secret.
func (o Object) isSecret() bool {
	ref := o.Ref()
	return ref.Group == "" && ref.Kind == "Secret"
}

// Reveal returns a deep copy of the content, with secret values. Only
// internal/edge and the stages that compare and apply may call it.
func (o Object) Reveal() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: runtime.DeepCopyJSON(o.content)}
}

// Field returns the value at a path of map keys, redacted. It is for reading;
// callers do not change it.
func (o Object) Field(path ...string) (any, bool) {
	if o.Sensitive() {
		o = Object{content: o.Redacted()}
	}
	value, found, err := unstructured.NestedFieldNoCopy(o.content, path...)
	return value, found && err == nil
}

// Redacted returns a deep copy of the content in which the values of a Secret,
// also those in the last-applied annotation, are replaced by masks. Equal
// values of one object get equal masks. So are keys that no Secret can have, see
// [sealed.ShownKey].
func (o Object) Redacted() map[string]any {
	content := runtime.DeepCopyJSON(o.content)
	if o.Sensitive() {
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
	a, errA := json.Marshal(o.content)
	b, errB := json.Marshal(other.content)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
