package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// preview previews the App, and holds that nothing was written.
func (w *world) preview(t *testing.T) (syncline.Plan, error) {
	t.Helper()
	made, err := w.engine.Preview(t.Context(), w.app, plan.New(nil))
	w.expectWrites(t)
	return made, err
}

// What is previewed is what is then performed: of a sync, of a commit that prunes, and of
// the end.
func TestAPreviewIsThePlanOfTheDeed(t *testing.T) {
	for name, test := range map[string]struct {
		before func(t *testing.T, w *world)
		ask    func(w *world)
		want   []syncline.Action
	}{
		"a first sync": {func(*testing.T, *world) {}, func(w *world) { w.app.Request = &syncline.Operation{} }, []syncline.Action{syncline.Create, syncline.Create}},
		"a sync that prunes": {func(t *testing.T, w *world) {
			w.sync(t, syncline.Operation{})
			w.commit(config("a", "2"))
		}, func(w *world) { w.app.Request = &syncline.Operation{Prune: true} }, []syncline.Action{syncline.Update, syncline.Prune}},
		"the end": {func(t *testing.T, w *world) { w.sync(t, syncline.Operation{}) }, func(w *world) {
			w.app.Deleting = &syncline.Deletion{Since: noon, Cascade: true}
		}, []syncline.Action{syncline.Prune, syncline.Prune}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"), config("b", "1"))
			test.before(t, w)
			w.wrote()
			test.ask(w)
			previewed, err := w.preview(t)
			if err != nil {
				t.Fatal(err)
			}
			var actions []syncline.Action
			for _, change := range previewed.Changes {
				actions = append(actions, change.Action)
			}
			if !slices.Equal(actions, test.want) {
				t.Errorf("it would %v, want %v", actions, test.want)
			}
			var performed *syncline.Plan
			for range 3 {
				if result := w.turn(t); performed == nil {
					performed = result.Performed
				}
			}
			if performed == nil || performed.PruneDigest() != previewed.PruneDigest() || !cmp.Equal(whatIn(*performed), whatIn(previewed)) {
				t.Errorf("previewed was\n%v\nand performed\n%v", whatIn(previewed), performed)
			}
		})
	}
}

// whatIn returns what happens to each object by a plan.
func whatIn(p syncline.Plan) (lines []string) {
	for _, c := range p.Changes {
		lines = append(lines, string(c.Phase)+" "+string(c.Action)+" "+c.Ref.String()+" "+string(c.UID)+" "+c.Why)
	}
	return lines
}

// A preview leaves no trace: not in the operation that goes on, which is another, not in
// what the next turn asks of the cluster, and not in what it may do.
func TestAPreviewLeavesNoTrace(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.commit(config("a", "2"), config("b", "2"))
	w.wrote()
	rest := w.app
	w.app.Request = &syncline.Operation{Revisions: []string{"c1"}}
	w.app.Paused = true
	if made, err := w.preview(t); err != nil || !slices.Equal(made.Revisions, []string{"c1"}) {
		t.Errorf("a request for what there is: %v, %v", made.Revisions, err)
	}
	w.app = rest
	if w.last.Operation.Revisions[0] != "c1" || w.last.Operation.Phase != syncline.OperationSucceeded {
		t.Errorf("the operation is %+v", w.last.Operation)
	}
	w.settle(t)
	w.expectSync(t, syncline.Synced, "c2")
	w.expectWrites(t, "create ConfigMap/shop/b", "update ConfigMap/shop/a")
	w.settle(t)
	w.wrote()
	if _, err := w.preview(t); err != nil { // which does not know what the planner of turns does
		t.Fatal(err)
	}
	w.Requests()
	w.settle(t)
	if asked := w.Requests(); len(asked) > 0 {
		t.Errorf("after a preview of what there is %v was asked", asked)
	}
	if w.ages[len(w.ages)-2] != 3*time.Minute {
		t.Errorf("a preview asks for revisions not older than %s", w.ages[len(w.ages)-2])
	}
}

func TestAPreviewThatCannotBeMade(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(w *world)
		kind  syncline.Kind
		early bool
	}{
		"an invalid App":             {func(w *world) { w.app.Invalid = []syncline.Condition{{Message: "spec.source is missing"}} }, syncline.Invalid, false},
		"an operation not allowed":   {func(w *world) { w.app.Request.Sources = []syncline.Source{{RepoURL: "https://elsewhere"}} }, syncline.Invalid, false},
		"a repository that is down":  {func(w *world) { w.resolveErr = syncline.Errorf(syncline.Transient, "503") }, syncline.Transient, false},
		"objects that are not known": {func(w *world) { w.Blind(schema.GroupKind{Kind: "ConfigMap"}, true) }, syncline.Waiting, true},
		"the end of what is not known": {func(w *world) {
			w.app.Request, w.app.Deleting = nil, &syncline.Deletion{Since: noon, Cascade: true}
			w.app.Project = "nothing"
			w.app.Past.History = []syncline.Deployment{{}}
		}, syncline.NotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"))
			w.project.SourceRepos = []upstream.Pattern{upstream.PatternOf("https://git.example/*")}
			w.app.Request = &syncline.Operation{}
			test.spoil(w)
			made, err := w.preview(t)
			if syncline.KindOf(err) != test.kind || errors.Is(err, engine.ErrWatching) != test.early {
				t.Errorf("got %+v, %v (%s)", made, err, syncline.KindOf(err))
			}
		})
	}
}
