// Package queue orders the turns of Apps: by priority, fair between projects,
// one turn of an App at a time. No project gets all who run them, and no priority
// waits for ever. It runs nothing itself.
package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fair"
)

// Priority is how urgent a turn is. A higher one goes first.
type Priority int

// The priorities, lowest first.
const (
	// Resync is a look at something that nobody said had changed, or at a change
	// that has only to be told.
	Resync Priority = iota
	// Commit is a new revision.
	Commit
	// Drift is a change of the live objects.
	Drift
	// Person is something that a person asked for.
	Person
	priorities = iota
)

// Backoff is how long a turn that failed waits before it is tried again: the
// first wait, doubled for each failure in a row, up to the longest.
type Backoff struct {
	// First defaults to 500 ms, Longest to 3 min.
	First, Longest time.Duration
}

func (b Backoff) after(failures int) time.Duration {
	if b.First == 0 {
		b.First = 500 * time.Millisecond
	}
	if b.Longest == 0 {
		b.Longest = 3 * time.Minute
	}
	wait := b.First
	for range failures - 1 {
		if wait *= 2; wait >= b.Longest {
			return b.Longest
		}
	}
	return wait
}

// Queue holds the Apps whose turn is due. It is safe for concurrent use.
type Queue struct {
	// Weigh returns about how many bytes the resource of an App says, of which its turn
	// holds a multiple. Set it before the first Add. Default: nothing.
	Weigh func(id syncline.AppID) int

	backoff Backoff
	mu      sync.Mutex
	items   map[syncline.AppID]*item
	// lanes are the due items: by priority, then by project, first come first.
	lanes  [priorities]lane
	signal chan struct{}
	// running are the turns that have begun, by project, and held what they weigh.
	running fair.Places
	held    map[string]int
}

// mostHeld is how many bytes the turns of a project that run at once weigh at most. One
// that weighs more runs alone.
const mostHeld = 512 << 10

// mostPassed is how many turns of higher priorities are begun at most while one
// of a lower priority is due.
const mostPassed = 16

// item is one App that is known to the queue.
type item struct {
	id       syncline.AppID
	project  string
	priority Priority
	due      bool
	running  bool
	// began is the project that the running turn counts for, and weight what it weighs.
	began  string
	weight int
	// again is set when a turn is asked for while one runs.
	again    bool
	failures int
	timer    *time.Timer
	at       time.Time
}

// New returns an empty Queue.
func New(backoff Backoff) *Queue {
	return &Queue{
		Weigh:   func(syncline.AppID) int { return 0 },
		backoff: backoff, items: map[syncline.AppID]*item{}, signal: make(chan struct{}, 1), held: map[string]int{},
	}
}

// Share says how many turns are run at once, of which a project gets its share:
// it never has all. Default: as many as are asked for.
func (q *Queue) Share(workers int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = fair.New(workers)
}

// Add makes a turn of the App due now. While one runs, another follows it.
func (q *Queue) Add(id syncline.AppID, project string, priority Priority) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.item(id)
	it.project = project
	q.makeDue(it, priority)
}

// AddAt makes a turn due at a time, unless one is due sooner.
func (q *Queue) AddAt(id syncline.AppID, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.schedule(q.item(id), at)
}

// Remove forgets the App. A turn of it that runs is not interrupted.
func (q *Queue) Remove(id syncline.AppID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it, ok := q.items[id]; ok {
		if it.timer != nil {
			it.timer.Stop()
		}
		q.end(it)
		it.due = false
		delete(q.items, id)
	}
}

// Next waits for a turn that is due and begins it; [Queue.Done] ends it. It
// returns false when ctx is done.
func (q *Queue) Next(ctx context.Context) (syncline.AppID, Priority, bool) {
	for {
		if it, ok := q.pop(); ok {
			return it.id, it.priority, true
		}
		select {
		case <-ctx.Done():
			return syncline.AppID{}, 0, false
		case <-q.signal:
		}
	}
}

// Done ends a turn. When it failed, the next one is due after the back-off.
func (q *Queue) Done(id syncline.AppID, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it, ok := q.items[id]
	if !ok {
		return
	}
	q.end(it)
	if failed {
		it.failures++
		q.schedule(it, time.Now().Add(q.backoff.after(it.failures)))
	} else {
		it.failures = 0
	}
	if it.again {
		it.again = false
		q.makeDue(it, it.priority)
	}
}

// end gives back the place of a turn that runs.
func (q *Queue) end(it *item) {
	if it.running {
		it.running = false
		q.running.Leave(it.began)
		if q.held[it.began] -= it.weight; q.held[it.began] == 0 {
			delete(q.held, it.began)
		}
		q.wake() // the project may have another one now
	}
}

// Failures returns how many turns of the App failed in a row.
func (q *Queue) Failures(id syncline.AppID) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it, ok := q.items[id]; ok {
		return it.failures
	}
	return 0
}

func (q *Queue) item(id syncline.AppID) *item {
	it, ok := q.items[id]
	if !ok {
		it = &item{id: id}
		q.items[id] = it
	}
	return it
}

// makeDue puts the item into the lane of its priority; a due one may be raised.
func (q *Queue) makeDue(it *item, priority Priority) {
	switch {
	case it.running:
		it.again = true
		it.priority = max(it.priority, priority)
	case it.due && priority <= it.priority:
	default:
		it.due, it.priority = true, priority
		q.lanes[priority].push(it)
		q.wake()
	}
}

func (q *Queue) schedule(it *item, at time.Time) {
	if it.timer != nil && !it.at.After(at) {
		return
	}
	if it.timer != nil {
		it.timer.Stop()
	}
	it.at = at
	id := it.id
	it.timer = time.AfterFunc(time.Until(at), func() { q.ring(id, at) })
}

// ring makes an item due whose time has come.
func (q *Queue) ring(id syncline.AppID, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it, ok := q.items[id]
	if !ok || it.timer == nil || !it.at.Equal(at) {
		return
	}
	it.timer = nil
	q.makeDue(it, Resync)
}

// pop begins the most urgent turn that is due and whose project may have another.
func (q *Queue) pop() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.order() {
		it := q.lanes[p].pop(q.may, func(it *item) bool { return it.due && int(it.priority) == p })
		if it == nil {
			continue
		}
		it.due, it.running, it.began = false, true, it.project
		q.running.Take(it.began)
		q.held[it.began] += it.weight
		begun := *it
		it.priority = Resync
		q.pass(p)
		q.wake() // another worker may find more
		return begun, true
	}
	return item{}, false
}

// may reports whether the project of an item may have its turn now, and takes note of what
// it weighs.
func (q *Queue) may(it *item) bool {
	it.weight = q.Weigh(it.id)
	held := q.held[it.project]
	return q.running.May(it.project) && (held == 0 || held+it.weight <= mostHeld)
}

// order lists the priorities as they are served: the highest first, unless a
// lower one was passed over often enough.
func (q *Queue) order() []int {
	order := make([]int, 0, priorities+1)
	for p := range q.lanes {
		if q.lanes[p].passed >= mostPassed {
			order = append(order, p)
			break
		}
	}
	for p := priorities - 1; p >= 0; p-- {
		order = append(order, p)
	}
	return order
}

// pass takes note that a turn of a priority has begun while others wait.
func (q *Queue) pass(begun int) {
	q.lanes[begun].passed = 0
	for p := range begun {
		if len(q.lanes[p].projects) > 0 {
			q.lanes[p].passed++
		}
	}
}

func (q *Queue) wake() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// lane is a queue for each project; pop takes from one project after the other.
type lane struct {
	projects []string
	waiting  map[string][]*item
	// passed is how many turns of higher priorities have begun since one of these
	// did, while there were any.
	passed int
}

func (l *lane) push(it *item) {
	if l.waiting == nil {
		l.waiting = map[string][]*item{}
	}
	if len(l.waiting[it.project]) == 0 {
		l.projects = append(l.projects, it.project)
	}
	l.waiting[it.project] = append(l.waiting[it.project], it)
}

// pop returns the next item that is still wanted and may have its turn, or nil.
func (l *lane) pop(may, wanted func(*item) bool) *item {
	for at := 0; at < len(l.projects); {
		project := l.projects[at]
		it := l.waiting[project][0]
		if wanted(it) && !may(it) {
			at++
			continue
		}
		l.take(at)
		if wanted(it) {
			return it
		}
	}
	return nil
}

// take removes the first item of a project, which waits at the end for its next.
func (l *lane) take(at int) {
	project := l.projects[at]
	l.projects = slices.Delete(l.projects, at, at+1)
	if rest := l.waiting[project][1:]; len(rest) > 0 {
		l.waiting[project] = rest
		l.projects = append(l.projects, project)
	} else {
		delete(l.waiting, project)
	}
}
