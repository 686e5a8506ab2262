// Package storetest is what holds for every store of what the control plane is told in
// resources of one kind: it knows what was seen last, forgets what is gone, and tells
// of what changed. It is for tests only.
package storetest

import (
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Store is what a watch tells.
type Store interface {
	// Put takes note of a resource as it was seen. It is an Invalid error when something
	// in it cannot be read.
	Put(u *unstructured.Unstructured) error
	// Delete forgets one that is gone.
	Delete(name types.NamespacedName)
}

// Opened is a store and what looks into it.
type Opened struct {
	Store Store
	// Read returns what it says, as a text.
	Read func() string
	// Held returns how many things it remembers.
	Held func() int
}

// Kind is a kind of store.
type Kind struct {
	// Open returns an empty store which calls changed each time that it tells of a change.
	Open func(changed func()) Opened
	// One and Other are resources of the same name that say different things, and Broken
	// one of that name of which nothing can be read.
	One, Other, Broken *unstructured.Unstructured
}

// Run runs the suite on a kind.
func Run(t *testing.T, kind Kind) {
	t.Helper()
	t.Run("what was seen last counts, and changes are told", func(t *testing.T) { remembers(t, kind) })
	t.Run("what cannot be read", func(t *testing.T) { refuses(t, kind) })
	t.Run("what is gone is forgotten", func(t *testing.T) { forgets(t, kind) })
	t.Run("at once", func(t *testing.T) { atOnce(t, kind) })
}

// stand is a store under test.
type stand struct {
	Opened
	kind Kind
	told int
}

func open(kind Kind) *stand {
	s := &stand{kind: kind}
	s.Opened = kind.Open(func() { s.told++ })
	return s
}

func (s *stand) put(u *unstructured.Unstructured) error { return s.Store.Put(u.DeepCopy()) }

func (s *stand) delete() {
	s.Store.Delete(types.NamespacedName{Namespace: s.kind.One.GetNamespace(), Name: s.kind.One.GetName()})
}

// news returns whether a change was told since it was asked the last time.
func (s *stand) news() bool {
	told := s.told > 0
	s.told = 0
	return told
}

func remembers(t *testing.T, kind Kind) {
	s := open(kind)
	nothing := s.Read()
	var one, other string
	for _, step := range []struct {
		name string
		do   func() error
		want *string // what is read then; set by the first that wants it
		told bool
	}{
		{"what is not there goes", func() error { s.delete(); return nil }, &nothing, false},
		{"it comes", func() error { return s.put(kind.One) }, &one, true},
		{"it is seen again", func() error { return s.put(kind.One) }, &one, false},
		{"it changes", func() error { return s.put(kind.Other) }, &other, true},
		{"it changes back", func() error { return s.put(kind.One) }, &one, true},
		{"it goes", func() error { s.delete(); return nil }, &nothing, true},
		{"it goes again", func() error { s.delete(); return nil }, &nothing, false},
		{"another of its name comes", func() error { return s.put(kind.Other) }, &other, true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if *step.want == "" {
			*step.want = s.Read()
		}
		if got := s.Read(); got != *step.want {
			t.Errorf("%s: it says %s, want %s", step.name, got, *step.want)
		}
		if told := s.news(); told != step.told {
			t.Errorf("%s: that it changed is told: %t, want %t", step.name, told, step.told)
		}
	}
	if one == nothing || other == nothing || one == other {
		t.Errorf("it says the same of different things: %s, %s, %s", nothing, one, other)
	}
}

func refuses(t *testing.T, kind Kind) {
	s := open(kind)
	if err := s.put(kind.Broken); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("got %v, want an Invalid error", err)
	}
	if err := s.put(kind.One); err != nil {
		t.Fatal(err)
	}
	one := s.Read()
	s.news()
	if err := s.put(kind.Broken); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("after one that can be read: got %v, want an Invalid error", err)
	}
	if s.news() != (s.Read() != one) {
		t.Error("that it says something else is not told, or told though it is not so")
	}
	if err := s.put(kind.One); err != nil || s.Read() != one {
		t.Errorf("mended, it says %s, want %s (%v)", s.Read(), one, err)
	}
}

func forgets(t *testing.T, kind Kind) {
	s := open(kind)
	empty, nothing := s.Held(), s.Read()
	for _, u := range []*unstructured.Unstructured{kind.One, kind.Broken, kind.Other} {
		_ = s.put(u)
	}
	if s.Held() == empty {
		t.Error("it remembers nothing, so the test shows nothing")
	}
	s.delete()
	if held := s.Held(); held != empty || s.Read() != nothing {
		t.Errorf("it remembers %d things and says %s, want %d and %s", held, s.Read(), empty, nothing)
	}
}

// atOnce is for the race detector, and holds that who reads sees one or the other.
func atOnce(t *testing.T, kind Kind) {
	opened := kind.Open(func() {})
	s := &stand{Opened: opened, kind: kind}
	says := map[string]bool{s.Read(): true}
	for _, u := range []*unstructured.Unstructured{kind.One, kind.Other} {
		if err := s.put(u); err != nil {
			t.Fatal(err)
		}
		says[s.Read()] = true
	}
	var writing, reading sync.WaitGroup
	end := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for {
				if got := s.Read(); !says[got] {
					t.Errorf("it says %s, which nobody put", got)
					return
				}
				select {
				case <-end:
					return
				default:
				}
			}
		})
		writing.Go(func() {
			for range 200 {
				_ = s.put(kind.One)
				_ = s.put(kind.Other)
				s.delete()
			}
		})
	}
	writing.Wait()
	close(end)
	reading.Wait()
}
