package bucket

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/flight"
	"github.com/syncline-io/syncline/internal/edge/gate"
)

// Options configure a Store. Only Archives has no default.
type Options struct {
	// Archives keeps what is fetched.
	Archives *archive.Store
	// Tokens exchanges credentials for those that servers take. Default: what has to be
	// exchanged is refused.
	Tokens Tokens
	// RequestTimeout bounds one request for a page of a listing, ListTimeout that for all
	// pages, and FetchTimeout one for an object. Default: 60 s, 5 min, 10 min.
	RequestTimeout, ListTimeout, FetchTimeout time.Duration
	// StallTimeout ends a connection by which nothing comes. Default: 30 s.
	StallTimeout time.Duration
	// WaitTimeout is how long a request waits until it may be sent. Default: 90 s.
	WaitTimeout time.Duration
	// PerHost is how many requests to one server go on at once, of which no project has
	// more than half, and Transfers to all, of which none has all. Default: 8, 16.
	PerHost, Transfers int
	// MaxListed is how many objects are listed, with those that patterns leave out,
	// MaxPages in how many requests, and MaxObjects how many may be left. Default:
	// 100,000, 1,000, 50,000.
	MaxListed, MaxPages, MaxObjects int
	// MaxBytes is how many bytes the objects may have together. Default: 256 MiB.
	MaxBytes int64
	// MaxKept is how many objects of all buckets are remembered, so that those that did not
	// change are not fetched again. Default: 100,000, which take about 15 MiB.
	MaxKept int
	// AllowAddresses are addresses of servers that may be asked though services of
	// the machine or the cloud are usually there: link-local ones, say. Default: none.
	AllowAddresses []netip.Prefix
	// HideReasons lets all reasons why a bucket cannot be read that no Secret names
	// read alike; the log has them. For a server, in which many may name addresses.
	HideReasons bool
	// Now is the clock by which requests are signed. Default: [time.Now].
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	o.RequestTimeout = orDefault(o.RequestTimeout, time.Minute)
	o.ListTimeout = orDefault(o.ListTimeout, 5*time.Minute)
	o.FetchTimeout = orDefault(o.FetchTimeout, 10*time.Minute)
	o.StallTimeout = orDefault(o.StallTimeout, 30*time.Second)
	o.WaitTimeout = orDefault(o.WaitTimeout, 90*time.Second)
	o.PerHost = orDefault(o.PerHost, 8)
	o.Transfers = orDefault(o.Transfers, 16)
	o.MaxListed = orDefault(o.MaxListed, 100_000)
	o.MaxPages = orDefault(o.MaxPages, 1_000)
	o.MaxObjects = orDefault(o.MaxObjects, 50_000)
	o.MaxBytes = orDefault(o.MaxBytes, 256<<20)
	o.MaxKept = orDefault(o.MaxKept, 100_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Store reads objects of any number of buckets. It is safe for concurrent use.
type Store struct {
	options Options
	flights *flight.Group
	gate    *gate.Gate

	mu    sync.Mutex
	sites map[siteKey]*site
	known map[scope]*known
	// objects is how many are remembered by known.
	objects int
	// fetched says which archive a revision is, to who fetched it.
	fetched map[revision]archive.Digest
}

// maxSites is how many buckets are remembered with their connections, and maxFetched of
// how many revisions it is known which archives they are.
const (
	maxSites   = 500
	maxFetched = 10_000
)

// revision is one of a bucket, as it is reached in one way.
type revision struct {
	scope scope
	id    string
}

// known is what is remembered of the objects of one scope.
type known struct {
	used time.Time
	// last is what was listed last, and earlier the revision before that.
	last    *index
	earlier string
	// fetched is what was fetched last, and digest the archive that it is.
	fetched *index
	digest  archive.Digest
}

// size is how many objects are remembered.
func (k *known) size() int {
	size := 0
	if k.last != nil {
		size = len(k.last.objects)
	}
	if k.fetched != nil && k.fetched != k.last {
		size += len(k.fetched.objects)
	}
	return size
}

// New returns a Store. Close follows.
func New(options Options) *Store {
	options = options.withDefaults()
	return &Store{
		options: options, flights: flight.NewGroup(), gate: gate.New(options.PerHost, options.Transfers),
		sites: map[siteKey]*site{}, known: map[scope]*known{}, fetched: map[revision]archive.Digest{},
	}
}

// Close ends the fetches that go on.
func (s *Store) Close() error {
	s.flights.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.sites {
		known.transport.CloseIdleConnections()
	}
	return nil
}

// Revision lists the objects that are meant, and returns what they are together. It is a
// NotFound error when there is none.
func (s *Store) Revision(ctx context.Context, repo upstream.Repository, bucket upstream.Bucket) (string, error) {
	p, err := s.place(repo, bucket)
	if err != nil {
		return "", err
	}
	found, err := p.list(ctx)
	if err != nil {
		return "", p.explain(err)
	}
	s.listed(p.scope, found)
	return found.revision, nil
}

var revisionForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Fetch makes a revision present: of what the bucket has now, the objects that are others
// than when it was fetched last. One that the bucket has not now is a Transient error where
// it was listed last, or before that, and else a NotFound one.
func (s *Store) Fetch(ctx context.Context, repo upstream.Repository, bucket upstream.Bucket, id string) error {
	p, err := s.place(repo, bucket)
	if err != nil {
		return err
	}
	wanted := revision{p.scope, id}
	switch {
	case !revisionForm.MatchString(id):
		return p.explain(syncline.Errorf(syncline.Invalid, "%.100q is no revision of a bucket: sha256: and 64 hexadecimal digits", id))
	case s.present(wanted):
		return nil
	}
	return p.explain(s.flights.Share(ctx, wanted, func(ctx context.Context) error { return s.fetch(ctx, p, wanted) }))
}

// present reports whether a revision that was fetched is still there.
func (s *Store) present(wanted revision) bool {
	s.mu.Lock()
	digest, known := s.fetched[wanted]
	s.mu.Unlock()
	return known && s.options.Archives.Has(digest)
}

// fetch fetches a revision.
func (s *Store) fetch(ctx context.Context, p *place, wanted revision) error {
	before := s.remembered(wanted.scope)
	now := before.last
	if now == nil || now.revision != wanted.id {
		var err error
		if now, err = p.list(ctx); err != nil {
			return err
		}
		s.listed(wanted.scope, now)
	}
	if now.revision != wanted.id {
		if wanted.id == before.earlier || before.last != nil && wanted.id == before.last.revision {
			return syncline.Errorf(syncline.Transient, "the bucket was changed since revision %s was listed, and has another one now", wanted.id)
		}
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "the bucket has not revision %s: it has what it has now", wanted.id),
			"deliver what it has now, or put back what it had")
	}
	on := &delivery{place: p, index: now, read: map[string][]byte{}}
	if before.fetched != nil {
		if files, err := s.options.Archives.Tree(before.digest, "what was fetched before"); err == nil {
			on.before, on.files = before.fetched, files
		}
	}
	digest, err := on.unpack(ctx, s.options.Archives)
	if err != nil {
		if errors.Is(err, errChanged) {
			s.outdate(wanted.scope, now)
		}
		return err
	}
	s.keep(wanted, now, digest)
	return nil
}

// Tree shows the files of a revision that is present.
func (s *Store) Tree(_ context.Context, repo upstream.Repository, bucket upstream.Bucket, id string) (syncline.Tree, error) {
	p, err := s.place(repo, bucket)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	digest, known := s.fetched[revision{p.scope, id}]
	s.mu.Unlock()
	if !known {
		return nil, syncline.Errorf(syncline.Transient, "repository %s: revision %.100s is not fetched yet", repo.Address, id)
	}
	files, err := s.options.Archives.Tree(digest, "repository "+repo.Address.String()+": revision "+id)
	if err != nil {
		return nil, err
	}
	return files, nil
}
