// Package policy decides what an App may use and touch: it holds a Project's
// rules against sources, destinations and, once a plan is made, against every
// change of it. It alone makes a Grant. It reads nothing but its arguments.
package policy

import (
	"cmp"
	"errors"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// CheckApp reports why the project does not let the App be delivered at all:
// its sources or its destination, which is on the target, with every reason. It is
// asked before anything is fetched, and before anything is asked of the target.
func CheckApp(project syncline.Project, app syncline.App, target syncline.Target) error {
	err := CheckSources(project, app.Sources)
	if syncline.KindOf(err) == syncline.Invalid || permitsDestination(project, target, app.Destination.Namespace) {
		return err
	}
	return errors.Join(append(syncline.Joined(err), destinationError(project, app.Destination))...)
}

// CheckSources reports why the project does not let an App use all of the
// sources, wherever they were found: in its declaration, in an operation that is
// asked for, or in a status. As in Argo CD it is their addresses that have to be
// permitted. Of a chart in a registry, what is asked for below the address must not be
// denied either.
func CheckSources(project syncline.Project, sources []syncline.Source) error {
	if err := readable(project); err != nil {
		return err
	}
	var denials []error
	for _, source := range sources {
		address := source.Address()
		artifact := address
		if address.Scheme() == "oci" {
			artifact = address.Below(source.Chart)
		}
		if err := cmp.Or(address.Err(), artifact.Err()); err != nil {
			return err
		}
		if artifact != address && denies(project, artifact) {
			address = artifact
		}
		if !permitsSource(project, address) {
			denials = append(denials, sourceError(project, address))
		}
	}
	return errors.Join(denials...)
}

// CheckSource reports why the project does not let an App read a repository that one of
// its sources names.
func CheckSource(project syncline.Project, address upstream.Address) error {
	if err := readable(project); err != nil || permitsSource(project, address) {
		return err
	}
	return sourceError(project, address)
}

func sourceError(project syncline.Project, address upstream.Address) error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "application repo %s is not permitted in project '%s'", address, project.Name),
		"add the repository to spec.sourceRepos of the AppProject, or use another project")
}

// readable is an error for a project of which it is not known what it denies.
func readable(project syncline.Project) error {
	if err := project.Err(); err != nil {
		return syncline.Errorf(syncline.Invalid, "project '%s' cannot be read: %w", project.Name, err)
	}
	return nil
}

func destinationError(project syncline.Project, to syncline.Destination) error {
	cluster := to.Server
	if cluster == "" {
		cluster = to.Name
	}
	hint := "add the destination to spec.destinations of the AppProject, or use another one"
	if project.OwnClusters {
		hint = "the project uses clusters of its own alone, whose Secrets name it: use one that spec.destinations of the AppProject permits"
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "application destination server '%s' and namespace '%s' do not match any of the allowed destinations in project '%s'",
			cluster, to.Namespace, project.Name),
		hint)
}

// Allow judges every change of the plan, hooks and deletes included, on its
// final object. It returns the permission for those that the project allows,
// and an error by ref for the others.
func Allow(project syncline.Project, target syncline.Target, plan syncline.Plan) (syncline.Grant, map[syncline.Ref]error) {
	return For(project, target, "").Allow(plan)
}

// kindError names the list that refuses a kind: the one of denied kinds, or the one of
// allowed kinds that lacks it. Lists are the beginning of the fields' names.
func kindError(project syncline.Project, ref syncline.Ref, denied []syncline.KindRule, lists string) error {
	hint := "allow the kind in " + lists + "Whitelist of the AppProject"
	if named(denied, ref) {
		hint = "the kind is in " + lists + "Blacklist of the AppProject: take it out there"
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "resource %s:%s is not permitted in project %s", ref.Group, ref.Kind, project.Name), hint)
}

// permitsClusterScoped needs a rule that allows the kind; a rule that denies wins.
func permitsClusterScoped(project syncline.Project, ref syncline.Ref) bool {
	return named(project.ClusterAllow, ref) && !named(project.ClusterDeny, ref)
}

// permitsNamespaced allows every kind when there is no list of allowed ones.
func permitsNamespaced(project syncline.Project, ref syncline.Ref) bool {
	return (project.NamespaceAllow == nil || named(project.NamespaceAllow, ref)) && !named(project.NamespaceDeny, ref)
}

func named(rules []syncline.KindRule, ref syncline.Ref) bool {
	return slices.ContainsFunc(rules, func(r syncline.KindRule) bool { return r.Matches(ref) })
}

// permitsSource needs a pattern that matches the address and none that denies it.
func permitsSource(project syncline.Project, address upstream.Address) bool {
	return !denies(project, address) && slices.ContainsFunc(project.SourceRepos, func(pattern upstream.Pattern) bool {
		return !pattern.Denies() && pattern.Matches(address)
	})
}

// denies reports whether a pattern denies an address.
func denies(project syncline.Project, address upstream.Address) bool {
	return slices.ContainsFunc(project.SourceRepos, func(pattern upstream.Pattern) bool {
		return pattern.Denies() && pattern.Matches(address)
	})
}

// permitsDestination needs a rule that matches the cluster and the namespace in all
// its parts, and none that denies; and a cluster of the project, if it uses no other.
func permitsDestination(project syncline.Project, target syncline.Target, namespace string) bool {
	if project.OwnClusters && target.Project != project.Name {
		return false
	}
	allowed := false
	for _, rule := range project.Destinations {
		if !concerns(rule, target, namespace) {
			continue
		}
		if rule.Denies {
			return false
		}
		allowed = true
	}
	return allowed
}

// concerns reports whether a rule matches a namespace of a cluster. The cluster is
// matched by the name and the address of those two that the rule gives; one without
// either matches nothing.
func concerns(rule syncline.DestinationRule, target syncline.Target, namespace string) bool {
	hasServer, hasName := rule.Server.String() != "", rule.Name.String() != ""
	return (hasServer || hasName) && rule.Namespace.Matches(namespace) &&
		(!hasServer || rule.Server.Matches(target.Server)) && (!hasName || rule.Name.Matches(target.Name))
}
