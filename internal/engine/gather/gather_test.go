package gather_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/gather"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// The addresses of what is elsewhere: one that the project permits, and one that it does not.
const (
	base   = "https://git.example/base"
	secret = "https://git.example/secret"
)

// world has repositories, each at a head, and renders a source by asking for what it needs.
type world struct {
	head string
	// needs are the addresses of what each source needs, by its path.
	needs map[string][]string
	// asked says what was resolved and what was read, in that order.
	asked []string
}

func (w *world) Resolve(_ context.Context, _ syncline.App, source syncline.Source, _ time.Duration) (string, error) {
	w.asked = append(w.asked, "resolve "+source.RepoURL)
	return w.head, nil
}

func (w *world) Tree(_ context.Context, _ syncline.App, source syncline.Source, revision string) (syncline.Tree, error) {
	w.asked = append(w.asked, "tree "+source.RepoURL+" "+source.TargetRevision+" "+revision)
	return tree{revision: revision}, nil
}

func (w *world) Forget(syncline.AppID) {}

// Render makes an object of each revision that the source was given.
func (w *world) Render(ctx context.Context, request render.Request) (render.Result, error) {
	result := render.Result{Tool: syncline.ToolKustomize}
	for _, address := range w.needs[request.Source.Path] {
		files, err := request.Remote(ctx, upstream.Remote{RepoURL: address, TargetRevision: "main"})
		if err != nil {
			return result, err
		}
		object, err := syncline.NewObject(map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": request.Source.Path + "-" + files.(tree).revision},
		}, "test")
		if err != nil {
			return result, err
		}
		result.Objects = append(result.Objects, object)
	}
	return result, nil
}

type tree struct {
	syncline.Tree

	revision string
}

// request is one of an App with the sources of these paths.
func request(paths ...string) gather.Request {
	r := gather.Request{
		App: syncline.App{ID: syncline.AppID{Name: "web"}},
		Project: syncline.Project{Name: "shop", SourceRepos: []upstream.Pattern{
			upstream.PatternOf("https://git.example/*"), upstream.PatternOf("!" + secret),
		}},
	}
	for _, path := range paths {
		r.Sources = append(r.Sources, syncline.Source{RepoURL: "https://git.example/own", Path: path})
		r.Revisions = append(r.Revisions, "own-1")
	}
	r.Asked = r.Sources
	return r
}

func names(made gather.Gathered) []string {
	var names []string
	for _, object := range made.Objects {
		names = append(names, object.Ref().Name)
	}
	return names
}

// What two sources need of one repository is resolved and read once, and the App follows
// it.
func TestWhatIsElsewhereIsFetchedOnce(t *testing.T) {
	w := &world{head: "1", needs: map[string][]string{"a": {base}, "b": {base}}}
	made, err := gather.New(w, w).Render(t.Context(), request("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(made), []string{"a-1", "b-1"}; !slices.Equal(got, want) {
		t.Errorf("it renders to %q, want %q", got, want)
	}
	want := []string{"tree https://git.example/own  own-1", "tree https://git.example/own  own-1", "resolve " + base, "tree " + base + " main 1"}
	if !slices.Equal(w.asked, want) {
		t.Errorf("it asks %q, want %q", w.asked, want)
	}
	if len(made.Given) != 1 || made.Given[0].Revision != "1" || made.Given[0].Source.RepoURL != base {
		t.Errorf("it was given %+v", made.Given)
	}
}

// What the project does not permit is not even asked for.
func TestWhatIsElsewhereIsPermitted(t *testing.T) {
	w := &world{head: "1", needs: map[string][]string{"a": {secret}}}
	made, err := gather.New(w, w).Render(t.Context(), request("a"))
	if syncline.KindOf(err) != syncline.Denied || !strings.Contains(err.Error(), secret) {
		t.Errorf("it is %v, want that the project denies %s", err, secret)
	}
	if len(made.Given) > 0 || slices.ContainsFunc(w.asked, func(asked string) bool { return strings.Contains(asked, secret) }) {
		t.Errorf("%s was asked for: %q", secret, w.asked)
	}
}

// All turns of an operation deliver what is elsewhere as it was at first; the next one
// delivers what is there by then, and so does what is only compared. What was given is
// given again as it was.
func TestAnOperationKeepsToWhatItBeganWith(t *testing.T) {
	w := &world{head: "1", needs: map[string][]string{"a": {base}}}
	gatherer := gather.New(w, w)
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	render := func(change func(*gather.Request)) string {
		t.Helper()
		asked := request("a")
		change(&asked)
		made, err := gatherer.Render(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names(made), " ")
	}
	first := func(r *gather.Request) { r.Operation = began }
	second := func(r *gather.Request) { r.Operation = began.Add(time.Second) }
	compared := func(*gather.Request) {}
	given := func(r *gather.Request) {
		r.Given = []affected.Given{{Ref: upstream.Remote{RepoURL: base, TargetRevision: "main"}.Ref(), Revision: "0"}}
	}
	for i, step := range []struct {
		head   string
		change func(*gather.Request)
		want   string
	}{
		{"1", first, "a-1"}, {"2", first, "a-1"}, {"2", compared, "a-2"}, {"2", first, "a-1"},
		{"3", second, "a-3"}, {"4", second, "a-3"}, {"4", given, "a-0"},
	} {
		w.head = step.head
		if got := render(step.change); got != step.want {
			t.Errorf("step %d: it renders to %q, want %q", i, got, step.want)
		}
	}
	gatherer.Forget(request("a").App.ID)
	if got := render(second); got != "a-4" {
		t.Errorf("what is remembered of an App that is gone is %q", got)
	}
}

// Two sources that are called alike are refused, however many there are.
func TestSourcesThatAreCalledAlike(t *testing.T) {
	w := &world{head: "1"}
	asked := request("a", "b", "c")
	for i := range 2 {
		asked.Sources[i+1].Ref = "values"
	}
	_, err := gather.New(w, w).Render(t.Context(), asked)
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(fmt.Sprint(err), `sources[2].ref is "values"`) {
		t.Errorf("it is %v", err)
	}
}
