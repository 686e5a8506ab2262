package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine"
)

// tenant is a world whose App may have ConfigMaps in the namespace shop, of one
// repository, and that takes note of everything that is looked up for it.
type tenant struct {
	*world
	looked  []syncline.Ref
	watched []schema.GroupVersionKind
	// fetched are the repositories that were asked for anything.
	fetched []string
}

// foreign is what no status of a tenant may tell.
const foreign = "foreign-secret-image"

func newTenant(t *testing.T, texts ...string) *tenant {
	t.Helper()
	w := newWorld(texts...)
	w.project = syncline.Project{
		Name: "default", SourceRepos: []upstream.Pattern{upstream.PatternOf("https://git.example/web")},
		Destinations:   []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "shop"})},
		NamespaceAllow: []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")},
	}
	w.automate()
	for _, object := range []string{
		inNamespace("Deployment", "apps/v1", "shop", "d"), inNamespace("Pod", "v1", "other", "p"),
		inNamespace("ConfigMap", "v1", "other", "c"), inNamespace("ClusterRole", "rbac.authorization.k8s.io/v1", "", "r"),
		inNamespace("Namespace", "v1", "", "other"),
	} {
		w.SetHealth(t, w.Put(t, object), syncline.Degraded, foreign)
	}
	w.Requests()
	s := &tenant{world: w}
	s.engine = engine.New(s, s, s, s, engine.Options{Now: func() time.Time { return s.now }})
	return s
}

// inNamespace is an object that says to be tracked by the App.
func inNamespace(kind, version, namespace, name string) string {
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	return fmt.Sprintf(`
apiVersion: %s
kind: %s
metadata:
  name: %s
  namespace: %q
  annotations: {"argocd.argoproj.io/tracking-id": "web:%s/%s:%s/%s"}
spec: {template: {spec: {containers: [{name: main, image: %s}]}}}
`, version, kind, name, namespace, group, kind, namespace, name, foreign)
}

func (s *tenant) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) {
	return s, nil
}

func (s *tenant) Get(ref syncline.Ref) (syncline.Live, bool) {
	s.looked = append(s.looked, ref)
	return s.world.Get(ref)
}

func (s *tenant) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	s.watched = append(s.watched, kinds...)
	return s.world.Watch(kinds)
}

func (s *tenant) Resolve(ctx context.Context, app syncline.App, source syncline.Source, age time.Duration) (string, error) {
	s.fetched = append(s.fetched, source.RepoURL)
	return s.world.Resolve(ctx, app, source, age)
}

func (s *tenant) Tree(ctx context.Context, app syncline.App, source syncline.Source, commit string) (syncline.Tree, error) {
	s.fetched = append(s.fetched, source.RepoURL)
	return s.world.Tree(ctx, app, source, commit)
}

// expectConfined fails when anything was looked up that the project refuses, or
// when the report tells of it.
func (s *tenant) expectConfined(t *testing.T) {
	t.Helper()
	allowed := func(ref syncline.Ref) bool {
		return ref.Kind == "ConfigMap" && ref.Namespace == "shop" || ref == syncline.Ref{Kind: "Namespace", Name: "shop"}
	}
	for _, r := range s.Requests() {
		if !allowed(r.Ref) || r.Ref.Kind == "Namespace" {
			t.Errorf("it asked to %s", r)
		}
	}
	for _, ref := range s.looked {
		if !allowed(ref) {
			t.Errorf("it looked for %s", ref)
		}
	}
	for _, kind := range s.watched {
		if kind.Kind != "ConfigMap" && kind.Kind != "Namespace" {
			t.Errorf("it watched %s", kind)
		}
	}
	if i := slices.IndexFunc(s.fetched, func(url string) bool { return url != "https://git.example/web" }); i >= 0 {
		t.Errorf("it asked the repository %s", s.fetched[i])
	}
	if text := fmt.Sprintf("%+v %+v", s.last, s.last.Operation); strings.Contains(text, foreign) || strings.Contains(text, string(syncline.Degraded)) {
		t.Errorf("the report tells of a foreign object: %s", text)
	}
}

func TestWhatTheProjectRefusesIsNotLookedUp(t *testing.T) {
	for name, object := range map[string]string{
		"a kind":              inNamespace("Deployment", "apps/v1", "shop", "d"),
		"a kind that is not":  inNamespace("Service", "v1", "shop", "absent"),
		"a namespace":         inNamespace("ConfigMap", "v1", "other", "c"),
		"without a namespace": inNamespace("ClusterRole", "rbac.authorization.k8s.io/v1", "", "r"),
		"a Namespace":         inNamespace("Namespace", "v1", "", "other"),
		"a hook": strings.Replace(inNamespace("Pod", "v1", "other", "p"),
			"annotations: {", `annotations: {"argocd.argoproj.io/hook": PreSync, `, 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, config("a", "1"), object)
			s.outlast(t, 30*time.Second)
			s.expectConfined(t)
			if s.last.Operation == nil || !strings.Contains(s.last.Operation.Message, "is not permitted in project") {
				t.Errorf("it does not say why: %+v", s.last.Operation)
			}
			for _, o := range s.last.Objects {
				if o.Ref.Name != "a" && (o.Sync != syncline.SyncUnknown || o.Health.Status != syncline.Missing) {
					t.Errorf("it claims to know %+v", o)
				}
			}
		})
	}
}

func TestTheDestinationNamespaceIsJudged(t *testing.T) {
	lower := map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}
	t.Run("there already", func(t *testing.T) {
		s := newTenant(t, config("a", "1"))
		s.app.Policy.Options = option.List{"CreateNamespace=true"}
		s.settle(t)
		s.expectSync(t, syncline.Synced, "c1")
		s.expectConfined(t)
		s.app.Policy.NamespaceLabels = lower
		s.outlast(t, 30*time.Second)
		s.expectConfined(t)
		if labels := s.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"}).GetLabels(); len(labels) > 0 {
			t.Errorf("the namespace has %v", labels)
		}
	})
	t.Run("to be made", func(t *testing.T) {
		s := newTenant(t, config("a", "1"))
		s.app.Policy.Options = option.List{"CreateNamespace=true"}
		s.Delete(syncline.Ref{Kind: "Namespace", Name: "shop"})
		s.outlast(t, 30*time.Second)
		s.expectConfined(t)
		s.expectOperation(t, syncline.OperationRunning, "resource :Namespace is not permitted in project")
		s.project.ClusterAllow = []syncline.KindRule{syncline.NewKindRule("", "Namespace", "shop")}
		s.app.Policy.NamespaceLabels = lower
		s.outlast(t, 5*time.Minute)
		s.expectSync(t, syncline.Synced, "c1")
		if labels := s.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"}).GetLabels(); labels["pod-security.kubernetes.io/enforce"] == "" {
			t.Error("what the project allows is not done")
		}
	})
}

// A status is written by whoever may write the Application.
func TestAForgedStatusIsJudged(t *testing.T) {
	claims := []syncline.ObjectReport{
		{Ref: syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Version: "v1"},
		{Ref: syncline.Ref{Kind: "Pod", Namespace: "other", Name: "p"}, Version: "v1"},
		{Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "other", Name: "c"}, Version: "v1"},
		{Ref: syncline.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"}, Version: "v1"},
		{Ref: syncline.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Namespace: "shop", Name: "r"}, Version: "v1"},
	}
	secret := []syncline.Source{{RepoURL: "https://git.example/secret", Path: "."}}
	running := func(s *tenant) *syncline.OperationState {
		return &syncline.OperationState{
			Phase: syncline.OperationRunning, Sources: s.app.Sources, Revisions: []string{"c1"}, StartedAt: s.now.Add(-time.Minute),
		}
	}
	for name, forge := range map[string]func(s *tenant){
		"objects, compared": func(s *tenant) {},
		"objects, not compared": func(s *tenant) {
			s.renderErr = syncline.Errorf(syncline.Invalid, "no")
		},
		"objects of an App that is deleted": func(s *tenant) { s.app.Deleting = &syncline.Deletion{Cascade: true} },
		"objects left behind":               func(s *tenant) { s.app.Deleting = &syncline.Deletion{} },
		"results": func(s *tenant) {
			s.app.Past.Operation = running(s)
			for _, o := range claims {
				s.app.Past.Operation.Results = append(s.app.Past.Operation.Results, syncline.ObjectResult{
					Ref: o.Ref, Version: "v1", Phase: syncline.Sync, Code: syncline.ResultSynced, State: syncline.OperationRunning,
				})
			}
		},
		"an operation": func(s *tenant) {
			s.app.Past.Operation = running(s)
			s.app.Past.Operation.Sources = secret
		},
		"an operation without revisions": func(s *tenant) {
			s.app.Past.Operation = running(s)
			s.app.Past.Operation.Sources, s.app.Past.Operation.Revisions = secret, nil
		},
		"an operation that is to be retried": func(s *tenant) {
			s.app.Past.Operation = running(s)
			s.app.Past.Operation.Sources, s.app.Past.Operation.Revisions = secret, nil
			s.app.Past.Operation.FinishedAt, s.app.Past.Operation.RetryCount = s.now.Add(time.Hour), 1
			s.app.Past.Operation.Operation.Retry.Limit = -1
		},
		"an operation that is terminated": func(s *tenant) {
			s.app.Past.Operation = running(s)
			s.app.Past.Operation.Phase, s.app.Past.Operation.Sources = syncline.OperationTerminating, secret
		},
		"a request": func(s *tenant) { s.app.Request = &syncline.Operation{Sources: secret} },
		"a history": func(s *tenant) {
			s.app.Past.History = []syncline.Deployment{{Revisions: []string{"c1"}, Sources: secret}}
			s.app.Past.Operation = &syncline.OperationState{Phase: syncline.OperationSucceeded, Sources: secret, Revisions: []string{"c1"}}
			s.resolveErr = syncline.Errorf(syncline.Transient, "no answer")
		},
		"what was compared": func(s *tenant) { s.app.Past.Sources = secret },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, config("a", "1"))
			s.app.Past.Objects = claims
			forge(s)
			s.outlast(t, 20*time.Second)
			s.expectConfined(t)
			if op := s.last.Operation; op != nil && !op.Phase.Done() {
				t.Errorf("the operation goes on: %+v", op)
			}
		})
	}
}

// What the App claims outside of its project is not deleted by whatever deletes, though the
// objects say that they are its own and that it made them. What it has within goes, so that
// nothing else can be what keeps them.
func TestWhatTheProjectRefusesIsNotDeleted(t *testing.T) {
	outside := []syncline.Ref{
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, {Kind: "Pod", Namespace: "other", Name: "p"},
		{Kind: "ConfigMap", Namespace: "other", Name: "c"}, {Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"},
	}
	inside := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "left"}
	for name, ask := range map[string]func(s *tenant){
		"a prune by the policy": func(*tenant) {},
		"a prune by name": func(s *tenant) {
			s.app.Policy = syncline.SyncPolicy{}
			s.app.Request = &syncline.Operation{Prune: true}
			for _, ref := range append(slices.Clone(outside), inside) {
				s.app.Request.Selection = append(s.app.Request.Selection, syncline.Selector{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name})
			}
		},
		"a deletion": func(s *tenant) { s.app.Deleting = &syncline.Deletion{Cascade: true} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, config("a", "1"))
			s.Put(t, inNamespace("ConfigMap", "v1", "shop", "left"))
			before := map[syncline.Ref]types.UID{}
			for _, ref := range outside {
				before[ref] = s.Live(t, ref).GetUID()
				s.app.Past.Objects = append(s.app.Past.Objects, syncline.ObjectReport{Ref: ref, Version: "v1"})
			}
			s.app.Past.Objects = append(s.app.Past.Objects, syncline.ObjectReport{Ref: inside, Version: "v1"})
			ask(s)
			s.outlast(t, 30*time.Second)
			s.expectConfined(t)
			for ref, uid := range before {
				if now := s.Live(t, ref); now.GetUID() != uid || now.GetDeletionTimestamp() != nil {
					t.Errorf("%s was deleted", ref)
				}
			}
			if slices.Contains(s.Refs(), inside.String()) {
				t.Errorf("%s, which it may delete, is there: the test shows nothing", inside)
			}
		})
	}
	t.Run("to be made anew", func(t *testing.T) {
		s := newTenant(t, config("a", "1"), inNamespace("ConfigMap", "v1", "other", "c"))
		uid := s.Live(t, outside[2]).GetUID()
		s.app.Policy.Options = option.List{"Replace=true", "Force=true"}
		s.outlast(t, 30*time.Second)
		s.expectConfined(t)
		if now := s.Live(t, outside[2]); now.GetUID() != uid {
			t.Error("it was made anew")
		}
	})
}

// An operation of which only the beginning was written down delivers what the
// App declares, and not nothing, which would prune all that there is.
func TestAnOperationWithoutSources(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.sync(t, syncline.Operation{})
	w.wrote()
	w.app.Past.Operation = &syncline.OperationState{
		Operation: syncline.Operation{Prune: true}, Phase: syncline.OperationRunning, StartedAt: w.now, Revisions: []string{"c1", "c1"},
	}
	w.settle(t)
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.Synced, "c1")
}

// An attempt that is said to have ended in ten years is followed by the next one
// as if it had ended now.
func TestAnAttemptThatEndedInTheFuture(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.app.Past.Operation = &syncline.OperationState{
		Phase: syncline.OperationRunning, StartedAt: w.now, FinishedAt: w.now.Add(10 * 365 * 24 * time.Hour), RetryCount: 1,
		Sources: w.app.Sources, Revisions: []string{"c1"},
	}
	w.outlast(t, 30*time.Second)
	w.expectOperation(t, syncline.OperationSucceeded, "")
}

// A commit to a repository that the project has forbidden since fetches nothing.
func TestACommitToAForbiddenRepository(t *testing.T) {
	s := newTenant(t, config("a", "1"))
	s.settle(t)
	if !s.engine.Permits(s.app) {
		t.Fatal("its own sources are not permitted")
	}
	s.project.SourceRepos = []upstream.Pattern{upstream.PatternOf("https://git.example/other")}
	s.fetched = nil
	touched := s.engine.Touched(t.Context(), upstream.Key("https://git.example/web"))
	if len(touched) != 1 || len(s.fetched) > 0 || s.engine.Permits(s.app) {
		t.Errorf("%v are touched, and asked were %q", touched, s.fetched)
	}
}
