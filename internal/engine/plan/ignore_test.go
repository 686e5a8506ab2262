package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
)

func setReplicas(replicas int64) func(u metadata) {
	return func(u metadata) { _ = unstructured.SetNestedField(u.Object, replicas, "spec", "replicas") }
}

func refWeb() syncline.Ref {
	return syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
}

func TestWhatIsIgnoredDoesNotDiffer(t *testing.T) {
	for name, rule := range map[string]syncline.IgnoreRule{
		"pointer":        {Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), JSONPointers: []string{"/spec/replicas"}},
		"jq":             {Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), JQPathExpressions: []string{".spec.replicas"}},
		"globs":          {Group: glob.Compile("*"), Kind: glob.Compile("*"), JSONPointers: []string{"/spec/replicas"}},
		"name":           {Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), Name: "web", Namespace: "shop", JSONPointers: []string{"/spec/replicas"}},
		"a glob in part": {Group: glob.Compile("a*"), Kind: glob.Compile("Dep*"), JSONPointers: []string{"/spec/replicas"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.sync(t, deployment)
			f.Edit(t, refWeb(), setReplicas(7))
			expectSteps(t, f.plan(t, deployment), "Sync 0 update apps/Deployment/shop/web")
			f.app.Ignore = []syncline.IgnoreRule{rule}
			expectSteps(t, f.plan(t, deployment), "Sync 0 keep apps/Deployment/shop/web")
		})
	}
}

// TestIgnoredFieldsStayAsTheyAre holds that an ignored field that we own is asked
// for as it is live: left out of an apply, it would be removed.
func TestIgnoredFieldsStayAsTheyAre(t *testing.T) {
	f := newFixture()
	f.sync(t, deployment)
	f.Mutate(t, refWeb(), setReplicas(7))
	f.app.Ignore = []syncline.IgnoreRule{{Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), JSONPointers: []string{"/spec/replicas"}}}
	f.app.Policy.Options = option.List{"RespectIgnoreDifferences=true"}
	p := f.plan(t, deployment)
	expectSteps(t, p, "Sync 0 keep apps/Deployment/shop/web")
	if replicas, _ := p.Changes[0].Desired.Field("spec", "replicas"); replicas != int64(7) {
		t.Errorf("%v replicas would be applied", replicas)
	}
	f.Requests()
	f.plan(t, deployment)
	if asked := f.Requests(); len(asked) > 0 {
		t.Errorf("nothing changed, and %v was asked", asked)
	}
	f.app.Ignore[0].JSONPointers = []string{"/metadata/name"}
	if p := f.plan(t, deployment); p.Changes[0].Ref.Name != "web" {
		t.Errorf("a rule took away the object's name: %q", steps(p))
	}
}

func TestExpressionsThatCannotBeObeyed(t *testing.T) {
	f := newFixture()
	f.sync(t, deployment)
	f.Edit(t, refWeb(), setReplicas(7))
	f.app.Ignore = []syncline.IgnoreRule{{Group: glob.Compile("apps"), Kind: glob.Compile("Deployment"), JQPathExpressions: []string{"last(repeat(.))", "((("}}}
	for _, when := range []string{"when found out", "when remembered"} {
		t.Run(when, func(t *testing.T) {
			p := f.plan(t, deployment)
			expectSteps(t, p, "Sync 0 update apps/Deployment/shop/web")
			expectWarning(t, p, syncline.InvalidSpecError, `"last(repeat(.))" is not obeyed: it does not end`)
			expectWarning(t, p, syncline.InvalidSpecError, `"(((" is not obeyed: it is not valid`)
		})
	}
}

// TestAWriteIsShownAsItWillBe holds that an object of which something differs that
// is not ignored is shown with all that will be written, whatever the rules take
// away to compare it.
func TestAWriteIsShownAsItWillBe(t *testing.T) {
	f := newFixture()
	f.sync(t, dataOf("{list: [x, \"y\"], b: x}"))
	f.app.Ignore = []syncline.IgnoreRule{pointer("/data/list/0")}
	c := change(t, f.plan(t, dataOf("{list: [z, \"y\", w], b: new}")), "a")
	want := []syncline.Field{
		{Path: "data.b", Live: "x", Desired: "new"}, {Path: "data.list[0]", Live: "x", Desired: "z"}, {Path: "data.list[2]", Desired: "w"},
	}
	if diff := cmp.Diff(want, c.Fields); diff != "" {
		t.Error(diff)
	}
}
