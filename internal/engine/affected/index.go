// Package affected knows who read what at which commit: which Apps follow which
// repositories, and what each of their sources was rendered from. So it finds those
// whom a commit affects by what differs, without asking each. It asks no server and
// compares no files.
//
// Apps that follow the same revision in the same way are a [Group], which is at one
// commit. When that moves, the Group is advanced: whom the difference does not touch
// goes along, whatever its other sources are at, and the others are in doubt until
// their next turn has ended. An App of several sources is in a Group for each of them.
package affected

import (
	"reflect"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// Rendered is a source as it was rendered: at which revision, and from what.
type Rendered struct {
	Source   syncline.Source
	Revision string
	Reads    record.Reads
}

// Given is what sources were given from elsewhere, which the App follows as it does them:
// at which revision, and by what name it was read.
type Given struct {
	Source        syncline.Source
	Revision, Ref string
}

// SourcesOf returns what was given.
func SourcesOf(given []Given) (sources []syncline.Source) {
	for _, one := range given {
		sources = append(sources, one.Source)
	}
	return sources
}

// Index knows which Apps follow which repositories, and what of them they read. It
// is safe for concurrent use.
type Index struct {
	// traceable reports whether the difference between two revisions of the files
	// that were read tells whether they would be read alike.
	traceable func(record.Reads) bool

	mu   sync.Mutex
	apps map[syncline.AppID]*Member
	// repos are by syncline.Source.Key: those that an App follows, or that somebody
	// holds, so that nobody holds one while another is made of the same name.
	repos map[string]*Repository
}

// NewIndex returns an empty Index. Traceable reports whether the difference between
// two revisions of the files of one source tells whether reads of it stay the same.
func NewIndex(traceable func(record.Reads) bool) *Index {
	return &Index{traceable: traceable, apps: map[syncline.AppID]*Member{}, repos: map[string]*Repository{}}
}

// Expect takes note that a turn of the App begins. Until that has ended, any commit
// may affect it that was not known to read what it declares.
func (x *Index) Expect(app syncline.App) {
	x.mu.Lock()
	defer x.mu.Unlock()
	known := x.apps[app.ID]
	if now := x.join(app); now != known {
		now.doubt()
	}
}

// Learn takes note of what the App's sources were rendered from, in their order, and of
// what they were given; of nothing rendered when any commit may affect it.
func (x *Index) Learn(app syncline.App, rendered []Rendered, given []Given) {
	x.mu.Lock()
	defer x.mu.Unlock()
	known := x.join(app)
	known.leave()
	x.give(known, given)
	if !x.covers(app, rendered, given) {
		known.doubt()
		return
	}
	for i, one := range given {
		group := known.elsewhere[i].group(app, one.Source, one.Revision)
		for _, made := range rendered {
			if reads := made.Reads.Of(one.Ref); reads.Len() > 0 {
				known.enter(group, reads)
			}
		}
	}
	for i, source := range app.Sources {
		group := known.repos[i].group(app, source, rendered[i].Revision)
		known.enter(group, rendered[i].Reads.Of(""))
		for _, other := range rendered {
			if reads := other.Reads.Of(source.Ref); source.Ref != "" && reads.Len() > 0 {
				known.enter(group, reads)
			}
		}
	}
}

// covers reports whether the differences between revisions tell whether the sources
// that the App declares still render to the same.
func (x *Index) covers(app syncline.App, rendered []Rendered, given []Given) bool {
	if len(rendered) == 0 || len(rendered) != len(app.Sources) {
		return false
	}
	for i, made := range rendered {
		if !reflect.DeepEqual(made.Source, app.Sources[i]) || !x.traceable(made.Reads.Of("")) {
			return false
		}
		for _, other := range app.Sources {
			if other.Ref != "" && !x.traceable(made.Reads.Of(other.Ref)) {
				return false
			}
		}
		for _, one := range given {
			if !x.traceable(made.Reads.Of(one.Ref)) {
				return false
			}
		}
	}
	return true
}

// Found takes note of the revisions at which it was found out what the sources of an
// App declare; of none when it declares nothing, whatever is committed.
func (x *Index) Found(id syncline.AppID, revisions []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known := x.apps[id]; known != nil {
		known.found, known.at = true, revisions
	}
}

// Behind returns those of the Apps that a commit may affect which they have not come
// to: it is what a source of theirs means now.
func (x *Index) Behind(all []*Member, source syncline.Source, commit string) []*Member {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.DeleteFunc(all, func(m *Member) bool { return !m.behind(source, commit) })
}

// Forget drops an App.
func (x *Index) Forget(id syncline.AppID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known := x.apps[id]; known != nil {
		known.leave()
		x.releaseAll(known)
		delete(x.apps, id)
	}
}

// Apps returns the Apps of a repository, named by its [syncline.Source.Key].
func (x *Index) Apps(repoKey string) []syncline.AppID {
	x.mu.Lock()
	defer x.mu.Unlock()
	repo := x.repos[repoKey]
	if repo == nil {
		return nil
	}
	ids := make([]syncline.AppID, 0, len(repo.inDoubt))
	for known := range repo.inDoubt {
		ids = append(ids, known.ID)
	}
	for _, g := range repo.groups {
		for r := range g.readings.All() {
			if r.member.first(repo) == r { // it may read more than one source of it
				ids = append(ids, r.member.ID)
			}
		}
	}
	return ids
}

// join returns the member that an App is, as it is declared now.
func (x *Index) join(app syncline.App) *Member {
	known := x.apps[app.ID]
	cluster := app.Destination
	cluster.Namespace = ""
	if known != nil && known.Project == app.Project && known.Cluster == cluster && reflect.DeepEqual(known.sources, app.Sources) {
		return known
	}
	before := known
	known = &Member{ID: app.ID, Project: app.Project, Cluster: cluster, sources: app.Sources}
	for _, s := range app.Sources {
		known.repos = append(known.repos, x.hold(s.Key()))
	}
	if before != nil {
		before.leave()
		x.releaseAll(before)
	}
	x.apps[app.ID] = known
	return known
}

// hold returns a repository, which stays until it is released as often as held.
func (x *Index) hold(repoKey string) *Repository {
	repo := x.repos[repoKey]
	if repo == nil {
		repo = &Repository{index: x, key: repoKey, groups: map[groupKey]*Group{}, inDoubt: map[*Member]struct{}{}}
		x.repos[repoKey] = repo
	}
	repo.held++
	return repo
}

func (x *Index) release(repo *Repository) {
	if repo.held--; repo.held == 0 {
		delete(x.repos, repo.key)
	}
}

// releaseAll releases the repositories of an App that is none any more, or another.
func (x *Index) releaseAll(known *Member) {
	for _, repo := range slices.Concat(known.repos, known.elsewhere) {
		x.release(repo)
	}
}

// give has an App, which is in no Group and in no doubt, follow what it was given.
func (x *Index) give(known *Member, given []Given) {
	before := known.elsewhere
	known.elsewhere = nil
	for _, one := range given {
		known.elsewhere = append(known.elsewhere, x.hold(one.Source.Key()))
	}
	for _, repo := range before {
		x.release(repo)
	}
}

// Member is an App that had a turn, as it was declared then.
type Member struct {
	ID      syncline.AppID
	Project string
	// Cluster is where it goes, whatever the namespace.
	Cluster syncline.Destination

	// sources are those that it declared, in the repositories repos.
	sources []syncline.Source
	repos   []*Repository
	// elsewhere are the repositories of what they were given.
	elsewhere []*Repository
	// readings are what its last turn read of its sources; none when in doubt.
	readings []*reading
	// found says that it was found out once what it declares, and at are the revisions
	// of its sources at which that was so last; none when it declares nothing, whatever
	// is committed.
	found bool
	at    []string
}

// reading is what an App read of one of its sources to render one of them.
type reading struct {
	member *Member
	group  *Group
}

// behind reports whether a commit that a source of this revision means now may
// change what the App declares, and it had no turn at that.
func (m *Member) behind(source syncline.Source, commit string) bool {
	if m.found && len(m.at) == 0 {
		return false
	}
	for i, own := range m.sources {
		at := len(m.at) == len(m.sources) && m.at[i] == commit
		if !at && own.TargetRevision == source.TargetRevision && own.Key() == source.Key() {
			return true
		}
	}
	return false
}

// first returns the first of an App's readings of a repository that it reads.
func (m *Member) first(repo *Repository) *reading {
	return m.readings[slices.IndexFunc(m.readings, func(r *reading) bool { return r.group.repo == repo })]
}

// enter puts what an App read into a group.
func (m *Member) enter(g *Group, reads record.Reads) {
	r := &reading{member: m, group: g}
	g.readings.Add(r, reads)
	m.readings = append(m.readings, r)
}

// leave takes an App out of wherever it is.
func (m *Member) leave() {
	for _, r := range m.readings {
		r.group.readings.Remove(r)
		if r.group.readings.Len() == 0 {
			delete(r.group.repo.groups, r.group.groupKey)
		}
	}
	m.readings = nil
	for _, repo := range slices.Concat(m.repos, m.elsewhere) {
		delete(repo.inDoubt, m)
	}
}

// doubt takes it that any commit may affect an App.
func (m *Member) doubt() {
	m.leave()
	for _, repo := range slices.Concat(m.repos, m.elsewhere) {
		repo.inDoubt[m] = struct{}{}
	}
}
