package live

import (
	"container/list"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

const (
	// maxHeld is how many bytes of objects of one kind wait to be judged. What is
	// left out is read again when those are judged.
	maxHeld = 4 << 20
	// firstJudged is how long a kind that is becoming known waits until its objects
	// are judged, so that no App is reported as Progressing only because of a start.
	firstJudged = 5 * time.Second
	// betweenRefills is the least time until a kind is read for what was left out.
	betweenRefills = 2 * time.Second
)

// notJudged is the health of an object of which no state was judged that says
// anything of the one that is remembered.
var notJudged = syncline.Health{Status: syncline.Progressing, Message: "Its health is being judged"}

// assessments are the objects of one kind that are judged beside the watch, one
// after another, each in its last state. The cache's lock guards them.
type assessments struct {
	of map[key]*assessment
	// queue holds the keys of those that wait, the first to wait first; held is how
	// many bytes they take.
	queue list.List
	held  int
	// unjudged counts the objects that have to be judged, waiting or left out.
	unjudged int
	// running says that a goroutine judges, and which one it is at.
	running bool
	now     *assessment
	// leftOut says that objects are to be read again to be judged; refill, that
	// the next reading is for that.
	leftOut, refill bool
	// until is how long becoming known waits for what is to be judged.
	until time.Time
}

// assessment is one state of an object that is judged beside the watch.
type assessment struct {
	generation int64
	// body is the object as press wrote it, and waiting its place, while it waits.
	body    []byte
	waiting *list.Element
	// stale says that the rules may have changed since it began to be judged.
	stale bool
}

// slowly returns what judges an object beside the watch, or nil when it was judged
// by [Options.Assess].
func (c *Cache) slowly(u *unstructured.Unstructured) *assessment {
	if c.options.Slow == nil || !c.options.Slow(u) {
		return nil
	}
	body, err := c.press.pack(u.Object)
	if err != nil {
		return nil // it was read from JSON
	}
	return &assessment{generation: u.GetGeneration(), body: body}
}

// assess gives the state of an object that is remembered now the health that is
// known, and has it judged if that takes long. Before is what was remembered.
func (k *kind) assess(at key, before, after *record, slow *assessment) {
	a, was := &k.assessments, k.assessments.of[at]
	if before != nil && before.Unjudged {
		a.unjudged--
	}
	if after == nil || slow == nil {
		a.forget(at)
		return
	}
	same := isSame(before, after)
	switch {
	case same, was != nil && carries(before, was, after, slow):
		after.Health = before.Health
	default:
		after.Health = notJudged
	}
	if same && was != nil && !before.Unjudged {
		return
	}
	after.Unjudged = true
	a.unjudged++
	if !same || !a.isDue(was) {
		k.enqueue(at, slow)
	}
}

// isSame reports whether two records are of one state of an object.
func isSame(before, after *record) bool {
	return before != nil && before.UID == after.UID && before.ResourceVersion == after.ResourceVersion
}

// isDue reports whether a state waits or is being judged.
func (a *assessments) isDue(is *assessment) bool {
	return is != nil && !is.stale && (is.waiting != nil || is == a.now)
}

// carries reports whether the health of one state of an object says something of a
// later one: nobody wrote what is wanted of it in between.
func carries(before *record, was *assessment, after *record, is *assessment) bool {
	return before != nil && was.generation != 0 && was.generation == is.generation && changeOf(before, after).What&^(Health|Summary) == 0
}

// enqueue has an object judged in its last state, at the place at which it waits.
func (k *kind) enqueue(at key, next *assessment) {
	a := &k.assessments
	if was := a.of[at]; was != nil && was.waiting != nil {
		a.held -= len(was.body)
		next.waiting, was.waiting, was.body = was.waiting, nil, nil
	}
	if a.of == nil {
		a.of = map[key]*assessment{}
	}
	a.of[at] = next
	switch {
	case a.held > 0 && a.held+len(next.body) > maxHeld:
		a.leftOut = true
		if next.body = nil; next.waiting != nil {
			a.queue.Remove(next.waiting)
			next.waiting = nil
		}
		return
	case next.waiting == nil:
		next.waiting = a.queue.PushBack(at)
	}
	a.held += len(next.body)
	if !a.running && k.ctx.Err() == nil {
		a.running = true
		k.cache.running.Go(k.judges)
	}
}

// forget ends the judging of an object.
func (a *assessments) forget(at key) {
	if was := a.of[at]; was != nil && was.waiting != nil {
		a.queue.Remove(was.waiting)
		a.held -= len(was.body)
	}
	delete(a.of, at)
}

// assessAnew has all objects judged again by the reading that begins, which tells them,
// unless it is only for those that were left out.
func (k *kind) assessAnew() {
	a := &k.assessments
	if a.refill {
		a.refill = false
		return
	}
	for at := range a.of {
		if r := k.objects[at]; !r.Unjudged {
			r.Unjudged = true
			a.unjudged++
		}
	}
	if a.now != nil {
		a.now.stale = true
	}
}

// job is a state of an object that is being judged.
type job struct {
	at     key
	is     *assessment
	record *record
	body   []byte
}

// judges judges what waits, until nothing does.
func (k *kind) judges() {
	for {
		job, more := k.next()
		if !more {
			return
		}
		health := k.cache.judge(k.ctx, job.body)
		if k.ctx.Err() != nil {
			return
		}
		k.change(func() []Change { return k.judged(job, health) })
	}
}

// judge judges an object that was written by slowly.
func (c *Cache) judge(ctx context.Context, body []byte) syncline.Health {
	content, err := unpack(body)
	if err != nil {
		return syncline.Health{Status: syncline.Unknown, Message: cut(err.Error(), maxText)}
	}
	health := c.options.Judge(ctx, &unstructured.Unstructured{Object: content})
	health.Message = cut(health.Message, maxText)
	return health
}

// next returns the object that waits longest. When none does, what was left out is
// read again.
func (k *kind) next() (next job, more bool) {
	k.cache.mu.Lock()
	defer k.cache.mu.Unlock()
	a := &k.assessments
	first := a.queue.Front()
	if first == nil || k.ctx.Err() != nil {
		a.running = false
		k.refill()
		return job{}, false
	}
	at := a.queue.Remove(first).(key) //nolint:forcetypeassert // it holds nothing else
	is := a.of[at]
	next = job{at, is, k.objects[at], is.body}
	a.held -= len(is.body)
	is.waiting, is.body, a.now = nil, nil, is
	return next, true
}

// refill reads the kind again if objects were left out.
func (k *kind) refill() {
	a := &k.assessments
	if !a.leftOut || k.ctx.Err() != nil {
		return
	}
	a.leftOut, a.refill = false, true
	k.after(betweenRefills, func() { ask(k.anew) })
}

// judged takes in the health of a state. Where another one is remembered by now, it
// counts until that is judged, if it says something of it.
func (k *kind) judged(job job, health syncline.Health) []Change {
	a := &k.assessments
	a.now = nil
	r, is := k.objects[job.at], a.of[job.at]
	switch {
	case r == nil || is == nil || job.is.stale:
		return nil
	case is == job.is:
		r.Unjudged = false
		a.unjudged--
	case !carries(job.record, job.is, r, is):
		return nil
	}
	before := *r
	r.Health = health
	k.settleJudged()
	return []Change{changeOf(&before, r)}
}

// awaitsJudgement reports whether becoming known waits for what is to be judged.
func (k *kind) awaitsJudgement() bool {
	return k.assessments.unjudged > 0 && time.Now().Before(k.assessments.until)
}

// awaitJudgement has becoming known wait for a while, if there is what to wait for.
func (k *kind) awaitJudgement() {
	a := &k.assessments
	if k.known || a.unjudged == 0 || !a.until.IsZero() {
		return
	}
	a.until = time.Now().Add(firstJudged)
	k.after(firstJudged, func() {
		k.change(func() []Change {
			k.settleJudged()
			return nil
		})
	})
}

// settleJudged ends that wait when there is nothing more to wait for.
func (k *kind) settleJudged() {
	if !k.assessments.until.IsZero() && !k.reading && k.err == nil {
		k.settle()
	}
}

// after does something after a time, unless the kind is let go before.
func (k *kind) after(wait time.Duration, do func()) {
	if k.ctx.Err() != nil {
		return
	}
	k.cache.running.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			do()
		case <-k.ctx.Done():
		}
	})
}
