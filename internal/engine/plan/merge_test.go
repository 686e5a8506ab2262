package plan_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// refusing returns an Answer that refuses what the verbs ask for.
func refusing(kind syncline.Kind, verbs ...enginetest.Verb) func(enginetest.Request) error {
	return func(r enginetest.Request) error {
		if slices.Contains(verbs, r.Verb) {
			return syncline.Errorf(kind, "the API server does not take that")
		}
		return nil
	}
}

// drifted is an object that others changed, of which an apply is refused.
func drifted(t *testing.T) *fixture {
	t.Helper()
	f := newFixture()
	f.sync(t, configA)
	f.Edit(t, refA(), func(u metadata) {
		setX("other")(u)
		u.SetLabels(map[string]string{"by": "them"})
	})
	f.Answer = refusing(syncline.Invalid, enginetest.DryRun)
	f.Merges = true
	return f
}

// Where an apply is refused as invalid and a merge is not, the merge is planned,
// shown and written, and others' fields stay.
func TestAMergeWhereAnApplyIsRefused(t *testing.T) {
	f := drifted(t)
	p := f.plan(t, configA)
	expectSteps(t, p, "Sync 0 update ConfigMap/shop/a")
	c := p.Changes[0]
	if c.Merged.IsZero() || len(c.Fields) != 1 || c.Fields[0].Path != "data.x" {
		t.Errorf("the merge is %v and shows %v", c.Merged, c.Fields)
	}
	if !strings.Contains(c.Why, "merged") {
		t.Errorf("it says only %q", c.Why)
	}
	if uid, _ := c.Merged.Field("metadata", "uid"); uid != string(c.UID) {
		t.Errorf("it is meant for the object %v, not %s", uid, c.UID)
	}
	want := []string{"dry-run ConfigMap/shop/a", "merge ConfigMap/shop/a", "read ConfigMap/shop/a"}
	if got := verbs(f.Requests()); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	f.plan(t, configA)
	if asked := f.Requests(); len(asked) > 0 {
		t.Errorf("nothing changed since, and asked is %q", verbs(asked))
	}
	f.Edit(t, refA(), func(u metadata) { u.SetLabels(map[string]string{"by": "them", "more": "1"}) })
	if merged := f.plan(t, configA).Changes[0].Merged; len(f.Requests()) != 3 || merged.Labels()["more"] == "" {
		t.Errorf("the merge is for another state: %v", merged.Labels())
	}
	grant, _ := p.Grant(permitAll)
	other := c
	if other.Merged = c.Desired; !grant.Permits(c) || grant.Permits(other) {
		t.Error("the grant is not for the merge that was planned")
	}
	f.sync(t, configA)
	if live := f.Live(t, refA()); live.GetLabels()["by"] != "them" {
		t.Errorf("the labels are %v", live.GetLabels())
	}
	expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")
	if asked := f.Requests(); len(asked) > 0 {
		t.Errorf("what was merged is asked about: %q", verbs(asked))
	}
}

// An object that an apply never takes and that is as a merge would make it is kept,
// and is not asked about again.
func TestWhatAMergeWouldNotChangeIsKept(t *testing.T) {
	f := drifted(t)
	f.app.Ignore = []syncline.IgnoreRule{pointer("/data/x")}
	for range 2 {
		expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")
	}
	if asked := f.Requests(); len(asked) != 3 {
		t.Errorf("asked %q", verbs(asked))
	}
}

// No policy is got around by a merge.
func TestADenialIsNotMerged(t *testing.T) {
	f := drifted(t)
	f.Answer = refusing(syncline.Denied, enginetest.DryRun)
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a !denied")
	if asked := f.Requests(); len(asked) != 2 {
		t.Errorf("asked %q", verbs(asked))
	}
}

// What is ignored and has to stay is not changed by a merge either.
func TestAMergeRespectsWhatIsIgnored(t *testing.T) {
	f := drifted(t)
	f.app.Ignore = []syncline.IgnoreRule{pointer("/data/mode")}
	f.app.Policy.Options = option.List{"RespectIgnoreDifferences=true"}
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a")
	f.planner.Forget(f.app.ID)
	f.Default = func(content map[string]any) { _ = unstructured.SetNestedField(content, "new", "data", "mode") }
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a !invalid")
	f.app.Policy.Options = nil
	c := f.plan(t, configA).Changes[0]
	if c.Err != nil || len(c.Fields) != 2 {
		t.Errorf("what is ignored and written is not shown: %v %v", c.Err, c.Fields)
	}
}

// What changes while it is merged is looked at again, and not for ever.
func TestAnObjectThatChangesWhileItIsMerged(t *testing.T) {
	for _, verb := range []enginetest.Verb{enginetest.Merge, enginetest.DryRunReplace} {
		f := drifted(t)
		f.Merges = verb == enginetest.Merge
		conflicts := 2
		f.Answer = func(r enginetest.Request) error {
			if r.Verb == verb && conflicts > 0 {
				conflicts--
				return syncline.Errorf(syncline.Conflict, "the object has been modified")
			}
			return refusing(syncline.Invalid, enginetest.DryRun)(r)
		}
		if got := f.plan(t, configA).Changes[0].Err == nil; got != f.Merges {
			t.Errorf("%s: it can be updated: %t", verb, got)
		}
		conflicts = 100
		f.planner.Forget(f.app.ID)
		if _, err := f.planner.Build(t.Context(), f.input(t, configA)); syncline.KindOf(err) != syncline.Conflict {
			t.Errorf("%s: the plan ends with %v", verb, err)
		}
	}
}

// With Replace=true the plan shows what a replacement takes from others; what
// decides whether there is one is our own fields.
func TestAReplacementShowsWhatItRemoves(t *testing.T) {
	f := drifted(t)
	f.app.Policy.Options = option.List{"Replace=true"}
	f.app.Ignore = []syncline.IgnoreRule{pointer("/metadata/labels")}
	for name, answer := range map[string]func(enginetest.Request) error{"applied": nil, "merged": f.Answer} {
		f.Answer = answer
		f.planner.Forget(f.app.ID)
		c := f.plan(t, configA).Changes[0]
		var paths []string
		for _, field := range c.Fields {
			paths = append(paths, field.Path)
		}
		if slices.Sort(paths); c.Action != syncline.Replace || !slices.Equal(paths, []string{"data.x", "metadata.labels"}) {
			t.Errorf("%s: %s shows %q", name, c.Action, paths)
		}
	}
	f.planner.Forget(f.app.ID) // what others own and change again, no digest of ours tells
	f.Edit(t, refA(), setX("1"))
	expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")

	f.planner.Forget(f.app.ID)
	f.Edit(t, refA(), setX("other"))
	f.Answer = refusing(syncline.Invalid, enginetest.DryRunReplace)
	expectSteps(t, f.plan(t, configA), "Sync 0 update ConfigMap/shop/a !invalid")
}

// A hint names the options that help, and no other.
func TestTheHintNamesWhatHelps(t *testing.T) {
	for name, test := range map[string]struct {
		refused        []enginetest.Verb
		replace, force bool
	}{
		"both":    {nil, true, true},
		"replace": {[]enginetest.Verb{enginetest.Rehearse}, true, false},
		"force":   {[]enginetest.Verb{enginetest.DryRunReplace}, false, true},
		"neither": {[]enginetest.Verb{enginetest.DryRunReplace, enginetest.Rehearse}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := drifted(t)
			f.Merges = false
			f.Answer = refusing(syncline.Invalid, append(test.refused, enginetest.DryRun)...)
			hint := syncline.HintOf(f.plan(t, configA).Changes[0].Err)
			if strings.Contains(hint, "Replace=true") != test.replace || strings.Contains(hint, "Force=true") != test.force {
				t.Errorf("the hint is %q", hint)
			}
			for written, helps := range map[string]bool{"Replace=true": test.replace, "Force=true": test.force} {
				f.planner = plan.New(plan.InProcess{})
				f.app.Policy.Options = option.List{written}
				if c := f.plan(t, configA).Changes[0]; (c.Err == nil) != helps {
					t.Errorf("with %s: %v", written, c.Err)
				}
			}
		})
	}
}
