package catalog

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/syncline-io/syncline"
)

// ErrBehind says that more changed than is remembered since a reader last looked, or
// that this process does not know where the reader was: it has to list the Apps again,
// and to watch from there.
var ErrBehind = errors.New("too much has changed since: list again")

// remembered is how many changes a reader may be behind, a power of two, and batch how
// many it is told at once.
const (
	remembered = 4096
	batch      = 256
)

// feed remembers which Apps changed last, by the numbers of the changes. One at a time
// adds to it; who reads it takes no lock, and makes it no larger. It does not hold what
// changed: a reader is told what is known by the time.
type feed struct {
	ring [remembered]atomic.Pointer[mark]
	// last is the number of the last change. Numbers begin with the time of the start, so
	// that a reader of an earlier process is behind.
	last atomic.Uint64
	// more holds a token when there may be something new: one reader takes it and wakes
	// the others, who wait for the gate. So a change costs the same however many read.
	more chan struct{}
	gate atomic.Pointer[chan struct{}]
}

// mark is one change: of which App, and where the shelf has it.
type mark struct {
	number uint64
	id     syncline.AppID
	place  int
}

func (f *feed) open() {
	f.last.Store(uint64(time.Now().UnixNano())) //nolint:gosec // not before 1970
	f.more = make(chan struct{}, 1)
	gate := make(chan struct{})
	f.gate.Store(&gate)
}

// add takes note that an App changed.
func (f *feed) add(id syncline.AppID, place int) {
	number := f.last.Load() + 1
	f.ring[number%remembered].Store(&mark{number, id, place})
	f.last.Store(number)
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// await waits until there may be something new. The gate is one that was there before
// the reader looked.
func (f *feed) await(ctx context.Context, gate chan struct{}) error {
	select {
	case <-gate:
		return nil
	case <-f.more:
		next := make(chan struct{})
		close(*f.gate.Swap(&next))
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Update is what became of an App.
type Update struct {
	ID syncline.AppID
	// Entry is what is known of the App now; nil when it is gone.
	Entry *Entry
}

// Reader follows the Apps. It is for one goroutine; one that is not read costs nothing.
type Reader struct {
	apps  *Apps
	since uint64
}

// Watch returns a Reader of what changes in the Apps after a number that [Apps.List] or
// [Reader.Since] returned.
func (a *Apps) Watch(since uint64) *Reader { return &Reader{a, since} }

// Since is the number of the last change that Next told, by which another Reader goes
// on.
func (r *Reader) Since() uint64 { return r.since }

// Next waits for changes and returns them, each App once and as it is now, however
// often it changed, in the order of their last changes. It is [ErrBehind] when the reader has to start again, and the cause
// of the context's end.
func (r *Reader) Next(ctx context.Context) ([]Update, error) {
	for {
		gate := *r.apps.feed.gate.Load() // before it is looked, so that nothing is missed
		updates, err := r.read()
		if err != nil || len(updates) > 0 {
			return updates, err
		}
		if err := r.apps.feed.await(ctx, gate); err != nil {
			return nil, err
		}
	}
}

// read returns the next changes that are there.
func (r *Reader) read() ([]Update, error) {
	last := r.apps.feed.last.Load()
	if r.since > last || last-r.since > remembered {
		return nil, ErrBehind
	}
	until := min(last, r.since+batch)
	var updates []Update
	seen := make(map[syncline.AppID]struct{}, until-r.since)
	for number := until; number > r.since; number-- { // the last one of an App says where it is now
		m := r.apps.feed.ring[number%remembered].Load()
		if m == nil || m.number != number { // overtaken meanwhile, or of an earlier process
			return nil, ErrBehind
		}
		if _, again := seen[m.id]; again {
			continue
		}
		seen[m.id] = struct{}{}
		update := Update{ID: m.id, Entry: r.apps.shelf.get(m.place)}
		if update.Entry != nil && update.Entry.App.ID != m.id { // who came to its place
			update.Entry = nil
		}
		updates = append(updates, update)
	}
	slices.Reverse(updates)
	r.since = until
	return updates, nil
}
