package backend

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// made is what one preview comes to.
type made struct {
	plan syncline.Plan
	err  error
}

// scripted comes to one preview after the other.
type scripted struct {
	results []made
	asked   []syncline.App
	// after is called after each.
	after func()
}

func (s *scripted) Preview(_ context.Context, app syncline.App, _ *plan.Planner) (syncline.Plan, error) {
	s.asked = append(s.asked, app)
	result := s.results[0]
	s.results = s.results[1:]
	s.after()
	return result.plan, result.err
}

// objects are those of a cluster, by name.
type objects map[string]syncline.Object

func (o objects) Read(_ context.Context, ref syncline.Ref, _ string) (syncline.Object, error) {
	object, ok := o[ref.Name]
	if !ok {
		return syncline.Object{}, syncline.Errorf(syncline.NotFound, "%s is gone", ref)
	}
	return object, nil
}

func TestPreview(t *testing.T) {
	whole := syncline.Plan{Revisions: []string{"one"}}
	unknown := syncline.Plan{Unknown: syncline.Errorf(syncline.Waiting, "what it owns is not known")}
	unreadable := syncline.Plan{Revisions: []string{"one"}, Unknown: syncline.Errorf(syncline.Denied, "it cannot be listed")}
	failed := errors.New("no")
	for name, test := range map[string]struct {
		results []made
		known   bool // more of the cluster gets known after each
		want    string
		kind    syncline.Kind
	}{
		"a plan":                             {results: []made{{plan: whole}}},
		"a plan without what nobody may see": {results: []made{{plan: unreadable}}},
		"an error":                           {results: []made{{err: failed}}, want: "no", kind: syncline.KindOf(failed)},
		"what it waits for gets known":       {results: []made{{err: engine.ErrWatching}, {plan: unknown}, {plan: whole}}, known: true},
		"what it waits for never gets known": {results: []made{{err: engine.ErrWatching}}, want: "could not be read in time", kind: syncline.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &preview{ready: make(chan struct{}, 1)}
			previews := &scripted{results: test.results, after: cancel}
			if test.known {
				previews.after = p.known
			}
			p.planner = previews
			got, err := p.Plan(ctx, syncline.App{Deleting: &syncline.Deletion{}}, syncline.Operation{})
			if test.want == "" && (err != nil || len(got.Revisions) != 1) {
				t.Errorf("got %+v, %v", got, err)
			}
			if test.want != "" && (err == nil || syncline.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v (%s), want %q (%s)", err, syncline.KindOf(err), test.want, test.kind)
			}
			if app := previews.asked[0]; app.Request == nil || app.Deleting != nil {
				t.Errorf("asked is %+v, want the operation and nothing else", app)
			}
		})
	}
}

func TestPreviewOfTheEnd(t *testing.T) {
	previews := &scripted{results: []made{{}}, after: func() {}}
	p := &preview{planner: previews}
	if _, err := p.Teardown(t.Context(), syncline.App{Request: &syncline.Operation{}}); err != nil {
		t.Fatal(err)
	}
	if app := previews.asked[0]; app.Request != nil || app.Deleting == nil || !app.Deleting.Cascade {
		t.Errorf("asked is %+v, want the end with all objects", app)
	}
}

// What an App has is what is there and has not gone meanwhile, sorted.
func TestPreviewLive(t *testing.T) {
	ref := func(name string) syncline.Ref { return syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name} }
	cluster := objects{}
	for _, name := range []string{"a", "b", "new"} {
		object, err := syncline.NewObject(map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop"},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		cluster[name] = object
	}
	whole := syncline.Plan{Changes: []syncline.Change{{Ref: ref("b"), UID: "2"}, {Ref: ref("new")}, {Ref: ref("gone"), UID: "3"}, {Ref: ref("a"), UID: "1"}}}
	p := &preview{
		planner: &scripted{results: []made{{plan: whole}}, after: func() {}},
		reach:   func(syncline.ClusterID, syncline.Identity) (reader, error) { return cluster, nil },
	}
	found, err := p.Live(t.Context(), syncline.App{})
	if err != nil || len(found) != 2 || found[0].Ref() != ref("a") || found[1].Ref() != ref("b") {
		t.Errorf("got %v, %v", found, err)
	}
}
