package source

import (
	"context"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

// Credentials know how to reach repositories.
type Credentials interface {
	// Repository returns how an App of the project reaches the repository at an
	// address, which is one that is not refused.
	Repository(project string, address upstream.Address) (upstream.Repository, error)
}

// Refresher is what Credentials may be able to do besides: look again what they
// are, because something was refused. They may be newer than what is known.
type Refresher interface {
	Refresh(ctx context.Context)
}

// Keys open what is encrypted in repositories.
type Keys interface {
	// Open returns files as an App of the project reads them: in plaintext. A file that
	// cannot be decrypted cannot be read. Ctx bounds how long reading may take.
	Open(ctx context.Context, project string, files syncline.Tree) syncline.Tree
}

// Stage yields what an App's sources hold.
type Stage struct {
	// Named is told of a repository that what an App reads names, such as that of a
	// submodule, also where the App may not read it. Set it before the first Tree.
	// Default: nobody is told.
	Named func(id syncline.AppID, address upstream.Address)

	resolver    *Resolver
	credentials Credentials
	keys        Keys
	compared    comparisons
}

// New returns a Stage of the kinds of source that the Resolver has. Without Keys, files
// are as they are in the repositories.
func New(resolver *Resolver, credentials Credentials, keys Keys) *Stage {
	return &Stage{resolver: resolver, credentials: credentials, keys: keys}
}

// repository returns how the App reaches the repository of a source.
func (s *Stage) repository(app syncline.App, source syncline.Source) (upstream.Repository, error) {
	address := source.Address()
	if err := address.Err(); err != nil {
		return upstream.Repository{}, err
	}
	return s.credentials.Repository(app.Project, address)
}

// Resolve returns the revision that the source's target revision names; see
// [Resolver.Resolve].
func (s *Stage) Resolve(ctx context.Context, app syncline.App, source syncline.Source, maxAge time.Duration) (string, error) {
	ctx = demand.New(app.Project).In(ctx)
	repo, err := s.repository(app, source)
	if err != nil {
		return "", err
	}
	revision, err := s.resolver.Resolve(ctx, source, repo, maxAge)
	if err != nil && refused(repo, err) {
		if now, other := s.refreshed(ctx, app, source, repo); other {
			revision, err = s.resolver.Resolve(ctx, source, now, maxAge)
		}
	}
	return revision.ID, err
}

// refused reports whether other credentials might help.
func refused(repo upstream.Repository, err error) bool {
	return !repo.Declared || syncline.KindOf(err) == syncline.Denied || syncline.KindOf(err) == syncline.NotFound
}

// refreshed returns what is known of a repository by now, and whether that is more
// than before. A Secret that was made before the Application may be told after it.
func (s *Stage) refreshed(ctx context.Context, app syncline.App, source syncline.Source, before upstream.Repository) (now upstream.Repository, other bool) {
	refresher, able := s.credentials.(Refresher)
	if !able {
		return before, false
	}
	refresher.Refresh(ctx)
	now, err := s.repository(app, source)
	return now, err == nil && now.Access() != before.Access()
}

// Tree returns the files of a revision, fetched if need be, decrypted for the App's
// project, and confined to the repository as [Confine] does. The source's path is a
// folder among them.
func (s *Stage) Tree(ctx context.Context, app syncline.App, source syncline.Source, revision string) (syncline.Tree, error) {
	ctx = demand.New(app.Project).In(ctx)
	repo, err := s.repository(app, source)
	if err != nil {
		return nil, err
	}
	files, err := s.files(ctx, s.telling(app.ID, repo), source, revision)
	if err != nil {
		return nil, err
	}
	if s.keys != nil {
		files = s.keys.Open(ctx, app.Project, files)
	}
	files = links.Confine(files)
	if _, err := Folder(files, source.Path); err != nil {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.KindOf(err), "repository %s at %s: %w", repo.Address, revision, err),
			syncline.HintOf(err))
	}
	return files, nil
}

// telling returns a repository of which is told what others it names, and these.
func (s *Stage) telling(id syncline.AppID, repo upstream.Repository) upstream.Repository {
	others := repo.Others
	if others == nil || s.Named == nil {
		return repo
	}
	repo.Others = func(address upstream.Address) (upstream.Repository, error) {
		s.Named(id, address)
		other, err := others(address)
		return s.telling(id, other), err
	}
	return repo
}

// Difference returns how two revisions of a source differ. The older one was
// fetched before; what is not there any more is a Transient error. The answer is
// remembered for the other Apps of the repository.
func (s *Stage) Difference(ctx context.Context, app syncline.App, source syncline.Source, before, after string) (*difference.Paths, error) {
	ctx = demand.New(app.Project).In(ctx)
	pair := revisions{source.Key(), source.Chart, source.Bucket, before, after}
	repo, err := s.repository(app, source)
	if err != nil {
		return nil, err
	}
	now, err := s.files(ctx, repo, source, after) // only to those who may see it
	if err != nil {
		return nil, err
	}
	if known := s.compared.get(pair); known != nil {
		return known, nil
	}
	_, fetcher, err := s.resolver.fetchers.of(source)
	if err != nil {
		return nil, err
	}
	old, err := fetcher.Tree(ctx, repo, source, Revision{ID: before})
	if err != nil {
		return nil, err
	}
	differ, err := difference.Between(old, now)
	if err == nil {
		s.compared.put(pair, differ)
	}
	return differ, err
}

// revisions are two of one repository, and of one thing in it.
type revisions struct {
	repoKey, chart string
	bucket         upstream.Bucket
	before, after  string
}

// comparisons remembers the last differences. It is safe for concurrent use.
type comparisons struct {
	mu    sync.Mutex
	known map[revisions]*difference.Paths
	order []revisions
}

// maxComparisons is enough for a revision of each of many repositories at once.
const maxComparisons = 32

func (c *comparisons) get(pair revisions) *difference.Paths {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[pair]
}

func (c *comparisons) put(pair revisions, paths *difference.Paths) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[revisions]*difference.Paths{}
	}
	if c.known[pair] == nil {
		c.order = append(c.order, pair)
	}
	c.known[pair] = paths
	if len(c.order) > maxComparisons {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
}

// files returns the files of a revision as they are, fetched if need be.
func (s *Stage) files(ctx context.Context, repo upstream.Repository, source syncline.Source, id string) (syncline.Tree, error) {
	_, fetcher, err := s.resolver.fetchers.of(source)
	if err != nil {
		return nil, err
	}
	revision := Revision{ID: id}
	if known, ok := s.resolver.Remembered(source, repo); ok && known.ID == id {
		revision = known
	}
	if err := fetcher.Fetch(ctx, repo, source, revision); err != nil {
		return nil, err
	}
	return fetcher.Tree(ctx, repo, source, revision)
}
