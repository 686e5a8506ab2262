package application

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// checkSpec finds what a person has to change before the Application can be
// delivered.
func checkSpec(spec v1alpha1.ApplicationSpec, found *problems) {
	if spec.Project == "" {
		found.add(`spec.project is empty: name the AppProject that the Application belongs to, such as "default"`)
	}
	checkDestination(spec.Destination, found)
	checkIgnore(spec.IgnoreDifferences, found)
	switch {
	case spec.SourceHydrator != nil:
		found.add("spec.sourceHydrator is not supported yet: commit the rendered manifests and use spec.source")
	case len(spec.Sources) > 0:
		checkSources("spec.sources", spec.Sources, found)
	case spec.Source == nil:
		found.add("spec.source is missing: say where the manifests are, by repoURL, path and targetRevision")
	default:
		checkOnlySource("spec.source", *spec.Source, found)
	}
}

func checkDestination(d v1alpha1.ApplicationDestination, found *problems) {
	switch {
	case d.Server != "" && d.Name != "":
		found.add("spec.destination has both server %q and name %q: keep one of them", d.Server, d.Name)
	case d.Server == "" && d.Name == "":
		found.add("spec.destination names no cluster: set server to https://kubernetes.default.svc, " +
			"or name to in-cluster, for the cluster that Syncline runs in")
	}
}

// maxIgnorePatterns is how many bytes the globs of ignoreDifferences may have in
// all: each is held compiled.
const maxIgnorePatterns = 64 << 10

// checkIgnore finds globs that cannot be read.
func checkIgnore(rules []v1alpha1.ResourceIgnoreDifferences, found *problems) {
	bytes := 0
	for i, rule := range rules {
		for _, field := range []struct{ name, glob string }{{"group", rule.Group}, {"kind", rule.Kind}} {
			bytes += len(field.glob)
			if err := glob.Compile(field.glob).Err(); err != nil {
				found.add("spec.ignoreDifferences[%d].%s: %s", i, field.name, syncline.Explain(err))
				return
			}
		}
	}
	if bytes > maxIgnorePatterns {
		found.add("spec.ignoreDifferences has groups and kinds of %d bytes in all: at most %d are read; "+
			"name several kinds by one glob", bytes, maxIgnorePatterns)
	}
}

// maxSources is how many sources an Application may have: each is resolved and fetched
// in one turn.
const maxSources = 32

// refForm is how a source may be called for others to reach its files, as in Argo CD.
var refForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,63}$`)

// checkSources finds what is wrong with the sources listed at the given path.
func checkSources(path string, sources []v1alpha1.ApplicationSource, found *problems) {
	if len(sources) > maxSources {
		found.add("%s has %d entries: at most %d are delivered together; make several Applications of them", path, len(sources), maxSources)
		return
	}
	called := map[string]int{}
	delivers := false
	for i, s := range sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		delivers = delivers || !convention.ToSource(s).IsOnlyRead()
		checkSource(at, s, found)
		if s.Ref == "" {
			continue
		}
		if first, taken := called[s.Ref]; taken {
			found.add("%s.ref is %q, as that of %s[%d]: give each its own", at, s.Ref, path, first)
		} else {
			called[s.Ref] = i
		}
	}
	if !delivers {
		found.add(`%s has only entries with a ref and no path: they declare nothing to deliver; set the path of one, "." for the root of the repository`, path)
	}
}

// checkOnlySource finds what is wrong with a source that has no others beside it.
func checkOnlySource(path string, s v1alpha1.ApplicationSource, found *problems) {
	if convention.ToSource(s).IsOnlyRead() {
		found.add(`%s has a ref but no path: it declares nothing to deliver; set path, "." for the root of the repository`, path)
	}
	checkSource(path, s, found)
}

// checkSource finds what is wrong with the source at the given path.
func checkSource(path string, s v1alpha1.ApplicationSource, found *problems) {
	switch {
	case s.RepoURL == "":
		found.add("%s.repoURL is empty: set it to the address of a repository", path)
	default:
		if err := upstream.SourceAddress(s.RepoURL, s.Chart, upstream.Bucket{}).Err(); err != nil {
			found.add("%s.repoURL: %s", path, syncline.Explain(err))
		}
	}
	checkPlace(path, s, found)
	if s.Ref != "" && !refForm.MatchString(s.Ref) {
		found.add("%s.ref is %.80q: it has to be of letters, digits, - and _, at most 63 of them", path, s.Ref)
	}
	for _, err := range []error{convention.CheckPlugin(s.Plugin), convention.CheckDirectory(s.Directory)} {
		if err != nil {
			found.add("%s.%v", path, err)
		}
	}
	checkTools(path, s, found)
	checkReplicas(path, s.Kustomize, found)
}

// checkPlace finds what is wrong with where the files are in the repository.
func checkPlace(path string, s v1alpha1.ApplicationSource, found *problems) {
	switch {
	case s.Chart != "" && s.Path != "":
		found.add("%s has both chart %q and path %q: keep one of them", path, s.Chart, s.Path)
	case s.Chart != "" && s.Ref != "":
		found.add("%s has both chart %q and ref %q: the files of a chart are not reached by others", path, s.Chart, s.Ref)
	case s.Chart != "":
	case s.Path == "" && s.Ref == "":
		found.add(`%s has neither path nor chart: set path, "." for the root of the repository`, path)
	}
}

// checkTools finds more than one tool. Empty options are none.
func checkTools(path string, s v1alpha1.ApplicationSource, found *problems) {
	var tools []string
	for _, tool := range convention.ToSource(s).Declared() {
		tools = append(tools, strings.ToLower(string(tool)))
	}
	if len(tools) > 1 {
		found.add("%s has options of more than one tool: %s; keep one of them", path, strings.Join(tools, ", "))
	}
}

func checkReplicas(path string, k *v1alpha1.ApplicationSourceKustomize, found *problems) {
	if k == nil {
		return
	}
	for _, replica := range k.Replicas {
		if _, err := convention.ReplicaCount(replica); err != nil {
			found.add("%s.kustomize.replicas: count of %q is %q: it has to be a whole number", path, replica.Name, replica.Count.StrVal)
		}
	}
}

// checkOperation finds what is wrong with the operation that is asked for, of an
// Application with so many sources.
func checkOperation(op v1alpha1.Operation, sources int, found *problems) {
	if op.Sync == nil {
		found.add("operation.sync is missing: say what to sync, {} for everything")
		return
	}
	if len(op.Sync.Manifests) > 0 {
		found.add("operation.sync.manifests is not supported yet: commit the manifests and sync the revision")
	}
	switch {
	case len(op.Sync.Sources) > 0:
		sources = len(op.Sync.Sources)
		checkSources("operation.sync.sources", op.Sync.Sources, found)
	case op.Sync.Source != nil:
		sources = 1
		checkOnlySource("operation.sync.source", *op.Sync.Source, found)
	}
	if n := len(toRevisions(op.Sync.Revision, op.Sync.Revisions)); n > 0 && n != sources {
		found.add("operation.sync has %d revisions for %d sources: give each one in operation.sync.revisions, "+
			`"" for what the source says itself`, n, sources)
	}
}

// checkStatusOperation finds what is wrong with the sources that an operation
// delivers according to the status, which need not be those that were asked for.
func checkStatusOperation(s *v1alpha1.OperationState, found *problems) {
	if s.SyncResult == nil {
		return
	}
	sources := s.SyncResult.Sources
	if len(sources) == 0 && s.SyncResult.Source != nil {
		sources = []v1alpha1.ApplicationSource{*s.SyncResult.Source}
	}
	if len(sources) > maxSources {
		found.add("status.operationState.syncResult.sources has %d entries: at most %d are delivered together", len(sources), maxSources)
		return
	}
	for i, source := range sources {
		if !reflect.DeepEqual(source, v1alpha1.ApplicationSource{}) { // one that says nothing says only that it is not known
			checkSource(fmt.Sprintf("status.operationState.syncResult.sources[%d]", i), source, found)
		}
	}
}
