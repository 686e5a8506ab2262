package live

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// bare is a cluster that serves no kind.
type bare struct{ unreachable }

func (bare) Resource(_ context.Context, kind schema.GroupVersionKind) (Resource, error) {
	return Resource{}, syncline.Errorf(syncline.NotFound, "no %s", kind)
}

// nothingNeeded is what an agent without Apps says.
func nothingNeeded(schema.GroupKind) bool { return false }

func TestKindsThatAreNotServedCostLittleAndAreLetGo(t *testing.T) {
	known := make(chan schema.GroupKind, 30000)
	c := New(bare{}, Options{OnReady: func(gk schema.GroupKind) { known <- gk }})
	defer c.Close()
	const count = 20000
	before, goroutines := heap(), runtime.NumGoroutine()
	for i := range count {
		c.Need(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: fmt.Sprintf("%0100d", i)})
	}
	for range maxAbsent {
		select {
		case <-known:
		case <-time.After(time.Minute):
			t.Fatal("not all kinds were looked for")
		}
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d kinds take %d KiB", count, grown>>10)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 10 {
		t.Errorf("there are %d more goroutines", more)
	}
	for _, i := range []int{0, maxAbsent, count - 1} {
		gk := schema.GroupKind{Group: "example.com", Kind: fmt.Sprintf("%0100d", i)}
		if missing := c.Ready(gk); len(missing) > 0 || syncline.KindOf(c.Err(gk)) != syncline.NotFound {
			t.Errorf("kind %d holds somebody up: %v, %v", i, missing, c.Err(gk))
		}
	}
	c.letGo(nothingNeeded, time.Now())
	if stats := c.Stats(); stats.Kinds != 0 || len(c.absent) != 0 {
		t.Errorf("%d kinds are left", stats.Kinds)
	}
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d KiB are left", left>>10)
	}
}

func TestANameThatNoKindCanHaveIsNotLookedFor(t *testing.T) {
	c := New(bare{}, Options{})
	defer c.Close()
	kind := schema.GroupVersionKind{Version: "v1", Kind: strings.Repeat("K", 1<<20)}
	c.Need(kind)
	if c.Stats().Kinds != 0 || len(c.Ready(kind.GroupKind())) != 0 || syncline.KindOf(c.Err(kind.GroupKind())) != syncline.NotFound {
		t.Error("it is looked for")
	}
}

func TestOnlyWhatNobodyNeedsIsLetGo(t *testing.T) {
	for name, test := range map[string]struct {
		tracking string
		needed   bool
		before   time.Duration
		stays    bool
	}{
		"a kind that is not needed":                {},
		"a kind that an App wants":                 {needed: true, stays: true},
		"a kind of which an object is tracked":     {tracking: "app:/ConfigMap:ns/a", stays: true},
		"a kind that was needed a short while ago": {before: -time.Hour, stays: true},
		"a kind of a copied annotation":            {tracking: "app:/ConfigMap:ns/b"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			s.kind.asked = time.Now()
			u := stranger("ConfigMap", 1)
			u.SetName("a")
			u.SetNamespace("ns")
			u.SetAnnotations(map[string]string{convention.Tracking: test.tracking})
			s.begin()
			s.kind.handle(stream.Event{Type: stream.Set, Object: u})
			s.complete(5)
			s.letGo(func(schema.GroupKind) bool { return test.needed }, time.Now().Add(time.Second+test.before))
			if stays := s.Stats().Kinds == 1; stays != test.stays {
				t.Fatalf("it stays: %t", stays)
			}
			if ended := s.kind.ctx.Err() != nil; ended == test.stays {
				t.Errorf("its watch ended: %t", ended)
			}
		})
	}
}
