package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Sink writes events where people look for them.
type Sink interface {
	// Tell writes an event of the App whose resource has the UID.
	Tell(ctx context.Context, id syncline.AppID, uid types.UID, event Event) error
}

// What is told at most. What is more is left out: statuses and the log have it too.
const (
	// lasting is how long an App stands otherwise until that is told.
	lasting = 10 * time.Second
	// perApp is how long after an event of an App the next one is written at the earliest.
	perApp = 10 * time.Second
	// pace is how long after an event the next one is written, of whichever App.
	pace = 50 * time.Millisecond
	// maxPending is how many Apps may have an event that waits to be written.
	maxPending = 200
)

// Teller tells of Apps in events: that an operation ended, and that an App stands
// otherwise and goes on doing so. It writes beside the turns, which never wait for it;
// of an App that is synced for the first time it writes one event at most. It is safe
// for concurrent use.
type Teller struct {
	sink Sink
	// began is since when operations that ended are told of, in the seconds of a status:
	// what ended before was told by another process.
	began time.Time
	woken chan struct{}

	mu   sync.Mutex
	apps map[syncline.AppID]*known
	// changed are Apps that stood otherwise than was told, in the order of since when.
	changed []change
	// pending are the Apps of which an event waits to be written, the first first.
	pending []syncline.AppID
}

// known is what is known of an App.
type known struct {
	uid types.UID
	// told is how the App stood when that was told, or first seen; now is how it stands,
	// since when.
	told, now standing
	since     time.Time
	// operated says that an operation ended since, which tells that the App is synced.
	operated bool
	// event waits to be written; nil when none does.
	event *Event
	// written is when the last one was.
	written time.Time
}

// change is that an App stands otherwise since then.
type change struct {
	id    syncline.AppID
	since time.Time
}

// NewTeller returns a Teller, which writes while it runs.
func NewTeller(sink Sink) *Teller {
	return &Teller{sink: sink, began: time.Now().Truncate(time.Second), woken: make(chan struct{}, 1), apps: map[syncline.AppID]*known{}}
}

// See takes note of what became of an App, by the report before, which is empty when
// none is known. It does not wait.
func (t *Teller) See(app syncline.App, before, now syncline.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.apps[app.ID]
	if k == nil || k.uid != app.UID {
		k = &known{uid: app.UID}
		t.apps[app.ID] = k
	}
	if op := now.Operation; op != nil && op.Phase.Done() && !op.FinishedAt.Before(t.began) && !sameStage(before.Operation, op) {
		k.operated = true
		t.add(app.ID, k, completed(op))
	}
	if k.stand(k.now.settled(now)) && k.now != k.told {
		t.changed = append(t.changed, change{app.ID, k.since})
		t.wake()
	}
}

// stand takes note of how the App stands now, and reports whether it stood otherwise
// before. What is seen for the first time, and that an operation had its effect, is not
// told.
func (k *known) stand(now standing) bool {
	if k.told.sync == "" || k.operated && now.sync == syncline.Synced {
		k.told.sync, k.operated = now.sync, false
	}
	if k.told.health == "" {
		k.told.health = now.health
	}
	if now == k.now {
		return false
	}
	k.now, k.since = now, time.Now()
	return true
}

// Forget forgets an App that is gone.
func (t *Teller) Forget(id syncline.AppID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.apps, id)
}

// add has an event written in place of one of the App that waits.
func (t *Teller) add(id syncline.AppID, k *known, event Event) {
	if k.event == nil {
		if len(t.pending) == maxPending {
			return
		}
		t.pending = append(t.pending, id)
	}
	k.event = &event
	t.wake()
}

func (t *Teller) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// Run writes events until ctx is done. One that cannot be written is not tried again.
func (t *Teller) Run(ctx context.Context) {
	failing := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.woken:
		case <-timer.C:
		}
		next, wait := t.next(time.Now())
		if next.event != nil {
			err := t.sink.Tell(ctx, next.id, next.uid, *next.event)
			if err != nil && !failing && ctx.Err() == nil {
				slog.Warn("events of Apps cannot be written, and are left out", "app", next.id.String(), "err", err)
			}
			failing, wait = err != nil, 0
			select {
			case <-ctx.Done():
			case <-time.After(pace):
			}
		}
		timer.Reset(wait)
	}
}

// news is an event to write.
type news struct {
	id    syncline.AppID
	uid   types.UID
	event *Event
}

// idle is how long it takes at most until it is looked for something to write.
const idle = time.Hour

// next returns the next event to write, if any is due, and else how long that takes.
func (t *Teller) next(now time.Time) (next news, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait = t.takeChanges(now)
	for i, id := range t.pending {
		k := t.apps[id]
		if k == nil || k.event == nil { // the App is gone, or another one
			t.pending = slices.Delete(t.pending, i, i+1)
			return news{}, 0
		}
		if left := k.written.Add(perApp).Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		next = news{id, k.uid, k.event}
		k.event, k.written = nil, now
		t.pending = slices.Delete(t.pending, i, i+1)
		return next, 0
	}
	return news{}, wait
}

// takeChanges has the changes told that lasted, and returns how long it takes until
// another one does.
func (t *Teller) takeChanges(now time.Time) time.Duration {
	for len(t.changed) > 0 {
		first := t.changed[0]
		if left := first.since.Add(lasting).Sub(now); left > 0 {
			return left
		}
		t.changed = t.changed[1:]
		k := t.apps[first.id]
		if k == nil || !k.since.Equal(first.since) || k.now == k.told { // it did not last
			continue
		}
		event := updated(k.told, k.now)
		k.told = k.now
		if k.event == nil { // the end of an operation says more
			t.add(first.id, k, event)
		}
	}
	t.changed = nil
	return idle
}
