package policy_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

const local = "https://kubernetes.default.svc"

// target is the cluster to which the Apps of these tests deliver.
func target() syncline.Target {
	return syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: local}
}

func repos(globs ...string) []upstream.Pattern {
	var patterns []upstream.Pattern
	for _, glob := range globs {
		patterns = append(patterns, upstream.PatternOf(glob))
	}
	return patterns
}

func destinations(globs ...syncline.Destination) []syncline.DestinationRule {
	var rules []syncline.DestinationRule
	for _, glob := range globs {
		rules = append(rules, syncline.NewDestinationRule(glob))
	}
	return rules
}

func TestCheckApp(t *testing.T) {
	everywhere := []syncline.Destination{{Server: "*", Namespace: "*"}}
	for name, test := range map[string]struct {
		repos        []string
		destinations []syncline.Destination
		url          string
		to           syncline.Destination
		permitted    bool
	}{
		"all":                         {[]string{"*"}, everywhere, "https://git.example/a/b", syncline.Destination{Server: local, Namespace: "x"}, true},
		"nothing named":               {nil, everywhere, "https://git.example/a", syncline.Destination{Server: local, Namespace: "x"}, false},
		"one organisation":            {[]string{"https://git.example/a/*"}, everywhere, "https://git.example/a/b.git", syncline.Destination{Server: local}, true},
		"a star stays within a part":  {[]string{"https://git.example/*"}, everywhere, "https://git.example/a/b", syncline.Destination{Server: local}, false},
		"two stars cross parts":       {[]string{"https://git.example/**"}, everywhere, "https://git.example/a/b", syncline.Destination{Server: local}, true},
		"a denial wins":               {[]string{"*", "!https://git.example/secret"}, everywhere, "https://git.example/secret.git", syncline.Destination{Server: local}, false},
		"an upper-case denial wins":   {[]string{"*", "!https://git.example/secret"}, everywhere, "https://GIT.example/secret", syncline.Destination{Server: local}, false},
		"namespace by glob":           {[]string{"*"}, []syncline.Destination{{Server: local, Namespace: "team-*"}}, "u", syncline.Destination{Server: local, Namespace: "team-a"}, true},
		"other namespace":             {[]string{"*"}, []syncline.Destination{{Server: local, Namespace: "team-*"}}, "u", syncline.Destination{Server: local, Namespace: "kube-system"}, false},
		"name implies the address":    {[]string{"*"}, []syncline.Destination{{Server: local, Namespace: "*"}}, "u", syncline.Destination{Name: "in-cluster", Namespace: "x"}, true},
		"address implies the name":    {[]string{"*"}, []syncline.Destination{{Name: "in-cluster", Namespace: "*"}}, "u", syncline.Destination{Server: local, Namespace: "x"}, true},
		"another address":             {[]string{"*"}, []syncline.Destination{{Server: "https://10.0.0.1", Namespace: "*"}}, "u", syncline.Destination{Name: "in-cluster", Namespace: "x"}, false},
		"another name":                {[]string{"*"}, []syncline.Destination{{Name: "production", Namespace: "*"}}, "u", syncline.Destination{Server: local, Namespace: "x"}, false},
		"both its names":              {[]string{"*"}, []syncline.Destination{{Server: local, Name: "in-*", Namespace: "*"}}, "u", syncline.Destination{Server: local, Namespace: "x"}, true},
		"one of its names only":       {[]string{"*"}, []syncline.Destination{{Server: local, Name: "production", Namespace: "*"}}, "u", syncline.Destination{Server: local, Namespace: "x"}, false},
		"its name denied":             {[]string{"*"}, append([]syncline.Destination{{Name: "!in-cluster", Namespace: "*"}}, everywhere...), "u", syncline.Destination{Server: local, Namespace: "x"}, false},
		"a denied namespace":          {[]string{"*"}, append([]syncline.Destination{{Server: "*", Namespace: "!kube-system"}}, everywhere...), "u", syncline.Destination{Server: local, Namespace: "kube-system"}, false},
		"not the denied namespace":    {[]string{"*"}, append([]syncline.Destination{{Server: "*", Namespace: "!kube-system"}}, everywhere...), "u", syncline.Destination{Server: local, Namespace: "x"}, true},
		"an entry without a cluster":  {[]string{"*"}, []syncline.Destination{{Namespace: "*"}}, "u", syncline.Destination{Server: local, Namespace: "x"}, false},
		"a denial alone allows none":  {[]string{"!https://x"}, everywhere, "https://y", syncline.Destination{Server: local}, false},
		"no destinations, no permits": {[]string{"*"}, nil, "u", syncline.Destination{Server: local}, false},
	} {
		t.Run(name, func(t *testing.T) {
			project := syncline.Project{Name: "p", SourceRepos: repos(test.repos...), Destinations: destinations(test.destinations...)}
			err := policy.CheckApp(project, syncline.App{Sources: []syncline.Source{{RepoURL: test.url}}, Destination: test.to}, target())
			if test.permitted && err != nil {
				t.Fatal(err)
			}
			if !test.permitted && syncline.KindOf(err) != syncline.Denied {
				t.Fatalf("want a denial, got %v", err)
			}
		})
	}
}

// TestChartsInARegistry are judged by the address of the source, as in Argo CD, and may
// not be what is denied below it.
func TestChartsInARegistry(t *testing.T) {
	for name, test := range map[string]struct {
		repos     []string
		source    syncline.Source
		permitted bool
	}{
		"a chart below what is permitted":    {[]string{"oci://h/corp"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "web"}, true},
		"a denied repository, by its name":   {[]string{"oci://h/**", "!oci://h/corp/secret"}, syncline.Source{RepoURL: "oci://h/corp/secret"}, false},
		"a denied repository, as a chart":    {[]string{"oci://h/**", "!oci://h/corp/secret"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "secret"}, false},
		"as a chart of two parts":            {[]string{"oci://h/**", "!oci://h/corp/secret"}, syncline.Source{RepoURL: "oci://h", Chart: "corp/secret"}, false},
		"as a chart with a slash behind it":  {[]string{"oci://h/**", "!oci://h/corp/secret"}, syncline.Source{RepoURL: "oci://h/corp/", Chart: "secret/"}, false},
		"a chart beside what is denied":      {[]string{"oci://h/**", "!oci://h/corp/secret"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "secret.git"}, true},
		"the chart alone is permitted":       {[]string{"oci://h/corp/web"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "web"}, false},
		"a denial of what is above":          {[]string{"*", "!oci://h/corp"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "web"}, false},
		"without a scheme":                   {[]string{"oci://h/corp"}, syncline.Source{RepoURL: "h/corp", Chart: "web"}, true},
		"permitted without a scheme":         {[]string{"h/corp"}, syncline.Source{RepoURL: "oci://h/corp", Chart: "web"}, true},
		"both without a scheme":              {[]string{"h/*"}, syncline.Source{RepoURL: "h/corp", Chart: "web"}, true},
		"of another host, without a scheme":  {[]string{"h/*"}, syncline.Source{RepoURL: "g/corp", Chart: "web"}, false},
		"denied without a scheme":            {[]string{"*", "!h/corp/secret"}, syncline.Source{RepoURL: "h/corp", Chart: "secret"}, false},
		"a Helm repository with such a path": {[]string{"*", "!https://h/corp/secret"}, syncline.Source{RepoURL: "https://h/corp", Chart: "secret"}, true},
	} {
		project := syncline.Project{Name: "p", SourceRepos: repos(test.repos...)}
		err := policy.CheckSources(project, []syncline.Source{test.source})
		if test.permitted != (err == nil) || err != nil && syncline.KindOf(err) != syncline.Denied {
			t.Errorf("%s: got %v", name, err)
		}
	}
	above := syncline.Source{RepoURL: "oci://h/corp", Chart: "../secret"}
	if err := policy.CheckSources(syncline.Project{SourceRepos: repos("*")}, []syncline.Source{above}); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("a chart above its registry: got %v", err)
	}
}

// TestAPatternThatCannotBeRead takes it that nothing is permitted: what it would
// deny is not known.
func TestAPatternThatCannotBeRead(t *testing.T) {
	everywhere := syncline.Destination{Server: "*", Namespace: "*"}
	for name, project := range map[string]syncline.Project{
		"a repository":    {SourceRepos: repos("*", "!https://["), Destinations: destinations(everywhere)},
		"a host":          {SourceRepos: repos("*", "!https://{a,b/**"), Destinations: destinations(everywhere)},
		"a dot":           {SourceRepos: repos("*", "!https://h/team/../secret"), Destinations: destinations(everywhere)},
		"an encoding":     {SourceRepos: repos("*", "!https://h/%73ecret"), Destinations: destinations(everywhere)},
		"a namespace":     {SourceRepos: repos("*"), Destinations: destinations(everywhere, syncline.Destination{Server: "*", Namespace: "!{kube"})},
		"a cluster":       {SourceRepos: repos("*"), Destinations: destinations(everywhere, syncline.Destination{Server: "![", Namespace: "*"})},
		"a kind":          {SourceRepos: repos("*"), Destinations: destinations(everywhere), ClusterDeny: []syncline.KindRule{syncline.NewKindRule("*", "[", "")}},
		"a group":         {SourceRepos: repos("*"), Destinations: destinations(everywhere), NamespaceDeny: []syncline.KindRule{syncline.NewKindRule("{", "*", "")}},
		"a name":          {SourceRepos: repos("*"), Destinations: destinations(everywhere), ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "{")}},
		"of what is long": {SourceRepos: repos("*", "!https://h/"+strings.Repeat("a", 5000)), Destinations: destinations(everywhere)},
	} {
		app := syncline.App{Sources: []syncline.Source{{RepoURL: "https://h/a"}}, Destination: syncline.Destination{Server: local, Namespace: "x"}}
		if err := policy.CheckApp(project, app, target()); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "pattern") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAllow(t *testing.T) {
	all := []syncline.KindRule{syncline.NewKindRule("*", "*", "")}
	role := syncline.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "admin"}
	config := syncline.Ref{Kind: "ConfigMap", Namespace: "x", Name: "c"}
	namespace := syncline.Ref{Kind: "Namespace", Name: "x"}
	for name, test := range map[string]struct {
		project   syncline.Project
		change    syncline.Change
		permitted bool
	}{
		"cluster-scoped kinds need a rule":                   {syncline.Project{}, syncline.Change{Ref: role, Action: syncline.Create}, false},
		"cluster-scoped with a rule":                         {syncline.Project{ClusterAllow: all}, syncline.Change{Ref: role, Action: syncline.Create}, true},
		"cluster-scoped by name":                             {syncline.Project{ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "ClusterRole", "team-*")}}, syncline.Change{Ref: role, Action: syncline.Create}, false},
		"cluster-scoped denied":                              {syncline.Project{ClusterAllow: all, ClusterDeny: []syncline.KindRule{syncline.NewKindRule("rbac*", "*", "")}}, syncline.Change{Ref: role, Action: syncline.Prune, UID: "u"}, false},
		"namespaced kinds need none":                         {syncline.Project{}, syncline.Change{Ref: config, Action: syncline.Create}, true},
		"an empty list allows none":                          {syncline.Project{NamespaceAllow: []syncline.KindRule{}}, syncline.Change{Ref: config, Action: syncline.Create}, false},
		"namespaced denied":                                  {syncline.Project{NamespaceDeny: []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")}}, syncline.Change{Ref: config, Action: syncline.Create}, false},
		"hooks are judged too":                               {syncline.Project{NamespaceDeny: []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")}}, syncline.Change{Ref: config, Role: syncline.RoleHook, Action: syncline.Run}, false},
		"another namespace than the App's":                   {syncline.Project{}, syncline.Change{Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "c"}, Action: syncline.Create}, false},
		"the destination namespace is like any other object": {syncline.Project{}, syncline.Change{Ref: namespace, Role: syncline.RoleNamespace, Action: syncline.Create}, false},
		"the destination namespace with a rule":              {syncline.Project{ClusterAllow: []syncline.KindRule{syncline.NewKindRule("", "Namespace", "x")}}, syncline.Change{Ref: namespace, Role: syncline.RoleNamespace, Action: syncline.Create}, true},
		"the destination namespace denied":                   {syncline.Project{ClusterAllow: all, ClusterDeny: []syncline.KindRule{syncline.NewKindRule("", "Namespace", "")}}, syncline.Change{Ref: namespace, Role: syncline.RoleNamespace, Action: syncline.Create}, false},
		"a declared namespace needs a rule":                  {syncline.Project{}, syncline.Change{Ref: syncline.Ref{Kind: "Namespace", Name: "x"}, Role: syncline.RoleResource, Action: syncline.Create}, false},
	} {
		t.Run(name, func(t *testing.T) {
			test.project.Destinations = destinations(syncline.Destination{Server: local, Namespace: "x"})
			grant, refused := policy.Allow(test.project, target(), syncline.Plan{Changes: []syncline.Change{test.change}})
			if got := grant.Permits(test.change); got != test.permitted {
				t.Errorf("permits: %v", got)
			}
			if refused := refused[test.change.Ref] != nil; refused == test.permitted {
				t.Errorf("refused: %v", refused)
			}
		})
	}
}

func TestGrantCoversExactlyTheChange(t *testing.T) {
	ref := syncline.Ref{Kind: "ConfigMap", Namespace: "x", Name: "c"}
	planned := syncline.Change{Ref: ref, Action: syncline.Prune, UID: "one"}
	project := syncline.Project{Destinations: destinations(syncline.Destination{Server: "*", Namespace: "*"})}
	grant, _ := policy.Allow(project, target(), syncline.Plan{Changes: []syncline.Change{planned}})
	for name, change := range map[string]func(*syncline.Change){
		"another object": func(c *syncline.Change) { c.Ref.Name = "d" },
		"another action": func(c *syncline.Change) { c.Action = syncline.Replace },
		"a new object of the same name": func(c *syncline.Change) {
			c.UID = types.UID("two")
		},
	} {
		altered := planned
		change(&altered)
		if grant.Permits(altered) {
			t.Errorf("%s is permitted", name)
		}
	}
	if (syncline.Grant{}).Permits(planned) {
		t.Error("the zero Grant permits")
	}
}

// A refusal names the list that has to change: another one in its place would forbid
// every other kind.
func TestARefusedKindNamesItsList(t *testing.T) {
	everything, config := []syncline.KindRule{syncline.NewKindRule("*", "*", "")}, []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")}
	namespace := []syncline.KindRule{syncline.NewKindRule("", "Namespace", "")}
	for name, test := range map[string]struct {
		project syncline.Project
		ref     syncline.Ref
		want    string
	}{
		"denied":                {syncline.Project{NamespaceDeny: config}, syncline.Ref{Kind: "ConfigMap", Namespace: "a", Name: "a"}, "spec.namespaceResourceBlacklist"},
		"not allowed":           {syncline.Project{NamespaceAllow: config}, syncline.Ref{Kind: "Secret", Namespace: "a", Name: "a"}, "spec.namespaceResourceWhitelist"},
		"cluster-wide denied":   {syncline.Project{ClusterAllow: everything, ClusterDeny: namespace}, syncline.Ref{Kind: "Namespace", Name: "a"}, "spec.clusterResourceBlacklist"},
		"cluster-wide, no list": {syncline.Project{}, syncline.Ref{Kind: "Namespace", Name: "a"}, "spec.clusterResourceWhitelist"},
	} {
		if hint := syncline.HintOf(policy.For(test.project, syncline.Target{}, "").Object(test.ref)); !strings.Contains(hint, test.want) {
			t.Errorf("%s: the hint is %q, want %s", name, hint, test.want)
		}
	}
}

// A project that uses its own clusters alone is refused all others, whatever its destinations say.
func TestOwnClusters(t *testing.T) {
	for of, permitted := range map[string]bool{"shop": true, "": false, "other": false, "sho": false} {
		on := target()
		on.Project = of
		project := syncline.Project{
			Name: "shop", OwnClusters: true, SourceRepos: repos("*"), Destinations: destinations(syncline.Destination{Server: "*", Namespace: "*"}),
		}
		err := policy.CheckApp(project, syncline.App{
			Sources: []syncline.Source{{RepoURL: "https://git.example/a"}}, Destination: syncline.Destination{Server: local, Namespace: "x"},
		}, on)
		if permitted != (err == nil) || !permitted && syncline.KindOf(err) != syncline.Denied {
			t.Errorf("a cluster of project %q: %v", of, err)
		}
		refused := policy.For(project, on, "x").Object(syncline.Ref{Kind: "ConfigMap", Namespace: "x", Name: "a"})
		if permitted != (refused == nil) {
			t.Errorf("an object on a cluster of project %q: %v", of, refused)
		}
	}
}

// What does not belong to what is managed of a cluster is refused, after what the project refuses.
func TestWithin(t *testing.T) {
	project := syncline.Project{
		Name: "p", Destinations: destinations(syncline.Destination{Server: "*", Namespace: "a"}, syncline.Destination{Server: "*", Namespace: "b"}),
		ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "")},
	}
	judge := policy.For(project, target(), "a").Within(func(ref syncline.Ref) error {
		if ref.Namespace == "a" {
			return nil
		}
		return syncline.Errorf(syncline.Denied, "%s is elsewhere", ref)
	})
	for ref, want := range map[syncline.Ref]string{
		{Kind: "ConfigMap", Namespace: "a", Name: "x"}: "",
		{Kind: "ConfigMap", Namespace: "b", Name: "x"}: "ConfigMap/b/x is elsewhere",
		{Kind: "Namespace", Name: "a"}:                 "Namespace/a is elsewhere",
		{Kind: "ConfigMap", Namespace: "c", Name: "x"}: "namespace c is not permitted in project 'p'",
	} {
		for range 2 { // what was permitted once is remembered
			if err := judge.Object(ref); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", ref, err, want)
			}
		}
	}
}
