package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func TestAnUnchangedAppCostsNothing(t *testing.T) {
	w := newWorld(append(many(30), job("h", "PreSync"))...)
	w.automate()
	w.settle(t)
	w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
	w.settle(t)
	w.expectSync(t, syncline.Synced, "c1")
	w.Requests()
	kept := w.kept
	for range 3 {
		w.settle(t)
	}
	if asked := w.Requests(); len(asked) > 0 {
		t.Errorf("nothing changed and %v was asked", asked)
	}
	if w.kept != kept {
		t.Error("nothing changed and the status did")
	}
	w.Edit(t, ref("ConfigMap", "m07"), func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{"by": "them"}) })
	w.settle(t)
	if asked := w.Requests(); len(asked) > 0 {
		t.Errorf("others changed their own fields and %v was asked", asked)
	}
}

func TestAManualAppIsComparedAndNotTouched(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.settle(t)
	w.expectSync(t, syncline.OutOfSync, "c1")
	w.expectWrites(t)
	if w.last.Operation != nil || w.last.Health.Status != syncline.Missing {
		t.Errorf("got %+v", w.last)
	}
	w.sync(t, syncline.Operation{})
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.Synced, "c1")
	w.expectWrites(t, "create ConfigMap/shop/a")
}

func TestAPausedAppIsNotLookedAt(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.app.Request, w.app.Paused = &syncline.Operation{}, true
	if result := w.turn(t); result.Report != nil || result.Plan != nil {
		t.Errorf("a paused App is looked at: %+v", result)
	}
}

func TestAnInvalidApp(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"spec": func(w *world) {
			w.app.Invalid = []syncline.Condition{{Type: syncline.InvalidSpecError, Message: "spec.source is missing"}}
		},
		"no project": func(w *world) { w.app.Project = "nothing" },
		"a project that does not permit its source": func(w *world) { w.project.SourceRepos = []upstream.Pattern{upstream.PatternOf("https://other")} },
		"a project that does not permit its target": func(w *world) { w.project.Destinations = nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"))
			w.automate()
			w.settle(t)
			spoil(w)
			w.settle(t)
			if w.last.Sync != syncline.SyncUnknown || w.last.Health.Status != syncline.Unknown || len(w.last.Conditions) != 1 {
				t.Errorf("got %s, %s, %v", w.last.Sync, w.last.Health.Status, w.last.Conditions)
			}
			if len(w.last.Objects) != 1 || w.last.Objects[0].Sync != syncline.SyncUnknown {
				t.Errorf("it claims to know %+v", w.last.Objects)
			}
			if len(w.last.Revisions) != 1 || len(w.last.History) != 1 || w.last.Operation == nil {
				t.Errorf("what was known is forgotten: %+v", w.last)
			}
			w.wrote()
			w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: -1}})
			w.expectOperation(t, syncline.OperationError, w.last.Conditions[0].Message)
			if w.app.Request != nil {
				t.Error("the refused operation is still asked for")
			}
			w.expectWrites(t)
		})
	}
}

func TestASpecThatBecomesInvalidEndsTheOperation(t *testing.T) {
	w := newWorld(config("a", "1"), job("h", "PreSync"))
	w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: 5}})
	w.expectOperation(t, syncline.OperationRunning, "waiting for completion of hook")
	w.app.Invalid = []syncline.Condition{{Type: syncline.InvalidSpecError, Message: "no"}}
	w.settle(t)
	w.expectOperation(t, syncline.OperationError, "no")
	w.app.Invalid = nil
	w.Delete(ref("Job", "h"))
	w.settle(t)
	if refs := w.Refs(); len(refs) > 0 {
		t.Errorf("nobody can delete %q any more", refs)
	}
}

func TestTheSourceOfAnOperationHasToBePermitted(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.project.SourceRepos = []upstream.Pattern{upstream.PatternOf("https://git.example/*")}
	w.sync(t, syncline.Operation{Sources: []syncline.Source{{RepoURL: "https://evil.example/x"}}})
	w.expectOperation(t, syncline.OperationError, "application repo https://evil.example/x is not permitted")
	w.expectWrites(t)
	w.expectSync(t, syncline.OutOfSync, "c1") // and then the App is looked at as declared
}

func TestWhatCannotBeCompared(t *testing.T) {
	for name, test := range map[string]struct {
		fail func(w *world)
		want string
		// again says whether it is tried again by itself, and grace whether it is not
		// reported at once.
		again, grace bool
	}{
		"invalid manifests":       {func(w *world) { w.renderErr = syncline.Errorf(syncline.Invalid, "all.yaml: not YAML") }, "all.yaml: not YAML", false, false},
		"a render that may pass":  {func(w *world) { w.renderErr = syncline.Errorf(syncline.Transient, "busy") }, "busy", true, true},
		"a revision that is gone": {func(w *world) { w.resolveErr = syncline.Errorf(syncline.NotFound, "no branch main") }, "no branch main", false, false},
		"an unknown cluster":      {func(w *world) { w.clusterErr = syncline.Errorf(syncline.NotFound, "no such cluster") }, "no such cluster", false, false},
		"a defect that panics":    {func(w *world) { w.Answer = func(enginetest.Request) error { panic("secret text") } }, "a defect of Syncline", true, false},
		"an API server that fails": {func(w *world) {
			w.Answer = func(enginetest.Request) error { return syncline.Errorf(syncline.Transient, "500") }
		}, "500", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"))
			w.kubernetes.Health["ConfigMap"] = syncline.Health{Status: syncline.Healthy}
			w.automate()
			w.settle(t)
			w.Edit(t, ref("ConfigMap", "a"), func(u *unstructured.Unstructured) { _ = unstructured.SetNestedField(u.Object, "2", "data", "x") })
			w.app.Policy.SelfHeal = false
			test.fail(w)
			w.settle(t)
			if reported := w.last.Sync == syncline.SyncUnknown; reported == test.grace {
				t.Errorf("it is reported at once: %v", reported)
			}
			result := w.outlast(t, 10*time.Second)
			found := slices.ContainsFunc(w.last.Conditions, func(c syncline.Condition) bool { return strings.Contains(c.Message, test.want) })
			if !found || strings.Contains(w.last.Conditions[0].Message, "secret") {
				t.Errorf("got the conditions %q", w.last.Conditions)
			}
			if again := syncline.KindOf(result.Err).Consequence().Retry; again != test.again {
				t.Errorf("it is tried again: %v, %v", again, result.Err)
			}
			w.expectSync(t, syncline.SyncUnknown, "c1")
			if o := w.last.Objects; len(o) != 1 || o[0].Sync != syncline.SyncUnknown || o[0].Health.Status != syncline.Healthy {
				t.Errorf("got %+v", o)
			}
			if known := w.clusterErr == nil; known != (w.last.Health.Status == syncline.Healthy) {
				t.Errorf("the App's health is %+v", w.last.Health)
			}
			if len(w.last.History) != 1 {
				t.Error("its history is forgotten")
			}
		})
	}
}

func TestNothingIsPrunedWhenRenderingFails(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	w.settle(t)
	w.wrote()
	w.commit("")
	w.renderErr = syncline.Errorf(syncline.Invalid, "all.yaml: not YAML")
	w.settle(t)
	w.sync(t, syncline.Operation{Prune: true})
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationError, "not YAML")
}

func TestWhatIsNotRememberedIsWaitedFor(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.restart()
	configMaps := schema.GroupKind{Kind: "ConfigMap"}
	w.Blind(configMaps, true)
	w.commit("") // the kinds of what was live have to be known, too
	result := w.turn(t)
	if !result.Watching || result.Report != nil || result.Again {
		t.Errorf("got %+v", result)
	}
	w.Blind(configMaps, false)
	w.settle(t)
	w.expectSync(t, syncline.OutOfSync, "c2") // all of it would be pruned
}

func TestAStaleRepository(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.wrote()
	w.resolveErr = syncline.Errorf(syncline.Transient, "the repository does not answer")
	w.restart()
	if result := w.settle(t); result.Report != nil {
		t.Errorf("a failure of a moment is reported: %+v", result.Report)
	}
	result := w.outlast(t, 10*time.Second)
	w.expectSync(t, syncline.SyncUnknown, "c1")
	w.expectCondition(t, syncline.ComparisonError, "the repository does not answer; still keeping revision c1")
	if syncline.KindOf(result.Err) != syncline.Transient {
		t.Errorf("it is not tried again: %v", result.Err)
	}
	t.Run("drift is still put back", func(t *testing.T) {
		w.failures = 100 // the repository's failures are not the operation's
		w.Delete(ref("ConfigMap", "a"))
		w.turn(t)
		if w.failures != 0 || w.last.Operation.Phase != syncline.OperationSucceeded {
			t.Error("the operation inherits the repository's failures")
		}
		w.settle(t)
		w.expectWrites(t, "create ConfigMap/shop/a")
	})
	t.Run("though not at once", func(t *testing.T) {
		w.failures = 100
		w.after(time.Hour)
		w.Delete(ref("ConfigMap", "a"))
		failed := false
		w.Answer = func(r enginetest.Request) error {
			if !failed && r.Write.Action != "" {
				failed = true
				return syncline.Errorf(syncline.Transient, "429")
			}
			return nil
		}
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "will be tried again")
		w.wrote()
		w.settle(t)
		w.expectWrites(t, "create ConfigMap/shop/a")
		w.expectOperation(t, syncline.OperationSucceeded, "")
		w.outlast(t, 10*time.Second)
		w.expectSync(t, syncline.SyncUnknown, "c1")
	})
	t.Run("what is declared anew is not guessed", func(t *testing.T) {
		w.app.Sources = []syncline.Source{{RepoURL: "https://git.example/web", Path: "other"}}
		w.Delete(ref("ConfigMap", "a"))
		w.settle(t)
		w.expectWrites(t)
		w.expectSync(t, syncline.SyncUnknown, "c1")
	})
}

func TestAStaleRepositoryNeverLeadsBack(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.commit(config("a", "2"))
	w.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.Verb(syncline.Update) {
			return syncline.Errorf(syncline.Invalid, "refused")
		}
		return nil
	}
	w.app.Policy.Retry = &syncline.Retry{}
	w.settle(t)
	w.expectOperation(t, syncline.OperationFailed, "refused")
	w.Answer = nil
	drift(t, w, "a")
	w.wrote()
	w.resolveErr = syncline.Errorf(syncline.Transient, "the repository does not answer")
	w.settle(t)
	w.expectWrites(t) // c1 was deployed last, and c2 attempted since
	w.expectOperation(t, syncline.OperationFailed, "refused")
}

// pushed is a repository to which somebody pushes each time before it is asked.
type pushed struct {
	*world
	asked []syncline.Source
}

func (p *pushed) Resolve(ctx context.Context, app syncline.App, source syncline.Source, maxAge time.Duration) (string, error) {
	p.asked = append(p.asked, source)
	p.commit(config("a", fmt.Sprint(len(p.asked))))
	return p.world.Resolve(ctx, app, source, maxAge)
}

// TestSourcesOfOneTargetAreOneCommit, whoever pushes while they are resolved: a chart is not
// delivered with the values of another commit. Each target is asked for once in a turn.
func TestSourcesOfOneTargetAreOneCommit(t *testing.T) {
	w := &pushed{world: newWorld(config("a", "0"))}
	w.engine = engine.New(w, w, w, w, engine.Options{Now: func() time.Time { return w.now }})
	w.app.Sources = []syncline.Source{
		{RepoURL: "https://git.example/web", Path: "."},
		{RepoURL: "https://git.example/web.git", Ref: "values"},
		{RepoURL: "https://git.example/other", Ref: "others"},
	}
	for _, refresh := range []syncline.Refresh{syncline.NoRefresh, syncline.RefreshNormal} {
		w.app.Refresh, w.asked = refresh, nil
		w.turn(t)
		if got := w.last.Revisions; len(got) != 3 || got[0] != got[1] || got[0] == got[2] || len(w.asked) != 2 {
			t.Errorf("refresh %v: the revisions are %q, asked for by %d sources", refresh, got, len(w.asked))
		}
	}
	w.sync(t, syncline.Operation{})
	if got := w.last.Operation.Revisions; len(got) != 3 || got[0] != got[1] {
		t.Errorf("an operation delivers %q", got)
	}
}

func TestHowFreshTheRepositoryIsAsked(t *testing.T) {
	asked := func(w *world, run func()) time.Duration {
		w.ages = nil
		run()
		return w.ages[0]
	}
	w := newWorld(config("a", "1"))
	if age := asked(w, func() { w.turn(t) }); age != time.Second {
		t.Errorf("a look at new sources: %s", age)
	}
	if age := asked(w, func() { w.turn(t) }); age != 3*time.Minute {
		t.Errorf("an ordinary look: %s", age)
	}
	if age := asked(w, func() { w.sync(t, syncline.Operation{}) }); age != 0 {
		t.Errorf("a sync by a person: %s", age)
	}
	w.app.Refresh = syncline.RefreshNormal
	if age := asked(w, func() { w.turn(t) }); age != 0 {
		t.Errorf("a refresh: %s", age)
	}
	w.app.Refresh = syncline.NoRefresh
	w.resolveErr = syncline.Errorf(syncline.Transient, "later")
	w.app.Request = &syncline.Operation{}
	w.turn(t)
	w.resolveErr = nil
	if age := asked(w, func() { w.turn(t) }); age != 0 {
		t.Errorf("the second look for an operation: %s", age)
	}
}

func TestAHardRefreshForgetsComparisons(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.sync(t, syncline.Operation{})
	w.Edit(t, ref("ConfigMap", "a"), func(u *unstructured.Unstructured) { _ = unstructured.SetNestedField(u.Object, "2", "data", "x") })
	w.settle(t)
	w.Requests()
	w.settle(t)
	if asked := w.Requests(); len(asked) > 0 {
		t.Errorf("asked %v", asked)
	}
	w.app.Refresh = syncline.RefreshHard
	w.settle(t)
	if asked := w.Requests(); len(asked) != 2 {
		t.Errorf("asked %v", asked)
	}
}

func TestDeletion(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(config("a", "1"), strings.Replace(config("b", "1"), "{name: b}", `{name: b, annotations: {argocd.argoproj.io/sync-wave: "2"}}`, 1))
		w.automate()
		w.settle(t)
		w.wrote()
		return w
	}
	t.Run("without the objects", func(t *testing.T) {
		w := begin(t)
		w.app.Deleting = &syncline.Deletion{}
		w.turn(t)
		w.expectWrites(t)
		if !w.last.Deleted {
			t.Error("it may not go")
		}
	})
	t.Run("without the objects, wherever they are", func(t *testing.T) {
		for name, lose := range map[string]func(w *world){
			"the cluster is not known":    func(w *world) { w.app.Destination.Server = "https://gone.example" },
			"the cluster does not answer": func(w *world) { w.clusterErr = syncline.Errorf(syncline.Transient, "no answer") },
			"its project is gone":         func(w *world) { w.app.Project = "gone" },
		} {
			w := begin(t)
			w.app.Deleting = &syncline.Deletion{}
			w.app.Past.Operation.Phase = syncline.OperationRunning
			lose(w)
			w.turn(t)
			w.expectWrites(t)
			if !w.last.Deleted || w.last.Operation.Phase != syncline.OperationFailed || len(w.last.Conditions) > 0 {
				t.Errorf("%s: the report is %+v", name, w.last)
			}
		}
	})
	t.Run("with the objects, wave by wave", func(t *testing.T) {
		w := begin(t)
		w.app.Deleting = &syncline.Deletion{Cascade: true, Propagation: "foreground"}
		w.Hold(t, ref("ConfigMap", "b"))
		for range 2 {
			w.turn(t)
		}
		w.expectWrites(t, "prune ConfigMap/shop/b")
		if w.last.Deleted || len(w.last.Waiting) != 1 || len(w.last.History) != 1 || w.last.Operation == nil {
			t.Errorf("got %+v", w.last)
		}
		w.expectSync(t, syncline.Synced, "c1") // nothing was compared since, which is no news
		if objects := w.last.Objects; len(objects) != 2 || objects[0].Sync != syncline.Synced {
			t.Errorf("the objects are %+v", objects)
		}
		w.Release(t, ref("ConfigMap", "b"))
		w.turn(t)
		w.expectWrites(t, "prune ConfigMap/shop/a")
		if !w.last.Deleted {
			t.Error("it may not go")
		}
	})
	t.Run("waits for a person where hooks were to run first", func(t *testing.T) {
		for _, cascade := range []bool{true, false} {
			w := begin(t)
			w.app.Deleting = &syncline.Deletion{Cascade: cascade, PreDelete: true}
			w.turn(t)
			w.expectWrites(t)
			w.expectCondition(t, syncline.DeletionError, convention.PreDeleteFinalizer)
			if w.last.Deleted {
				t.Error("it may go")
			}
		}
	})
	t.Run("tells that hooks do not run at the end", func(t *testing.T) {
		w := begin(t)
		w.app.Deleting = &syncline.Deletion{PostDelete: true}
		w.turn(t)
		w.expectCondition(t, syncline.HookWarning, "PostDelete")
		if !w.last.Deleted {
			t.Error("it may not go")
		}
	})
	t.Run("that cannot reach the cluster", func(t *testing.T) {
		w := begin(t)
		w.app.Deleting = &syncline.Deletion{Cascade: true}
		w.clusterErr = syncline.Errorf(syncline.NotFound, "no such cluster")
		w.turn(t)
		w.expectCondition(t, syncline.DeletionError, "no such cluster")
		w.expectCondition(t, syncline.DeletionError, "app delete web --cascade=false")
		w.expectSync(t, syncline.Synced, "c1")
		if w.last.Health.Status != syncline.Healthy {
			t.Errorf("it is %+v", w.last.Health)
		}
		if w.last.Deleted || len(w.last.History) != 1 || w.last.Operation == nil {
			t.Errorf("got %+v", w.last)
		}
	})
	t.Run("without a project", func(t *testing.T) {
		w := begin(t)
		w.app.Project, w.app.Deleting = "none", &syncline.Deletion{Cascade: true}
		w.turn(t)
		w.expectCondition(t, syncline.DeletionError, "there is no project none")
		w.expectCondition(t, syncline.DeletionError, "app delete web --cascade=false")
		for name, past := range map[string]struct {
			past syncline.Past
			live bool
			gone bool
		}{
			"nothing was ever delivered":      {gone: true},
			"it has something all the same":   {live: true},
			"something was delivered":         {past: syncline.Past{Report: syncline.Report{History: []syncline.Deployment{{}}}}},
			"more than the status could list": {past: syncline.Past{Unlisted: true}},
			"a sync did something":            {past: syncline.Past{Report: syncline.Report{Operation: &syncline.OperationState{Phase: syncline.OperationFailed, Results: []syncline.ObjectResult{{}}}}}},
		} {
			w := newWorld()
			if past.live {
				w = begin(t)
			}
			w.app.Project, w.app.Deleting, w.app.Past = "none", &syncline.Deletion{Cascade: true}, past.past
			w.turn(t)
			w.expectWrites(t)
			if w.last.Deleted != past.gone {
				t.Errorf("%s: it may go: %v", name, w.last.Deleted)
			}
		}
	})
	t.Run("ends an operation that goes on", func(t *testing.T) {
		w := begin(t)
		w.commit(config("a", "1"), job("h", "PreSync"))
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "")
		w.app.Deleting = &syncline.Deletion{Cascade: true}
		w.settle(t)
		w.expectOperation(t, syncline.OperationFailed, "is being deleted")
		w.settle(t)
		if refs := w.Refs(); len(refs) > 0 || !w.last.Deleted {
			t.Errorf("left are %q", refs)
		}
	})
}

// Whoever asks for an operation of an App that may not be delivered learns why,
// also when another one went on.
func TestARequestOfAnInvalidAppIsRefused(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.app.Past.Operation = &syncline.OperationState{Phase: syncline.OperationRunning, StartedAt: w.now}
	w.app.Request = &syncline.Operation{}
	w.app.Invalid = []syncline.Condition{{Type: syncline.InvalidSpecError, Message: "no"}}
	w.settle(t)
	w.expectOperation(t, syncline.OperationError, "no")
	if w.app.Request != nil {
		t.Error("what was asked for is not answered")
	}
}

func TestWhatTheProjectRefusesIsNotPruned(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	w.settle(t)
	w.project.NamespaceDeny = []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")}
	w.commit(config("a", "1"))
	w.wrote()
	w.settle(t)
	w.expectWrites(t)
	w.expectSync(t, syncline.OutOfSync, "c2")
	want := []syncline.ObjectReport{{
		Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}, Version: "v1", Sync: syncline.SyncUnknown, Health: syncline.Health{Status: syncline.Missing},
	}}
	if diff := cmp.Diff(want, w.last.Objects); diff != "" {
		t.Errorf("of what it may not have is shown (-want +got):\n%s", diff)
	}
}

func TestManagedNamespaceMetadataIsKeptUp(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.app.Policy.Options = option.List{"CreateNamespace=true"}
	w.settle(t)
	w.app.Policy.NamespaceLabels = map[string]string{"team": "x"}
	w.settle(t)
	if labels := w.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"}).GetLabels(); labels["team"] != "x" {
		t.Errorf("the namespace has %v; %s %v", labels, w.last.Sync, w.last.Operation)
	}
}

var _ engine.Cluster = (*world)(nil)

func TestWhatTheProjectRefusesIsUnknown(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	w.settle(t)
	w.project.NamespaceDeny = []syncline.KindRule{syncline.NewKindRule("", "ConfigMap", "")}
	w.settle(t)
	for _, o := range w.last.Objects {
		if o.Sync != syncline.SyncUnknown {
			t.Errorf("%s is said to be %s", o.Ref, o.Sync)
		}
	}
}

func TestEveryDenialIsTold(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.project.SourceRepos, w.project.Destinations = []upstream.Pattern{upstream.PatternOf("https://other")}, nil
	w.sync(t, syncline.Operation{})
	w.expectCondition(t, syncline.InvalidSpecError, "application repo ")
	w.expectCondition(t, syncline.InvalidSpecError, "application destination server ")
	w.expectOperation(t, syncline.OperationError, "application destination server ")
	w.expectOperation(t, syncline.OperationError, "application repo ")
}

// TestTheHealthOfWhatWasNeverCompared is as Argo CD says it.
func TestTheHealthOfWhatWasNeverCompared(t *testing.T) {
	for name, test := range map[string]struct {
		fail func(w *world)
		want syncline.HealthStatus
	}{
		"manifests that cannot be rendered": {func(w *world) { w.renderErr = syncline.Errorf(syncline.Invalid, "not YAML") }, syncline.Healthy},
		"a revision that does not exist":    {func(w *world) { w.resolveErr = syncline.Errorf(syncline.NotFound, "no branch") }, syncline.Healthy},
		"a project that does not exist":     {func(w *world) { w.app.Project = "nothing" }, syncline.Unknown},
		"a cluster that does not exist":     {func(w *world) { w.clusterErr = syncline.Errorf(syncline.NotFound, "no such cluster") }, syncline.Unknown},
	} {
		w := newWorld(config("a", "1"))
		test.fail(w)
		w.settle(t)
		if w.last.Sync != syncline.SyncUnknown || w.last.Health.Status != test.want {
			t.Errorf("%s: it is %s and %s, want %s and %s", name, w.last.Sync, w.last.Health.Status, syncline.SyncUnknown, test.want)
		}
	}
}
