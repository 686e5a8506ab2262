package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// fetched is a world whose App is a source: what a repository holds, for others to use.
func fetched(t *testing.T) *published {
	t.Helper()
	p := publish(t)
	p.app.Unit, p.app.Destination, p.app.Instance = syncline.Fetch, syncline.Destination{}, ""
	return p
}

// TestFetch follows an App that is only fetched through commits: it says at which revision
// what is there, makes no plan, and asks nothing of a cluster.
func TestFetch(t *testing.T) {
	p := fetched(t)
	artifact := func() syncline.Artifact {
		t.Helper()
		result := p.turn(t)
		if result.Err != nil || result.Plan != nil || result.Performed != nil || result.Again {
			t.Fatalf("the turn came to %+v", result)
		}
		if len(p.last.Artifacts) != 1 || p.last.Health.Status != syncline.Healthy || !slices.Equal(p.last.Revisions, []string{p.last.Artifacts[0].Revision}) {
			t.Fatalf("the report is %+v", p.last)
		}
		return p.last.Artifacts[0]
	}
	p.commit(t, testenv.GitCommit{Files: map[string]string{"web/b.yaml": "no: [manifest"}}) // nothing is rendered
	first := artifact()

	p.commit(t, testenv.GitCommit{Files: map[string]string{"api/a.yaml": configMapOf("c")}})
	p.learn(t)
	if !p.touched(t) {
		t.Error("a commit is not told to who says at which one the repository is")
	}
	second := artifact()
	if second.Revision == first.Revision || second.Digest != first.Digest {
		t.Errorf("beside its folder changed: %v, and before %v", second, first)
	}

	p.commit(t, testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}})
	p.learn(t)
	if third := artifact(); third.Revision == second.Revision || third.Digest == second.Digest {
		t.Errorf("its folder changed: %v, and before %v", third, second)
	}
	if requests := p.Requests(); len(requests) > 0 {
		t.Errorf("asked of the cluster: %v", requests)
	}
}

// TestFetchFails tells what is wrong, and keeps what was fetched last.
func TestFetchFails(t *testing.T) {
	for name, test := range map[string]struct {
		change func(p *published)
		says   string
	}{
		"no such folder":   {func(p *published) { p.app.Sources[0].Path = "gone" }, "gone: app path does not exist"},
		"a file":           {func(p *published) { p.app.Sources[0].Path = "README.md" }, "README.md: app path is not a directory"},
		"no such revision": {func(p *published) { p.app.Sources[0].TargetRevision = "gone" }, "gone"},
		"not permitted": {func(p *published) {
			p.project.SourceRepos = []upstream.Pattern{upstream.PatternOf("https://elsewhere.example/*")}
		}, "is not permitted in project"},
		"no project": {func(p *published) { p.app.Project = "none" }, "there is no project none"},
	} {
		t.Run(name, func(t *testing.T) {
			p := fetched(t)
			p.turn(t)
			before := p.last.Artifacts
			p.app.Past.Artifacts = before
			p.app.Sources = slices.Clone(p.app.Sources)
			test.change(p)
			p.turn(t)
			said := ""
			for _, c := range p.last.Conditions {
				said += c.Message
			}
			if !strings.Contains(said, test.says) || p.last.Health.Status == syncline.Healthy {
				t.Errorf("it says %q and is %s, want %q", said, p.last.Health.Status, test.says)
			}
			if len(before) != 1 || !slices.Equal(p.last.Artifacts, before) {
				t.Errorf("its artifacts are %v, and were %v", p.last.Artifacts, before)
			}
			if permitted := p.engine.Permits(p.app); permitted != !strings.Contains(test.says, "project") {
				t.Errorf("permitted: %t", permitted)
			}
		})
	}
}

// TestTheEndOfAFetch takes nothing with it.
func TestTheEndOfAFetch(t *testing.T) {
	p := fetched(t)
	p.turn(t)
	p.app.Deleting = &syncline.Deletion{Cascade: true, Since: p.now}
	if p.turn(t); !p.last.Deleted || len(p.Requests()) > 0 {
		t.Errorf("deleted: %t", p.last.Deleted)
	}
	if _, err := p.engine.Preview(t.Context(), p.app, plan.New(nil)); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("a preview of it: %v", err)
	}
}
