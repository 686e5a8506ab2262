package engine

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/gather"
	"github.com/syncline-io/syncline/internal/engine/render/record"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
)

// shelf is a tree without folders: what is in its files.
type shelf map[string]string

func (s shelf) Stat(path string) (syncline.Entry, error) {
	if path == "" {
		return syncline.Entry{Type: syncline.EntryDir, Hash: fmt.Sprint(s)}, nil
	}
	text, ok := s[path]
	if !ok {
		return syncline.Entry{}, fs.ErrNotExist
	}
	return syncline.Entry{Name: path, Type: syncline.EntryFile, Hash: text}, nil
}

func (s shelf) ReadFile(path string) ([]byte, error) {
	_, err := s.Stat(path)
	return []byte(s[path]), err
}

func (s shelf) ReadDir(string) ([]syncline.Entry, error) {
	var entries []syncline.Entry
	for _, name := range slices.Sorted(maps.Keys(s)) {
		entry, _ := s.Stat(name)
		entries = append(entries, entry)
	}
	return entries, nil
}

// open are projects that permit everything, on one cluster.
type open struct{}

func (open) Project(name string) (syncline.Project, error) {
	return syncline.Project{
		Name: name, SourceRepos: []upstream.Pattern{upstream.PatternOf("*")},
		Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"})},
	}, nil
}

func (open) Target(syncline.Destination) (syncline.Target, error) {
	return syncline.Target{ID: syncline.LocalCluster}, nil
}

func (open) Cluster(syncline.ClusterID, syncline.Identity) (Cluster, error)     { return nil, nil } //nolint:nilnil // nobody looks at it
func (open) Writer(syncline.ClusterID, syncline.Identity) (apply.Writer, error) { return nil, nil } //nolint:nilnil // nor writes to it

// village is a repository and the Apps that read a file of it each. It does, in
// an order that a script says, what else goes on in an agent: commits come, and
// turns begin and end, also while commits are followed.
type village struct {
	engine *Engine
	apps   []syncline.App

	mu      sync.Mutex
	commits []shelf
	script  []int
	// unseen says that commits came that nobody followed yet.
	unseen bool
	due    map[syncline.AppID]bool
	// turns are at the commits at which they began; ended are those of the last turns.
	turns, ended map[syncline.AppID]int
}

const repoURL = "https://git.example.com/village.git"

func settle(script []int) *village {
	v := &village{
		engine:  New(nil, nil, open{}, open{}, Options{}),
		commits: []shelf{{"a": "0", "b": "0"}},
		script:  script, unseen: true,
		due: map[syncline.AppID]bool{}, turns: map[syncline.AppID]int{}, ended: map[syncline.AppID]int{},
	}
	v.engine.Sources, v.engine.gatherer = v, gather.New(v, nil)
	for i, from := range []struct{ project, file string }{{"alone", "a"}, {"shared", "a"}, {"shared", "b"}} {
		app := syncline.App{
			ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: fmt.Sprint("app-", i)}, Project: from.project,
			Sources: []syncline.Source{{RepoURL: repoURL, Path: from.file}},
		}
		v.apps = append(v.apps, app)
		v.due[app.ID] = true
	}
	return v
}

// Resolve returns the newest commit, when the script has gone on.
func (v *village) Resolve(context.Context, syncline.App, syncline.Source, time.Duration) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.step()
	return fmt.Sprint(len(v.commits) - 1), nil
}

// Tree is not asked for.
func (v *village) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return nil, syncline.Errorf(syncline.Internal, "no turn asks for files here")
}

// Difference compares two commits, when the script has gone on.
func (v *village) Difference(_ context.Context, _ syncline.App, _ syncline.Source, before, after string) (*difference.Paths, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range 3 {
		v.step()
	}
	return difference.Between(v.at(before), v.at(after))
}

func (v *village) at(commit string) shelf {
	var number int
	_, _ = fmt.Sscan(commit, &number)
	return v.commits[number]
}

// step does the next thing of the script but following commits.
func (v *village) step() {
	if len(v.script) == 0 {
		return
	}
	what, which := v.script[0]%3, v.script[0]/3
	v.script = v.script[1:]
	app := v.apps[which%len(v.apps)]
	switch what {
	case 0:
		next := maps.Clone(v.commits[len(v.commits)-1])
		next[[]string{"a", "b", "c"}[which%3]] = fmt.Sprint(len(v.commits))
		v.commits = append(v.commits, next)
		v.unseen = true
	case 1:
		v.begin(app)
	case 2:
		v.end(app)
	}
}

func (v *village) begin(app syncline.App) {
	if _, runs := v.turns[app.ID]; runs {
		return
	}
	delete(v.due, app.ID)
	v.turns[app.ID] = len(v.commits) - 1
	v.engine.affected.Expect(app)
}

func (v *village) end(app syncline.App) {
	commit, runs := v.turns[app.ID]
	if !runs {
		return
	}
	recorder := record.New(record.Inputs{Files: syncline.Files{Tree: v.commits[commit]}})
	_, _ = recorder.Files().Tree.ReadFile(app.Sources[0].Path)
	v.engine.affected.Learn(app, []affected.Rendered{{Source: app.Sources[0], Revision: fmt.Sprint(commit), Reads: recorder.Reads()}}, nil)
	v.ended[app.ID] = commit
	delete(v.turns, app.ID)
}

// follow makes due what the commits touch.
func (v *village) follow(ctx context.Context) {
	v.mu.Lock()
	v.unseen = false
	v.mu.Unlock()
	touched := v.engine.Touched(ctx, upstream.Key(repoURL))
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range touched {
		v.due[id] = true
	}
}

// rest goes on until nothing is due.
func (v *village) rest(ctx context.Context) {
	for v.unseen || len(v.due) > 0 || len(v.turns) > 0 {
		if v.unseen {
			v.follow(ctx)
		}
		for _, app := range v.apps {
			v.end(app)
			if v.due[app.ID] {
				v.begin(app)
			}
		}
	}
}

// TestNoCommitIsMissed wants every App to have had a turn with its file as it is
// in the last commit, whatever went on while commits were followed.
func TestNoCommitIsMissed(t *testing.T) {
	cases := uint64(5000)
	if testing.Short() {
		cases /= 2
	}
	for seed := range cases {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it has to be the same each time
		v := settle(random.Perm(54)[:5+random.IntN(50)])
		for len(v.script) > 0 {
			follow := v.script[0]%2 == 0
			v.step()
			if v.unseen && follow {
				v.follow(t.Context())
			}
		}
		v.rest(t.Context())
		last := v.commits[len(v.commits)-1]
		for _, app := range v.apps {
			file := app.Sources[0].Path
			if had := v.commits[v.ended[app.ID]][file]; had != last[file] {
				t.Fatalf("seed %d: the last turn of %s had %s as of commit %s, not of %s", seed, app.ID.Name, file, had, last[file])
			}
		}
		if followers := v.engine.Followers(upstream.Key(repoURL)); len(followers) != len(v.apps) {
			t.Fatalf("seed %d: of %d Apps %d follow the repository: %v", seed, len(v.apps), len(followers), followers)
		}
		for _, app := range v.apps {
			v.engine.affected.Forget(app.ID)
		}
		if n := reflect.ValueOf(v.engine.affected).Elem().FieldByName("repos").Len(); n > 0 {
			t.Fatalf("seed %d: %d repositories that no App follows are remembered", seed, n)
		}
	}
}

// TestCommitsThatKeepComing wants the Apps that a commit touches to be told of
// it while the next ones come already.
func TestCommitsThatKeepComing(t *testing.T) {
	v := settle(make([]int, 3000)) // of which each is a commit that changes file a
	for _, app := range v.apps {
		v.begin(app)
		v.end(app)
	}
	v.step()
	v.follow(t.Context())
	if !v.due[v.apps[0].ID] {
		t.Error("the App is not due")
	}
	if came := 3000 - len(v.script); came > 20 {
		t.Errorf("%d commits were waited for", came)
	}
}
