// Package project translates Argo CD's AppProject into a Project. It translates
// only: what a Project allows is decided in internal/engine/policy.
package project

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Kind is that of the objects that are projects.
func Kind() schema.GroupKind {
	return schema.GroupKind{Group: v1alpha1.Group, Kind: v1alpha1.AppProjectKind}
}

// DefaultName is the name of the project that is made when it is missing.
const DefaultName = "default"

// Read decodes an AppProject and translates it. A field that cannot be decoded
// makes the whole project Invalid, because what it restricts is not known. See
// [ToProject].
func Read(u *unstructured.Unstructured) (syncline.Project, error) {
	cr, fields := v1alpha1.DecodeAppProject(u)
	var errs []error
	for _, field := range fields {
		if !field.Within("status") {
			errs = append(errs, field)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return syncline.Project{}, syncline.Errorf(syncline.Invalid, "AppProject %s: %w", u.GetName(), err)
	}
	return ToProject(cr)
}

// ToProject translates an AppProject. It is an Invalid error when the project has what
// cannot be read: delivering all the same would allow what somebody has forbidden. Passed
// over is what restricts no delivery (roles, orphaned resources), and sourceNamespaces,
// which only permits: no Application outside the control plane's namespace is delivered.
func ToProject(cr *v1alpha1.AppProject) (syncline.Project, error) {
	windows, errWindows := toWindows(cr.Spec.SyncWindows)
	accounts, errAccounts := toAccounts(cr.Spec.DestinationServiceAccounts)
	if err := errors.Join(errWindows, errAccounts); err != nil {
		return syncline.Project{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "AppProject %s: %w: nothing of the project is delivered, because it is not known how it may be", cr.Name, err),
			"correct the field in the AppProject")
	}
	project := syncline.Project{
		Windows:        windows,
		Accounts:       accounts,
		Name:           cr.Name,
		SourceRepos:    each(cr.Spec.SourceRepos, upstream.PatternOf),
		Destinations:   each(cr.Spec.Destinations, toDestination),
		OwnClusters:    cr.Spec.PermitOnlyProjectScopedClusters,
		ClusterAllow:   each(cr.Spec.ClusterResourceWhitelist, toClusterRule),
		ClusterDeny:    each(cr.Spec.ClusterResourceBlacklist, toClusterRule),
		NamespaceAllow: each(cr.Spec.NamespaceResourceWhitelist, toRule),
		NamespaceDeny:  each(cr.Spec.NamespaceResourceBlacklist, toRule),
		Signatures:     toSignatures(cr.Spec),
	}
	if err := project.Err(); err != nil {
		return syncline.Project{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "AppProject %s has what cannot be read: "+
				"nothing of the project is delivered, because it is not known what it denies: %w", cr.Name, err),
			cmp.Or(syncline.HintOf(err), "correct the pattern in the AppProject"))
	}
	return project, nil
}

// toDestination reads a rule. In the address of a cluster a slash at the end makes no
// difference, as in the destination of an Application.
func toDestination(d v1alpha1.ApplicationDestination) syncline.DestinationRule {
	return syncline.NewDestinationRule(syncline.Destination{Server: strings.TrimRight(d.Server, "/"), Name: d.Name, Namespace: d.Namespace})
}

func toClusterRule(r v1alpha1.ClusterResourceRestriction) syncline.KindRule {
	return syncline.NewKindRule(r.Group, r.Kind, r.Name)
}

func toRule(r v1alpha1.GroupKind) syncline.KindRule {
	return syncline.NewKindRule(r.Group, r.Kind, "")
}

// each translates a list. Nil stays nil and empty stays empty, which differ in
// what they allow.
func each[A, B any](list []A, translate func(A) B) []B {
	if list == nil {
		return nil
	}
	translated := make([]B, len(list))
	for i, entry := range list {
		translated[i] = translate(entry)
	}
	return translated
}

// Default returns the AppProject "default" of the control plane's namespace, as
// Argo CD makes it: everything is allowed.
func Default(namespace string) *unstructured.Unstructured {
	anything := map[string]any{"group": "*", "kind": "*"}
	anywhere := map[string]any{"server": "*", "namespace": "*"}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": fmt.Sprintf("%s/%s", v1alpha1.Group, v1alpha1.Version),
		"kind":       v1alpha1.AppProjectKind,
		"metadata":   map[string]any{"name": DefaultName, "namespace": namespace},
		"spec": map[string]any{
			"sourceRepos":              []any{"*"},
			"destinations":             []any{anywhere},
			"clusterResourceWhitelist": []any{anything},
		},
	}}
}
