package declare

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// Application is an Application resource as flags declare it.
type Application struct {
	Source       Source
	Retry        Retry
	revision     string
	project      string
	server, name string
	namespace    string
	policy       string
	autoPrune    bool
	selfHeal     bool
	allowEmpty   bool
	syncOptions  []string
	historyLimit int64
	labels       []string
	annotations  []string
	finalizer    bool
}

// Bind adds the flags.
func (a *Application) Bind(flags *pflag.FlagSet) {
	a.Source.Bind(flags)
	a.Retry.Bind(flags, "sync-")
	flags.StringVar(&a.revision, "revision", "", "branch, tag, commit or version to follow (default HEAD)")
	flags.StringVar(&a.project, "project", "default", "project of the app")
	flags.StringVar(&a.server, "dest-server", "", "destination cluster, by URL")
	flags.StringVar(&a.name, "dest-name", "", "destination cluster, by name")
	flags.StringVar(&a.namespace, "dest-namespace", "", "destination namespace")
	flags.StringVar(&a.policy, "sync-policy", "", "automated, or none for syncs by hand only")
	flags.BoolVar(&a.autoPrune, "auto-prune", false, "automated syncs delete what left the source")
	flags.BoolVar(&a.selfHeal, "self-heal", false, "automated syncs put back what drifted")
	flags.BoolVar(&a.allowEmpty, "allow-empty", false, "automated syncs may delete everything")
	flags.StringArrayVar(&a.syncOptions, "sync-option", nil, "sync `option` such as CreateNamespace=true; may be repeated")
	flags.Int64Var(&a.historyLimit, "revision-history-limit", 10, "deployments to remember")
	flags.StringArrayVarP(&a.labels, "label", "l", nil, "label of the app as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&a.annotations, "annotations", nil, "annotation of the app as `NAME=VALUE`; may be repeated")
	flags.BoolVar(&a.finalizer, "set-finalizer", false, "delete the app's objects when the app is deleted")
}

// Manifest writes the resource that the flags declare. In is read for values
// from stdin. The error is Invalid when the flags do not fit together.
func (a *Application) Manifest(flags *pflag.FlagSet, id syncline.AppID, in io.Reader) (map[string]any, error) {
	source, err := a.Source.Read(flags, in)
	if err != nil {
		return nil, err
	}
	source.TargetRevision = a.revision
	if err := a.check(source); err != nil {
		return nil, err
	}
	metadata, err := a.metadata(id)
	if err != nil {
		return nil, err
	}
	policy, err := a.syncPolicy(flags)
	if err != nil {
		return nil, err
	}
	destination := Fields{}
	destination.Set("server", a.server)
	destination.Set("name", a.name)
	destination.Set("namespace", a.namespace)
	spec := Fields{"project": a.project, "source": sourceManifest(source), "destination": destination.JSON()}
	if flags.Changed("revision-history-limit") {
		spec["revisionHistoryLimit"] = a.historyLimit
	}
	spec.Set("syncPolicy", policy)
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": metadata, "spec": spec.JSON(),
	}, nil
}

// check says what the flags lack.
func (a *Application) check(source syncline.Source) error {
	switch {
	case source.RepoURL == "":
		return syncline.Errorf(syncline.Invalid, "--repo is missing: give the URL of the repository")
	case source.Path == "" && source.Chart == "":
		return syncline.Errorf(syncline.Invalid, "--path is missing: give the folder in the repository, . for its root, or a chart by --helm-chart")
	case source.Path != "" && source.Chart != "":
		return syncline.Errorf(syncline.Invalid, "--path and --helm-chart cannot be used together")
	case (a.server == "") == (a.name == ""):
		return syncline.Errorf(syncline.Invalid, "give the destination cluster by --dest-server or by --dest-name, such as --dest-server https://kubernetes.default.svc")
	}
	return nil
}

func (a *Application) metadata(id syncline.AppID) (map[string]any, error) {
	labels, err := Pairs("label", a.labels)
	if err != nil {
		return nil, err
	}
	annotations, err := Pairs("annotations", a.annotations)
	if err != nil {
		return nil, err
	}
	metadata := Fields{"name": id.Name, "namespace": id.Namespace}
	metadata.Set("labels", textMap(labels))
	metadata.Set("annotations", textMap(annotations))
	if a.finalizer {
		metadata["finalizers"] = []any{FinalizerCascade}
	}
	return metadata.JSON(), nil
}

func (a *Application) syncPolicy(flags *pflag.FlagSet) (map[string]any, error) {
	policy := Fields{}
	switch a.policy {
	case "automated", "automatic", "auto":
		automated := Fields{}
		automated.Set("prune", a.autoPrune)
		automated.Set("selfHeal", a.selfHeal)
		automated.Set("allowEmpty", a.allowEmpty)
		policy["automated"] = automated.JSON()
	case "", "none", "manual":
		if a.autoPrune || a.selfHeal || a.allowEmpty {
			return nil, syncline.Errorf(syncline.Invalid, "--auto-prune, --self-heal and --allow-empty need --sync-policy automated")
		}
	default:
		return nil, syncline.Errorf(syncline.Invalid, "--sync-policy is %q, neither automated nor none", a.policy)
	}
	policy.Set("syncOptions", Texts(a.syncOptions))
	policy.Set("retry", a.Retry.manifest(flags, "sync-"))
	return policy.JSON(), nil
}

// Parse reads the Applications of a YAML or JSON file. Those without a
// namespace get the given one.
func Parse(file string, content []byte, namespace string) ([]map[string]any, error) {
	var manifests []map[string]any
	for document := range strings.SplitSeq("\n"+string(content), "\n---") {
		var manifest map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &manifest); err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s: not YAML: %w", file, err)
		}
		if len(manifest) == 0 {
			continue
		}
		object, err := syncline.NewObject(manifest, file)
		if err != nil {
			return nil, err
		}
		ref := object.Ref()
		if object.GroupVersionKind().GroupVersion().String() != apiVersion || ref.Kind != kind {
			return nil, syncline.Errorf(syncline.Invalid, "%s: %s is not an Application of %s", file, ref, apiVersion)
		}
		if ref.Namespace == "" {
			_ = unstructured.SetNestedField(manifest, namespace, "metadata", "namespace")
		}
		manifests = append(manifests, manifest)
	}
	if len(manifests) == 0 {
		return nil, syncline.Errorf(syncline.Invalid, "%s has no Application", file)
	}
	return manifests, nil
}

// Retry is how a failed sync is tried again, as flags declare it.
type Retry struct {
	limit       int64
	refresh     bool
	duration    time.Duration
	maxDuration time.Duration
	factor      int64
}

// Bind adds the flags; two commands have them under different prefixes.
func (r *Retry) Bind(flags *pflag.FlagSet, prefix string) {
	flags.Int64Var(&r.limit, prefix+"retry-limit", 0, "times to try a failed sync again; negative means without end")
	flags.BoolVar(&r.refresh, prefix+"retry-refresh", false, "resolve the revision again for each retry")
	flags.DurationVar(&r.duration, prefix+"retry-backoff-duration", 5*time.Second, "wait before the first retry")
	flags.DurationVar(&r.maxDuration, prefix+"retry-backoff-max-duration", 3*time.Minute, "longest wait between retries")
	flags.Int64Var(&r.factor, prefix+"retry-backoff-factor", 2, "how many times as long each next wait is")
}

// manifest writes the retry, nil when no limit was given.
func (r *Retry) manifest(flags *pflag.FlagSet, prefix string) map[string]any {
	if !flags.Changed(prefix + "retry-limit") {
		return nil
	}
	retry := Fields{"limit": r.limit, "backoff": map[string]any{
		"duration": r.duration.String(), "maxDuration": r.maxDuration.String(), "factor": r.factor,
	}}
	retry.Set("refresh", r.refresh)
	return retry.JSON()
}
