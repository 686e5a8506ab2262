package syncline

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Ref names an object within a cluster, whatever its version.
type Ref struct {
	Group     string
	Kind      string
	Namespace string
	Name      string
}

// String returns "Kind/namespace/name", with the group before the kind where
// there is one, and without the namespace where there is none.
func (r Ref) String() string {
	parts := make([]string, 0, 4)
	for _, part := range []string{r.Group, r.Kind, r.Namespace, r.Name} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// GroupKind returns the ref's kind.
func (r Ref) GroupKind() schema.GroupKind { return schema.GroupKind{Group: r.Group, Kind: r.Kind} }

// Check returns an Invalid error, which names the field, when no API server can be
// asked for the object: it has no name, or that or its namespace would be read as
// another path.
func (r Ref) Check() error {
	if r.Name == "" {
		return Errorf(Invalid, "metadata.name is missing")
	}
	for _, field := range []struct{ name, value string }{{"metadata.name", r.Name}, {"metadata.namespace", r.Namespace}} {
		if wrong := content.IsPathSegmentName(field.value); len(wrong) > 0 {
			return Errorf(Invalid, "%s %q %s", field.name, field.value, strings.Join(wrong, ", and "))
		}
	}
	return nil
}

// Compare orders refs by group, kind, namespace and name, as Argo CD orders
// status.resources.
func (r Ref) Compare(other Ref) int {
	return cmp.Or(
		cmp.Compare(r.Group, other.Group), cmp.Compare(r.Kind, other.Kind),
		cmp.Compare(r.Namespace, other.Namespace), cmp.Compare(r.Name, other.Name))
}

// Guards reports whether the object decides what the API server accepts of others:
// a webhook, a policy, or the binding of one.
func (r Ref) Guards() bool { return r.Group == "admissionregistration.k8s.io" }

// Container is what takes objects with it when it is deleted: a namespace those in
// it, a definition of kinds the objects of its group. The zero value takes nothing.
type Container struct{ Namespace, Group string }

// Contains returns what the object is a container of; zero for most objects.
func (r Ref) Contains() Container {
	switch r.GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}:
		return Container{Namespace: r.Name}
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		_, group, _ := strings.Cut(r.Name, ".")
		return Container{Group: group}
	}
	return Container{}
}

// Containers returns those that the object is in, or would be if they were there.
func (r Ref) Containers() []Container {
	containers := make([]Container, 0, 2)
	if r.Namespace != "" {
		containers = append(containers, Container{Namespace: r.Namespace})
	}
	if strings.Contains(r.Group, ".") { // as that of every definition
		containers = append(containers, Container{Group: r.Group})
	}
	return containers
}
