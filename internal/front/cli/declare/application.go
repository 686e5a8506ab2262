package declare

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
)

// Application is what flags declare of an App.
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

// New returns what the flags declare of a new App. In is read for values from stdin.
// The error is Invalid when the flags do not fit together.
func (a *Application) New(flags *pflag.FlagSet, in io.Reader) (command.Declaration, error) {
	declaration, err := a.Over(flags, in)
	if err != nil {
		return command.Declaration{}, err
	}
	declaration.Project = a.project
	return declaration, a.check()
}

// Over returns what the given flags declare over a resource, and nothing else: as
// [Application.New].
func (a *Application) Over(flags *pflag.FlagSet, in io.Reader) (command.Declaration, error) {
	source, err := a.Source.Read(flags, in)
	if err != nil {
		return command.Declaration{}, err
	}
	source.TargetRevision = a.revision
	automated, err := a.automated()
	if err != nil {
		return command.Declaration{}, err
	}
	declaration := command.Declaration{
		Source:      source,
		Destination: syncline.Destination{Server: a.server, Name: a.name, Namespace: a.namespace},
		Policy: syncline.SyncPolicy{
			Automated: automated, Prune: a.autoPrune, SelfHeal: a.selfHeal, AllowEmpty: a.allowEmpty,
			Options: a.syncOptions, Retry: a.Retry.read(flags, "sync-"),
		},
		ByHand:  a.policy != "" && !automated,
		Cascade: a.finalizer,
	}
	if flags.Changed("project") {
		declaration.Project = a.project
	}
	if flags.Changed("revision-history-limit") {
		declaration.HistoryLimit = &a.historyLimit
	}
	if declaration.Labels, err = Pairs("label", a.labels); err != nil {
		return command.Declaration{}, err
	}
	declaration.Annotations, err = Pairs("annotations", a.annotations)
	return declaration, err
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
		return syncline.Errorf(syncline.Invalid, "--auto-prune, --self-heal and --allow-empty need --sync-policy automated")
	case (a.server == "") == (a.name == ""):
		return syncline.Errorf(syncline.Invalid, "give the destination cluster by --dest-server or by --dest-name, such as --dest-server https://kubernetes.default.svc")
	}
	return nil
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

// Resource is one resource of a file.
type Resource struct {
	Ref     syncline.Ref
	Content map[string]any
}

// Parse reads the resources of a YAML or JSON file.
func Parse(file string, content []byte) ([]Resource, error) {
	var resources []Resource
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
		resources = append(resources, Resource{object.Ref(), manifest})
	}
	if len(resources) == 0 {
		return nil, syncline.Errorf(syncline.Invalid, "%s has no Application", file)
	}
	return resources, nil
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

// read returns the retry, nil when no limit was given.
func (r *Retry) read(flags *pflag.FlagSet, prefix string) *syncline.Retry {
	if !flags.Changed(prefix + "retry-limit") {
		return nil
	}
	return &syncline.Retry{Limit: r.limit, Duration: r.duration, MaxDuration: r.maxDuration, Factor: r.factor, Refresh: r.refresh}
}
