package live

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// widget is an object whose kind is judged by a rule that takes as long as the
// object says.
type widget struct {
	name                string
	uid, generation, at int
	takes               time.Duration
	// quick says that no rule applies to it.
	quick bool
	// size makes it larger; noise, by what cannot be packed.
	size  int
	noise bool
}

func (w widget) object() *unstructured.Unstructured {
	data := strings.Repeat("x", w.size)
	if w.noise {
		random := make([]byte, w.size*3/4)
		_, _ = rand.NewChaCha8([32]byte{byte(w.uid)}).Read(random)
		data = base64.StdEncoding.EncodeToString(random)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"namespace": "ns", "name": w.name, "uid": fmt.Sprint(w.uid),
			"generation": int64(w.generation), "resourceVersion": fmt.Sprint(w.at),
		},
		"takes": int64(w.takes), "quick": w.quick, "data": data,
	}}
}

// verdict is what the rules of a time say of a state.
func verdict(u *unstructured.Unstructured, rules int32) syncline.Health {
	return syncline.Health{Status: syncline.Healthy, Message: fmt.Sprintf(
		"%s/%d/%s by %d", u.GetUID(), u.GetGeneration(), u.GetResourceVersion(), rules)}
}

// assessed is a kind whose objects are judged beside the watch.
type assessed struct {
	*script
	rules  atomic.Int32
	judged atomic.Int32
}

func newAssessed(t *testing.T) *assessed {
	t.Helper()
	a := &assessed{script: newScript(t)}
	a.options.Assess = func(u *unstructured.Unstructured) syncline.Health { return verdict(u, 0) }
	a.options.Slow = func(u *unstructured.Unstructured) bool { return u.Object["quick"] == false }
	a.options.Judge = func(ctx context.Context, u *unstructured.Unstructured) syncline.Health {
		rules := a.rules.Load() // those of now
		a.judged.Add(1)
		takes, _ := u.Object["takes"].(int64)
		select {
		case <-time.After(time.Duration(takes)):
		case <-ctx.Done():
		}
		return verdict(u, rules)
	}
	return a
}

func (a *assessed) tellOf(event stream.EventType, w widget) {
	a.kind.handle(stream.Event{Type: event, Object: w.object()})
}

func (a *assessed) known(t *testing.T, widgets ...widget) {
	t.Helper()
	a.begin()
	for _, w := range widgets {
		a.tellOf(stream.Set, w)
	}
	a.complete(1)
	synctest.Wait()
	a.changes = nil
}

// health returns that of an object, followed by a star while it is not that of the
// state which is remembered.
func (a *assessed) health(name string) string {
	seen, ok := a.Get(refOf(name))
	switch {
	case !ok:
		return "not known"
	case seen.Unjudged:
		return strings.TrimSpace(string(seen.Health.Status)+" "+seen.Health.Message) + " *"
	}
	return strings.TrimSpace(string(seen.Health.Status) + " " + seen.Health.Message)
}

func (a *assessed) wantHealth(t *testing.T, name, want string) {
	t.Helper()
	if got := a.health(name); got != want {
		t.Errorf("%s is %s, want %s", name, got, want)
	}
}

const beingJudged = "Progressing Its health is being judged *"

// A rule that does not end delays no event, not of the same object either.
func TestARuleThatHangsHoldsUpNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAssessed(t)
		a.known(t, widget{name: "a", uid: 1, generation: 1, at: 1}, widget{name: "b", uid: 2, generation: 1, at: 1})
		began := time.Now()
		a.tellOf(stream.Set, widget{name: "a", uid: 1, generation: 2, at: 2, takes: 3 * time.Second})
		synctest.Wait()
		a.tellOf(stream.Set, widget{name: "b", uid: 2, generation: 2, at: 3})
		a.tellOf(stream.Set, widget{name: "c", uid: 3, generation: 1, at: 4})
		a.tellOf(stream.Set, widget{name: "q", uid: 4, generation: 1, at: 5, quick: true})
		a.tellOf(stream.Gone, widget{name: "b", uid: 2, generation: 2, at: 6})
		a.tellOf(stream.Set, widget{name: "a", uid: 1, generation: 3, at: 7})
		if took := time.Since(began); took != 0 {
			t.Errorf("the events took %s", took)
		}
		a.want(t, "a", 7)
		a.want(t, "b", 0)
		a.wantHealth(t, "a", beingJudged)
		a.wantHealth(t, "c", beingJudged)
		a.wantHealth(t, "q", "Healthy 4/1/5 by 0")
		if len(a.changes) != 3 || a.changes[0].What != Existence || a.changes[0].Ref != refOf("c") {
			t.Errorf("told was %+v, want c, q and the end of b", a.changes)
		}
		<-time.After(3 * time.Second) // of the test's clock
		synctest.Wait()
		a.wantHealth(t, "a", "Healthy 1/3/7 by 0")
		a.wantHealth(t, "c", "Healthy 3/1/4 by 0")
		for _, change := range a.changes[3:] {
			if change.What != Health {
				t.Errorf("told was %+v, want health", change)
			}
		}
	})
}

// What is known of a generation counts until its new state is judged, and never for
// another generation.
func TestHealthOfAnOldGenerationDoesNotCount(t *testing.T) {
	const long = time.Minute
	first := widget{name: "a", uid: 1, generation: 1, at: 1}
	for name, test := range map[string]struct {
		next widget
		want string
	}{
		"another status":          {widget{name: "a", uid: 1, generation: 1, at: 2, takes: long}, "Healthy 1/1/1 by 0 *"},
		"the same":                {first, "Healthy 1/1/1 by 0"},
		"another generation":      {widget{name: "a", uid: 1, generation: 2, at: 2, takes: long}, beingJudged},
		"another object":          {widget{name: "a", uid: 2, generation: 1, at: 2, takes: long}, beingJudged},
		"a kind without":          {widget{name: "a", uid: 1, at: 2, takes: long}, beingJudged},
		"one that no rule judges": {widget{name: "a", uid: 1, generation: 2, at: 2, quick: true}, "Healthy 1/2/2 by 0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAssessed(t)
				a.known(t, first)
				a.tellOf(stream.Set, test.next)
				synctest.Wait()
				a.wantHealth(t, "a", test.want)
				if test.want == beingJudged && test.next.uid == 1 && len(a.changes) > 0 && a.changes[0].What.Has(Health) {
					t.Errorf("that it is not judged was told: %+v", a.changes)
				}
			})
		})
	}
}

// An object that changes faster than it is judged is judged all the same, and not
// in each of its states.
func TestAnObjectThatNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAssessed(t)
		a.known(t)
		for at := range 100 {
			a.tellOf(stream.Set, widget{name: "a", uid: 1, generation: 1, at: at + 1, takes: time.Second})
			<-time.After(100 * time.Millisecond) // of the test's clock
		}
		if got := a.health("a"); !strings.HasPrefix(got, "Healthy 1/1/") {
			t.Errorf("it is %s, want the health of an earlier state", got)
		}
		if judged := a.judged.Load(); judged < 9 || judged > 11 {
			t.Errorf("it was judged %d times in 10 seconds, want one a second", judged)
		}
	})
}

// A kind is known when its objects are judged, or a little later.
func TestBecomingKnownWaitsForJudgement(t *testing.T) {
	for takes, waits := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: firstJudged} {
		synctest.Test(t, func(t *testing.T) {
			a := newAssessed(t)
			a.known(t, widget{name: "a", uid: 1, generation: 1, at: 1, takes: takes})
			a.progress(2)
			a.wantHealth(t, "a", "not known")
			<-time.After(waits - time.Millisecond) // of the test's clock
			a.wantHealth(t, "a", "not known")
			<-time.After(time.Millisecond) // of the test's clock
			synctest.Wait()
			if takes == waits {
				a.wantHealth(t, "a", "Healthy 1/1/1 by 0")
			} else {
				a.wantHealth(t, "a", beingJudged)
			}
			if a.turns != 1 {
				t.Errorf("told was %d times that the kind is known", a.turns)
			}
		})
	}
}

// What waits takes little memory, however much there is to judge; the rest is read
// again.
func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAssessed(t)
		var widgets []widget
		for i := range 40 {
			widgets = append(widgets, widget{name: fmt.Sprint("w", i), uid: i, generation: 1, at: 1, takes: time.Second, size: 1 << 20, noise: true})
		}
		a.known(t, widgets...)
		readings := 0
		for range 200 {
			a.mu.RLock()
			if held := a.kind.assessments.held; held > maxHeld {
				t.Errorf("%d KiB wait", held>>10)
			}
			a.mu.RUnlock()
			select {
			case <-a.kind.anew:
				readings++
				a.known(t, widgets...)
			case <-time.After(time.Second):
			}
		}
		for _, w := range widgets {
			a.wantHealth(t, w.name, "Healthy "+verdict(w.object(), 0).Message)
		}
		if judged := int(a.judged.Load()); judged != len(widgets) || readings == 0 || readings > len(widgets)/3 {
			t.Errorf("%d objects were judged %d times in %d readings", len(widgets), judged, readings)
		}
	})
}

// An object comes out of the press as it was, and waits in less than half of what its JSON
// takes, so that more than twice as many do: one is used again and again.
func TestPressed(t *testing.T) {
	var p press
	plain, pressed := 0, 0
	for i := range 100 {
		u := deployment(i)
		text, err := json.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := p.pack(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		content, err := unpack(packed)
		if err != nil || !reflect.DeepEqual(content, u.Object) {
			t.Fatalf("it comes out as %v: %v", content, err)
		}
		plain, pressed = plain+len(text), pressed+len(packed)
	}
	if t.Logf("of %d bytes are left %d", plain, pressed); pressed > plain/2 {
		t.Errorf("of %d bytes are left %d", plain, pressed)
	}
}

// The objects of a kind end up with the health that they would have if the watch
// waited for each, whatever happens in which order, and never have one of a state
// in which something else was wanted.
func TestHealthBesideTheWatchEqualsHealthInIt(t *testing.T) {
	count := 1000
	if testing.Short() {
		count /= 2
	}
	for seed := range count {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			w := &widgets{assessed: newAssessed(t), now: map[string]widget{}, r: r}
			w.known(t)
			for range 30 {
				w.step(t)
				if r.IntN(3) == 0 {
					<-time.After(time.Duration(r.IntN(2000)) * time.Millisecond) // of the test's clock
				}
				w.wantTrue(t)
			}
			<-time.After(time.Minute) // of the test's clock
			synctest.Wait()
			w.wantFinal(t)
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// widgets are the objects of a kind, and how they are now.
type widgets struct {
	*assessed
	now map[string]widget
	r   *rand.Rand
	at  int
}

func (w *widgets) step(t *testing.T) {
	t.Helper()
	w.at++
	name := string(rune('a' + w.r.IntN(3)))
	is, exists := w.now[name]
	is.name, is.at, is.takes = name, w.at, time.Duration(w.r.IntN(3))*time.Second
	if !exists {
		is.uid, is.generation = w.at, w.r.IntN(2)
	}
	switch w.r.IntN(8) {
	case 0:
		if exists {
			delete(w.now, name)
			w.tellOf(stream.Gone, is)
		}
		return
	case 1:
		w.rules.Add(1)
		w.Reread(w.kind.gvk.GroupKind())
		<-w.kind.anew
		w.readAll()
		return
	case 2:
		w.readAll()
		return
	case 3:
		is.quick = !is.quick
	case 4, 5:
		if is.generation > 0 {
			is.generation++
		}
	}
	w.now[name] = is
	if object, err := syncline.NewObject(is.object().Object, ""); err == nil && w.r.IntN(2) == 0 {
		w.Observe(object)
	}
	w.tellOf(stream.Set, is)
}

func (w *widgets) readAll() {
	w.begin()
	for _, is := range w.now {
		w.tellOf(stream.Set, is)
	}
	w.complete(w.at)
}

// wantTrue fails unless each health is of what is wanted now, or says that it is
// not known.
func (w *widgets) wantTrue(t *testing.T) {
	t.Helper()
	for name, is := range w.now {
		seen, ok := w.Get(refOf(name))
		state := fmt.Sprintf("%d/%d/%d ", is.uid, is.generation, is.at)
		wanted := fmt.Sprintf("%d/%d/", is.uid, is.generation)
		switch {
		case !ok:
			t.Errorf("%s is not remembered", name)
		case seen.Unjudged && seen.Health == notJudged, strings.HasPrefix(seen.Health.Message, state):
		case seen.Unjudged && is.generation > 0 && strings.HasPrefix(seen.Health.Message, wanted):
		default:
			t.Errorf("%s at %s is %s", name, state, w.health(name))
		}
	}
}

func (w *widgets) wantFinal(t *testing.T) {
	t.Helper()
	for name, is := range w.now {
		rules := w.rules.Load()
		if is.quick {
			rules = 0
		}
		w.wantHealth(t, name, "Healthy "+verdict(is.object(), rules).Message)
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if a := &w.kind.assessments; a.unjudged != 0 || a.held != 0 || a.queue.Len() != 0 || a.running || len(a.of) > len(w.now) {
		t.Errorf("left are %+v", a)
	}
}

// An object that is judged without a process costs what it cost.
func TestNothingIsKeptForWhatIsJudgedAtOnce(t *testing.T) {
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}, Slow: func(*unstructured.Unstructured) bool { return false }})
	defer c.Close()
	k := newKind(c, schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
	k.handle(stream.Event{Type: stream.Begin})
	k.handle(stream.Event{Type: stream.Set, Object: configMap("a", "1", 5)})
	if len(k.assessments.of) != 0 {
		t.Errorf("kept are %+v", k.assessments.of)
	}
}
