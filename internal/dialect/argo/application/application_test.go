package application_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

const controlPlane = "argocd"

// tenOClock is when the Applications of the tests began to be deleted.
var tenOClock = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func load(t testing.TB, name string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// with merges YAML over an Application that is complete.
func with(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := parse(t, `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: web}
  source: {repoURL: https://git.example.com/shop.git, path: web}
`)
	overlay(u.Object, parse(t, text).Object)
	return u
}

// overlay merges maps; a null removes.
func overlay(into, from map[string]any) {
	for key, value := range from {
		a, okA := into[key].(map[string]any)
		b, okB := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case okA && okB:
			overlay(a, b)
		default:
			into[key] = value
		}
	}
}

func at(text string) time.Time {
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return parsed
}

func TestReadTranslatesEveryField(t *testing.T) {
	app, _ := application.Read(load(t, "whole.yaml"), controlPlane)
	want := syncline.App{
		Dialect:  convention.Dialect(),
		ID:       syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"},
		UID:      "5b7f1b46-5d8e-4ed4-9e1c-3c8f3f4f1f00",
		Instance: "web",
		Project:  "shop",
		Sources: []syncline.Source{{
			RepoURL: "https://git.example.com/shop.git", Path: "deploy/web", TargetRevision: "v1.x", TagPrefix: "web/",
			Ref: "shop", Name: "main", Kustomize: wholeKustomize(),
		}},
		Destination: syncline.Destination{Server: "https://kubernetes.default.svc", Namespace: "web"},
		Policy: syncline.SyncPolicy{
			Automated: true, Prune: true, SelfHeal: true, AllowEmpty: true,
			Options: option.List{"CreateNamespace=true", "PruneLast=true"},
			Retry: &syncline.Retry{
				Limit: -1, Duration: 10 * time.Second, Factor: 3, MaxDuration: 90 * time.Second, Refresh: true,
			},
			NamespaceLabels:      map[string]string{"team": "shop"},
			NamespaceAnnotations: map[string]string{"owner": "dev"},
		},
		Ignore: []syncline.IgnoreRule{{
			Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), Name: "web", Namespace: "web",
			JSONPointers:      []string{"/spec/replicas"},
			JQPathExpressions: []string{".spec.template"},
			Managers:          []string{"hpa"},
		}},
		HistoryLimit:  3,
		Refresh:       syncline.RefreshHard,
		ApprovedPrune: "0123456789ab",
		Request:       wholeRequest(),
		Past:          wholePast(),
	}
	if diff := cmp.Diff(want, app); diff != "" {
		t.Errorf("app (-want +got):\n%s", diff)
	}
}

func wholeKustomize() *tool.Kustomize {
	return &tool.Kustomize{
		NamePrefix: "a-", NameSuffix: "-z", Namespace: "shop",
		Images:                 []string{"web=registry.example.com/web:2"},
		CommonLabels:           map[string]string{"l": "1"},
		CommonAnnotations:      map[string]string{"a": "1"},
		ForceCommonLabels:      true,
		ForceCommonAnnotations: true,
		AnnotationsEnvsubst:    true,
		LabelWithoutSelector:   true,
		LabelIncludeTemplates:  true,
		Replicas:               []tool.KustomizeReplica{{Name: "web", Count: 2}, {Name: "db", Count: 3}},
		Patches: []tool.KustomizePatch{{
			Path: "p.yaml", Patch: "[]", Options: map[string]bool{"allowNameChange": true},
			Target: &tool.KustomizeSelector{
				Group: "apps", Version: "v1", Kind: "Deployment", Name: "web", Namespace: "web",
				LabelSelector: "l=1", AnnotationSelector: "a=1",
			},
		}},
		Components:              []string{"../monitoring"},
		IgnoreMissingComponents: true,
		KubeVersion:             "1.36",
		APIVersions:             []string{"example.com/v1"},
		Version:                 "v5",
	}
}

func wholeRequest() *syncline.Operation {
	return &syncline.Operation{
		Revisions: []string{"v1.2"},
		Prune:     true, DryRun: true, SkipHooks: true, Force: true,
		Selection: []syncline.Selector{{Group: "apps", Kind: "Deployment", Name: "web", Namespace: "web"}},
		Options:   option.List{"Replace=true"},
		Retry:     syncline.Retry{Limit: 2, Duration: 5 * time.Second},
		By:        syncline.Initiator{Username: "ada"},
	}
}

func wholePast() syncline.Past {
	source := syncline.Source{RepoURL: "https://git.example.com/shop.git", Path: "deploy/web", TargetRevision: "v1.1"}
	return syncline.Past{ReconciledAt: at("2026-11-20T09:59:00Z"), Report: syncline.Report{
		App: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}, ResourceVersion: "42",
		Operation: &syncline.OperationState{
			Operation: syncline.Operation{
				Revisions: []string{"c0ffee"}, Sources: []syncline.Source{source}, Force: true,
				SelfHealAttempts: 2, By: syncline.Initiator{Automated: true},
			},
			Phase: syncline.OperationRunning, Message: "waiting for completion of hook batch/Job/migrate",
			StartedAt: at("2026-11-20T10:00:00Z"), FinishedAt: at("2026-11-20T10:00:09Z"), RetryCount: 1,
			Revisions: []string{"c0ffee"}, Sources: []syncline.Source{source},
			Results: []syncline.ObjectResult{{
				Ref: syncline.Ref{Group: "batch", Kind: "Job", Namespace: "web", Name: "migrate"}, Version: "v1",
				Phase: syncline.PreSync, HookType: syncline.PreSync, Code: syncline.ResultSynced,
				State: syncline.OperationRunning, Message: "created", Images: []string{"migrate:1"},
			}},
		},
		History: []syncline.Deployment{{
			ID: 7, Revisions: []string{"decade"}, Sources: []syncline.Source{source},
			StartedAt: at("2026-11-19T09:00:00Z"), DeployedAt: at("2026-11-19T09:00:05Z"),
			By: syncline.Initiator{Username: "ada"},
		}},
		Objects: []syncline.ObjectReport{{
			Ref:     syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"},
			Version: "v1", Sync: syncline.OutOfSync, Wave: -1, RequiresPruning: true,
			Health: syncline.Health{Status: syncline.Progressing, Message: "0 of 1 replicas are updated"},
		}},
		Sources:     []syncline.Source{source},
		Revisions:   []string{"decade"},
		Destination: syncline.Destination{Server: "https://kubernetes.default.svc", Namespace: "web"},
		Sync:        syncline.OutOfSync,
		Health:      syncline.Health{Status: syncline.Progressing, Message: "Caused by apps/Deployment:web/web"},
	}}
}

func TestReadHelm(t *testing.T) {
	app, _ := application.Read(with(t, `
spec:
  source:
    helm:
      releaseName: shop
      valueFiles: [values.yaml, /prod.yaml]
      ignoreMissingValueFiles: true
      values: 'a: 1'
      parameters: [{name: b, value: "2", forceString: true}]
      fileParameters: [{name: c, path: c.txt}]
      skipCrds: true
      skipTests: true
      skipSchemaValidation: true
      namespace: other
      kubeVersion: "1.36"
      apiVersions: [v1]
      version: v3
      passCredentials: true
`), controlPlane)
	want := &tool.Helm{
		ReleaseName: "shop", ValueFiles: []string{"values.yaml", "/prod.yaml"}, IgnoreMissingValueFiles: true, Values: "a: 1",
		Parameters:     []tool.HelmParameter{{Name: "b", Value: "2", ForceString: true}},
		FileParameters: []tool.HelmFileParameter{{Name: "c", Path: "c.txt"}},
		SkipCRDs:       true, SkipTests: true, SkipSchemaValidation: true,
		Namespace: "other", KubeVersion: "1.36", APIVersions: []string{"v1"},
		Version: "v3", PassCredentials: true,
	}
	if diff := cmp.Diff(want, app.Sources[0].Helm); diff != "" {
		t.Errorf("helm (-want +got):\n%s", diff)
	}
}

func TestReadHelmValuesObjectWins(t *testing.T) {
	app, _ := application.Read(with(t, `spec: {source: {helm: {values: 'a: 1', valuesObject: {a: {b: [2, null]}}}}}`), controlPlane)
	if got, want := app.Sources[0].Helm.Values, `{"a":{"b":[2,null]}}`; got != want {
		t.Errorf("values are %s, want %s", got, want)
	}
}

func TestReadDirectory(t *testing.T) {
	app, _ := application.Read(with(t, `
spec:
  source:
    directory:
      recurse: true
      include: '*.yaml'
      exclude: '{a,b}.yaml'
      jsonnet: {extVars: [{name: a, value: '1', code: true}], tlas: [{name: b, value: x}], libs: [vendor]}
`), controlPlane)
	want := &tool.Directory{
		Recurse: true, Include: "*.yaml", Exclude: "{a,b}.yaml",
		Jsonnet: tool.Jsonnet{
			ExtVars: []tool.JsonnetVar{{Name: "a", Value: "1", Code: true}},
			TLAs:    []tool.JsonnetVar{{Name: "b", Value: "x"}},
			Libs:    []string{"vendor"},
		},
	}
	if diff := cmp.Diff(want, app.Sources[0].Directory); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

func TestReadOneOfSources(t *testing.T) {
	app, _ := application.Read(with(t, `
spec:
  source: {path: ignored}
  sources: [{repoURL: https://git.example.com/shop.git, path: api}]
status: {sync: {status: Synced, revisions: [c0ffee]}}
`), controlPlane)
	if len(app.Invalid) > 0 || len(app.Sources) != 1 || app.Sources[0].Path != "api" {
		t.Errorf("sources are %+v with problems %v, want the one of spec.sources", app.Sources, app.Invalid)
	}
	if diff := cmp.Diff([]string{"c0ffee"}, app.Past.Revisions); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}

func TestReadInstance(t *testing.T) {
	app, _ := application.Read(with(t, `metadata: {namespace: team}`), controlPlane)
	if app.Instance != "team_web" {
		t.Errorf("instance is %q, want %q", app.Instance, "team_web")
	}
}

func TestReadAutomated(t *testing.T) {
	for text, want := range map[string]syncline.SyncPolicy{
		`{spec: {syncPolicy: {}}}`:                                            {},
		`{spec: {syncPolicy: {automated: {}}}}`:                               {Automated: true},
		`{spec: {syncPolicy: {automated: {enabled: true, prune: true}}}}`:     {Automated: true, Prune: true},
		`{spec: {syncPolicy: {automated: {enabled: false, selfHeal: true}}}}`: {},
	} {
		app, _ := application.Read(with(t, text), controlPlane)
		if diff := cmp.Diff(want, app.Policy); diff != "" {
			t.Errorf("%s: policy (-want +got):\n%s", text, diff)
		}
	}
}

func TestReadRequests(t *testing.T) {
	tests := []struct {
		name, extra string
		want        func(syncline.App) bool
	}{
		{"a refresh of any value", `metadata: {annotations: {argocd.argoproj.io/refresh: ""}}`,
			func(a syncline.App) bool { return a.Refresh == syncline.RefreshNormal }},
		{"no refresh", ``, func(a syncline.App) bool { return a.Refresh == syncline.NoRefresh }},
		{"a pause", `metadata: {annotations: {argocd.argoproj.io/skip-reconcile: "true"}}`,
			func(a syncline.App) bool { return a.Paused }},
		{"no pause", `metadata: {annotations: {argocd.argoproj.io/skip-reconcile: "false"}}`,
			func(a syncline.App) bool { return !a.Paused }},
		{"no deletion", `metadata: {finalizers: [resources-finalizer.argocd.argoproj.io]}`,
			func(a syncline.App) bool { return a.Deleting == nil }},
		{"a deletion that leaves the objects", `metadata: {deletionTimestamp: "2026-11-20T10:00:00Z"}`,
			func(a syncline.App) bool {
				return a.Deleting != nil && *a.Deleting == syncline.Deletion{Since: tenOClock}
			}},
		{"a deletion", `metadata: {deletionTimestamp: "2026-11-20T10:00:00Z", finalizers: [x, resources-finalizer.argocd.argoproj.io]}`,
			func(a syncline.App) bool {
				return *a.Deleting == syncline.Deletion{Since: tenOClock, Cascade: true, Propagation: "foreground"}
			}},
		{"a deletion in the foreground", `metadata: {deletionTimestamp: "2026-11-20T10:00:00Z", finalizers: [resources-finalizer.argocd.argoproj.io/foreground]}`,
			func(a syncline.App) bool {
				return *a.Deleting == syncline.Deletion{Since: tenOClock, Cascade: true, Propagation: "foreground"}
			}},
		{"a deletion in the background", `metadata: {deletionTimestamp: "2026-11-20T10:00:00Z", finalizers: [resources-finalizer.argocd.argoproj.io/background]}`,
			func(a syncline.App) bool {
				return *a.Deleting == syncline.Deletion{Since: tenOClock, Cascade: true, Propagation: "background"}
			}},
		{"a default history", ``, func(a syncline.App) bool { return a.HistoryLimit == 10 }},
		{"no history", `spec: {revisionHistoryLimit: 0}`, func(a syncline.App) bool { return a.HistoryLimit == 0 }},
		{"a forced sync with hooks", `operation: {sync: {syncStrategy: {hook: {force: true}}}}`,
			func(a syncline.App) bool { return a.Request.Force && !a.Request.SkipHooks }},
		{"a sync of several revisions", `operation: {sync: {revisions: [c0ffee]}}`,
			func(a syncline.App) bool { return len(a.Request.Revisions) == 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app, _ := application.Read(with(t, test.extra), controlPlane)
			if len(app.Invalid) > 0 {
				t.Errorf("problems: %v", app.Invalid)
			}
			if !test.want(app) {
				t.Errorf("got %+v", app)
			}
		})
	}
}

func TestReadNamesProblems(t *testing.T) {
	tests := []struct{ name, extra, want string }{
		{"empty project", `spec: {project: ""}`, `spec.project is empty: name the AppProject`},
		{"no project", `spec: {project: null}`, `spec.project is empty: name the AppProject`},
		{"two clusters", `spec: {destination: {server: https://example.com}}`,
			`spec.destination has both server "https://example.com" and name "in-cluster"`},
		{"no cluster", `spec: {destination: {name: null}}`, `spec.destination names no cluster: set server`},
		{"no source", `spec: {source: null}`, `spec.source is missing`},
		{"no repository", `spec: {source: {repoURL: null}}`, `spec.source.repoURL is empty`},
		{"neither path nor chart", `spec: {source: {path: null}}`, `spec.source has neither path nor chart: set path`},
		{"path and chart", `spec: {source: {chart: redis}}`, `spec.source has both chart "redis" and path "web"`},
		{"a chart that others read", `spec: {source: {path: null, chart: redis, ref: values}}`,
			`spec.source has both chart "redis" and ref "values"`},
		{"a ref alone", `spec: {source: {path: null, ref: values}}`, `spec.source has a ref but no path`},
		{"a plugin's name", `spec: {source: {plugin: {name: ../cue}}}`, `spec.source.plugin.name: it is the name of a plugin`},
		{"a plugin's variable", `spec: {source: {plugin: {name: cue, env: [{name: a, value: b}, {name: 'a=b', value: c}]}}}`,
			`spec.source.plugin.env[1]: it is no variable`},
		{"files of any name", `spec: {source: {directory: {jsonnet: {}, disableExtensionFilter: true}}}`,
			`spec.source.directory.disableExtensionFilter is not supported yet: have the names of manifests end in .yaml`},
		{"a plugin and a tool", `spec: {source: {plugin: {name: cue}, helm: {version: v3}}}`,
			`spec.source has options of more than one tool: helm, plugin; keep one of them`},
		{"two tools", `spec: {source: {helm: {version: v3}, kustomize: {namePrefix: a-}, directory: {jsonnet: {}}}}`,
			`spec.source has options of more than one tool: helm, kustomize; keep one of them`},
		{"a count that is none", `spec: {source: {kustomize: {replicas: [{name: web, count: many}]}}}`,
			`spec.source.kustomize.replicas: count of "web" is "many": it has to be a whole number`},
		{"a bad source of two", `spec: {sources: [{repoURL: 'https://a/b', path: b}, {repoURL: 'https://a/b'}]}`,
			`spec.sources[1] has neither path nor chart`},
		{"nothing but refs", `spec: {sources: [{repoURL: 'https://a/b', ref: b}, {repoURL: 'https://a/b', ref: c}]}`,
			`spec.sources has only entries with a ref and no path`},
		{"two of one ref", `spec: {sources: [{repoURL: 'https://a/b', path: b, ref: c}, {repoURL: 'https://a/b', ref: c}]}`,
			`spec.sources[1].ref is "c", as that of spec.sources[0]: give each its own`},
		{"a ref that is none", `spec: {sources: [{repoURL: 'https://a/b', path: b, ref: a/b}]}`,
			`spec.sources[0].ref is "a/b": it has to be of letters`},
		{"too many sources", "spec: {sources: [" + strings.Repeat(`{repoURL: 'https://a/b', path: b},`, 33) + "]}",
			`spec.sources has 33 entries: at most 32`},
		{"a bad source of one", `spec: {sources: [{repoURL: a}]}`, `spec.sources[0] has neither path nor chart`},
		{"a hydrator", `spec: {sourceHydrator: {drySource: {}}}`, `spec.sourceHydrator is not supported yet`},
		{"a bad duration", `spec: {syncPolicy: {retry: {backoff: {duration: soon}}}}`,
			`spec.syncPolicy.retry.backoff.duration is "soon": it has to be a duration such as 30s or 5m`},
		{"a negative duration", `spec: {syncPolicy: {retry: {backoff: {maxDuration: -5s}}}}`,
			`spec.syncPolicy.retry.backoff.maxDuration is "-5s": it has to be a duration`},
		{"a bad factor", `spec: {syncPolicy: {retry: {backoff: {factor: 0}}}}`,
			`spec.syncPolicy.retry.backoff.factor is 0: it has to be 1 or more`},
		{"a field of another type", `spec: {syncPolicy: {syncOptions: PruneLast=true}}`,
			`spec.syncPolicy.syncOptions is a text: it has to be a list`},
		{"an empty operation", `operation: {}`, `operation.sync is missing: say what to sync`},
		{"local manifests", `operation: {sync: {manifests: ['{}']}}`, `operation.sync.manifests is not supported yet`},
		{"an operation on a bad source of two",
			`operation: {sync: {sources: [{repoURL: 'https://a/b', path: c}, {repoURL: 'https://a/b'}]}}`,
			`operation.sync.sources[1] has neither path nor chart`},
		{"one revision of two sources",
			`operation: {sync: {revision: v1, sources: [{repoURL: 'https://a/b', path: c}, {repoURL: 'https://a/b', path: d}]}}`,
			`operation.sync has 1 revisions for 2 sources`},
		{"an operation on a bad list", `operation: {sync: {sources: [{repoURL: a}]}}`, `operation.sync.sources[0] has neither`},
		{"an operation with a bad retry", `operation: {sync: {}, retry: {backoff: {duration: x}}}`,
			`operation.retry.backoff.duration is "x"`},
		{"too many revisions", `operation: {sync: {revisions: [a, b]}}`, `operation.sync has 2 revisions for 1 sources`},
		{"an operation of another type", `operation: {sync: {prune: 1}}`, `operation.sync.prune is a number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app, cr := application.Read(with(t, test.extra), controlPlane)
			if cr == nil || len(app.Invalid) == 0 {
				t.Fatal("no problem was found")
			}
			got := app.Invalid[0]
			if got.Type != syncline.InvalidSpecError || !strings.Contains(got.Message, test.want) {
				t.Errorf("got  %s %q\nwant %s", got.Type, got.Message, test.want)
			}
			if len(app.Invalid) > 1 {
				t.Errorf("one mistake, several problems: %v", app.Invalid)
			}
			if app.ID.Name != "web" || app.Destination.Namespace != "web" {
				t.Errorf("what is fine was not read: %+v", app)
			}
		})
	}
}

// A status that cannot be read is nothing that the declaration could be blamed
// for.
func TestReadPassesOverABadStatus(t *testing.T) {
	app, _ := application.Read(with(t, `status: {conditions: none, reconciledAt: then, sync: {status: Synced, revision: c0ffee}}`), controlPlane)
	if len(app.Invalid) > 0 || len(app.Past.Revisions) != 1 {
		t.Errorf("problems are %v and revisions %v", app.Invalid, app.Past.Revisions)
	}
}

// Who began an operation is a text that anybody may write. It stands in the status
// three times and more.
func TestInitiatorsAreShortAndPrintable(t *testing.T) {
	long := strings.Repeat("é", 200_000)
	for given, want := range map[string]string{
		"ann@example.com":                   "ann@example.com",
		"ann müller":                        "ann müller",
		"a\x1b]52;c;ZXZpbA==\x07b\nc\u202e": "a]52;c;ZXZpbA==bc",
		long:                                long[:256],
		"a" + long:                          ("a" + long)[:255],
	} {
		u := with(t, `operation: {sync: {}}`)
		if err := unstructured.SetNestedField(u.Object, given, "operation", "initiatedBy", "username"); err != nil {
			t.Fatal(err)
		}
		app, cr := application.Read(u, controlPlane)
		if got := app.Request.By.Username; got != want {
			t.Errorf("of %.40q is read %.300q, want %.300q", given, got, want)
		}
		patched, err := application.Patch(syncline.Report{
			App: app.ID, Consumed: true, Operation: &syncline.OperationState{Operation: *app.Request},
		}, cr)
		if err != nil || len(patched.Patch) > 2000 {
			t.Errorf("%v: a patch of %d bytes is written for %.40q", err, len(patched.Patch), given)
		}
	}
}

func TestApprovals(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	written := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) *v1alpha1.Application {
		return &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{syncline.AnnotationApprovePrune: "abc", convention.DeletionApproved: at.Format(time.RFC3339)},
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields),
			}},
		}}
	}
	const both = `{"f:metadata":{"f:annotations":{"f:syncline.io/approve-prune":{},"f:argocd.argoproj.io/deletion-approved":{}}}}`
	for name, test := range map[string]struct {
		cr       *v1alpha1.Application
		approved bool
	}{
		"a person's":             {written("kubectl-edit", metav1.ManagedFieldsOperationUpdate, both), true},
		"a person's, applied":    {written("kubectl", metav1.ManagedFieldsOperationApply, both), true},
		"of the command line":    {written("syncline", metav1.ManagedFieldsOperationUpdate, both), true},
		"of Argo CD's interface": {written("argocd-server", metav1.ManagedFieldsOperationUpdate, both), true},
		"of an Application set":  {written("argocd-applicationset-controller", metav1.ManagedFieldsOperationUpdate, both), false},
		"declared":               {written(syncline.FieldManager, metav1.ManagedFieldsOperationApply, both), false},
		"declared, and replaced": {written(syncline.FieldManager, metav1.ManagedFieldsOperationUpdate, both), false},
		"declared, by Argo CD":   {written(convention.FormerManager, metav1.ManagedFieldsOperationUpdate, both), false},
		"put back":               {written(fieldmanager.Restore, metav1.ManagedFieldsOperationUpdate, both), false},
		"of a namespace's":       {written(fieldmanager.Namespace("web"), metav1.ManagedFieldsOperationApply, both), false},
		"of something else":      {written("kubectl-edit", metav1.ManagedFieldsOperationUpdate, `{"f:spec":{}}`), false},
		"what is not known":      {written("kubectl-edit", metav1.ManagedFieldsOperationApply, `[`), false},
		"of nobody":              {&v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{syncline.AnnotationApprovePrune: "abc", convention.DeletionApproved: at.Format(time.RFC3339)}}}, false},
		"that is not there":      {&v1alpha1.Application{}, false},
	} {
		app := application.ToApp(test.cr, "argocd")
		if (app.ApprovedPrune == "abc") != test.approved || app.ApprovedAt.Equal(at) != test.approved {
			t.Errorf("%s: approved are %q and %s", name, app.ApprovedPrune, app.ApprovedAt)
		}
		if told := strings.Count(app.Disregarded, "approves nothing"); (told == 2) != (!test.approved && test.cr.Annotations != nil) {
			t.Errorf("%s: it says %q", name, app.Disregarded)
		}
	}
	cr := written("kubectl-edit", metav1.ManagedFieldsOperationUpdate, both)
	cr.Annotations[convention.DeletionApproved] = "true"
	if app := application.ToApp(cr, "argocd"); !app.ApprovedAt.IsZero() || app.ApprovedPrune != "abc" {
		t.Errorf("what is no time approves: %q, %s", app.ApprovedPrune, app.ApprovedAt)
	}
	cr = written("kubectl-edit", metav1.ManagedFieldsOperationUpdate, both)
	cr.ManagedFields = append(cr.ManagedFields, written(syncline.FieldManager, metav1.ManagedFieldsOperationUpdate, both).ManagedFields...)
	if app := application.ToApp(cr, "argocd"); app.ApprovedPrune != "" {
		t.Error("what is declared and written by a person too approves")
	}
}

func TestADeclaredOperationPrunesNothingByName(t *testing.T) {
	const named = `{sync: {prune: true, resources: [{kind: ConfigMap, name: a}]}}`
	for name, test := range map[string]struct {
		manager, operation, fields string
		refused                    bool
	}{
		"a person's":            {"kubectl-edit", named, `{"f:operation":{"f:sync":{}}}`, false},
		"declared":              {syncline.FieldManager, named, `{"f:operation":{"f:sync":{}}}`, true},
		"what is not known":     {"kubectl-edit", named, `[`, true},
		"declared, not by name": {syncline.FieldManager, `{sync: {prune: true}}`, `{"f:operation":{"f:sync":{}}}`, false},
		"declared, no prune":    {syncline.FieldManager, `{sync: {resources: [{kind: ConfigMap, name: a}]}}`, `{"f:operation":{"f:sync":{}}}`, false},
	} {
		cr, _ := v1alpha1.DecodeApplication(with(t, "operation: "+test.operation))
		cr.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: test.manager, FieldsV1: metav1.NewFieldsV1(test.fields)}}
		app := application.ToApp(cr, controlPlane)
		refused := slices.ContainsFunc(app.Invalid, func(c syncline.Condition) bool { return strings.Contains(c.Message, "by name") })
		if refused != test.refused {
			t.Errorf("%s: got %+v", name, app.Invalid)
		}
	}
}

// TestAnOperationThatGoesOn tells an operation that Argo CD was carrying out, and that
// is still asked for, from one that is asked for anew.
func TestAnOperationThatGoesOn(t *testing.T) {
	state := func(manager, fields string) []metav1.ManagedFieldsEntry {
		return []metav1.ManagedFieldsEntry{{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate,
			FieldsV1: metav1.NewFieldsV1(`{"f:status":{"f:operationState":{` + fields + `}}}`),
		}}
	}
	const all = `"f:phase":{},"f:startedAt":{}`
	argo := state("argocd-application-controller", all)
	for name, test := range map[string]struct {
		phase   string
		asked   v1alpha1.SyncOperation
		writers []metav1.ManagedFieldsEntry
		goesOn  bool
	}{
		"of Argo CD":                  {"Running", v1alpha1.SyncOperation{Prune: true}, argo, true},
		"with a revision resolved":    {"Running", v1alpha1.SyncOperation{Prune: true, Revision: "main"}, argo, true},
		"another":                     {"Running", v1alpha1.SyncOperation{DryRun: true}, argo, false},
		"over":                        {"Succeeded", v1alpha1.SyncOperation{Prune: true}, argo, false},
		"of Syncline":                 {"Running", v1alpha1.SyncOperation{Prune: true}, state(fieldmanager.Status, all), false},
		"of Syncline, and terminated": {"Terminating", v1alpha1.SyncOperation{Prune: true}, append(state(fieldmanager.Status, `"f:startedAt":{}`), state("kubectl-patch", `"f:phase":{}`)...), false},
	} {
		cr := &v1alpha1.Application{Operation: &v1alpha1.Operation{Sync: &test.asked}}
		cr.ManagedFields = test.writers
		cr.Status.OperationState = &v1alpha1.OperationState{
			Phase: test.phase, Operation: v1alpha1.Operation{Sync: &v1alpha1.SyncOperation{Prune: true}},
		}
		app := application.ToApp(cr, "argocd")
		if app.Past.Requested != test.goesOn || (app.Request == nil) != test.goesOn {
			t.Errorf("%s: it goes on %v, request %v", name, app.Past.Requested, app.Request)
		}
	}
}
