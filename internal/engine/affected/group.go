package affected

import (
	"maps"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// Repository is one that Apps follow, held by one who takes them to new commits.
type Repository struct {
	index *Index
	key   string
	// held counts by how many it is followed, or held.
	held int
	// following is locked while Apps are taken to a new commit.
	following sync.Mutex
	groups    map[groupKey]*Group
	// inDoubt are the Apps that any commit may affect.
	inDoubt map[*Member]struct{}
}

// Group is what was read of a repository at one commit by Apps that all go on to the
// same one.
type Group struct {
	groupKey
	repo *Repository
	// app and source are of any of them, to reach the repository.
	app      syncline.App
	source   syncline.Source
	readings *record.Index[*reading]
}

// groupKey is what the Apps of a Group have in common.
type groupKey struct {
	project, url, chart, revision, tagPrefix string
	bucket                                   upstream.Bucket
	commit                                   string
}

// Hold returns a repository, named by its [syncline.Source.Key], for one who takes
// its Apps to new commits: one after the other. It stays so until Release.
func (x *Index) Hold(repoKey string) *Repository {
	x.mu.Lock()
	repo := x.hold(repoKey)
	x.mu.Unlock()
	repo.following.Lock()
	return repo
}

// Release ends what Hold began.
func (r *Repository) Release() {
	r.following.Unlock()
	r.index.mu.Lock()
	defer r.index.mu.Unlock()
	r.index.release(r)
}

// State returns the Groups of a repository, and the Apps that are in none because
// they are in doubt. Long revisions come last: constraints that take long to look for.
func (r *Repository) State() ([]*Group, []*Member) {
	r.index.mu.Lock()
	defer r.index.mu.Unlock()
	groups := slices.SortedFunc(maps.Values(r.groups), func(a, b *Group) int { return len(a.revision) - len(b.revision) })
	return groups, slices.Collect(maps.Keys(r.inDoubt))
}

// group returns the Group of those that read what the App does.
func (r *Repository) group(app syncline.App, source syncline.Source, commit string) *Group {
	key := groupKey{app.Project, source.RepoURL, source.Chart, source.TargetRevision, source.TagPrefix, source.Bucket, commit}
	g := r.groups[key]
	if g == nil {
		g = &Group{groupKey: key, repo: r, app: app, source: source, readings: record.NewIndex[*reading]()}
		r.groups[key] = g
	}
	return g
}

// App returns one of the Apps, to reach the repository by the returned source.
func (g *Group) App() (syncline.App, syncline.Source) { return g.app, g.source }

// Commit returns the commit at which the Group is. It is for who holds the
// repository: nobody else advances it.
func (g *Group) Commit() string { return g.commit }

// Doubt takes it that the next commit may affect every App of the Group, and returns
// those.
func (g *Group) Doubt() (affected []*Member) {
	g.repo.index.mu.Lock()
	defer g.repo.index.mu.Unlock()
	for r := range g.readings.All() {
		affected = r.member.affected(affected)
	}
	return affected
}

// Advance takes the Group to another commit, but for those Apps that the difference
// touches, which it returns: they are in doubt. It leaves a Group alone that nobody is
// in any more, or that was joined to another.
func (g *Group) Advance(commit string, difference record.Difference) (affected []*Member) {
	repo := g.repo
	repo.index.mu.Lock()
	defer repo.index.mu.Unlock()
	if repo.groups[g.groupKey] != g {
		return nil
	}
	for r := range g.readings.Touched(difference) {
		affected = r.member.affected(affected)
	}
	delete(repo.groups, g.groupKey)
	g.commit = commit
	if there := repo.groups[g.groupKey]; there != nil {
		if there.readings.Len() > g.readings.Len() {
			there, g = g, there
		}
		for r, reads := range there.readings.All() {
			r.group = g
			g.readings.Add(r, reads)
		}
	}
	if g.readings.Len() > 0 {
		repo.groups[g.groupKey] = g
	}
	return affected
}

// affected puts an App in doubt and appends it to others, once: two of its sources may
// have been touched.
func (m *Member) affected(others []*Member) []*Member {
	if m.readings == nil {
		return others
	}
	m.doubt()
	return append(others, m)
}
