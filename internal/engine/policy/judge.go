package policy

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// Judge says what one App may have. It is asked as soon as a ref is final, and
// what it refuses is looked up nowhere: not compared, not asked for, not shown. It
// is safe for concurrent use.
type Judge struct {
	project syncline.Project
	target  syncline.Target
	// home is the App's destination namespace; "" when it has none.
	home string
	// unreadable is why nothing is permitted, or nil.
	unreadable error
	// within says why an object does not belong to what is managed of the cluster.
	within func(syncline.Ref) error

	mu sync.Mutex
	// permitted remembers what was found to be, so that many objects of one kind
	// cost one search.
	permitted map[syncline.Ref]bool
}

// For returns the Judge of an App of the project that delivers to a namespace of a
// cluster, "" for none.
func For(project syncline.Project, target syncline.Target, namespace string) *Judge {
	return &Judge{
		project: project, target: target, home: namespace,
		unreadable: readable(project), within: func(syncline.Ref) error { return nil }, permitted: map[syncline.Ref]bool{},
	}
}

// Within returns a Judge who refuses besides what does not belong to what is managed of
// the cluster. Within says why an object does not, or nil; the name of one in a namespace
// makes no difference.
func (j *Judge) Within(within func(syncline.Ref) error) *Judge {
	return &Judge{
		project: j.project, target: j.target, home: j.home, unreadable: j.unreadable, within: within, permitted: map[syncline.Ref]bool{},
	}
}

// Allow returns the permission for the changes of the plan that the project
// allows, and an error by ref for the others.
func (j *Judge) Allow(plan syncline.Plan) (syncline.Grant, map[syncline.Ref]error) {
	return plan.Grant(j.Change)
}

// Change says why the App may not make the change, or nil.
func (j *Judge) Change(c syncline.Change) error { return j.Object(c.Ref) }

// Object says why the App may not have the object, or nil. A ref without a
// namespace is of a cluster-scoped kind. The destination namespace is an object
// like any other: to make or to change it, its project has to allow Namespace.
func (j *Judge) Object(ref syncline.Ref) error {
	key := ref
	if ref.Namespace != "" {
		key.Name = "" // the rules for kinds that live in namespaces name no objects
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.permitted[key] {
		return nil
	}
	err := j.judge(ref)
	j.permitted[key] = err == nil
	return err
}

func (j *Judge) judge(ref syncline.Ref) error {
	switch {
	case j.unreadable != nil:
		return j.unreadable
	case ref.Namespace == "" && !permitsClusterScoped(j.project, ref):
		return kindError(j.project, ref, j.project.ClusterDeny, "spec.clusterResource")
	case ref.Namespace == "":
		return j.within(ref)
	case !permitsNamespaced(j.project, ref):
		return kindError(j.project, ref, j.project.NamespaceDeny, "spec.namespaceResource")
	case !j.permitsNamespace(ref.Namespace):
		return fmt.Errorf("%s: %w", ref, syncline.Errorf(syncline.Denied, "namespace %s is not permitted in project '%s'", ref.Namespace, j.project.Name))
	}
	return j.within(ref)
}

// permitsNamespace reports whether the project permits the namespace, in the
// App's cluster, as a destination.
func (j *Judge) permitsNamespace(name string) bool {
	return permitsDestination(j.project, j.target, name)
}

// Kind reports whether the App may have any object of the kind, which lives as
// the scope says: whether there is something that it may look for.
func (j *Judge) Kind(kind schema.GroupKind, scope syncline.Scope) bool {
	allow, deny, all := j.project.NamespaceAllow, j.project.NamespaceDeny, j.project.NamespaceAllow == nil
	if scope == syncline.ClusterScoped {
		allow, deny, all = j.project.ClusterAllow, j.project.ClusterDeny, false
	}
	matches := func(r syncline.KindRule) bool { return r.Group.Matches(kind.Group) && r.Kind.Matches(kind.Kind) }
	return j.unreadable == nil && (all || slices.ContainsFunc(allow, matches)) &&
		!slices.ContainsFunc(deny, func(r syncline.KindRule) bool { return r.Name.String() == "" && matches(r) })
}

// Home returns the ref of the App's destination namespace, of which the App may
// know whether it is there and being deleted, whatever kinds its project allows;
// false when the project does not permit it as a destination.
func (j *Judge) Home() (syncline.Ref, bool) {
	return syncline.Ref{Kind: "Namespace", Name: j.home}, j.home != "" && j.unreadable == nil && j.permitsNamespace(j.home)
}
