// Package coalesce decides when the reports of Apps are written into their resources:
// what is urgent at once, and words that nobody waits for together with what follows
// them. How a report is written is a matter of the resource's dialect.
package coalesce

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// Resources are what declares Apps, and holds their reports.
type Resources interface {
	// Draft returns what a report changes in its App's resource; nil when that says it
	// already, or there is no such resource any more.
	Draft(report syncline.Report) (*Draft, error)
	// WriteDraft writes a draft. It reports whether there still was a resource.
	WriteDraft(ctx context.Context, draft *Draft) (written bool, err error)
}

// Draft is a change of a resource that is not written yet.
type Draft struct {
	App syncline.AppID
	// Before is what the resource says, and After what it would say.
	Before, After syncline.Report
	// Answers says that something which somebody asked for is done.
	Answers bool
	// Patch is how it is written, in the words of the resource.
	Patch []byte
}

// Writer writes reports. It is safe for concurrent use; use New.
type Writer struct {
	// Later asks for another turn of an App at a time, because a report of no
	// urgency was not written. Set it before the first Save. Default: nobody is
	// asked, and every report is written at once.
	Later func(id syncline.AppID, at time.Time)

	resources Resources

	mu sync.Mutex
	// written is when a report was last written, of each App of which that may be less
	// than the longest pause ago, and full how many they may be until the others go.
	written map[syncline.AppID]time.Time
	full    int
}

// New returns a Writer into resources.
func New(resources Resources) *Writer {
	return &Writer{resources: resources, written: map[syncline.AppID]time.Time{}}
}

// Save writes a report, when it says anything new. It reports whether the resource says
// now what the report does: not when it has to wait for a pause after the last, which
// only words have to (see [Writer.Later]), and not when there is no resource any more.
func (w *Writer) Save(ctx context.Context, report syncline.Report) (kept bool, err error) {
	draft, err := w.resources.Draft(report)
	if err != nil || draft == nil {
		return err == nil, err
	}
	if at := w.due(draft); w.Later != nil && report.At.Before(at) {
		w.Later(report.App, at)
		return false, nil
	}
	kept, err = w.resources.WriteDraft(ctx, draft)
	if kept {
		w.note(report.App, report.At)
	}
	return kept, err
}

// due is when a draft may be written.
func (w *Writer) due(draft *Draft) time.Time {
	w.mu.Lock()
	last, known := w.written[draft.App]
	w.mu.Unlock()
	if !known || draft.Answers {
		return time.Time{}
	}
	return last.Add(pause(draft.Before, draft.After))
}

// note takes note that a report was written, and forgets those after which every pause
// has ended.
func (w *Writer) note(id syncline.AppID, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written[id] = at
	if len(w.written) <= w.full {
		return
	}
	maps.DeleteFunc(w.written, func(_ syncline.AppID, written time.Time) bool { return at.Sub(written) > textPause })
	w.full = 2*len(w.written) + 64
}
