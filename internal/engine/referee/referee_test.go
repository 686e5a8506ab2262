package referee

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// atOnce is how many cases are played at once.
const atOnce = 12

// TestOnlyWhatThePlanShowsHappens plays random cases on a real API server and
// judges each: what was written, deleted and left is what the plans show and the
// rules of Argo CD permit and demand, and afterwards nothing is left to do.
func TestOnlyWhatThePlanShowsHappens(t *testing.T) {
	t.Logf("%d cases of seed %d; one alone with -seed %d -case N", *count, *seed, *seed)
	p := newPlace(t)
	if *alone >= 0 {
		c := drawCase(*seed, *alone)
		a, wrong := play(t, p, c)
		t.Logf("%s\n%s", describe(c), strings.Join(a.story, "\n"))
		for _, text := range wrong {
			t.Error(text)
		}
		return
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	var tally tally
	for number := range *count {
		group.Go(func() error {
			a, wrong := play(t, p, drawCase(*seed, number))
			tally.add(a)
			for _, text := range wrong {
				t.Errorf("case %d: %s", number, text)
			}
			return nil
		})
	}
	_ = group.Wait()
	tally.check(t)
}

// tally counts what happened in all cases, so that it fails when nothing of a sort
// does.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *tally) add(a *arena) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	for key, n := range a.tally {
		c.count[key] += n
	}
}

func (c *tally) check(t *testing.T) {
	t.Helper()
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(c.count)) {
		lines = append(lines, fmt.Sprintf("%s %d", key, c.count[key]))
	}
	t.Log(strings.Join(lines, ", "))
	if *count < 200 {
		return
	}
	for _, key := range []string{
		"apply", "create", "delete", "patch", "kills", "deleted Apps", "operations Succeeded", "operations Failed",
		"planned create", "planned update", "planned recreate", "planned prune", "planned retain", "planned run", "planned keep",
	} {
		if c.count[key] == 0 {
			t.Errorf("of %d cases none has %q: they show nothing of it", *count, key)
		}
	}
}

// play plays a case and returns what is wrong with it.
func play(t *testing.T, p *place, c drawn) (*arena, []string) {
	t.Helper()
	a := newArena(t.Context(), p, c)
	defer a.leave()
	if err := a.prepare(); err != nil {
		return a, []string{err.Error()}
	}
	retry := syncline.Retry{Duration: time.Millisecond, MaxDuration: time.Millisecond}
	a.app.Request = &syncline.Operation{Prune: true, Retry: retry, By: syncline.Initiator{Username: "somebody"}}
	a.tell("first sync")
	wrong := a.judged(a.play("first sync", a.objects(func(t thing) map[string]any { return t.first })))
	if err := a.disturb(); err != nil {
		return a, append(wrong, err.Error())
	}
	a.app.Policy, a.app.Request = c.policy, c.request
	a.line.set(c.faults)
	a.tell("second sync")
	second := a.objects(func(t thing) map[string]any { return t.second })
	r := a.play("second sync", second)
	a.line.set(nil)
	a.note(r)
	wrong = append(wrong, a.judged(r)...)
	if covered(r.operation) {
		wrong = append(wrong, a.again(second)...)
	}
	return a, append(wrong, a.goAway(second)...)
}

// goAway deletes the App, in some cases, and returns what is wrong with that.
func (a *arena) goAway(objects []syncline.Object) []string {
	if a.leaves == nil {
		return nil
	}
	a.app.Deleting = a.leaves
	a.app.Deleting.Since = time.Now()
	a.tell("the App is deleted")
	r := a.play("deletion", objects)
	if a.gone {
		a.tally["deleted Apps"]++
	}
	if a.leaves.Cascade {
		return a.judged(r)
	}
	var wrong []string
	for _, one := range r.requests {
		wrong = append(wrong, fmt.Sprintf("deletion: %s %s, of an App that leaves its objects", one.verb, one.ref))
	}
	return wrong
}

// covered reports whether an operation did everything that there was to do.
func covered(state *syncline.OperationState) bool {
	return state != nil && state.Phase == syncline.OperationSucceeded && !state.Operation.DryRun && !state.Operation.Partial() && state.Operation.Prune
}

// again syncs once more, and returns what is wrong with that: there is nothing to
// do but to run the hooks.
func (a *arena) again(objects []syncline.Object) []string {
	retry := syncline.Retry{Duration: time.Millisecond, MaxDuration: time.Millisecond}
	a.app.Request = &syncline.Operation{Prune: true, Retry: retry, By: syncline.Initiator{Username: "somebody"}, SkipHooks: true, Options: a.app.Past.Operation.Operation.Options}
	a.tell("third sync")
	r := a.play("third sync", objects)
	wrong := a.judged(r)
	for _, one := range r.requests {
		if one.did() {
			wrong = append(wrong, fmt.Sprintf("third sync: %s %s, when nothing is left to do", one.verb, one.ref))
		}
	}
	for _, c := range r.firstPlan() {
		switch {
		case c.Action == syncline.Keep, c.Action == syncline.Retain, c.Role == syncline.RoleHook, c.Err != nil:
		default:
			wrong = append(wrong, fmt.Sprintf("third sync: the plan still has %s %s: %s %v", c.Action, c.Ref, c.Why, paths(c.Fields)))
		}
	}
	return wrong
}

// firstPlan returns the changes of the first plan that was performed.
func (r round) firstPlan() []syncline.Change {
	for _, turn := range r.turns {
		if turn.result.Performed != nil {
			return turn.result.Performed.Changes
		}
	}
	return nil
}

// objects returns what the App declares.
func (a *arena) objects(of func(thing) map[string]any) []syncline.Object {
	var objects []syncline.Object
	for _, t := range a.things {
		if manifest := of(t); manifest != nil {
			objects = append(objects, object(manifest))
		}
	}
	return objects
}

// note counts what a round did.
func (a *arena) note(r round) {
	a.tally = map[string]int{}
	if r.operation != nil {
		a.tally["operations "+string(r.operation.Phase)]++
	}
	for _, one := range r.requests {
		if one.did() {
			a.tally[one.verb]++
		}
	}
	for _, turn := range r.turns {
		if turn.killed {
			a.tally["kills"]++
		}
		if turn.result.Performed != nil {
			for _, c := range turn.result.Performed.Changes {
				a.tally["planned "+string(c.Action)]++
			}
		}
	}
}

// leave removes what the case had, without waiting for it.
func (a *arena) leave() {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	for ref, u := range a.snapshot() {
		if len(u.GetFinalizers()) > 0 {
			_, _ = a.reach(ref).Patch(a.ctx, ref.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		}
		if ref.Namespace == "" {
			_ = a.reach(ref).Delete(a.ctx, ref.Name, options)
		}
	}
}

// describe tells a case.
func describe(c drawn) string {
	text, _ := yaml.Marshal(map[string]any{"policy": c.policy, "ignore": c.ignore, "request": c.request, "faults": c.faults})
	for _, t := range c.things {
		one, _ := yaml.Marshal(map[string]any{
			"origin": t.origin, "made": t.made, "first": t.first, "second": t.second, "drifts": fmt.Sprintf("%+v", t.drifts),
		})
		text = append(text, fmt.Sprintf("--- %s %s\n%s", t.kind.name, t.name, one)...)
	}
	return string(text)
}
