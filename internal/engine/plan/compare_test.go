package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

type metadata = *unstructured.Unstructured

func setX(value string) func(u metadata) {
	return func(u metadata) { _ = unstructured.SetNestedField(u.Object, value, "data", "x") }
}

func TestActions(t *testing.T) {
	immutable := func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Invalid, "the field is immutable")
		}
		return nil
	}
	forbidden := func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Denied, "no")
		}
		return nil
	}
	never := func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun || r.Verb == enginetest.Rehearse {
			return syncline.Errorf(syncline.Invalid, "no API server takes it")
		}
		return nil
	}
	noNew := func(r enginetest.Request) error {
		if r.Verb == enginetest.Rehearse {
			return syncline.Errorf(syncline.Denied, "a policy refuses new ones")
		}
		return immutable(r)
	}
	drift := func(t *testing.T, f *fixture) { f.Edit(t, refA(), setX("other")) }
	for name, test := range map[string]struct {
		live    func(t *testing.T, f *fixture)
		options option.List
		force   bool
		answer  func(enginetest.Request) error
		want    string
	}{
		"missing":                 {func(_ *testing.T, f *fixture) { f.Delete(refA()) }, nil, false, nil, "Sync 0 create ConfigMap/shop/a"},
		"as desired":              {func(*testing.T, *fixture) {}, nil, false, nil, "Sync 0 keep ConfigMap/shop/a"},
		"drifted":                 {drift, nil, false, nil, "Sync 0 update ConfigMap/shop/a"},
		"drifted, Replace":        {drift, option.List{"Replace=true"}, false, nil, "Sync 0 replace ConfigMap/shop/a"},
		"going":                   {func(t *testing.T, f *fixture) { f.Hold(t, refA()); f.Delete(refA()) }, nil, false, nil, "Sync 0 create ConfigMap/shop/a !waiting"},
		"immutable":               {drift, nil, false, immutable, "Sync 0 update ConfigMap/shop/a !invalid"},
		"immutable, Replace":      {drift, option.List{"Replace=true"}, false, immutable, "Sync 0 replace ConfigMap/shop/a"},
		"immutable, Force":        {drift, option.List{"Force=true"}, false, immutable, "Sync 0 recreate ConfigMap/shop/a"},
		"immutable, forced":       {drift, nil, true, immutable, "Sync 0 recreate ConfigMap/shop/a"},
		"forbidden":               {drift, nil, false, forbidden, "Sync 0 update ConfigMap/shop/a !denied"},
		"forbidden, forced":       {drift, nil, true, forbidden, "Sync 0 update ConfigMap/shop/a !denied"},
		"never accepted, Force":   {drift, option.List{"Force=true"}, false, never, "Sync 0 update ConfigMap/shop/a !invalid"},
		"never accepted, forced":  {drift, nil, true, never, "Sync 0 update ConfigMap/shop/a !invalid"},
		"no new one, Force":       {drift, option.List{"Force=true"}, false, noNew, "Sync 0 update ConfigMap/shop/a !invalid"},
		"no new one, Replace too": {drift, option.List{"Force=true", "Replace=true"}, false, noNew, "Sync 0 replace ConfigMap/shop/a"},
		"others' fields count": {func(t *testing.T, f *fixture) {
			f.Edit(t, refA(), func(u metadata) { u.SetLabels(map[string]string{"by": "them"}) })
		}, nil, false, nil, "Sync 0 keep ConfigMap/shop/a"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.sync(t, configA)
			test.live(t, f)
			f.app.Policy.Options = test.options
			f.operation = &syncline.OperationState{Operation: syncline.Operation{Force: test.force}}
			f.Answer = test.answer
			p := f.plan(t, configA)
			expectSteps(t, p, test.want)
			if c := p.Changes[0]; (c.Action == syncline.Keep) != (c.Why == "") {
				t.Errorf("%s because %q", c.Action, c.Why)
			}
		})
	}
}

func TestANamespaceOrDefinitionIsNotRecreated(t *testing.T) {
	f := newFixture()
	f.sync(t, definition)
	f.Edit(t, syncline.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "wheels.example.com"}, func(u metadata) {
		_ = unstructured.SetNestedField(u.Object, "Namespaced", "spec", "scope")
	})
	f.app.Policy.Options = option.List{"Force=true"}
	f.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Invalid, "the field is immutable")
		}
		return nil
	}
	p := f.plan(t, definition)
	expectSteps(t, p, "Sync 0 update apiextensions.k8s.io/CustomResourceDefinition/wheels.example.com !invalid")
	expectWarning(t, p, syncline.ComparisonError, "wheels.example.com: the field is immutable")
}

func verbs(requests []enginetest.Request) []string {
	var lines []string
	for _, r := range requests {
		lines = append(lines, r.String())
	}
	slices.Sort(lines)
	return lines
}

func TestWhatIsAskedOfTheAPIServer(t *testing.T) {
	f := newFixture()
	asked := func(what string, want ...string) {
		t.Helper()
		if got := verbs(f.Requests()); !slices.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", what, got, want)
		}
	}
	once := []string{"dry-run ConfigMap/shop/a", "read ConfigMap/shop/a"}
	f.sync(t, configA)
	f.plan(t, configA)
	asked("nothing differs")
	f.Edit(t, refA(), setX("other"))
	f.plan(t, configA)
	asked("it drifted", once...)
	f.plan(t, configA)
	asked("nothing changed since")
	f.Edit(t, refA(), func(u metadata) { u.SetLabels(map[string]string{"by": "them"}) })
	f.plan(t, configA)
	asked("others' fields changed, and they have one that is declared", once...)
	f.Edit(t, refA(), func(u metadata) { u.Object["status"] = map[string]any{"ready": true} })
	f.plan(t, configA)
	asked("its status changed")
	f.sync(t, configA)
	f.plan(t, configA)
	asked("it is put back")
	f.Edit(t, refA(), setX("another"))
	f.plan(t, configA)
	asked("it drifted again", once...)
	f.app.Policy.Options = option.List{"Validate=false"}
	f.plan(t, configA)
	asked("it is validated otherwise", once...)
	f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("*"), Group: glob.Compile("*"), JSONPointers: []string{"/data/x"}}}
	f.plan(t, configA)
	asked("something is ignored", once...)
	f.planner.Forget(f.app.ID)
	f.plan(t, configA)
	asked("all is forgotten", once...)
}

func TestARefusalIsAskedAboutAgain(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), setX("other"))
	refuse := true
	f.Answer = func(r enginetest.Request) error {
		if refuse && r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Denied, "a quota is used up")
		}
		return nil
	}
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a !denied")
	refuse = false // what refused was not the object
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a")
}

func TestAChangeWhileComparingIsNoDifference(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), func(u metadata) { setX("other")(u) })
	f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("ConfigMap"), JSONPointers: []string{"/data/x"}}}
	edits := 0
	f.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun && edits < 1 {
			edits++
			f.Edit(t, refA(), func(u metadata) { u.SetLabels(map[string]string{"by": "them"}) })
		}
		return nil
	}
	expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")

	t.Run("and is not remembered as one", func(t *testing.T) {
		f := newFixture()
		f.sync(t, configA)
		f.Edit(t, refA(), setX("other"))
		f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("ConfigMap"), JSONPointers: []string{"/data/x"}}}
		busy := true
		f.Answer = func(r enginetest.Request) error {
			if edits++; busy && r.Verb == enginetest.DryRun {
				f.Edit(t, refA(), func(u metadata) { u.SetLabels(map[string]string{"by": fmt.Sprint(edits)}) })
			}
			return nil
		}
		f.plan(t, configA) // whatever it says, it was in a hurry
		busy = false
		expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")
	})
}

func TestAPassingFailureFailsThePlan(t *testing.T) {
	for _, kind := range []syncline.Kind{syncline.Transient, syncline.Conflict, syncline.Internal} {
		f := newFixture()
		f.sync(t, together(configA, configB))
		for _, name := range []string{"a", "b"} {
			f.Edit(t, syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}, setX("other"))
		}
		f.Answer = func(r enginetest.Request) error {
			if r.Ref.Name == "b" && r.Verb == enginetest.DryRun {
				return syncline.Errorf(kind, "try later")
			}
			return nil
		}
		_, err := f.planner.Build(t.Context(), f.input(t, together(configA, configB)))
		if syncline.KindOf(err) != kind {
			t.Errorf("got %v, want the kind %s", err, kind)
		}
	}
}

func TestWhatWasFoundOutSurvivesAFailure(t *testing.T) {
	f := newFixture()
	f.sync(t, together(configA, configB))
	for _, name := range []string{"a", "b"} {
		f.Edit(t, syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}, setX("other"))
	}
	f.plan(t, configA) // a is compared; b is not declared
	failing := true
	f.Answer = func(r enginetest.Request) error {
		if failing && r.Ref.Name == "b" {
			return syncline.Errorf(syncline.Transient, "try later")
		}
		return nil
	}
	f.Requests()
	if _, err := f.planner.Build(t.Context(), f.input(t, together(configA, configB))); err == nil {
		t.Fatal("the plan did not fail")
	}
	failing = false
	f.plan(t, together(configA, configB))
	for _, r := range f.Requests() {
		if r.Ref.Name == "a" {
			t.Errorf("%s was asked though it was known", r)
		}
	}
}

func TestWhatWasKnownSurvivesAFailureToDiscover(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), setX("other"))
	f.plan(t, configA)
	f.Requests()
	f.Undiscovered = syncline.Errorf(syncline.Transient, "try later")
	if _, err := f.planner.Build(t.Context(), f.input(t, configA)); syncline.KindOf(err) != syncline.Transient {
		t.Fatalf("got %v", err)
	}
	f.Undiscovered = nil
	f.plan(t, configA)
	if asked := f.Requests(); len(asked) > 0 {
		t.Errorf("asked %v", asked)
	}
}

func TestAnObjectThatGoesWhileItIsComparedIsAConflict(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), setX("other"))
	f.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.Read {
			return syncline.Errorf(syncline.NotFound, "gone")
		}
		return nil
	}
	if _, err := f.planner.Build(t.Context(), f.input(t, configA)); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("got %v: an operation would end by that", err)
	}
}

func TestAPanicWhileComparingReachesTheCaller(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), setX("other"))
	f.Answer = func(enginetest.Request) error { panic("a defect") }
	defer func() {
		if recover() == nil {
			t.Error("it did not panic in the caller's goroutine, where it can be caught")
		}
	}()
	_, _ = f.planner.Build(t.Context(), f.input(t, configA))
}

func TestSharedObjects(t *testing.T) {
	other := `
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: "%s"}}
data: {x: "1"}`
	for tracking, want := range map[string]string{
		"api:/ConfigMap:shop/a":     "api",
		"web:/ConfigMap:shop/a":     "",
		"api:/ConfigMap:shop/other": "", // copied from another object
		"api:/Secret:shop/a":        "",
		"nonsense":                  "",
	} {
		t.Run(tracking, func(t *testing.T) {
			f := newFixture()
			f.Put(t, fmt.Sprintf(other, tracking))
			p := f.plan(t, configA)
			if got := p.Changes[0].SharedWith; got != want {
				t.Errorf("it is shared with %q, want %q", got, want)
			}
			if (len(p.Warnings) > 0) != (want != "") {
				t.Errorf("got %q", p.Warnings)
			}
		})
	}
	t.Run("warning", func(t *testing.T) {
		f := newFixture()
		f.Put(t, fmt.Sprintf(other, "api:/ConfigMap:shop/a"))
		p := f.plan(t, configA)
		expectWarning(t, p, syncline.SharedResourceWarning, "ConfigMap/a is part of applications web and api")
		expectSteps(t, p, "Sync 0 update ConfigMap/shop/a")
	})
	t.Run("FailOnSharedResource", func(t *testing.T) {
		f := newFixture()
		f.app.Policy.Options = option.List{"FailOnSharedResource=true"}
		f.Put(t, fmt.Sprintf(other, "api:/ConfigMap:shop/a"))
		expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a !denied")
	})
}

func TestLeftoversOfClientSideApply(t *testing.T) {
	live := `
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: shop
  labels: {old: "1", theirs: "2"}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","labels":{"old":"1"},"annotations":{}},"data":{"x":"1","gone":"1","missing":"1"}}
data: {x: "1", gone: "1", added: "1"}`
	f := newFixture()
	f.ApplyClientSide(t, f.Put(t, live))
	p := f.plan(t, configA)
	var paths []string
	for _, field := range p.Changes[0].Fields {
		paths = append(paths, field.Path)
	}
	want := []string{"data.gone", "metadata.annotations[\"argocd.argoproj.io/tracking-id\"]", "metadata.labels.old"}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("ConfigMap"), JSONPointers: []string{"/data/gone"}}}
	if fields := f.plan(t, configA).Changes[0].Fields; fields[len(fields)-1].Path != "data.gone" {
		t.Errorf("what is ignored and goes with the rest is not shown last: %v", fields)
	}
	f.app.Ignore = nil
	f.sync(t, configA)
	after := f.Live(t, refA())
	if _, gone, _ := unstructured.NestedString(after.Object, "data", "gone"); gone {
		t.Error("what is no longer desired is still there")
	}
	if _, added, _ := unstructured.NestedString(after.Object, "data", "added"); !added {
		t.Error("what others added is gone")
	}
	expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")
}

func TestAnObjectThatIsAppliedClientSideLaterIsLookedAt(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), func(u metadata) {
		annotations := u.GetAnnotations()
		annotations["kubectl.kubernetes.io/last-applied-configuration"] = `{"data":{"theirs":"1"}}`
		u.SetAnnotations(annotations)
		_ = unstructured.SetNestedField(u.Object, "1", "data", "theirs")
	})
	f.ApplyClientSide(t, refA())
	p := f.plan(t, configA)
	if c := p.Changes[0]; c.Action != syncline.Update || c.Fields[0].Path != "data.theirs" {
		t.Errorf("got %s %v", c.Action, c.Fields)
	}
	f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("ConfigMap"), JSONPointers: []string{"/data/theirs"}}}
	if c := f.plan(t, configA).Changes[0]; c.Action != syncline.Keep {
		t.Errorf("when all that differs is ignored, it is to be %s %v", c.Action, c.Fields)
	}
}
