package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// members are neighbours that need a project and declare nothing.
type members []syncline.App

func (members) Undecided(syncline.Ref) error        { return nil }
func (members) Declares(syncline.Ref) string        { return "" }
func (members) Inside(syncline.Ref) string          { return "" }
func (members) Left(string, syncline.Ref) bool      { return false }
func (m members) Users(syncline.Ref) []syncline.App { return m }
func member(name string) syncline.App               { return syncline.App{ID: memberID(name)} }
func memberID(name string) syncline.AppID {
	return syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "shop", Name: name}
}
func leavingMember(name string) (app syncline.App) {
	app = member(name)
	app.Deleting = &syncline.Deletion{}
	return app
}
func tracked(kind, name, annotations string) string {
	return fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: %[1]s\nmetadata: {name: %[2]s, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: \"web:argoproj.io/%[1]s:shop/%[2]s\"%[3]s}}",
		kind, name, annotations)
}

func TestWhatAppsNeedGoesAfterThem(t *testing.T) {
	wave := func(n int) string { return fmt.Sprintf(`, argocd.argoproj.io/sync-wave: "%d"`, n) }
	kid, changed := tracked("Application", "kid", ""), "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: kid}\nspec: {project: other}"
	for name, test := range map[string]struct {
		live, declared string
		users          members
		operation      *syncline.OperationState
		want           syncline.Action
		after          bool
		wave           int
	}{
		"nobody needs it":              {want: syncline.Prune},
		"one needs it that goes":       {live: kid, users: members{member("kid")}, want: syncline.Prune, after: true},
		"one that goes in a late wave": {live: tracked("Application", "kid", wave(-3)), users: members{member("kid")}, want: syncline.Prune, after: true},
		"one that changes":             {live: kid, declared: changed, users: members{member("kid")}, want: syncline.Prune, after: true},
		"one that is being deleted":    {users: members{leavingMember("other")}, want: syncline.Prune, after: true},
		"one that stays":               {users: members{member("other")}, want: syncline.Retain},
		"the App itself":               {users: members{{ID: shop().ID, Deleting: &syncline.Deletion{}}}, want: syncline.Retain},
		"one that is kept":             {live: tracked("Application", "kid", `, argocd.argoproj.io/sync-options: "Prune=false"`), users: members{member("kid")}, want: syncline.Retain},
		"one that goes in another operation": {
			live: kid, users: members{member("kid")}, want: syncline.Retain,
			operation: &syncline.OperationState{Operation: syncline.Operation{Prune: true, Selection: []syncline.Selector{{Group: "argoproj.io", Kind: "AppProject", Name: "team"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Serve(schema.GroupKind{Group: "argoproj.io", Kind: "AppProject"}, syncline.Namespaced)
			f.Put(t, tracked("AppProject", "team", ""))
			if test.live != "" {
				f.Put(t, test.live)
			}
			f.operation = test.operation
			in := f.input(t, test.declared)
			in.Neighbours = func() plan.Neighbours { return test.users }
			made, err := f.planner.Build(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			c := change(t, made, "team")
			if c.Action != test.want || (len(c.After) > 0) != test.after || !c.Differs() {
				t.Errorf("got %s after %v, because %s", c.Action, c.After, c.Why)
			}
			if test.want == syncline.Retain {
				expectWarning(t, made, syncline.SharedResourceWarning, "AppProject/shop/team is not pruned: it is needed by application "+test.users[0].ID.String())
			}
			if i := slices.IndexFunc(made.Changes, func(c syncline.Change) bool { return c.Ref.Name == "kid" }); test.after && i >= 0 && made.Changes[i].Wave > c.Wave {
				t.Errorf("it goes in wave %d, and kid in wave %d", c.Wave, made.Changes[i].Wave)
			}
		})
	}
}

func TestTeardownOfWhatAppsNeed(t *testing.T) {
	for name, test := range map[string]struct {
		users members
		want  []string
		after bool
	}{
		"nobody needs it":           {nil, []string{"Sync 2 prune argoproj.io/Application/shop/kid", "Sync 2 prune argoproj.io/AppProject/shop/team", "Sync 0 prune Namespace/shop"}, false},
		"what goes needs it":        {members{member("kid")}, []string{"Sync 2 prune argoproj.io/Application/shop/kid", "Sync 2 prune argoproj.io/AppProject/shop/team", "Sync 0 prune Namespace/shop !stalled"}, true},
		"one that is being deleted": {members{leavingMember("other")}, []string{"Sync 2 prune argoproj.io/Application/shop/kid", "Sync 2 prune argoproj.io/AppProject/shop/team", "Sync 0 prune Namespace/shop !stalled"}, true},
		"one that stays":            {members{member("kid"), member("other")}, []string{"Sync 2 prune argoproj.io/Application/shop/kid"}, false},
		"the App itself":            {members{{ID: shop().ID, Deleting: &syncline.Deletion{}}}, []string{"Sync 2 prune argoproj.io/Application/shop/kid"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Serve(schema.GroupKind{Group: "argoproj.io", Kind: "AppProject"}, syncline.Namespaced)
			f.Put(t, leftNamespace)
			f.Put(t, tracked("Application", "kid", `, argocd.argoproj.io/sync-wave: "2"`))
			f.Put(t, tracked("AppProject", "team", `, argocd.argoproj.io/sync-wave: "4"`))
			down, _ := plan.Teardown(f.app, dialects(), f.Cluster)
			down, err := plan.Spare(down, test.users)
			if err != nil {
				t.Fatal(err)
			}
			expectSteps(t, down, test.want...)
			for _, c := range down.Changes {
				if c.Ref.Name == "team" && (len(c.After) > 0) != test.after {
					t.Errorf("it goes after %v", c.After)
				}
			}
			if kept := len(down.Changes) == 1; kept {
				expectWarning(t, down, syncline.SharedResourceWarning, "AppProject/shop/team is not deleted with the application: it is needed by application "+test.users[len(test.users)-1].ID.String())
			}
		})
	}
}

// TestAppsOfAnotherDialect holds that an App may deliver what declares Apps of another
// dialect, and what these need: those go last, and after them what they need.
func TestAppsOfAnotherDialect(t *testing.T) {
	object := func(kind, name, wave string) string {
		return fmt.Sprintf("apiVersion: labels.example/v1\nkind: %[1]s\nmetadata: {name: %[2]s, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: \"web:labels.example/%[1]s:shop/%[2]s\", argocd.argoproj.io/sync-wave: \"%[3]s\"}}", kind, name, wave)
	}
	kid := syncline.App{ID: syncline.AppID{Group: "labels.example", Kind: "Kustomization", Namespace: "shop", Name: "kid"}}
	for name, test := range map[string]struct {
		dialects syncline.Dialects
		want     []string
		after    bool
	}{
		"both are known": {append(dialects(), enginetest.Labels()), []string{"Sync 2 prune labels.example/Kustomization/shop/kid", "Sync 2 prune labels.example/Tenant/shop/team"}, true},
		"one is known":   {dialects(), []string{"Sync 4 prune labels.example/Tenant/shop/team", "Sync 2 prune labels.example/Kustomization/shop/kid"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			for _, kind := range []string{"Kustomization", "Tenant"} {
				f.Serve(schema.GroupKind{Group: "labels.example", Kind: kind}, syncline.Namespaced)
			}
			f.Put(t, object("Kustomization", "kid", "2"))
			f.Put(t, object("Tenant", "team", "4"))
			down, _ := plan.Teardown(f.app, test.dialects, f.Cluster)
			down, err := plan.Spare(down, members{kid})
			if err != nil {
				t.Fatal(err)
			}
			expectSteps(t, down, test.want...)
			in := f.input(t, "")
			in.Dialects, in.Neighbours = test.dialects, func() plan.Neighbours { return members{kid} }
			made, err := f.planner.Build(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if c := change(t, made, "team"); c.ServesApps != test.after || slices.Equal(c.After, []syncline.Ref{kid.ID.Ref()}) != test.after {
				t.Errorf("it goes after %v", c.After)
			}
		})
	}
}
