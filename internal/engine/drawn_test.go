package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
)

// A chart that draws random values renders otherwise after a restart. That is shown and not
// delivered by self-heal; what drifts beside it is repaired, and a sync delivers all.
func TestWhatIsDrawnIsNoDrift(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "DRAWN"))
	w.automate()
	w.outlast(t, 20*time.Second)
	w.expectSync(t, syncline.Synced, "c1")
	w.wrote()
	w.drawing++
	w.restart()
	rendered := w.renders
	w.outlast(t, time.Minute)
	w.expectWrites(t)
	w.expectSync(t, syncline.OutOfSync, "c1")
	w.expectCondition(t, syncline.RandomValuesWarning, "ConfigMap/shop/b; a sync or a commit delivers them")
	if apart := w.renders - rendered; apart > 10 {
		t.Errorf("it was rendered %d times", apart)
	}

	w.Delete(syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"})
	w.outlast(t, 20*time.Second)
	w.expectWrites(t, "create ConfigMap/shop/a")
	w.sync(t, syncline.Operation{})
	w.expectSync(t, syncline.Synced, "c1")
	if slices.ContainsFunc(w.last.Conditions, func(c syncline.Condition) bool { return c.Type == syncline.RandomValuesWarning }) {
		t.Errorf("it goes on warning: %v", w.last.Conditions)
	}
}

// What renders to something else than was deployed, and always to that, is delivered: another
// version of the cluster or of Syncline made it so.
func TestWhatRendersOtherwiseIsDelivered(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.outlast(t, 20*time.Second)
	w.wrote()
	w.commits["c1"] = config("a", "2")
	w.restart()
	w.outlast(t, 20*time.Second)
	w.expectWrites(t, "update ConfigMap/shop/a")
	w.expectSync(t, syncline.Synced, "c1")
}
