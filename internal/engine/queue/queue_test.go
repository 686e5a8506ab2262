package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

func app(name string) syncline.AppID {
	return syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: name}
}

// drain returns the names of the turns that are due, ending each at once.
func drain(t *testing.T, q *queue.Queue) []string {
	t.Helper()
	var names []string
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		id, _, ok := q.Next(ctx)
		cancel()
		if !ok {
			return names
		}
		names = append(names, id.Name)
		q.Done(id, false)
	}
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestUrgentGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		q.Add(app("resync"), "p", queue.Resync)
		q.Add(app("commit"), "p", queue.Commit)
		q.Add(app("person"), "p", queue.Person)
		q.Add(app("drift"), "p", queue.Drift)
		expect(t, drain(t, q), "person", "drift", "commit", "resync")
	})
}

func TestProjectsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		for _, name := range []string{"a1", "a2", "a3"} {
			q.Add(app(name), "a", queue.Commit)
		}
		q.Add(app("b1"), "b", queue.Commit)
		expect(t, drain(t, q), "a1", "b1", "a2", "a3")
	})
}

func TestAppIsDueOnceAndMayBeRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		q.Add(app("x"), "p", queue.Resync)
		q.Add(app("y"), "p", queue.Commit)
		q.Add(app("x"), "p", queue.Person)
		q.Add(app("x"), "p", queue.Resync)
		expect(t, drain(t, q), "x", "y")
	})
}

func TestOneTurnAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		q.Add(app("x"), "p", queue.Commit)
		id, _, _ := q.Next(t.Context())
		q.Add(id, "p", queue.Person)
		expect(t, drain(t, q))
		q.Done(id, false)
		expect(t, drain(t, q), "x")
	})
}

func TestFailedTurnBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{First: time.Second, Longest: 3 * time.Second})
		q.Add(app("x"), "p", queue.Commit)
		for failures, wait := range []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			began := time.Now()
			id, _, _ := q.Next(t.Context())
			if took := time.Since(began); took != wait {
				t.Errorf("after %d failures it waited %v, want %v", failures, took, wait)
			}
			if q.Failures(id) != failures {
				t.Errorf("%d failures are counted, want %d", q.Failures(id), failures)
			}
			q.Done(id, true)
		}
	})
}

func TestEarlierTimeWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		began := time.Now()
		q.AddAt(app("x"), began.Add(time.Minute))
		q.AddAt(app("x"), began.Add(time.Second))
		q.AddAt(app("x"), began.Add(time.Hour))
		id, _, _ := q.Next(t.Context())
		q.Done(id, false)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it came after %v", took)
		}
		pass(2 * time.Hour)
		expect(t, drain(t, q))
	})
}

func TestRemovedAppHasNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(queue.Backoff{})
		q.Add(app("x"), "p", queue.Person)
		q.AddAt(app("y"), time.Now().Add(time.Second))
		q.Remove(app("x"))
		q.Remove(app("y"))
		pass(time.Minute)
		expect(t, drain(t, q))
	})
}

// However much of higher priority is due, what is lowest has its turn.
func TestTheLowestIsNotStarved(t *testing.T) {
	q := queue.New(queue.Backoff{})
	q.Add(app("resync"), "p", queue.Resync)
	q.Add(app("commit"), "p", queue.Commit)
	got := map[string]int{}
	for turn := range 100 {
		q.Add(app("person"), "p", queue.Person)
		id, _, ok := q.Next(t.Context())
		if !ok {
			t.Fatal("nothing is due")
		}
		if _, known := got[id.Name]; !known {
			got[id.Name] = turn
		}
		q.Done(id, false)
	}
	if got["commit"] == 0 || got["commit"] > 40 || got["resync"] == 0 || got["resync"] > 40 {
		t.Errorf("first turns were %v, want both soon", got)
	}
}

// A project whose turns do not end leaves places for the others.
func TestAProjectNeverHasAllTurns(t *testing.T) {
	q := queue.New(queue.Backoff{})
	q.Share(4)
	begin := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		id, _, _ := q.Next(ctx)
		return id.Name
	}
	for i := range 20 {
		q.Add(app(fmt.Sprint("hostile-", i)), "hostile", queue.Person)
	}
	var begun []string
	for name := begin(); name != ""; name = begin() {
		begun = append(begun, name)
	}
	if len(begun) != 3 {
		t.Fatalf("%v have begun, want 3 of 4", begun)
	}
	q.Add(app("victim"), "other", queue.Resync)
	if got := begin(); got != "victim" {
		t.Fatalf("%q has begun, want the victim", got)
	}
	q.Done(app("victim"), false)
	q.Remove(app(begun[0])) // as when the App is gone
	q.Done(app(begun[0]), false)
	q.Done(app(begun[1]), false)
	if first, second, third := begin(), begin(), begin(); first == "" || second == "" || third != "" {
		t.Errorf("%q, %q and %q have begun, want two", first, second, third)
	}
}

// What the turns of a project that run at once weigh together is bounded; one that weighs
// more runs alone, and those of other projects are not held up.
func TestAProjectIsHeldToWhatItsTurnsWeigh(t *testing.T) {
	q := queue.New(queue.Backoff{})
	q.Share(16)
	weights := map[string]int{"huge-1": 2 << 20, "huge-2": 2 << 20, "half-1": 250 << 10, "half-2": 250 << 10, "light": 4 << 10, "victim": 100 << 10}
	q.Weigh = func(id syncline.AppID) int { return weights[id.Name] }
	begin := func() (begun []string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for {
			id, _, ok := q.Next(ctx)
			if !ok {
				return begun
			}
			begun = append(begun, id.Name)
		}
	}
	for _, name := range []string{"huge-1", "huge-2", "half-1", "half-2", "light"} {
		q.Add(app(name), "hostile", queue.Commit)
	}
	expect(t, begin(), "huge-1")
	q.Add(app("victim"), "other", queue.Resync)
	expect(t, begin(), "victim")
	q.Done(app("huge-1"), false)
	expect(t, begin(), "huge-2")
	q.Remove(app("huge-2")) // as when the App is gone
	expect(t, begin(), "half-1", "half-2", "light")
	q.Add(app("huge-1"), "hostile", queue.Person)
	expect(t, begin())
	q.Done(app("half-1"), false)
	q.Done(app("half-2"), false)
	expect(t, begin())
	q.Done(app("light"), true)
	expect(t, begin(), "huge-1")
}
