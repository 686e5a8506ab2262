package rules_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/health/rules"
)

// runner answers by what the object says: "ok", "invalid" or "stop".
type runner struct {
	mu   sync.Mutex
	runs []string
	now  int
	most int
}

func (r *runner) Run(_ context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	says, _ := object["says"].(string)
	r.mu.Lock()
	r.runs = append(r.runs, says)
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now--
	}()
	switch says {
	case "invalid":
		return syncline.Health{}, syncline.Errorf(syncline.Invalid, "it is wrong")
	case "stop":
		<-time.After(time.Second) // of the test's clock
		return syncline.Health{}, syncline.Errorf(syncline.Stalled, "stopped: it took longer than 1s")
	}
	return syncline.Health{Status: syncline.Healthy, Message: rule.Script}, nil
}

// took returns what was run since it was last called.
func (r *runner) took() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs := strings.Join(r.runs, " ")
	r.runs = nil
	return runs
}

var widget = schema.GroupKind{Group: "example.com", Kind: "Widget"}

// for returns a Find for rules with these scripts.
func finding(scripts map[schema.GroupKind]string) rules.Find {
	return func(kind schema.GroupKind) (syncline.HealthRule, bool) {
		script, ok := scripts[kind]
		return syncline.HealthRule{Origin: "the rule for " + kind.Kind, Remedy: "mend it", Script: script}, ok
	}
}

func widgets() rules.Find { return finding(map[schema.GroupKind]string{widget: "a"}) }

func object(app, says string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget", "says": says,
		"metadata": map[string]any{"name": "a", "annotations": map[string]any{
			convention.Tracking: app + ":example.com/Widget:ns/a",
		}},
	}}
}

// as makes an object one of another kind, which the same App tracks.
func as(u *unstructured.Unstructured, version, kind string) *unstructured.Unstructured {
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetAnnotations(map[string]string{convention.Tracking: "shop:" + u.GroupVersionKind().Group + "/" + kind + ":ns/a"})
	return u
}

func TestWhatIsJudged(t *testing.T) {
	untracked := object("shop", "ok")
	untracked.SetAnnotations(map[string]string{"a": "b"})
	copied := object("shop", "ok")
	copied.SetName("b")
	another := as(object("shop", "ok"), "example.com/v1", "Gadget")
	secret := as(object("shop", "ok"), "v1", "Secret")
	otherSecret := as(object("shop", "ok"), "example.com/v1", "Secret")
	for name, test := range map[string]struct {
		object *unstructured.Unstructured
		want   string
	}{
		"a tracked object":         {object("shop", "ok"), "{Healthy a} true"},
		"an untracked object":      {untracked, "{ } false"},
		"a copy of a tracked one":  {copied, "{ } false"},
		"a kind without a rule":    {another, "{ } false"},
		"a Secret":                 {secret, "{ } false"},
		"a Secret of another kind": {otherSecret, "{Healthy b} true"},
		"a script that fails":      {object("shop", "invalid"), "{Unknown the rule for Widget: it is wrong; mend it} true"},
		"nothing":                  {&unstructured.Unstructured{}, "{ } false"},
	} {
		t.Run(name, func(t *testing.T) {
			set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: &runner{}, Find: finding(map[schema.GroupKind]string{
				widget: "a", {Group: "example.com", Kind: "Secret"}: "b", {Kind: "Secret"}: "c",
			})})
			health, ok := set.Judge(t.Context(), test.object)
			if got := fmt.Sprint(health, ok); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if _, ok := rules.New(rules.Options{}).Judge(t.Context(), object("shop", "ok")); ok {
		t.Error("a set without rules judges")
	}
}

// A script that fails is run for every event: it may do better with the next.
func TestAFailureIsNotRemembered(t *testing.T) {
	r := &runner{}
	set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets()})
	for range 3 {
		set.Judge(t.Context(), object("shop", "invalid"))
	}
	if got := r.took(); got != "invalid invalid invalid" {
		t.Errorf("run was %q", got)
	}
}

// A script that has to be stopped is not run again for a while, then the kind is
// judged again; and the more often, the longer it takes.
func TestAStoppedScriptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{}
		began := time.Now()
		var mu sync.Mutex
		var again []string
		set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets(), Again: func(kind schema.GroupKind) {
			mu.Lock()
			defer mu.Unlock()
			again = append(again, fmt.Sprint(kind, time.Since(began)))
		}})
		health, ok := set.Judge(t.Context(), object("shop", "stop"))
		if want := "the rule for Widget: stopped: it took longer than 1s; mend it"; !ok || health.Status != syncline.Unknown || health.Message != want {
			t.Errorf("got %v %+v, want %s", ok, health, want)
		}
		for range 1000 {
			if next, _ := set.Judge(t.Context(), object("shop", "ok")); next != health {
				t.Fatalf("got %+v, want the same", next)
			}
		}
		if got := r.took(); got != "stop" {
			t.Errorf("run was %q", got)
		}
		<-time.After(30 * time.Second) // of the test's clock
		synctest.Wait()
		mu.Lock()
		if want := []string{"Widget.example.com 31s"}; !slices.Equal(again, want) {
			t.Errorf("told was %v, want %v", again, want)
		}
		mu.Unlock()
		set.Judge(t.Context(), object("shop", "ok"))
		set.Judge(t.Context(), object("shop", "stop"))
		<-time.After(45 * time.Second) // of the test's clock
		set.Judge(t.Context(), object("shop", "ok"))
		<-time.After(20 * time.Second) // of the test's clock
		set.Judge(t.Context(), object("shop", "ok"))
		if got := r.took(); got != "ok stop ok" {
			t.Errorf("run was %q, want a longer wait for the second time", got)
		}
		mu.Lock()
		if len(again) != 2 {
			t.Errorf("told was %v", again)
		}
		mu.Unlock()
		<-time.After(2 * time.Hour) // of the test's clock
		set.Judge(t.Context(), object("shop", "stop"))
		<-time.After(31 * time.Second) // of the test's clock
		set.Judge(t.Context(), object("shop", "ok"))
		if got := r.took(); got != "stop ok" {
			t.Errorf("run was %q, want it to begin anew after a long time", got)
		}
	})
}

// One App's objects do not keep a script from being run for the others.
func TestAStopIsTheAppsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{}
		set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets()})
		for range 5 {
			for _, app := range []string{"bad", "worse"} {
				if health, _ := set.Judge(t.Context(), object(app, "stop")); health.Status != syncline.Unknown {
					t.Errorf("%s: %+v", app, health)
				}
			}
			if health, _ := set.Judge(t.Context(), object("good", "ok")); health.Status != syncline.Healthy {
				t.Errorf("good: %+v", health)
			}
		}
		if got := r.took(); got != "stop stop ok ok ok ok ok" {
			t.Errorf("run was %q", got)
		}
	})
}

// A script that ends for nobody is not run for each App, and costs little in a day.
func TestAScriptThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{}
		var set *rules.Set
		judgeAll := func(schema.GroupKind) {
			for i := range 1000 {
				if health, _ := set.Judge(t.Context(), object(fmt.Sprint("app-", i), "stop")); health.Status != syncline.Unknown {
					t.Errorf("app %d is %+v", i, health)
				}
			}
		}
		set = rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets(), Again: judgeAll})
		judgeAll(widget)
		if got := r.took(); got != "stop stop stop" {
			t.Errorf("run was %q", got)
		}
		<-time.After(24 * time.Hour) // of the test's clock
		if runs := len(strings.Fields(r.took())); runs == 0 || runs > 100 {
			t.Errorf("in a day it was run %d times", runs)
		}
		set.Replace(finding(nil)) // ends the retries
	})
}

// However many objects change at once, one script takes one process.
func TestAScriptRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{}
		set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets()})
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() { set.Judge(t.Context(), object(fmt.Sprint("app-", i), "stop")) })
		}
		group.Wait()
		if got := r.took(); got != "stop stop stop" || r.most != 1 {
			t.Errorf("run was %q, %d at once", got, r.most)
		}
	})
}

func TestReplace(t *testing.T) {
	kind := func(name string) schema.GroupKind { return schema.GroupKind{Group: "example.com", Kind: name} }
	r := &runner{}
	set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: finding(map[schema.GroupKind]string{
		kind("Same"): "s", kind("Changed"): "a", kind("Gone"): "g", kind("Unseen"): "u",
	})})
	judge := func(name, says string) string {
		health, ok := set.Judge(t.Context(), as(object("shop", says), "example.com/v1", name))
		return fmt.Sprint(health, ok)
	}
	for _, name := range []string{"Same", "Gone", "New", "None"} {
		judge(name, "ok")
	}
	judge("Changed", "stop")
	changed := set.Replace(finding(map[schema.GroupKind]string{kind("Same"): "s", kind("Changed"): "b", kind("New"): "n"}))
	var names []string
	for _, kind := range changed {
		names = append(names, kind.Kind)
	}
	slices.Sort(names)
	if want := []string{"Changed", "Gone", "New"}; !slices.Equal(names, want) {
		t.Errorf("changed are %v, want %v", names, want)
	}
	for name, want := range map[string]string{
		"Same": "{Healthy s} true", "Changed": "{Healthy b} true", "Gone": "{ } false", "New": "{Healthy n} true", "Unseen": "{ } false",
	} {
		if got := judge(name, "ok"); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// A kind without a rule costs every event of its watch next to nothing, and so do
// the objects that no App tracks.
func BenchmarkJudge(b *testing.B) {
	untracked := object("shop", "ok")
	untracked.SetAnnotations(map[string]string{"a": "b"})
	deployment := object("shop", "ok")
	deployment.SetAPIVersion("apps/v1")
	deployment.SetKind("Deployment")
	set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: &runner{}, Find: widgets()})
	for name, o := range map[string]*unstructured.Unstructured{"no rule": deployment, "untracked": untracked} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Judge(b.Context(), o)
			}
		})
	}
}

// What the Apps of one owner do to a script does not keep it from others.
func TestAStopIsTheOwnersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{}
		set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: r, Find: widgets(), Owner: func(app string) string {
			owner, _, _ := strings.Cut(app, "-")
			return owner
		}})
		for i := range 20 {
			if health, _ := set.Judge(t.Context(), object(fmt.Sprint("hostile-", i), "stop")); health.Status != syncline.Unknown {
				t.Errorf("hostile-%d is %+v", i, health)
			}
		}
		if got := r.took(); got != "stop stop stop" {
			t.Errorf("run was %q", got)
		}
		for range 3 {
			if health, _ := set.Judge(t.Context(), object("victim-1", "ok")); health.Status != syncline.Healthy {
				t.Errorf("the victim is %+v", health)
			}
		}
		if health, _ := set.Judge(t.Context(), object("hostile-99", "ok")); health.Status != syncline.Unknown {
			t.Errorf("the victim's success let go the others: %+v", health)
		}
	})
}
