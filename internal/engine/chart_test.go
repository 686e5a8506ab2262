package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
)

// charted is a world whose source is a chart: its version 1.2.3 has a content, which who
// pushes it anew changes.
type charted struct {
	*world
	content string
	asked   int
}

func newCharted() *charted {
	w := &charted{world: newWorld()}
	w.app.Sources = []syncline.Source{{RepoURL: "https://charts.example", Chart: "web", TargetRevision: "1.2.3"}}
	w.engine = engine.New(w, w, w, w, engine.Options{Now: func() time.Time { return w.now }})
	return w
}

// push gives version 1.2.3 a content.
func (w *charted) push(digit string, texts ...string) {
	w.content = revisionOf(digit)
	w.commits[w.content] = strings.Join(texts, "\n---\n")
}

func revisionOf(digit string) string { return "1.2.3@sha256:" + strings.Repeat(digit, 64) }

func (w *charted) Resolve(_ context.Context, _ syncline.App, source syncline.Source, _ time.Duration) (string, error) {
	w.asked++
	if source.TargetRevision == "1.2.3" {
		return w.content, w.resolveErr
	}
	return source.TargetRevision, w.resolveErr
}

// TestAChartThatArgoCDWasDelivering is a version in its status. What that is when the
// operation is taken over is delivered to its end, whoever pushes it anew meanwhile.
func TestAChartThatArgoCDWasDelivering(t *testing.T) {
	w := newCharted()
	w.automate()
	w.push("a", config("a", "1"), job("h", "PreSync"))
	w.app.Past.Operation = &syncline.OperationState{
		Operation: syncline.Operation{By: syncline.Initiator{Username: "ann"}}, Phase: syncline.OperationRunning,
		Sources: w.app.Sources, Revisions: []string{"1.2.3"}, StartedAt: w.now,
	}
	w.settle(t)
	w.expectOperation(t, syncline.OperationRunning, "")
	w.expectSync(t, syncline.OutOfSync, revisionOf("a"))
	w.asked = 0
	w.push("b", config("a", "2"))
	w.turn(t)
	if w.asked > 0 || w.last.Operation.Revisions[0] != revisionOf("a") {
		t.Errorf("it delivers %q, after %d questions", w.last.Operation.Revisions, w.asked)
	}
	w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
	w.settle(t)
	if got := w.last.History; len(got) != 2 || got[0].Revisions[0] != revisionOf("a") || got[0].By.Username != "ann" || got[1].Revisions[0] != revisionOf("b") {
		t.Errorf("deployed were %+v", got)
	}
	w.expectSync(t, syncline.Synced, revisionOf("b"))
}

// TestAChartThatArgoCDDelivered was synced already: an App that is not to be repaired is
// left as it is, and so it is where a status cannot keep the content. What is pushed anew
// under its version is delivered where the content is known.
func TestAChartThatArgoCDDelivered(t *testing.T) {
	w := newCharted()
	w.automate()
	w.push("a", config("a", "1"))
	w.settle(t)
	w.expectSync(t, syncline.Synced, revisionOf("a"))
	w.app.Policy.SelfHeal = false
	w.wrote()
	drift(t, w.world, "a")
	for range 3 { // a status that has the version alone
		past := &w.app.Past
		past.Revisions, past.Operation.Revisions, past.History[0].Revisions = []string{"1.2.3"}, []string{"1.2.3"}, []string{"1.2.3"}
		w.settle(t)
	}
	w.expectWrites(t)
	w.expectSync(t, syncline.OutOfSync, revisionOf("a"))
	past := &w.app.Past
	past.Operation.Revisions, past.History[0].Revisions = []string{revisionOf("a")}, []string{revisionOf("a")}
	w.push("b", config("a", "2"))
	w.settle(t)
	w.expectWrites(t, "update ConfigMap/shop/a")
	w.expectSync(t, syncline.Synced, revisionOf("b"))
}

// TestAChartThatCannotBeFoundNow is waited for, with nothing done meanwhile.
func TestAChartThatCannotBeFoundNow(t *testing.T) {
	w := newCharted()
	w.push("a", config("a", "1"))
	w.app.Past.Operation = &syncline.OperationState{Phase: syncline.OperationRunning, Sources: w.app.Sources, Revisions: []string{"1.2.3"}, StartedAt: w.now}
	w.resolveErr = syncline.Errorf(syncline.Transient, "later")
	w.turn(t)
	w.expectWrites(t)
	if w.failures != 1 {
		t.Error("it is not tried again")
	}
	w.resolveErr = nil
	w.settle(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.Synced, revisionOf("a"))
}
