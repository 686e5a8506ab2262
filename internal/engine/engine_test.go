package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// kubernetes is the cluster of a world.
type kubernetes = enginetest.Cluster

// world is an App with all that is around it: a repository, a project, a
// cluster, a clock, and the resource that holds what turns wrote down.
type world struct {
	*kubernetes
	app     syncline.App
	engine  *engine.Engine
	options engine.Options
	now     time.Time
	project syncline.Project
	// head is what the target revision names; commits are what they render to.
	head    string
	commits map[string]string
	// What fails: resolving, rendering, reaching the cluster.
	resolveErr, renderErr, clusterErr, watchErr error
	// ages are the ages that were asked of the repository.
	ages     []time.Duration
	renders  int
	failures int
	// kept counts the reports that differed from the one before.
	kept int
	last syncline.Report
	// pass are kinds that nothing waits for, though they are not remembered.
	pass map[schema.GroupKind]bool
	// drawing is what a source draws where it says DRAWN, until what it rendered to is
	// forgotten.
	drawing int
	// foreign says that reports are kept where what Syncline alone knows is lost.
	foreign bool
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// newWorld has an App that is not automated, whose repository holds the texts.
func newWorld(texts ...string) *world {
	w := &world{
		kubernetes: enginetest.New(convention.Dialect()), now: noon, head: "c1", commits: map[string]string{},
		project: syncline.Project{
			Name: "default", SourceRepos: []upstream.Pattern{upstream.PatternOf("*")}, Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"})},
			ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "")},
		},
		app: syncline.App{
			Dialect: convention.Dialect(),
			ID:      syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}, UID: "app-1", Instance: "web", Project: "default",
			Sources:      []syncline.Source{{RepoURL: "https://git.example/web", Path: "."}},
			Destination:  syncline.Destination{Server: "https://kubernetes.default.svc", Namespace: "shop"},
			HistoryLimit: 10,
		},
	}
	w.kubernetes.Health = map[string]syncline.Health{"Job": {Status: syncline.Progressing}, "Deployment": {Status: syncline.Progressing}}
	w.commit(texts...)
	w.restart()
	return w
}

// restart gives the App a new engine, which remembers nothing.
func (w *world) restart() {
	options := w.options
	options.Now = func() time.Time { return w.now }
	w.engine = engine.New(w, w, w, w, options)
}

// commit makes a new head that holds the texts.
func (w *world) commit(texts ...string) {
	w.head = fmt.Sprintf("c%d", len(w.commits)+1)
	w.commits[w.head] = strings.Join(texts, "\n---\n")
}

func (w *world) Resolve(_ context.Context, _ syncline.App, source syncline.Source, maxAge time.Duration) (string, error) {
	w.ages = append(w.ages, maxAge)
	switch {
	case w.resolveErr != nil:
		return "", w.resolveErr
	case source.TargetRevision == "":
		return w.head, nil
	case w.commits[source.TargetRevision] == "":
		return "", syncline.Errorf(syncline.NotFound, "no revision %s", source.TargetRevision)
	}
	return source.TargetRevision, nil
}

func (w *world) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return nil, nil //nolint:nilnil // the renderer of this world reads no tree
}

func (*world) Forget(syncline.AppID) {}

func (w *world) Render(_ context.Context, request render.Request) (render.Result, error) {
	w.renders++
	if w.renderErr != nil {
		return render.Result{}, w.renderErr
	}
	result := render.Result{Tool: syncline.ToolDirectory}
	text := w.commits[request.Revision]
	if !request.Apart {
		text = strings.ReplaceAll(text, "DRAWN", fmt.Sprint("drawn-", w.drawing))
	}
	if text != "" {
		result.Objects = enginetest.Objects(fatal{}, text)
	}
	return result, nil
}

// fatal is a test that cannot go on.
type fatal struct{}

func (fatal) Helper()                   {}
func (fatal) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (fatal) Context() context.Context  { return context.Background() }

func (w *world) Project(name string) (syncline.Project, error) {
	if name != w.project.Name {
		return syncline.Project{}, syncline.Errorf(syncline.NotFound, "there is no project %s", name)
	}
	return w.project, nil
}

// Capabilities makes the world a cluster.
func (w *world) Capabilities(context.Context) (syncline.Capabilities, error) {
	return syncline.Capabilities{}, nil
}

// Watch is the cluster's, but for the kinds that nothing waits for.
func (w *world) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	if w.watchErr != nil {
		return nil, w.watchErr
	}
	pending, err := w.kubernetes.Watch(kinds)
	return slices.DeleteFunc(pending, func(k schema.GroupVersionKind) bool { return w.pass[k.GroupKind()] }), err
}

// Cluster returns the world itself.
func (w *world) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) {
	if w.clusterErr != nil {
		return nil, w.clusterErr
	}
	return w, nil
}

// Writer returns the cluster's.
func (w *world) Writer(syncline.ClusterID, syncline.Identity) (apply.Writer, error) {
	return w.kubernetes, nil
}

// Target knows the local cluster.
func (w *world) Target(to syncline.Destination) (syncline.Target, error) {
	return enginetest.Target(to)
}

// turn runs one turn and keeps its report, as the loop does.
func (w *world) turn(t *testing.T) engine.Result {
	t.Helper()
	result := w.engine.Turn(t.Context(), w.app, w.failures)
	if result.Err != nil && syncline.KindOf(result.Err).Consequence().Retry {
		w.failures++
	} else {
		w.failures = 0
	}
	if result.Report != nil {
		w.keep(*result.Report)
	}
	return result
}

// keep writes a report down: times in seconds, as a resource holds them.
func (w *world) keep(r syncline.Report) {
	if r.Operation != nil {
		state := *r.Operation
		state.StartedAt, state.FinishedAt = state.StartedAt.Truncate(time.Second), state.FinishedAt.Truncate(time.Second)
		r.Operation = &state
	}
	deployed := w.app.Past.Rendered
	if r.Rendered != "" && !w.foreign {
		deployed = r.Rendered
	}
	var compared []string
	if r.Sync == syncline.SyncUnknown && w.app.Past.Sync != "" {
		if compared = w.app.Past.Compared; compared == nil {
			compared = w.app.Past.Revisions
		}
	}
	w.app.Past = syncline.Past{Compared: compared, Report: syncline.Report{
		Rendered:  deployed,
		Operation: r.Operation, History: r.History, Objects: r.Objects, Sources: r.Sources, Revisions: r.Revisions,
		Destination: r.Destination, Sync: r.Sync, Health: r.Health,
	}}
	if r.Consumed {
		w.app.Request = nil
	}
	was := w.last
	was.At, r.At = time.Time{}, time.Time{}
	if !cmp.Equal(was, r) {
		w.kept++
	}
	w.last = r
}

// settle runs turns until none is asked for at once, and returns the last.
func (w *world) settle(t *testing.T) engine.Result {
	t.Helper()
	for range 12 {
		if result := w.turn(t); !result.Again {
			return result
		}
	}
	t.Fatalf("it asks for turns again and again: %+v", w.last.Operation)
	return engine.Result{}
}

// outlast runs turns while so much time passes, and returns the last.
func (w *world) outlast(t *testing.T, d time.Duration) engine.Result {
	t.Helper()
	result := w.settle(t)
	for range d / (10 * time.Second) {
		w.after(10 * time.Second)
		result = w.settle(t)
	}
	return result
}

// sync asks for an operation and settles.
func (w *world) sync(t *testing.T, op syncline.Operation) engine.Result {
	t.Helper()
	w.app.Request = &op
	return w.settle(t)
}

func (w *world) automate() {
	w.app.Policy = syncline.SyncPolicy{Automated: true, Prune: true, SelfHeal: true}
}

func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

// wrote takes the writes since the last call, as "action ref", sorted.
func (w *world) wrote() []string {
	var lines []string
	for _, r := range w.Requests() {
		if r.Write.Action != "" {
			lines = append(lines, r.String())
		}
	}
	slices.Sort(lines)
	return lines
}

func (w *world) expectWrites(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, w.wrote()); diff != "" {
		t.Errorf("not what was to be written (-want +got):\n%s", diff)
	}
}

func (w *world) expectSync(t *testing.T, sync syncline.SyncStatus, revisions ...string) {
	t.Helper()
	if w.last.Sync != sync || !slices.Equal(w.last.Revisions, revisions) {
		t.Errorf("it is %s at %q, want %s at %q; %v", w.last.Sync, w.last.Revisions, sync, revisions, w.last.Conditions)
	}
}

func (w *world) expectOperation(t *testing.T, phase syncline.OperationPhase, part string) {
	t.Helper()
	op := w.last.Operation
	if op == nil || op.Phase != phase || !strings.Contains(op.Message, part) {
		t.Fatalf("the operation is %+v, want %s: %q", op, phase, part)
	}
}

func (w *world) expectCondition(t *testing.T, kind syncline.ConditionType, part string) {
	t.Helper()
	for _, c := range w.last.Conditions {
		if c.Type == kind && strings.Contains(c.Message, part) {
			return
		}
	}
	t.Errorf("no %s with %q among %q", kind, part, w.last.Conditions)
}

func config(name, x string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {x: %q}", name, x)
}

func many(n int) []string {
	var texts []string
	for i := range n {
		texts = append(texts, config(fmt.Sprintf("m%02d", i), "1"))
	}
	return texts
}

func job(name, phase string) string {
	return fmt.Sprintf("apiVersion: batch/v1\nkind: Job\nmetadata: {name: %s, annotations: {argocd.argoproj.io/hook: %s}}", name, phase)
}

func ref(kind, name string) syncline.Ref {
	group := map[string]string{"Job": "batch", "Deployment": "apps"}[kind]
	return syncline.Ref{Group: group, Kind: kind, Namespace: "shop", Name: name}
}
