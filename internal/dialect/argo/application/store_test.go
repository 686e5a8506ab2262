package application_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/automation/coalesce"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// answers is a cluster that answers every patch in the same way.
type answers struct {
	object  *unstructured.Unstructured
	err     error
	patches int
}

func (a *answers) PatchApplication(context.Context, syncline.AppID, []byte) (*unstructured.Unstructured, error) {
	a.patches++
	return a.object, a.err
}

// keeping is a Store with the Apps that it reads, and what writes their reports.
type keeping struct {
	*application.Store
	*catalog.Apps
	writer *coalesce.Writer
}

func newStore(resources application.Resources) keeping {
	apps := catalog.NewApps()
	store := application.NewStore(resources, controlPlane, apps)
	return keeping{store, apps, coalesce.New(store)}
}

// save saves a report, as a turn does.
func (k keeping) save(t testing.TB, report syncline.Report) error {
	t.Helper()
	_, err := k.writer.Save(t.Context(), report)
	return err
}

// sighting is an Application as a watch tells it, changed by the given function.
func sighting(version string, change func(map[string]any)) *unstructured.Unstructured {
	content := map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": map[string]any{"namespace": "argocd", "name": "web", "uid": "one", "resourceVersion": version},
		"spec": map[string]any{
			"project":     "default",
			"source":      map[string]any{"repoURL": "https://git.example/web", "path": "web"},
			"destination": map[string]any{"name": "in-cluster", "namespace": "web"},
		},
	}
	if change != nil {
		change(content)
	}
	return &unstructured.Unstructured{Object: content}
}

func set(value any, path ...string) func(map[string]any) {
	return func(content map[string]any) {
		if err := unstructured.SetNestedField(content, value, path...); err != nil {
			panic(err)
		}
	}
}

// approve is what a person does to an Application.
func approve(object map[string]any) {
	set("true", "metadata", "annotations", syncline.AnnotationApprovePrune)(object)
	set([]any{map[string]any{
		"manager": "kubectl-annotate", "operation": "Update", "fieldsType": "FieldsV1",
		"fieldsV1": map[string]any{"f:metadata": map[string]any{"f:annotations": map[string]any{"f:" + syncline.AnnotationApprovePrune: map[string]any{}}}},
	}}, "metadata", "managedFields")(object)
}

func TestPutTellsWhatChanged(t *testing.T) {
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   catalog.Change
	}{
		"nothing":                    {nil, catalog.Same},
		"a status that we wrote":     {set("Synced", "status", "sync", "status"), catalog.Same},
		"the spec":                   {set("other", "spec", "source", "path"), catalog.Declared},
		"an operation":               {set(map[string]any{"prune": true}, "operation", "sync"), catalog.Asked},
		"a refresh":                  {set("normal", "metadata", "annotations", "argocd.argoproj.io/refresh"), catalog.Asked},
		"an approval":                {approve, catalog.Asked},
		"a pause":                    {set("true", "metadata", "annotations", "argocd.argoproj.io/skip-reconcile"), catalog.Asked},
		"a deletion":                 {set("2026-01-02T03:04:05Z", "metadata", "deletionTimestamp"), catalog.Asked},
		"the end of an operation":    {set("Terminating", "status", "operationState", "phase"), catalog.Asked},
		"a label that says nothing":  {set("x", "metadata", "labels", "team"), catalog.Same},
		"another Application's name": {set("api", "metadata", "name"), catalog.Declared},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(&answers{})
			store.Put(sighting("10", nil))
			if _, got := store.Put(sighting("11", test.change)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPutNeverGoesBack(t *testing.T) {
	store := newStore(&answers{})
	store.Put(sighting("10", set("new", "spec", "source", "path")))
	for _, version := range []string{"9", "10"} {
		if _, change := store.Put(sighting(version, set("old", "spec", "source", "path"))); change != catalog.Same {
			t.Errorf("a sighting of version %s counts after that of 10: %v", version, change)
		}
	}
	app, _ := store.App(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"})
	if app.Sources[0].Path != "new" {
		t.Errorf("path is %q", app.Sources[0].Path)
	}
	again := sighting("3", nil)
	again.SetUID("two")
	if store.Put(again); func() bool { app, _ := store.App(app.ID); return app.UID != "two" }() {
		t.Error("an Application that was created anew is passed over")
	}
}

func TestByInstance(t *testing.T) {
	store := newStore(&answers{})
	store.Put(sighting("10", nil))
	store.Put(sighting("10", set("team", "metadata", "namespace")))
	for instance, namespace := range map[string]string{"web": "argocd", "team_web": "team"} {
		if app, ok := store.ByInstance(instance); !ok || app.ID.Namespace != namespace {
			t.Errorf("%s is %v", instance, app.ID)
		}
	}
	store.Remove(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "team", Name: "web"})
	if _, ok := store.ByInstance("team_web"); ok {
		t.Error("a deleted Application is found")
	}
	if _, ok := store.ByInstance(""); ok {
		t.Error("no instance is found")
	}
}

// A new process lists what the resources say as soon as it has read them, before any turn.
func TestTheListIsCompleteFromTheStatuses(t *testing.T) {
	store := newStore(&answers{})
	store.Put(sighting("10", func(content map[string]any) {
		set("OutOfSync", "status", "sync", "status")(content)
		set("Degraded", "status", "health", "status")(content)
		set([]any{map[string]any{"type": "SyncError", "message": "no"}}, "status", "conditions")(content)
		set([]any{"web:1"}, "status", "summary", "images")(content)
	}))
	listed, since := store.List(catalog.Filter{Sync: syncline.OutOfSync, Health: syncline.Degraded})
	if len(listed) != 1 || len(listed[0].App.Past.Conditions) != 1 || !slices.Equal(listed[0].App.Past.Images, []string{"web:1"}) {
		t.Fatalf("listed are %+v", listed)
	}
	store.Put(sighting("11", nil))
	if updates, err := store.Watch(since).Next(t.Context()); err != nil || len(updates) != 1 || updates[0].Entry.App.Past.Sync != "" {
		t.Errorf("told are %+v, %v", updates, err)
	}
}

func TestKeepWritesOnlyWhatIsNew(t *testing.T) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}
	report := syncline.Report{App: id, Sync: syncline.Synced, Health: syncline.Health{Status: syncline.Healthy}}
	cluster := &answers{object: sighting("11", func(content map[string]any) {
		set("Synced", "status", "sync", "status")(content)
		set("Healthy", "status", "health", "status")(content)
	})}
	store := newStore(cluster)
	store.Put(sighting("10", nil))
	if err := store.save(t, report); err != nil || cluster.patches != 1 {
		t.Fatalf("%d patches, %v", cluster.patches, err)
	}
	if app, _ := store.App(id); app.Past.ResourceVersion != "11" {
		t.Errorf("the answer is not known: version %s", app.Past.ResourceVersion)
	}
	if err := store.save(t, syncline.Report{App: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "none"}}); err != nil || cluster.patches != 1 {
		t.Errorf("a report of nobody is written: %d, %v", cluster.patches, err)
	}
}

// TestKeepTellsWhatSomebodyChangedMeanwhile has a person who asks for a sync just
// before a report is written: its answer shows that first, and what the watch
// tells afterwards is not new.
func TestKeepTellsWhatSomebodyChangedMeanwhile(t *testing.T) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}
	asked := func(content map[string]any) { set(map[string]any{}, "operation", "sync")(content) }
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   []catalog.Change
	}{
		"nothing":    {nil, nil},
		"a sync":     {asked, []catalog.Change{catalog.Asked}},
		"the source": {set("new", "spec", "source", "path"), []catalog.Change{catalog.Declared}},
		"no meaning": {set(map[string]any{}, "metadata", "annotations"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var told []catalog.Change
			answer := sighting("12", test.change)
			store := newStore(&answers{object: answer})
			store.Changed = func(_ syncline.App, change catalog.Change) { told = append(told, change) }
			store.Put(sighting("10", nil))
			if err := store.save(t, syncline.Report{App: id, Sync: syncline.Synced}); err != nil {
				t.Fatal(err)
			}
			if _, change := store.Put(sighting("11", test.change)); change != catalog.Same {
				t.Errorf("the watch tells %v, too", change)
			}
			if _, change := store.Put(answer); change != catalog.Same {
				t.Errorf("the watch tells %v, too", change)
			}
			if !slices.Equal(told, test.want) {
				t.Errorf("told was %v, want %v", told, test.want)
			}
		})
	}
}

func TestKeepWritesNothingOfWhatIsGone(t *testing.T) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}
	cluster := &answers{err: syncline.Errorf(syncline.NotFound, "gone")}
	store := newStore(cluster)
	store.Put(sighting("10", nil))
	if kept, err := store.writer.Save(t.Context(), syncline.Report{App: id, Sync: syncline.Synced}); kept || err != nil {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if _, ok := store.App(id); !ok {
		t.Error("its end is not left to the watch")
	}
	cluster.err = syncline.Errorf(syncline.Conflict, "changed")
	if kept, err := store.writer.Save(t.Context(), syncline.Report{App: id, Sync: syncline.Synced}); kept || syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("a conflict is %v, %v", kept, err)
	}
}

// progressing is what an App of one Deployment reports, that many seconds after
// a moment.
func progressing(second int, app, object, message string) syncline.Report {
	return syncline.Report{
		App:  syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"},
		At:   time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC),
		Sync: syncline.Synced, Health: syncline.Health{Status: syncline.HealthStatus(app), Message: message},
		Objects: []syncline.ObjectReport{{
			Ref: syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"}, Version: "v1",
			Sync: syncline.Synced, Health: syncline.Health{Status: syncline.HealthStatus(object), Message: message},
		}},
	}
}

func TestKeepLetsWordsWait(t *testing.T) {
	const second = time.Second
	for name, test := range map[string]struct {
		report syncline.Report
		// wait is how long after the last report this one is due; 0 when it is
		// written at once.
		wait time.Duration
	}{
		"a new health of the App":     {progressing(0, "Healthy", "Healthy", ""), 0},
		"a message soon":              {progressing(29, "Progressing", "Progressing", "1 of 2"), 30 * second},
		"a message after a while":     {progressing(30, "Progressing", "Progressing", "1 of 2"), 0},
		"an object's health soon":     {progressing(0, "Progressing", "Degraded", "0 of 2"), second},
		"an object's health later":    {progressing(1, "Progressing", "Degraded", "0 of 2"), 0},
		"a revision and a message":    {atRevision(progressing(0, "Progressing", "Progressing", "1 of 2")), 0},
		"a claim soon":                {claiming(progressing(29, "Progressing", "Progressing", "0 of 2")), 30 * second},
		"a claim after a while":       {claiming(progressing(30, "Progressing", "Progressing", "0 of 2")), 0},
		"a claim and a health":        {claiming(progressing(0, "Progressing", "Degraded", "0 of 2")), second},
		"nothing at all":              {progressing(5, "Progressing", "Progressing", "0 of 2"), -1},
		"an operation and a message":  {operating(progressing(0, "Progressing", "Progressing", "1 of 2")), 0},
		"one object fewer, same word": {without(progressing(0, "Progressing", "Progressing", "0 of 2")), 0},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &merging{object: sighting("10", nil)}
			store := newStore(cluster)
			var due time.Time
			store.writer.Later = func(_ syncline.AppID, at time.Time) { due = at }
			store.Put(sighting("10", nil))
			before := progressing(0, "Progressing", "Progressing", "0 of 2")
			for _, report := range []syncline.Report{before, test.report} {
				if err := store.save(t, report); err != nil {
					t.Fatal(err)
				}
			}
			wantDue, wantPatches := time.Time{}, 2
			if test.wait != 0 {
				wantPatches = 1
			}
			if test.wait > 0 {
				wantDue = before.At.Add(test.wait)
			}
			if cluster.patches != wantPatches || !due.Equal(wantDue) {
				t.Errorf("%d patches, due at %s; want %d, %s", cluster.patches, due, wantPatches, wantDue)
			}
		})
	}
}

// claiming is a report with an object that only says itself that it is the App's.
func claiming(report syncline.Report) syncline.Report {
	report.Objects = append(slices.Clone(report.Objects), syncline.ObjectReport{
		Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "web", Name: "x"}, Version: "v1", Sync: syncline.OutOfSync,
		Claimed: true, Health: syncline.Health{Message: syncline.ClaimText + "; it stays"},
	})
	report.Conditions = append(slices.Clone(report.Conditions), syncline.Condition{Type: syncline.ClaimedWarning, Message: "objects that are left alone: 1"})
	return report
}

func TestAClaimIsReadBack(t *testing.T) {
	cluster := &merging{object: sighting("10", nil)}
	store := newStore(cluster)
	store.Put(sighting("10", nil))
	report := claiming(progressing(0, "Progressing", "Progressing", "0 of 2"))
	if err := store.save(t, report); err != nil {
		t.Fatal(err)
	}
	app, _ := store.App(report.App)
	for _, o := range app.Past.Objects {
		if o.Claimed != (o.Ref.Name == "x") {
			t.Errorf("%s is claimed: %v", o.Ref, o.Claimed)
		}
	}
	if app.Past.Unlisted {
		t.Error("what is claimed counts as more than can be listed")
	}
	report.Conditions = []syncline.Condition{{Type: syncline.UnlistedWarning, Message: "x"}}
	if err := store.save(t, report); err != nil {
		t.Fatal(err)
	}
	if app, _ := store.App(report.App); !app.Past.Unlisted {
		t.Error("it is not known that not all are listed")
	}
}

func TestKeepWritesEveryReportWhenNobodyCanBeAskedLater(t *testing.T) {
	cluster := &merging{object: sighting("10", nil)}
	store := newStore(cluster)
	store.Put(sighting("10", nil))
	for _, message := range []string{"0 of 2", "1 of 2"} {
		if err := store.save(t, progressing(0, "Progressing", "Progressing", message)); err != nil {
			t.Fatal(err)
		}
	}
	if cluster.patches != 2 {
		t.Errorf("%d patches", cluster.patches)
	}
}

func atRevision(report syncline.Report) syncline.Report {
	report.Revisions = []string{"0123456789012345678901234567890123456789"}
	return report
}

func operating(report syncline.Report) syncline.Report {
	report.Operation = &syncline.OperationState{Phase: syncline.OperationRunning, StartedAt: report.At}
	return report
}

func without(report syncline.Report) syncline.Report {
	report.Objects = nil
	return report
}

// merging is a cluster that applies patches to one Application.
type merging struct {
	object  *unstructured.Unstructured
	patches int
}

func (m *merging) PatchApplication(_ context.Context, _ syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	m.patches++
	var content map[string]any
	if err := json.Unmarshal(patch, &content); err != nil {
		return nil, err
	}
	m.object = m.object.DeepCopy()
	merge(m.object.Object, content)
	m.object.SetResourceVersion(fmt.Sprint(10 + m.patches))
	return m.object, nil
}

// merge applies a JSON merge patch.
func merge(into, patch map[string]any) {
	for key, value := range patch {
		inner, isMap := value.(map[string]any)
		old, wasMap := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && wasMap:
			merge(old, inner)
		default:
			into[key] = value
		}
	}
}

// late answers a patch when the Application is gone, or there is another.
type late struct {
	*answers
	meanwhile func()
}

func (l *late) PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	l.meanwhile()
	return l.answers.PatchApplication(ctx, id, patch)
}

// The watch may tell the end of an Application before the answer to the last write
// about it comes.
func TestTheAnswerToAWriteBringsNothingBack(t *testing.T) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}
	for name, recreated := range map[string]bool{"gone": false, "made anew": true} {
		t.Run(name, func(t *testing.T) {
			cluster := &late{answers: &answers{object: sighting("2", nil)}}
			store := newStore(cluster)
			store.Put(sighting("1", nil))
			cluster.meanwhile = func() {
				store.Remove(id)
				if recreated {
					store.Put(sighting("3", set("two", "metadata", "uid")))
				}
			}
			if err := store.save(t, syncline.Report{App: id, Sync: syncline.Synced, At: time.Unix(1, 0)}); err != nil {
				t.Fatal(err)
			}
			app, known := store.App(id)
			if known != recreated || recreated && app.UID != "two" || len(store.OfProject("default")) > 0 != recreated {
				t.Errorf("known is %v with UID %q, and of the project are %v", known, app.UID, store.OfProject("default"))
			}
		})
	}
}

// large is a cluster that takes no patch but of conditions alone.
type large struct{ patches []string }

func (l *large) PatchApplication(_ context.Context, _ syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	l.patches = append(l.patches, string(patch))
	if len(patch) > 2000 {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "etcdserver: request is too large"), "split it")
	}
	var changes struct{ Status map[string]any }
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	return sighting(fmt.Sprint(100+len(l.patches)), func(content map[string]any) { content["status"] = changes.Status }), nil
}

// A status that the API server refuses says so, once, and is written whole when it fits.
func TestAStatusThatIsRefusedSaysWhy(t *testing.T) {
	cluster := &large{}
	k := newStore(cluster)
	app, _ := k.Put(sighting("10", nil))
	report := syncline.Report{App: app.ID, Sync: syncline.Synced, Conditions: []syncline.Condition{{Type: syncline.SyncError, Message: strings.Repeat("x", 3000)}}}
	for range 3 {
		if err := k.save(t, report); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("the error is %v", err)
		}
	}
	if n := len(cluster.patches); n != 4 || !strings.Contains(cluster.patches[1], "the status cannot be written, and is as it was: etcdserver: request is too large; split it") {
		t.Errorf("written was %.300q", cluster.patches)
	}
	report.Conditions = nil
	if err := k.save(t, report); err != nil || !strings.Contains(cluster.patches[4], `"conditions":null`) {
		t.Errorf("written was %.300q (%v)", cluster.patches[4:], err)
	}
}
