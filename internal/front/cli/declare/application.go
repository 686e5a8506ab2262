package declare

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
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
	metadata, spec, err := a.declared(flags, in)
	if err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	metadata["name"], metadata["namespace"] = id.Name, id.Namespace
	spec["project"] = a.project
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": metadata.JSON(), "spec": spec.JSON(),
	}, nil
}

// declared returns what the given flags say, and nothing else.
func (a *Application) declared(flags *pflag.FlagSet, in io.Reader) (metadata, spec Fields, err error) {
	source, err := a.Source.Read(flags, in)
	if err != nil {
		return nil, nil, err
	}
	source.TargetRevision = a.revision
	policy, err := a.syncPolicy(flags)
	if err != nil {
		return nil, nil, err
	}
	destination := Fields{}
	destination.Set("server", a.server)
	destination.Set("name", a.name)
	destination.Set("namespace", a.namespace)
	spec = Fields{}
	spec.Set("source", sourceManifest(source))
	spec.Set("destination", destination.JSON())
	spec.Set("syncPolicy", policy)
	if flags.Changed("project") {
		spec["project"] = a.project
	}
	if flags.Changed("revision-history-limit") {
		spec["revisionHistoryLimit"] = a.historyLimit
	}
	metadata, err = a.metadata()
	return metadata, spec, err
}

// check says what the flags lack.
func (a *Application) check() error {
	source := a.Source.source
	switch {
	case source.RepoURL == "":
		return syncline.Errorf(syncline.Invalid, "--repo is missing: give the URL of the repository")
	case source.Path == "" && source.Chart == "":
		return syncline.Errorf(syncline.Invalid, "--path is missing: give the folder in the repository, . for its root, or a chart by --helm-chart")
	case source.Path != "" && source.Chart != "":
		return syncline.Errorf(syncline.Invalid, "--path and --helm-chart cannot be used together")
	case !strings.HasPrefix(a.policy, "auto") && (a.autoPrune || a.selfHeal || a.allowEmpty):
		return needAutomated("")
	case (a.server == "") == (a.name == ""):
		return syncline.Errorf(syncline.Invalid, "give the destination cluster by --dest-server or by --dest-name, such as --dest-server https://kubernetes.default.svc")
	}
	return nil
}

// needAutomated says what some flags need.
func needAutomated(orWhere string) error {
	return syncline.Errorf(syncline.Invalid, "--auto-prune, --self-heal and --allow-empty need --sync-policy automated%s", orWhere)
}

func (a *Application) metadata() (Fields, error) {
	labels, err := Pairs("label", a.labels)
	if err != nil {
		return nil, err
	}
	annotations, err := Pairs("annotations", a.annotations)
	if err != nil {
		return nil, err
	}
	metadata := Fields{}
	metadata.Set("labels", textMap(labels))
	metadata.Set("annotations", textMap(annotations))
	if a.finalizer {
		metadata["finalizers"] = []any{FinalizerCascade}
	}
	return metadata, nil
}

// automated reports whether syncs are to be automated by the flags.
func (a *Application) automated() (bool, error) {
	switch a.policy {
	case "automated", "automatic", "auto":
		return true, nil
	case "", "none", "manual":
		return false, nil
	}
	return false, syncline.Errorf(syncline.Invalid, "--sync-policy is %q, neither automated nor none", a.policy)
}

func (a *Application) syncPolicy(flags *pflag.FlagSet) (map[string]any, error) {
	automated, err := a.automated()
	if err != nil {
		return nil, err
	}
	settings := Fields{}
	settings.Set("prune", a.autoPrune)
	settings.Set("selfHeal", a.selfHeal)
	settings.Set("allowEmpty", a.allowEmpty)
	policy := Fields{}
	if automated || len(settings) > 0 {
		policy["automated"] = settings.JSON()
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
		text, err := yaml.YAMLToJSONStrict([]byte(document))
		if err == nil {
			err = json.Unmarshal(text, &manifest) // with numbers as the API server tells them
		}
		if err != nil {
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
