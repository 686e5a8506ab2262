package engine_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

var (
	errUnswept = syncline.Errorf(syncline.Waiting, "the cluster has not been searched yet")
	errBroken  = syncline.Errorf(syncline.Transient, "it is not known whether the app owns more: %w",
		syncline.UnseenError{{Group: "example.com", Kind: "Widget"}: syncline.Errorf(syncline.Denied, "forbidden")})
)

func TestADeletionWaitsForWhatTheAppMayOwn(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.wrote()
	w.app.Deleting = &syncline.Deletion{Cascade: true}
	w.Unswept = errUnswept
	w.turn(t)
	w.expectWrites(t)
	if w.last.Deleted || len(w.last.Waiting) != 1 || !strings.Contains(w.last.Waiting[0].Why, "searched") {
		t.Fatalf("got %+v", w.last)
	}
	w.Unswept = errBroken
	w.turn(t)
	w.turn(t)
	w.expectWrites(t, "prune ConfigMap/shop/a")
	w.expectCondition(t, syncline.DeletionError, "Widget.example.com are not known: forbidden")
	if w.last.Deleted {
		t.Fatal("it may go though it may have more")
	}
	w.Unswept = nil
	w.turn(t)
	if !w.last.Deleted {
		t.Errorf("it may not go: %+v", w.last)
	}
}

func TestNothingIsPrunedBeforeAllIsKnown(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *world){
		"by itself": func(_ *testing.T, w *world) { w.automate() },
		"when a person asks": func(t *testing.T, w *world) {
			w.app.Request = &syncline.Operation{Prune: true}
			w.turn(t)
			w.expectOperation(t, syncline.OperationRunning, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"), config("b", "1"))
			w.sync(t, syncline.Operation{})
			w.wrote()
			w.commit(config("a", "2"))
			w.Unswept = errUnswept
			begin(t, w)
			w.turn(t)
			w.expectWrites(t)
			w.expectSync(t, syncline.OutOfSync, "c2")
			if len(w.last.Waiting) != 1 {
				t.Errorf("it waits for %+v", w.last.Waiting)
			}
			w.Unswept = nil
			w.settle(t)
			w.expectWrites(t, "update ConfigMap/shop/a", "prune ConfigMap/shop/b")
		})
	}
	t.Run("but a kind that cannot be looked at holds up nothing else", func(t *testing.T) {
		w := newWorld(config("a", "1"), config("b", "1"))
		w.automate()
		w.settle(t)
		w.wrote()
		w.commit(config("a", "1"))
		w.Unswept = errBroken
		w.settle(t)
		w.expectWrites(t, "prune ConfigMap/shop/b")
	})
}

func TestWhatNeedsNoPruneDoesNotWaitForTheSearch(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.Unswept = errUnswept
	w.sync(t, syncline.Operation{})
	w.expectWrites(t, "create ConfigMap/shop/a")
	w.expectSync(t, syncline.Synced, "c1")
	w.expectOperation(t, syncline.OperationSucceeded, "")
}

func TestAKindThatTheProjectDeniesNeedNotBeKnown(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.Serve(schema.GroupKind{Group: "example.com", Kind: "Widget"}, syncline.Namespaced)
	w.automate()
	w.settle(t)
	w.project.NamespaceDeny = []syncline.KindRule{syncline.NewKindRule("example.com", "Widget", "")}
	w.app.Deleting = &syncline.Deletion{Cascade: true}
	w.Unswept = errBroken
	w.turn(t)
	w.turn(t)
	if !w.last.Deleted {
		t.Errorf("it may not go: %+v", w.last)
	}
}

// TestAnAPIThatIsDown holds that it costs what is declared of it, and nothing else.
func TestAnAPIThatIsDown(t *testing.T) {
	kind := schema.GroupKind{Group: "example.com", Kind: "Widget"}
	widget := "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\nspec: {size: 1}"
	down := map[schema.GroupKind]error{kind: syncline.Errorf(syncline.Transient, "the API does not answer")}
	deployed := func(t *testing.T) *world {
		w := newWorld(widget, config("a", "1"), config("b", "1"))
		w.Serve(kind, syncline.Namespaced)
		w.automate()
		w.settle(t)
		w.wrote()
		w.Down = down
		w.Blind(kind, true)
		return w
	}
	t.Run("nothing is done when nothing changed", func(t *testing.T) {
		w := deployed(t)
		w.settle(t)
		w.expectWrites(t)
		w.expectSync(t, syncline.SyncUnknown, "c1")
		w.expectCondition(t, syncline.ComparisonError, "the API does not answer")
		w.expectOperation(t, syncline.OperationSucceeded, "")
	})
	t.Run("the rest is delivered", func(t *testing.T) {
		w := deployed(t)
		w.commit(widget, config("a", "2"))
		w.settle(t)
		w.expectWrites(t, "update ConfigMap/shop/a", "prune ConfigMap/shop/b")
		w.expectSync(t, syncline.SyncUnknown, "c2")
	})
	t.Run("what left the source is not forgotten", func(t *testing.T) {
		w := deployed(t)
		w.commit(config("a", "1"), config("b", "1"))
		w.settle(t)
		w.expectWrites(t)
		w.expectSync(t, syncline.SyncUnknown, "c2")
		w.Down = nil
		w.Blind(kind, false)
		w.settle(t)
		w.expectWrites(t, "prune example.com/Widget/shop/x")
	})
}
