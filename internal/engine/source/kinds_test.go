package source_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/fetchertest"
	"github.com/syncline-io/syncline/internal/engine/source/links"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// depot is a second kind of source, in memory: charts in versions, of which a target
// means the newest, or the one that it names.
type depot struct {
	mu      sync.Mutex
	charts  map[string][]map[string]string
	fetched map[string]bool
	shut    bool
	lists   int
}

func newDepot() *depot {
	return &depot{charts: map[string][]map[string]string{}, fetched: map[string]bool{}}
}

func (d *depot) publish(chart string, files map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.charts[chart] = append(d.charts[chart], files)
}

func (d *depot) Known(source.Target) (source.Revision, error) { return source.Revision{}, nil }

func (d *depot) Scope(source.Target) source.Target { return source.Target{} }

func (d *depot) List(ctx context.Context, repo upstream.Repository, _ source.Target) (source.Listing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lists++
	if d.shut || ctx.Err() != nil {
		return nil, syncline.Errorf(syncline.Transient, "repository %s: nobody answers", repo.Address)
	}
	shown := versions{address: repo.Address.String(), newest: map[string]int{}}
	for chart, all := range d.charts {
		shown.newest[chart] = len(all)
	}
	return shown, nil
}

func (d *depot) Fetch(_ context.Context, repo upstream.Repository, from syncline.Source, revision source.Revision) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fetched[from.Chart+revision.ID]:
		return nil
	case d.shut:
		return syncline.Errorf(syncline.Transient, "repository %s: nobody answers", repo.Address)
	case d.files(from.Chart, revision) == nil:
		return syncline.Errorf(syncline.NotFound, "repository %s has no chart %s %s", repo.Address, from.Chart, revision.ID)
	}
	d.fetched[from.Chart+revision.ID] = true
	return nil
}

// files returns the files of a version; nil where there is none.
func (d *depot) files(chart string, revision source.Revision) map[string]string {
	var version int
	_, _ = fmt.Sscanf(revision.ID, "1.0.%d", &version)
	if version < 1 || version > len(d.charts[chart]) {
		return nil
	}
	return d.charts[chart][version-1]
}

func (d *depot) Tree(_ context.Context, repo upstream.Repository, from syncline.Source, revision source.Revision) (syncline.Tree, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.fetched[from.Chart+revision.ID] {
		return nil, syncline.Errorf(syncline.Transient, "repository %s: chart %s %s is not fetched yet", repo.Address, from.Chart, revision.ID)
	}
	return depotTree(d.files(from.Chart, revision)), nil
}

// versions are the newest of each chart.
type versions struct {
	address string
	newest  map[string]int
}

func (v versions) Resolve(_ context.Context, want source.Target) (source.Revision, error) {
	for version := v.newest[want.Chart]; version > 0; version-- {
		if id := fmt.Sprintf("1.0.%d", version); want.Revision == "" || want.Revision == id {
			return source.Revision{ID: id}, nil
		}
	}
	return source.Revision{}, syncline.Errorf(syncline.NotFound, "%s has no chart %s %s", v.address, want.Chart, want.Revision)
}

func (v versions) Digest() uint64 {
	sum := fnv.New64()
	fmt.Fprint(sum, v.newest) // sorted
	return sum.Sum64()
}

func (v versions) Size() int { return len(v.newest) }

// depotTree are files by path.
type depotTree map[string]string

func (d depotTree) Stat(name string) (syncline.Entry, error) {
	entry := syncline.Entry{Name: strings.TrimPrefix(path.Base("/"+name), "/"), Type: syncline.EntryDir}
	text, is := d[name]
	switch {
	case name != "" && (name == "." || !fs.ValidPath(name)):
		return entry, syncline.Errorf(syncline.Invalid, "%q is no path", name)
	case is:
		entry.Type, entry.Hash = syncline.EntryFile, "of "+text
	case name != "" && len(d.names(name)) == 0:
		return entry, syncline.Errorf(syncline.NotFound, "%s: %w", name, fs.ErrNotExist)
	}
	return entry, nil
}

// names returns the sorted names in a folder.
func (d depotTree) names(folder string) []string {
	names := map[string]bool{}
	for at := range d {
		if rest, below := strings.CutPrefix("/"+at, strings.TrimSuffix("/"+folder, "/")+"/"); below {
			name, _, _ := strings.Cut(rest, "/")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (d depotTree) ReadFile(name string) ([]byte, error) {
	entry, err := d.Stat(name)
	if err == nil && entry.Type == syncline.EntryDir {
		err = syncline.Errorf(syncline.Invalid, "%q is a folder", name)
	}
	return []byte(d[name]), err
}

func (d depotTree) ReadDir(name string) ([]syncline.Entry, error) {
	entry, err := d.Stat(name)
	if err == nil && entry.Type != syncline.EntryDir {
		err = syncline.Errorf(syncline.Invalid, "%q is no folder", name)
	}
	if err != nil {
		return nil, err
	}
	var entries []syncline.Entry
	for _, child := range d.names(name) {
		entry, err := d.Stat(path.Join(name, child))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// TestTreesAreLikeEveryTree: that of the depot, and one confined, which follows links.
func TestTreesAreLikeEveryTree(t *testing.T) {
	lacks := treetest.Lacks{Links: true, Executables: true, Submodules: true}
	treetest.Run(t, lacks, func(_ testing.TB, content treetest.Content) syncline.Tree { return depotTree(content.Files) })
	treetest.Run(t, lacks, func(_ testing.TB, content treetest.Content) syncline.Tree {
		return links.Confine(depotTree(content.Files))
	})
}

// TestGitIsLikeEveryFetcher reads real repositories by the real git.
func TestGitIsLikeEveryFetcher(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		o := newOrigin(t)
		return fetchertest.Origin{
			Fetcher:    source.NewGit(o.store, o.store),
			Repository: upstream.Repository{Address: upstream.AddressOf(o.URL)},
			Source:     syncline.Source{RepoURL: o.URL, TargetRevision: "main"},
			Other:      syncline.Source{RepoURL: o.URL, TargetRevision: "none"},
			Nowhere:    strings.Repeat("1", 40),
			Publish:    func(files map[string]string) { o.commit(testenv.GitCommit{Files: files}) },
			Shut:       func() { _ = o.server.Close() },
		}
	})
}

const depotURL = "https://charts.example.com/all"

func TestADepotIsLikeEveryFetcher(t *testing.T) {
	fetchertest.Run(t, func(testing.TB) fetchertest.Origin {
		d := newDepot()
		return fetchertest.Origin{
			Fetcher:    d,
			Repository: upstream.Repository{Address: upstream.AddressOf(depotURL)},
			Source:     syncline.Source{RepoURL: depotURL, Chart: "web"},
			Other:      syncline.Source{RepoURL: depotURL, Chart: "none"},
			Nowhere:    "1.0.99",
			Publish:    func(files map[string]string) { d.publish("web", files) },
			Shut: func() {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.shut = true
			},
		}
	})
}

// TestWhatIsSharedByKinds has a second kind beside Git, at the same address: each is
// listed once for all who ask, polled, and told of, and neither answers for the other.
func TestWhatIsSharedByKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot()
		d.publish("web", map[string]string{"Chart.yaml": "1"})
		d.publish("api", map[string]string{"Chart.yaml": "1"})
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		told := make(chan string, 100)
		resolver := source.NewResolver(
			source.Fetchers{syncline.SourceGit: source.NewGit(world, nil), syncline.SourceHelm: d},
			source.Options{Changed: func(key string) { told <- key }})
		stage := source.New(resolver, everybody{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- resolver.Poll(ctx) }()
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				from, want := syncline.Source{RepoURL: urlA, Chart: []string{"web", "api"}[i%2]}, "1.0.1"
				if i%3 == 0 {
					from, want = syncline.Source{RepoURL: urlA, TargetRevision: "main"}, commit("1")
				}
				if got, err := stage.Resolve(t.Context(), syncline.App{}, from, time.Minute); err != nil || got != want {
					t.Errorf("%+v is %s, %v", from, got, err)
				}
			})
		}
		group.Wait()
		if d.lists != 1 || world.count(urlA) != 1 {
			t.Errorf("it was listed %d and %d times", d.lists, world.count(urlA))
		}
		d.publish("web", map[string]string{"Chart.yaml": "2"})
		toldWithin(t, told, 4*time.Minute, urlA)
		web := syncline.Source{RepoURL: urlA, Chart: "web"}
		got, err := stage.Resolve(t.Context(), syncline.App{}, web, time.Hour)
		if err != nil || got != "1.0.2" {
			t.Errorf("what was told of is %s, %v", got, err)
		}
		for _, revision := range []string{"1.0.1", "1.0.2"} {
			if _, err := stage.Tree(t.Context(), syncline.App{}, web, revision); err != nil {
				t.Errorf("the files of %s: %v", revision, err)
			}
		}
		difference, err := stage.Difference(t.Context(), syncline.App{}, web, "1.0.1", "1.0.2")
		if err != nil {
			t.Fatal(err)
		}
		difference.Each(func(path string, _, content, _ bool) {
			if content && path != "Chart.yaml" {
				t.Errorf("%s differs", path)
			}
		})
		cancel()
		if err := <-ended; err == nil {
			t.Error("polling has ended before it was told")
		}
		resolver.Close()
	})
}

// everybody needs no credentials.
type everybody struct{}

func (everybody) Repository(_ string, address upstream.Address) (upstream.Repository, error) {
	return upstream.Repository{Address: address}, nil
}

// TestKindsThatNothingReads are refused before anything is asked.
func TestKindsThatNothingReads(t *testing.T) {
	stage := source.New(source.NewResolver(gitOf(newRemote(nil), nil), source.Options{}), everybody{}, nil)
	for says, from := range map[string]syncline.Source{
		"sources of kind Helm are not supported": {RepoURL: urlA, Chart: "web"},
		`chart "web" and path`:                   {RepoURL: urlA, Chart: "web", Path: "web"},
		`chart "web" and kustomize`:              {RepoURL: urlA, Chart: "web", Kustomize: &tool.Kustomize{NamePrefix: "a-"}},
	} {
		_, resolveErr := stage.Resolve(t.Context(), syncline.App{}, from, 0)
		_, treeErr := stage.Tree(t.Context(), syncline.App{}, from, "1")
		_, differenceErr := stage.Difference(t.Context(), syncline.App{}, from, "1", "2")
		for _, err := range []error{resolveErr, treeErr, differenceErr} {
			if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), says) {
				t.Errorf("%+v: the error is %v", from, err)
			}
		}
	}
}
