package plan_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// drawObjects draws what an App declares: objects of few names, so that they
// meet, with waves, options and hooks.
func drawObjects(t *rapid.T, label string) []syncline.Object {
	return rapid.SliceOfNDistinct(rapid.Custom(drawObject), 0, 12,
		func(o syncline.Object) string { return o.Ref().String() }).Draw(t, label)
}

func drawObject(t *rapid.T) syncline.Object {
	kind := rapid.SampledFrom([][2]string{
		{"v1", "ConfigMap"}, {"v1", "Secret"}, {"apps/v1", "Deployment"}, {"rbac.authorization.k8s.io/v1", "ClusterRole"},
	}).Draw(t, "kind")
	annotations := map[string]any{}
	set := func(key string, values ...string) {
		if value := rapid.SampledFrom(append(values, "")).Draw(t, key); value != "" {
			annotations[key] = value
		}
	}
	set(convention.Wave, "-1", "0", "2", "x")
	if rapid.IntRange(0, 5).Draw(t, "hook") == 0 {
		set(convention.Hook, "PreSync", "PostSync,SyncFail")
	}
	set(convention.SyncOptions, "Prune=false", "PruneLast=true", "Replace=true", "Prune=confirm")
	set(convention.Compare, "IgnoreExtraneous")
	metadata := map[string]any{"name": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), "annotations": annotations}
	if kind[1] != "ClusterRole" && rapid.Bool().Draw(t, "elsewhere") {
		metadata["namespace"] = "default"
	}
	object, err := syncline.NewObject(map[string]any{
		"apiVersion": kind[0], "kind": kind[1], "metadata": metadata,
		"data": map[string]any{"x": rapid.SampledFrom([]string{"1", "2"}).Draw(t, "x")},
	}, "drawn")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func buildOf(t *rapid.T, c *enginetest.Cluster, planner *plan.Planner, app syncline.App, objects []syncline.Object) syncline.Plan {
	p, err := planner.Build(t.Context(), plan.Input{
		App: app, Objects: objects, Revisions: []string{"0123456"}, Cluster: c, Memory: c, Judge: permitAll, Dialects: dialects(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// disturb lets others make, change, claim and delete objects.
func disturb(t *rapid.T, c *enginetest.Cluster, objects []syncline.Object) {
	for _, o := range objects {
		ref := placed(o)
		switch rapid.SampledFrom([]string{"", "make", "change", "claim", "claim", "delete"}).Draw(t, "what happens to "+ref.String()) {
		case "make":
			if c.UID(ref) == "" {
				c.Add(o.WithNamespace(ref.Namespace).Reveal().Object)
			}
		case "change":
			c.Change(ref, func(u metadata) { setX("drifted")(u) })
		case "claim":
			tracking := fmt.Sprintf("api:%s/%s:%s/%s", ref.Group, ref.Kind, ref.Namespace, ref.Name)
			c.Change(ref, func(u metadata) { u.SetAnnotations(map[string]string{convention.Tracking: tracking}) })
		case "delete":
			c.Delete(ref)
		}
	}
}

// placed is the ref that an object gets in the cluster.
func placed(o syncline.Object) syncline.Ref {
	ref := o.Ref()
	if ref.Namespace == "" && ref.Kind != "ClusterRole" {
		ref.Namespace = "shop"
	}
	return ref
}

func TestAnAppliedPlanLeavesNothingToDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, planner, app := enginetest.New(convention.Dialect()), plan.New(plan.InProcess{}), shop()
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			objects := drawObjects(t, "declared")
			disturb(t, c, objects)
			perform(t, c, buildOf(t, c, planner, app, objects))
			c.Requests()
			after := buildOf(t, c, planner, app, objects)
			for _, change := range after.Changes {
				settled := change.Action == syncline.Keep || change.Action == syncline.Retain || change.Role == syncline.RoleHook
				if unconfirmed := change.Action == syncline.Prune && syncline.KindOf(change.Err) == syncline.Waiting; unconfirmed {
					continue
				}
				if !settled || change.Err != nil {
					t.Fatalf("after it was applied: %s %s, because %s; %v", change.Action, change.Ref, change.Why, change.Err)
				}
			}
			c.Requests()
			buildOf(t, c, planner, app, objects)
			if asked := c.Requests(); len(asked) > 0 {
				t.Fatalf("nothing changed and %v was asked", asked)
			}
		}
	})
}

func TestOnlyWhatIsOursAndNotDesiredIsPruned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, planner, app := enginetest.New(convention.Dialect()), plan.New(plan.InProcess{}), shop()
		others := shop()
		others.Instance = "api"
		for _, other := range []syncline.App{app, others} {
			perform(t, c, buildOf(t, c, planner, other, drawObjects(t, "earlier, of "+other.Instance)))
		}
		objects := drawObjects(t, "declared")
		declared := map[syncline.Ref]bool{}
		made := buildOf(t, c, planner, app, objects)
		for _, change := range made.Changes {
			if !change.Desired.IsZero() {
				declared[change.Ref] = true
			}
		}
		for _, change := range made.Changes {
			if change.Action != syncline.Prune {
				continue
			}
			live, exists := c.Get(change.Ref)
			owned, _ := c.Owned(app.Instance)
			ours := slices.ContainsFunc(owned, func(l syncline.Live) bool { return l.Ref == change.Ref })
			switch {
			case !exists || live.UID != change.UID:
				t.Fatalf("%s is not what is live", change.Ref)
			case !ours || declared[change.Ref]:
				t.Fatalf("%s is pruned; ours %v, declared %v", change.Ref, ours, declared[change.Ref])
			}
		}
		for _, o := range objects {
			if !declared[placed(o)] {
				t.Fatalf("%s is declared and not in the plan", placed(o))
			}
		}
	})
}

func TestThePlanDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, app := enginetest.New(convention.Dialect()), shop()
		perform(t, c, buildOf(t, c, plan.New(plan.InProcess{}), app, drawObjects(t, "earlier")))
		objects := drawObjects(t, "declared")
		disturb(t, c, objects)
		first := buildOf(t, c, plan.New(plan.InProcess{}), app, objects)
		for range 10 {
			rand.Shuffle(len(objects), reflect.Swapper(objects))
			if diff := cmp.Diff(plainOf(first), plainOf(buildOf(t, c, plan.New(plan.InProcess{}), app, objects))); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// plainOf is everything that a plan says.
func plainOf(p syncline.Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, fmt.Sprint(c.Ref, c.Role, c.Action, c.Phase, c.Wave, c.Why, c.Fields, c.UID, c.Options,
			c.HookPolicies, c.Needs, c.SharedWith, c.Extraneous, c.Err, c.Desired.Digest()))
	}
	for _, w := range p.Warnings {
		lines = append(lines, fmt.Sprint(w))
	}
	return lines
}
