package kube

import (
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/served"
)

// Scope says what of a cluster may be looked at and delivered to. The zero value is
// all of it.
type Scope struct {
	// Namespaces are the only ones, where there are any. They have to be there.
	Namespaces []string
	// ClusterResources says that objects of the whole cluster belong to it besides the
	// Namespaces.
	ClusterResources bool
}

// excludes reports whether no object of a kind belongs to the scope.
func (s Scope) excludes(r served.Resource) bool {
	return len(s.Namespaces) > 0 && !s.ClusterResources && r.Scope == syncline.ClusterScoped
}

// splits reports whether the objects of a kind are looked at by namespace.
func (s Scope) splits(r served.Resource) bool {
	return len(s.Namespaces) > 0 && r.Scope == syncline.Namespaced
}

// check says why an object does not belong to the scope, or nil.
func (s Scope) check(ref syncline.Ref) error {
	switch {
	case len(s.Namespaces) == 0, slices.Contains(s.Namespaces, ref.Namespace), ref.Namespace == "" && s.ClusterResources:
		return nil
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "%s is outside of the namespaces of the cluster that Syncline manages: %s", ref, strings.Join(s.Namespaces, ", ")),
		"add its namespace to those of the cluster, or allow resources of the whole cluster there")
}

// includes reports whether an object is a namespace of the scope that cannot be looked
// at itself.
func (s Scope) includes(ref syncline.Ref) bool {
	return !s.ClusterResources && ref.Group == "" && ref.Kind == "Namespace" && slices.Contains(s.Namespaces, ref.Name)
}
