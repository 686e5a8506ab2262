package coalesce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
)

// notes are resources of another kind than Argo CD's: each holds the last report.
type notes struct {
	mu      sync.Mutex
	reports map[syncline.AppID]syncline.Report
	// answers is of the next draft; fails is what writing comes to.
	answers bool
	fails   error
	gone    bool
	writes  int
}

func (n *notes) Draft(report syncline.Report) (*Draft, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.reports[report.App]
	if !n.answers && saysTheSame(before, report) {
		return nil, nil //nolint:nilnil // as of a resource that says it already
	}
	return &Draft{App: report.App, Before: before, After: report, Answers: n.answers}, nil
}

// saysTheSame reports whether two reports say the same but for their time.
func saysTheSame(a, b syncline.Report) bool {
	return a.Sync == b.Sync && a.Health == b.Health && slices.Equal(a.Objects, b.Objects) && slices.Equal(a.Revisions, b.Revisions)
}

func (n *notes) WriteDraft(_ context.Context, draft *Draft) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil || n.gone {
		return false, n.fails
	}
	n.writes++
	n.reports[draft.App] = draft.After
	return true, nil
}

func newNotes() *notes { return &notes{reports: map[syncline.AppID]syncline.Report{}} }

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// says is a report of an App, some time after noon.
func says(after time.Duration, health syncline.HealthStatus, message string) syncline.Report {
	return syncline.Report{
		App: syncline.AppID{Name: "web"}, At: noon.Add(after), Sync: syncline.Synced, Health: syncline.Health{Status: health, Message: message},
	}
}

// What waits for a later turn is not kept, and neither is what cannot be written or has
// no resource any more; what says nothing new is.
func TestWhatIsKept(t *testing.T) {
	first := says(0, syncline.Progressing, "0 of 2")
	for name, test := range map[string]struct {
		report syncline.Report
		change func(n *notes)
		kept   bool
		writes int
		later  time.Duration
	}{
		"nothing new":            {says(time.Second, syncline.Progressing, "0 of 2"), nil, true, 1, 0},
		"another health":         {says(time.Second, syncline.Healthy, ""), nil, true, 2, 0},
		"a word":                 {says(time.Second, syncline.Progressing, "1 of 2"), nil, false, 1, textPause},
		"a word later":           {says(textPause, syncline.Progressing, "1 of 2"), nil, true, 2, 0},
		"a word with an answer":  {says(time.Second, syncline.Progressing, "1 of 2"), func(n *notes) { n.answers = true }, true, 2, 0},
		"an answer alone":        {says(time.Second, syncline.Progressing, "0 of 2"), func(n *notes) { n.answers = true }, true, 2, 0},
		"what cannot be written": {says(time.Second, syncline.Healthy, ""), func(n *notes) { n.fails = errors.New("503") }, false, 1, 0},
		"what has no resource":   {says(time.Second, syncline.Healthy, ""), func(n *notes) { n.gone = true }, false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNotes()
			w := New(n)
			var later time.Time
			w.Later = func(_ syncline.AppID, at time.Time) { later = at }
			if kept, err := w.Save(t.Context(), first); !kept || err != nil {
				t.Fatal(kept, err)
			}
			if test.change != nil {
				test.change(n)
			}
			kept, err := w.Save(t.Context(), test.report)
			if kept != test.kept || n.writes != test.writes || !errors.Is(err, n.fails) {
				t.Errorf("kept is %v after %d writes, %v; want %v, %d", kept, n.writes, err, test.kept, test.writes)
			}
			want := time.Time{}
			if test.later > 0 {
				want = noon.Add(test.later)
			}
			if !later.Equal(want) {
				t.Errorf("another turn is asked for at %s, want %s", later, want)
			}
		})
	}
}

// What is remembered of writes is bounded by those of the last moments.
func TestOldWritesAreForgotten(t *testing.T) {
	n := newNotes()
	w := New(n)
	for i := range 10_000 {
		report := says(time.Duration(i)*time.Second, syncline.Healthy, "")
		report.App.Name = fmt.Sprint(i)
		if _, err := w.Save(t.Context(), report); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.written) > 200 {
		t.Errorf("%d writes are remembered", len(w.written))
	}
}
