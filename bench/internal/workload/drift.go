package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// driftPause is the time between two accidents. A control plane takes a tenth
// of a second of processor time for each, most of it for the ReplicaSets and Pods
// of Deployments: at 20 a second two processors are busy with that alone, and its
// queue is what would be measured.
const driftPause = 100 * time.Millisecond

// accident is something that happens to an object by hand.
type accident struct {
	watch *stage.Watch
	name  types.NamespacedName
	// patch is a merge patch; nil deletes the object.
	patch []byte
}

// drift measures W4: 10 times a second an object is edited or deleted. Each app
// has one accident only, because a repair that has to be repeated waits.
// Seconds and P99 are from before the accident's request until the watch tells
// that all is as declared.
func (s *scene) drift(ctx context.Context) error {
	watches := map[schema.GroupVersionResource]*stage.Watch{}
	for _, resource := range []schema.GroupVersionResource{stage.ConfigMaps(), stage.Services(), stage.Deployments()} {
		watch, err := s.stage.Watch(ctx, resource)
		if err != nil {
			return err
		}
		defer watch.Stop()
		watches[resource] = watch
	}
	m, err := s.measure()
	if err != nil {
		return err
	}
	r := s.newRun("W4")
	times, err := s.accidents(ctx, watches)
	if err != nil {
		return err
	}
	slices.Sort(times)
	r.Seconds = quantile(times, 0.99)
	r.Figures[result.P50], r.Figures[result.P99] = quantile(times, 0.5), r.Seconds
	r.Figures[result.Objects], r.Figures[result.PutBack] = float64(s.Drifts), float64(len(times))
	if err := m.end(ctx, r); err != nil {
		return err
	}
	return s.keep(r)
}

// accidents lets all accidents happen and returns how long each was felt. An
// object that is not put back within two minutes is left out.
func (s *scene) accidents(ctx context.Context, watches map[schema.GroupVersionResource]*stage.Watch) ([]float64, error) {
	source := rand.New(rand.NewPCG(4, 4)) // the same accidents in every run
	ticker := time.NewTicker(driftPause)
	defer ticker.Stop()
	var mu sync.Mutex
	var times []float64
	var failure error
	var group sync.WaitGroup
	for _, at := range source.Perm(len(s.input.Apps))[:min(s.Drifts, len(s.input.Apps))] {
		a := newAccident(s.input.Apps[at], source.IntN(6), watches)
		group.Go(func() {
			took, err := s.happen(ctx, a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failure = err
				s.say("%v", err)
				return
			}
			times = append(times, took.Seconds())
		})
		<-ticker.C
	}
	group.Wait()
	if len(times) == 0 {
		return nil, failure
	}
	return times, nil
}

// newAccident returns one of six accidents of an app.
func newAccident(app input.App, which int, watches map[schema.GroupVersionResource]*stage.Watch) accident {
	a := accident{name: app.In(app.Deployment)}
	switch which % 3 {
	case 0:
		a.watch, a.patch = watches[stage.ConfigMaps()], []byte(`{"data":{"value":"by hand"}}`)
	case 1:
		a.watch, a.patch = watches[stage.Services()], []byte(`{"spec":{"selector":{"app.kubernetes.io/name":"by-hand"}}}`)
	default:
		a.watch, a.patch = watches[stage.Deployments()], []byte(`{"spec":{"replicas":2}}`)
	}
	if which >= 3 {
		a.patch = nil
	}
	return a
}

// happen performs an accident and returns how long it was felt.
func (s *scene) happen(ctx context.Context, a accident) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before, exists := a.watch.Get(a.name)
	if !exists {
		return 0, fmt.Errorf("%s is not there", a.name)
	}
	began := time.Now()
	back := func(u *unstructured.Unstructured) bool { return u.GetUID() != before.GetUID() }
	if a.patch == nil {
		if err := s.stage.API.Delete(ctx, a.watch.Resource(), a.name, before.GetUID()); err != nil {
			return 0, err
		}
	} else {
		edited, err := s.stage.API.Patch(ctx, a.watch.Resource(), a.name, kube.Patch{Type: types.MergePatchType, Data: a.patch})
		if err != nil {
			return 0, err
		}
		back = func(u *unstructured.Unstructured) bool { return isNewer(u, edited) && sameContent(u, before) }
	}
	held, err := a.watch.Await(ctx, []types.NamespacedName{a.name}, back)
	return stage.Last(held).Sub(began), err
}

// isNewer compares resource versions, which are numbers since Kubernetes 1.35.
func isNewer(u, than *unstructured.Unstructured) bool {
	a, _ := strconv.ParseUint(u.GetResourceVersion(), 10, 64)
	b, _ := strconv.ParseUint(than.GetResourceVersion(), 10, 64)
	return a > b
}

// sameContent compares what an accident may change.
func sameContent(u, before *unstructured.Unstructured) bool {
	for _, path := range [][]string{{"data", "value"}, {"spec", "replicas"}, {"spec", "selector"}} {
		a, _, _ := unstructured.NestedFieldNoCopy(u.Object, path...)
		b, _, _ := unstructured.NestedFieldNoCopy(before.Object, path...)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			return false
		}
	}
	return true
}

// quantile returns the smallest of the sorted values that is not exceeded by
// that share of them.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[max(0, min(at, len(sorted)-1))]
}
