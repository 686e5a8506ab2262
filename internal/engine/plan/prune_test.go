package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// left is a ConfigMap of the App that is no longer declared.
func left(annotations string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: left, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: "web:/ConfigMap:shop/left"%s}}`, annotations)
}

func TestWhatLeftTheSource(t *testing.T) {
	for name, test := range map[string]struct {
		live    string
		options option.List
		want    []string
	}{
		"is pruned":                  {left(""), nil, []string{"Sync 0 prune ConfigMap/shop/left"}},
		"in its wave":                {left(`, argocd.argoproj.io/sync-wave: "3"`), nil, []string{"Sync 3 prune ConfigMap/shop/left"}},
		"but Prune=false":            {left(`, argocd.argoproj.io/sync-options: "Prune=false"`), nil, []string{"Sync 0 retain ConfigMap/shop/left"}},
		"but Prune=false in the App": {left(""), option.List{"Prune=false"}, []string{"Sync 0 retain ConfigMap/shop/left"}},
		"its own option is nearer":   {left(`, argocd.argoproj.io/sync-options: "Prune=true"`), option.List{"Prune=false"}, []string{"Sync 0 prune ConfigMap/shop/left"}},
		"but Prune=false by a slip":  {left(`, argocd.argoproj.io/sync-option: "Prune=false"`), nil, []string{"Sync 0 retain ConfigMap/shop/left"}},
		"by a slip in another's key": {left(`, example.com/sync-options: "Prune=false"`), nil, []string{"Sync 0 prune ConfigMap/shop/left"}},
		"but Prune=flase":            {left(`, argocd.argoproj.io/sync-options: "Prune=flase"`), nil, []string{"Sync 0 retain ConfigMap/shop/left"}},
		"but Helm keeps it":          {left(`, helm.sh/resource-policy: keep`), nil, []string{"Sync 0 retain ConfigMap/shop/left"}},
		"but is another's":           {strings.Replace(left(""), "web:", "web2:", 1), nil, nil},
		"but is nobody's":            {strings.Replace(left(""), "tracking-id", "other", 1), nil, nil},
		"but is controlled": {strings.Replace(left(""), "annotations",
			"ownerReferences: [{apiVersion: v1, kind: Pod, name: x, uid: x}], annotations", 1), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Put(t, test.live)
			f.app.Policy.Options = test.options
			p := f.plan(t, "")
			expectSteps(t, p, test.want...)
			for _, c := range p.Changes {
				if c.UID == "" || c.Why == "" || !c.Desired.IsZero() {
					t.Errorf("got %+v", c)
				}
			}
		})
	}
}

// leftNamespace is a namespace of the App that is no longer declared.
const leftNamespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {argocd.argoproj.io/tracking-id: \"web:/Namespace:shop/shop\"}}"

func TestNamespacesThatLeftTheSource(t *testing.T) {
	for name, test := range map[string]struct {
		policy   syncline.SyncPolicy
		declared string
		kept     string
		want     syncline.Action
		differs  bool
	}{
		"are pruned when they are empty":          {want: syncline.Prune, differs: true},
		"but the managed one":                     {policy: syncline.SyncPolicy{NamespaceLabels: map[string]string{}}, want: syncline.Retain},
		"but the one that has managed metadata":   {policy: syncline.SyncPolicy{NamespaceAnnotations: map[string]string{"a": "b"}}, want: syncline.Retain},
		"but the one that the App wants to have":  {policy: syncline.SyncPolicy{Options: option.List{"CreateNamespace=true"}}, want: syncline.Retain},
		"but one in which objects are declared":   {declared: configA, want: syncline.Retain, differs: true},
		"but one in which an object is kept":      {kept: left(`, argocd.argoproj.io/sync-options: "Prune=false"`), want: syncline.Retain, differs: true},
		"and with what leaves the source as well": {kept: left(""), want: syncline.Prune, differs: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.app.Policy = test.policy
			f.Put(t, leftNamespace)
			if test.kept != "" {
				f.Put(t, test.kept)
			}
			if c := change(t, f.plan(t, test.declared), "shop"); c.Action != test.want || c.Differs() != test.differs || c.Why == "" {
				t.Errorf("got %s, because %s; it differs: %v", c.Action, c.Why, c.Differs())
			}
		})
	}
}

// TestWhatIsDeclaredIsNotPruned holds what is declared and not applied: it stays
// visible.
func TestWhatIsDeclaredIsNotPruned(t *testing.T) {
	for name, declared := range map[string]string{
		"a hook that is skipped":     "argocd.argoproj.io/hook: Skip",
		"a hook of an unknown phase": "argocd.argoproj.io/hook: Nonsense",
		"a hook of a deletion":       "argocd.argoproj.io/hook: PostDelete",
		"a test of Helm":             "helm.sh/hook: test",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Put(t, left(""))
			p := f.plan(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left, annotations: {"+declared+"}}")
			expectSteps(t, p, "Sync 0 retain ConfigMap/shop/left")
			if c := p.Changes[0]; c.Differs() || !strings.Contains(c.Why, "neither applied nor pruned") {
				t.Errorf("it differs: %t, because %s", c.Differs(), c.Why)
			}
		})
	}
	t.Run("under another group", func(t *testing.T) {
		f := newFixture()
		f.Serve(schema.GroupKind{Group: "new.example.com", Kind: "Wheel"}, syncline.Namespaced)
		old := f.Put(t, `apiVersion: example.com/v1
kind: Wheel
metadata: {name: w, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: "web:example.com/Wheel:shop/w"}}`)
		twin := f.Put(t, "apiVersion: new.example.com/v1\nkind: Wheel\nmetadata: {name: w, namespace: shop}")
		uid := f.UID(old)
		f.Edit(t, twin, func(u metadata) { u.SetUID(uid) })
		expectSteps(t, f.plan(t, "apiVersion: new.example.com/v1\nkind: Wheel\nmetadata: {name: w}"), "Sync 0 update new.example.com/Wheel/shop/w")
	})
	t.Run("of a kind that is not known just now", func(t *testing.T) {
		f := newFixture()
		f.Put(t, `apiVersion: gone.example.com/v1
kind: Axle
metadata: {name: w, annotations: {argocd.argoproj.io/tracking-id: "web:gone.example.com/Axle:shop/w"}}`)
		expectSteps(t, f.plan(t, "apiVersion: gone.example.com/v1\nkind: Axle\nmetadata: {name: w}"), "Sync 0 create gone.example.com/Axle/shop/w !not found")
	})
}

func TestExtraneousObjects(t *testing.T) {
	f := newFixture()
	f.Put(t, left(`, argocd.argoproj.io/compare-options: "IgnoreExtraneous, x=y"`))
	c := change(t, f.plan(t, ""), "left")
	if c.Action != syncline.Prune || c.Differs() {
		t.Errorf("it makes the App OutOfSync: %+v", c)
	}
}

func TestWhatIsBeingDeletedAlready(t *testing.T) {
	f := newFixture()
	f.Put(t, left(`, argocd.argoproj.io/sync-options: "Prune=confirm"`))
	ref := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "left"}
	f.Hold(t, ref)
	f.Delete(ref)
	p := f.plan(t, "")
	c := change(t, p, "left")
	if c.Action != syncline.Retain || c.Differs() || !c.Leaving || !strings.Contains(c.Why, "is being deleted") || p.PruneDigest() != "" {
		t.Errorf("got %+v", c)
	}
}

func TestPruneByConfirmation(t *testing.T) {
	f := newFixture()
	f.Put(t, left(`, argocd.argoproj.io/sync-options: "Prune=confirm"`))
	f.app.Past.Objects = reported("left")
	began := time.Date(2026, 5, 4, 12, 0, 0, 5, time.UTC)
	c := change(t, f.plan(t, ""), "left")
	if c.Action != syncline.Prune || syncline.KindOf(c.Err) != syncline.Waiting {
		t.Fatalf("got %s, %v", c.Action, c.Err)
	}
	digest := f.plan(t, "").PruneDigest()
	if !strings.Contains(c.Err.Error(), string(digest)) {
		t.Errorf("it does not say what to approve: %v", c.Err)
	}
	f.operation = &syncline.OperationState{StartedAt: began}
	for name, test := range map[string]struct {
		approved syncline.Digest
		at       time.Time
		waits    bool
	}{
		"by its digest":                {approved: digest},
		"by the time":                  {at: began.Truncate(time.Second)},
		"before it was asked for":      {at: began.Add(-time.Second), waits: true},
		"whatever it is":               {approved: "true", waits: true},
		"something else":               {approved: "something", waits: true},
		"nothing, when nothing is set": {waits: true},
	} {
		f.app.ApprovedPrune, f.app.ApprovedAt = test.approved, test.at
		if c := change(t, f.plan(t, ""), "left"); c.Action != syncline.Prune || (c.Err != nil) != test.waits {
			t.Errorf("approved %s: got %s, %v", name, c.Action, c.Err)
		}
	}
	f.app.ApprovedPrune, f.app.ApprovedAt = digest, time.Time{}
	f.Put(t, strings.ReplaceAll(left(""), "left", "more"))
	if c := change(t, f.plan(t, ""), "left"); c.Err == nil {
		t.Error("the approval of one prune is taken for that of two")
	}
}

func TestWhatOnlyAnAnnotationClaims(t *testing.T) {
	f := newFixture()
	stranger := f.Put(t, left(""))
	f.Forge(t, stranger)
	for i := range 20 {
		f.Forge(t, f.Put(t, strings.ReplaceAll(left(""), "left", fmt.Sprintf("left-%d", i))))
	}
	p := f.plan(t, configA)
	c := change(t, p, "left")
	if c.Action != syncline.Retain || c.Differs() || !c.Claimed || c.Why == "" || p.PruneDigest() != "" {
		t.Errorf("got %+v", c)
	}
	if err := (plan.Guard{Every: true}).Check(p, ""); err != nil {
		t.Errorf("it stops the App: %v", err)
	}
	if down, _ := plan.Teardown(f.app, dialects(), f.Cluster); len(down.Changes) > 0 {
		t.Errorf("a deletion of the App deletes it: %q", steps(down))
	}
	selection := []syncline.Selector{{Kind: "ConfigMap", Name: "left"}}
	for name, test := range map[string]struct {
		op   syncline.Operation
		want syncline.Action
	}{
		"by name":                {syncline.Operation{Prune: true, Selection: selection}, syncline.Prune},
		"by name, without prune": {syncline.Operation{Selection: selection}, syncline.Retain},
		"with everything":        {syncline.Operation{Prune: true}, syncline.Retain},
		"by nobody":              {syncline.Operation{Prune: true, Selection: selection, By: syncline.Initiator{Automated: true}}, syncline.Retain},
	} {
		f.operation = &syncline.OperationState{Operation: test.op}
		if c := change(t, f.plan(t, configA), "left"); c.Action != test.want {
			t.Errorf("asked for %s: %s", name, c.Action)
		}
		if c := change(t, f.plan(t, configA), "left-1"); c.Action != syncline.Retain {
			t.Errorf("asked for %s: another is to be %s", name, c.Action)
		}
	}
}

// reported are ConfigMaps as the status of an App lists those that it has.
func reported(names ...string) []syncline.ObjectReport {
	var reports []syncline.ObjectReport
	for _, name := range names {
		reports = append(reports, syncline.ObjectReport{Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}})
	}
	return reports
}

func TestWhatNothingRecords(t *testing.T) {
	const confirm = `, argocd.argoproj.io/sync-options: "Prune=confirm"`
	names := func(n int) []string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("left-%02d", i))
		}
		return names
	}
	results := func(code syncline.ResultCode, names ...string) *syncline.OperationState {
		state := &syncline.OperationState{Phase: syncline.OperationSucceeded}
		for _, o := range reported(names...) {
			state.Results = append(state.Results, syncline.ObjectResult{Ref: o.Ref, Code: code})
		}
		return state
	}
	claimed := reported(names(11)...)
	for i := range claimed {
		claimed[i].Claimed = true
	}
	for name, test := range map[string]struct {
		made        int
		annotations string
		past        syncline.Past
		guard       plan.Guard
		pruned      int
		held        bool
	}{
		"few":                          {made: 10, pruned: 10},
		"too many":                     {made: 11},
		"too many, recorded":           {made: 11, past: syncline.Past{Report: syncline.Report{Objects: reported(names(11)...)}}, pruned: 11, held: true},
		"too many, applied":            {made: 11, past: syncline.Past{Report: syncline.Report{Operation: results(syncline.ResultSynced, names(11)...)}}, pruned: 11, held: true},
		"too many, skipped":            {made: 11, past: syncline.Past{Report: syncline.Report{Operation: results(syncline.ResultPruneSkipped, names(11)...)}}},
		"too many, recorded as claims": {made: 11, past: syncline.Past{Report: syncline.Report{Objects: claimed}}},
		"too many, not all are listed": {made: 11, past: syncline.Past{Unlisted: true}, pruned: 11, held: true},
		"too many with what is":        {made: 11, past: syncline.Past{Report: syncline.Report{Objects: reported("left-00", "left-01")}}, pruned: 2},
		"every, none recorded":         {made: 1, guard: plan.Guard{Every: true}},
		"every, recorded":              {made: 2, guard: plan.Guard{Every: true}, past: syncline.Past{Report: syncline.Report{Objects: reported("left-00")}}, pruned: 1, held: true},
		"waits for nobody":             {made: 1, annotations: confirm},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.sync(t, configA)
			for _, name := range names(test.made) {
				f.Put(t, strings.ReplaceAll(left(test.annotations), "left", name))
			}
			f.app.Past, f.guard = test.past, test.guard
			p := f.plan(t, configA)
			pruned := 0
			for _, c := range p.Changes {
				switch {
				case c.Action == syncline.Prune:
					pruned++
				case c.Ref.Name != "a" && (c.Action != syncline.Retain || !c.Claimed || c.Differs() || c.Err != nil || !strings.HasPrefix(c.Why, syncline.ClaimText)):
					t.Errorf("got %+v", c)
				}
			}
			if err := test.guard.Check(p, ""); pruned != test.pruned || (err != nil) != test.held {
				t.Errorf("%d are pruned; %v", pruned, err)
			}
		})
	}
	t.Run("approved with all", func(t *testing.T) {
		f := newFixture()
		for _, name := range names(11) {
			f.Put(t, strings.ReplaceAll(left(""), "left", name))
		}
		f.app.Past.Unlisted = true // so that the plan tells what to approve
		digest := f.plan(t, configA).PruneDigest()
		f.app.Past.Unlisted = false
		if c := change(t, f.plan(t, configA), "left-00"); !strings.Contains(c.Why, string(digest)) {
			t.Errorf("it does not say what to approve: %s", c.Why)
		}
		f.app.ApprovedPrune = digest
		if p := f.plan(t, configA); p.PruneDigest() != digest || (plan.Guard{}).Check(p, digest) != nil {
			t.Errorf("got %q", steps(p))
		}
	})
	t.Run("asked for by name", func(t *testing.T) {
		f := newFixture()
		f.guard = plan.Guard{Every: true}
		f.Put(t, left(""))
		f.operation = &syncline.OperationState{Operation: syncline.Operation{Prune: true, Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "left"}}}}
		if c := change(t, f.plan(t, ""), "left"); c.Action != syncline.Prune || c.Claimed {
			t.Errorf("got %+v", c)
		}
	})
}

func TestGuard(t *testing.T) {
	many := func(pruned, kept int) syncline.Plan {
		p := syncline.Plan{App: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "web"}}
		add := func(action syncline.Action, n int) {
			for i := range n {
				name := fmt.Sprintf("%s-%d", action, i)
				p.Changes = append(p.Changes, syncline.Change{
					Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}, UID: types.UID(name),
					Role: syncline.RoleResource, Action: action,
				})
			}
		}
		add(syncline.Prune, pruned)
		add(syncline.Keep, kept)
		return p
	}
	leaving := func(n int, p syncline.Plan) syncline.Plan {
		for i := range n {
			p.Changes = append(p.Changes, syncline.Change{UID: types.UID(fmt.Sprint(i)), Role: syncline.RoleResource, Action: syncline.Retain, Leaving: true})
		}
		return p
	}
	strict := plan.Guard{Share: 0.1, Number: 1}
	for name, test := range map[string]struct {
		guard    plan.Guard
		plan     syncline.Plan
		approved syncline.Digest
		held     bool
	}{
		"nothing":                 {plan.Guard{}, many(0, 5), "", false},
		"few":                     {plan.Guard{}, many(10, 0), "", false},
		"many of more":            {plan.Guard{}, many(11, 11), "", false},
		"many of few":             {plan.Guard{}, many(11, 10), "", true},
		"all":                     {plan.Guard{}, many(11, 0), "", true},
		"approved by digest":      {plan.Guard{}, many(11, 0), many(11, 0).PruneDigest(), false},
		"another approved":        {plan.Guard{}, many(11, 0), many(12, 0).PruneDigest(), true},
		"whatever it is":          {plan.Guard{}, many(11, 0), "true", true},
		"many of few, others go":  {plan.Guard{}, leaving(50, many(11, 10)), "", true},
		"every, one":              {plan.Guard{Every: true}, many(1, 5), "", true},
		"every, none":             {plan.Guard{Every: true}, many(0, 5), "", false},
		"every, approved":         {plan.Guard{Every: true}, many(1, 5), many(1, 5).PruneDigest(), false},
		"strict, one":             {strict, many(1, 0), "", false},
		"strict, two of twenty":   {strict, many(2, 18), "", false},
		"strict, two of nineteen": {strict, many(2, 17), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.guard.Check(test.plan, test.approved)
			if (err != nil) != test.held {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				return
			}
			if syncline.KindOf(err) != syncline.Stalled || !strings.Contains(syncline.HintOf(err), string(test.plan.PruneDigest())) {
				t.Errorf("got %v; %s", err, syncline.HintOf(err))
			}
		})
	}
	t.Run("what stays though it left the source does not count", func(t *testing.T) {
		p := many(11, 10)
		for i := range 30 {
			p.Changes = append(p.Changes, syncline.Change{
				Ref: syncline.Ref{Name: fmt.Sprint(i)}, UID: types.UID(fmt.Sprint(i)), Role: syncline.RoleResource, Action: syncline.Retain,
			})
		}
		if (plan.Guard{}).Check(p, "") == nil {
			t.Error("objects that are kept by Prune=false outweigh those that are pruned")
		}
	})
	t.Run("what is not live or kept does not count", func(t *testing.T) {
		p := many(11, 0)
		for i := range 30 {
			p.Changes = append(p.Changes, syncline.Change{Ref: syncline.Ref{Name: fmt.Sprint(i)}, Role: syncline.RoleResource, Action: syncline.Create})
		}
		if (plan.Guard{}).Check(p, "") == nil {
			t.Error("objects that are yet to be created outweigh those that are pruned")
		}
	})
}

func TestPruneDigest(t *testing.T) {
	f := newFixture()
	f.Put(t, left(""))
	first := f.plan(t, "")
	if first.PruneDigest() != f.plan(t, configA).PruneDigest() {
		t.Error("what is created changes the digest")
	}
	f.Delete(syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "left"})
	f.Put(t, left(""))
	if first.PruneDigest() == f.plan(t, "").PruneDigest() {
		t.Error("another object of the same name has the same digest")
	}
}

func TestTeardown(t *testing.T) {
	object := func(name, annotations string) string {
		return strings.ReplaceAll(left(annotations), "left", name)
	}
	f := newFixture()
	f.Put(t, together(
		object("first", `, argocd.argoproj.io/sync-wave: "-1"`), object("b", ""), object("a", ""),
		object("last", `, argocd.argoproj.io/sync-wave: "5"`),
		object("kept", `, argocd.argoproj.io/sync-options: "Delete=false"`),
		object("kept-by-helm", `, helm.sh/resource-policy: keep`),
		object("unconfirmed", `, argocd.argoproj.io/sync-options: "Delete=confirm"`),
		object("hook", `, argocd.argoproj.io/hook: PostSync`),
		strings.Replace(object("others", ""), "web:", "api:", 1),
		`
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd, annotations: {argocd.argoproj.io/tracking-id: "web:argoproj.io/Application:argocd/web"}}`,
		strings.Replace(definition, "{name: wheels.example.com}",
			`{name: wheels.example.com, annotations: {argocd.argoproj.io/tracking-id: "web:apiextensions.k8s.io/CustomResourceDefinition:shop/wheels.example.com"}}`, 1),
	))
	f.app.Deleting = &syncline.Deletion{Since: time.Unix(1700000000, 0), Cascade: true, Propagation: "background"}
	p, _ := plan.Teardown(f.app, dialects(), f.Cluster)
	expectSteps(t, p,
		"Sync 5 prune ConfigMap/shop/last",
		"Sync 0 prune ConfigMap/shop/a",
		"Sync 0 prune ConfigMap/shop/b",
		"Sync 0 prune ConfigMap/shop/hook",
		"Sync 0 prune ConfigMap/shop/unconfirmed !stalled",
		"Sync -1 prune ConfigMap/shop/first",
	)
	for _, c := range p.Changes {
		if c.Options.Value("PrunePropagationPolicy") != "background" {
			t.Errorf("%s is deleted with %q", c.Ref, c.Options)
		}
		if (c.Role == syncline.RoleHook) != (c.Ref.Name == "hook") {
			t.Errorf("%s is a %s", c.Ref, c.Role)
		}
	}
	for name, test := range map[string]struct {
		approved syncline.Digest
		at       time.Time
		waits    bool
	}{
		"by its digest":      {approved: f.app.DeletionDigest()},
		"by the time":        {at: f.app.Deleting.Since},
		"before it began":    {at: f.app.Deleting.Since.Add(-time.Second), waits: true},
		"whatever it is":     {approved: "true", waits: true},
		"a prune, not this":  {approved: p.PruneDigest(), waits: true},
		"not at all, at all": {waits: true},
	} {
		f.app.ApprovedPrune, f.app.ApprovedAt = test.approved, test.at
		p, _ = plan.Teardown(f.app, dialects(), f.Cluster)
		if c := change(t, p, "unconfirmed"); (c.Err != nil) != test.waits {
			t.Errorf("approved %s: %v", name, c.Err)
		}
	}
}

// TestTeardownOfANamespace holds that a namespace does not take with it what stays
// or waits for a person.
func TestTeardownOfANamespace(t *testing.T) {
	for options, want := range map[string][]string{
		"Prune=true":     {"Sync 0 prune ConfigMap/shop/left", "Sync 0 prune Namespace/shop"},
		"Delete=false":   nil,
		"Delete=confirm": {"Sync 0 prune ConfigMap/shop/left !stalled", "Sync 0 prune Namespace/shop !stalled"},
	} {
		f := newFixture()
		f.app.Deleting = &syncline.Deletion{Cascade: true}
		f.Put(t, leftNamespace)
		f.Put(t, left(`, argocd.argoproj.io/sync-options: "`+options+`"`))
		p, _ := plan.Teardown(f.app, dialects(), f.Cluster)
		expectSteps(t, p, want...)
	}
}
