package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// unreachable is a cluster of which nothing is known: these tests tell the
// events of a kind themselves, in orders that a real API server hardly makes.
type unreachable struct{}

func (unreachable) Resource(context.Context, schema.GroupVersionKind) (Resource, error) {
	return Resource{}, errors.New("unreachable")
}
func (unreachable) Kinds(context.Context) ([]schema.GroupVersionKind, error) { return nil, nil }
func (unreachable) Served(schema.GroupKind) bool                             { return false }
func (unreachable) Outdated()                                                {}

// script is a kind whose events a test tells.
type script struct {
	*Cache
	kind    *kind
	telling sync.Mutex
	changes []Change
	turns   int
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{}
	s.Cache = New(unreachable{}, Options{
		Dialects: syncline.Dialects{convention.Dialect()},
		OnChange: func(c Change) {
			s.telling.Lock()
			defer s.telling.Unlock()
			s.changes = append(s.changes, c)
		},
		OnReady: func(schema.GroupKind) { s.turns++ },
	})
	t.Cleanup(s.Close)
	s.kind = newKind(s.Cache, schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
	s.mu.Lock()
	s.kinds[s.kind.gvk.GroupKind()] = s.kind
	s.mu.Unlock()
	return s
}

func (s *script) set(name, uid string, version int)  { s.tell(stream.Set, name, uid, version) }
func (s *script) gone(name, uid string, version int) { s.tell(stream.Gone, name, uid, version) }
func (s *script) begin()                             { s.kind.handle(stream.Event{Type: stream.Begin}) }
func (s *script) complete(version int) {
	s.kind.handle(stream.Event{Type: stream.Complete, Version: fmt.Sprint(version)})
}
func (s *script) progress(version int) {
	s.kind.handle(stream.Event{Type: stream.Progress, Version: fmt.Sprint(version)})
}
func (s *script) fail(kind syncline.Kind, attempts int) {
	s.kind.handle(stream.Event{Type: stream.Failed, Err: syncline.Errorf(kind, "no"), Attempts: attempts})
}

func (s *script) tell(event stream.EventType, name, uid string, version int) {
	s.kind.handle(stream.Event{Type: event, Object: configMap(name, uid, version)})
}

func (s *script) observe(t *testing.T, name, uid string, version int) {
	t.Helper()
	object, err := syncline.NewObject(configMap(name, uid, version).Object, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Observe(object)
}

// want fails unless the object is remembered in that version; 0 means not at all.
func (s *script) want(t *testing.T, name string, version int) {
	t.Helper()
	seen, ok := s.Get(refOf(name))
	switch {
	case ok != (version != 0):
		t.Errorf("%s is remembered: %t", name, ok)
	case ok && seen.ResourceVersion != fmt.Sprint(version):
		t.Errorf("%s is remembered at %s, want %d", name, seen.ResourceVersion, version)
	}
}

func configMap(name, uid string, version int) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"namespace": "ns", "name": name, "uid": uid, "resourceVersion": fmt.Sprint(version)},
	}}
}

func refOf(name string) syncline.Ref {
	return syncline.Ref{Kind: "ConfigMap", Namespace: "ns", Name: name}
}

func TestNothingIsKnownBeforeAReadingIsComplete(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	if missing := s.Ready(s.kind.gvk.GroupKind()); len(missing) != 1 {
		t.Error("the kind is ready too early")
	}
	s.want(t, "a", 0)
	s.complete(10)
	s.want(t, "a", 5)
	if len(s.changes) != 0 || s.turns != 1 {
		t.Errorf("told were %d changes and %d turns, want one turn only", len(s.changes), s.turns)
	}
}

func TestAPartialReadingRemovesNothing(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	s.set("b", "2", 6)
	s.complete(10)
	s.begin()
	s.set("a", "1", 5)
	s.fail(syncline.Transient, 1)
	s.want(t, "b", 6)
	s.begin()
	s.set("a", "1", 5)
	s.want(t, "b", 6)
	s.complete(20)
	s.want(t, "b", 0)
	if len(s.changes) != 1 || s.changes[0].Ref != refOf("b") || s.changes[0].What != Existence {
		t.Errorf("told were %v, want the end of b", s.changes)
	}
}

func TestOurWriteIsKnownAtOnceAndNeverTakenBack(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	s.complete(10)
	s.observe(t, "a", "1", 13)
	s.want(t, "a", 13)
	s.set("a", "1", 12)
	s.want(t, "a", 13)
	s.observe(t, "a", "1", 11)
	s.want(t, "a", 13)
	s.set("a", "1", 13)
	s.set("a", "1", 14)
	s.want(t, "a", 14)
	s.observe(t, "new", "2", 15)
	s.want(t, "new", 15)
	if last := s.changes[len(s.changes)-1]; !last.Ours || last.Ref != refOf("new") {
		t.Errorf("told last was %+v, want our creation", last)
	}
}

func TestADeletionThatWasSeenWins(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	s.complete(10)
	s.gone("a", "1", 20)
	s.observe(t, "a", "1", 19)
	s.want(t, "a", 0)

	s.set("b", "2", 21)
	s.ObserveGone(refOf("b"), types.UID("2"))
	s.want(t, "b", 0)
	s.set("b", "2", 22)
	s.observe(t, "b", "2", 23)
	s.want(t, "b", 0)
	s.gone("b", "2", 24)
	s.set("b", "3", 25)
	s.want(t, "b", 25)
	s.ObserveGone(refOf("b"), types.UID("2"))
	s.want(t, "b", 25)
	s.gone("b", "2", 24)
	s.want(t, "b", 25)
}

func TestAReadingDropsWhatWeWroteAndSomebodyDeleted(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.complete(10)
	s.begin()
	s.observe(t, "gone", "1", 12)
	s.observe(t, "young", "2", 22)
	s.complete(20)
	s.want(t, "gone", 0)
	s.want(t, "young", 22)
}

func TestABackupThatWasRestoredIsBelieved(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5000)
	s.set("b", "2", 5001)
	s.complete(5002)
	s.observe(t, "c", "3", 5003)
	s.begin()
	s.set("a", "1", 900)
	s.complete(1000)
	s.want(t, "a", 900)
	s.want(t, "b", 0)
	s.want(t, "c", 0)
	s.set("a", "1", 1001)
	s.want(t, "a", 1001)
}

func TestFailuresOfAKind(t *testing.T) {
	group := schema.GroupKind{Kind: "ConfigMap"}
	known := func(s *script) {
		s.begin()
		s.set("a", "1", 5)
		s.complete(10)
	}
	for name, test := range map[string]struct {
		before func(*script)
		kind   syncline.Kind
		tries  int
		known  bool
	}{
		"a short outage leaves what is known":   {known, syncline.Transient, 6, true},
		"a long outage does not":                {known, syncline.Transient, 7, false},
		"a refusal counts at once":              {known, syncline.Denied, 1, false},
		"a kind that is gone counts at once":    {known, syncline.NotFound, 1, false},
		"nothing was known when nothing worked": {(*script).begin, syncline.Transient, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			test.before(s)
			for attempt := range test.tries {
				s.fail(test.kind, attempt+1)
			}
			err := s.Err(group)
			if test.known {
				s.want(t, "a", 5)
				if err != nil {
					t.Error(err)
				}
				return
			}
			s.want(t, "a", 0)
			if syncline.KindOf(err) != test.kind {
				t.Errorf("the error is %v, want one that is %s", err, test.kind)
			}
			if len(s.Ready(group)) != 0 {
				t.Error("a failed kind has to be waited for")
			}
		})
	}
}

func TestAnOutageEndsWithoutReadingAgain(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	s.complete(10)
	for attempt := range 8 {
		s.fail(syncline.Transient, attempt+1)
	}
	turns := s.turns
	s.progress(10)
	s.want(t, "a", 5)
	if s.turns != turns+1 || s.Err(schema.GroupKind{Kind: "ConfigMap"}) != nil {
		t.Error("the end of the outage was not told")
	}
}

func TestTheSameTwiceIsNoChange(t *testing.T) {
	s := newScript(t)
	s.begin()
	s.set("a", "1", 5)
	s.complete(10)
	s.set("a", "1", 11)
	if len(s.changes) != 0 {
		t.Errorf("told were %v", s.changes)
	}
	s.set("a", "2", 12)
	if len(s.changes) != 1 || s.changes[0].What != Existence {
		t.Errorf("told were %v, want that the object is another one", s.changes)
	}
}
