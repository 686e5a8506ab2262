package journal

import (
	"context"
	"log/slog"
	"time"

	"github.com/syncline-io/syncline"
)

// Sink writes events where people look for them.
type Sink interface {
	// Tell writes an event of an App.
	Tell(ctx context.Context, app syncline.App, event Event) error
}

// What is told at most: what is more is dropped, since a status and the log have it too.
const (
	// perApp is for one App in a minute.
	perApp = 6
	// waiting is how many events wait to be written.
	waiting = 1000
)

// Teller writes events beside the turns, which never wait for it. It is safe for
// concurrent use.
type Teller struct {
	sink   Sink
	events chan told
}

// told is an event of an App.
type told struct {
	app   syncline.App
	event Event
}

// NewTeller returns a Teller, which writes while it runs.
func NewTeller(sink Sink) *Teller { return &Teller{sink: sink, events: make(chan told, waiting)} }

// Tell tells what a report changes of the one before, nil when none is known. Then it
// is told by what the resource says: of conditions, which that may have, only those of
// an App that was never reported.
func (t *Teller) Tell(app syncline.App, before, after *syncline.Report) {
	if before == nil {
		before = &syncline.Report{Operation: app.Past.Operation}
		if !app.Past.ReconciledAt.IsZero() {
			before.Conditions = after.Conditions
		}
	}
	for _, event := range Events(before, after) {
		select {
		case t.events <- told{app, event}:
		default: // nobody waits for it
		}
	}
}

// Run writes events until ctx is done. One that cannot be written is not tried again.
func (t *Teller) Run(ctx context.Context) {
	counts, minute := map[syncline.AppID]int{}, time.NewTicker(time.Minute)
	defer minute.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-minute.C:
			clear(counts)
		case next := <-t.events:
			if counts[next.app.ID]++; counts[next.app.ID] > perApp {
				continue
			}
			err := t.sink.Tell(ctx, next.app, next.event)
			if err != nil && !failing && ctx.Err() == nil {
				slog.Warn("events of Applications cannot be written, and are left out", "app", next.app.ID.String(), "err", err)
			}
			failing = err != nil
		}
	}
}
