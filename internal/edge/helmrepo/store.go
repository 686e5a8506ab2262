package helmrepo

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/gate"
)

// Options configure a Store. The zero value works.
type Options struct {
	// IndexTimeout bounds asking for an index, FetchTimeout for an archive. Default: 2 min,
	// 10 min.
	IndexTimeout, FetchTimeout time.Duration
	// StallTimeout ends a transfer of which nothing comes for so long. Default: 30 s.
	StallTimeout time.Duration
	// WaitTimeout is how long a transfer waits until it may begin. Default: 90 s.
	WaitTimeout time.Duration
	// PerHost is how many transfers from one host go on at once, of which no project has
	// more than half, and Transfers from all hosts, of which none has all. Default: 8, 16.
	PerHost, Transfers int
	// MaxIndex is how long an index may be, in bytes, uncompressed. Default: 128 MiB.
	MaxIndex int64
	// Kept is how much memory is taken, in bytes, by what all indexes say, of those that were
	// asked for last; of one that alone takes more, all is kept. Default: 32 MiB, which is
	// twice what one may take.
	Kept int
	// Addresses says which servers are asked.
	Addresses dial.Gate
	// HideReasons lets all reasons why a repository cannot be read that no Secret names, or
	// a chart that is on another host than its repository, read alike; the log has them. For
	// a server, in which many may name addresses.
	HideReasons bool
}

func (o Options) withDefaults() Options {
	o.IndexTimeout = orDefault(o.IndexTimeout, 2*time.Minute)
	o.FetchTimeout = orDefault(o.FetchTimeout, 10*time.Minute)
	o.StallTimeout = orDefault(o.StallTimeout, 30*time.Second)
	o.WaitTimeout = orDefault(o.WaitTimeout, 90*time.Second)
	o.PerHost = orDefault(o.PerHost, 8)
	o.Transfers = orDefault(o.Transfers, 16)
	o.MaxIndex = orDefault(o.MaxIndex, 128<<20)
	o.Kept = orDefault(o.Kept, 2*maxBytes)
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Store reads Helm repositories. It is safe for concurrent use.
type Store struct {
	options  Options
	archives *archive.Store
	// life ends with Close, and every transfer with it.
	life  context.Context
	end   context.CancelFunc
	group sync.WaitGroup
	gate  *gate.Gate

	mu      sync.Mutex
	flights map[chart]*flight
	offers  offers
	// fetched are the archives of charts that were fetched, by the way to them.
	fetched map[chart]archive.Digest
	// pauses are until when servers asked to be left alone.
	pauses map[pauseKey]time.Time
}

// chart is a revision of a chart, as it is reached; without a name the index is meant.
type chart struct {
	access         upstream.Access
	name, revision string
}

// maxFetched is of how many charts it is remembered that they were fetched: of another one
// the index is looked at again.
const maxFetched = 20_000

// New returns a Store that keeps archives in another one.
func New(archives *archive.Store, options Options) *Store {
	options = options.withDefaults()
	s := &Store{
		options: options, archives: archives, gate: gate.New(options.PerHost, options.Transfers),
		flights: map[chart]*flight{}, offers: offers{byAccess: map[upstream.Access]*offer{}, most: options.Kept},
		fetched: map[chart]archive.Digest{}, pauses: map[pauseKey]time.Time{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends the transfers that go on, and waits for them.
func (s *Store) Close() error {
	s.end()
	s.group.Wait()
	return nil
}

// Charts asks a repository what it offers, once for all who ask at the same time, for
// those of [demand.Of]. Nobody changes what it returns.
//
// Errors name the repository: Denied, NotFound where there is no index, Invalid where it is
// none or larger than its limit, and Transient.
func (s *Store) Charts(ctx context.Context, repo upstream.Repository) (upstream.Charts, error) {
	r, err := s.remote(repo)
	if err != nil {
		return nil, err
	}
	f, err := s.share(ctx, r, chart{access: r.access}, func(ctx context.Context) (upstream.Charts, error) { return s.list(ctx, r, "repository "+r.name) })
	if err != nil {
		return nil, err
	}
	return f.charts, nil
}

// list asks for an index, unless it is the one that is known. Errors call what it is asked
// for what they are told.
func (s *Store) list(ctx context.Context, r *remote, what string) (upstream.Charts, error) {
	known := s.offer(r.access)
	asking := request{remote: r, to: r.index, what: what, timeout: s.options.IndexTimeout, header: known.conditions()}
	var charts upstream.Charts
	err := s.ask(ctx, asking, func(answer *http.Response, body io.Reader) error {
		if answer.StatusCode == http.StatusNotModified {
			charts = known.charts
			return nil
		}
		var err error
		charts, err = readIndex(&limited{from: body, left: s.options.MaxIndex, most: s.options.MaxIndex})
		if err == nil {
			known = newOffer(charts, answer.Header)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers.keep(r.access, known)
	return charts, nil
}

// Forget drops what is remembered of what a repository offers: nobody asks for it any more.
func (s *Store) Forget(repo upstream.Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers.forget(repo.Access())
}

func (s *Store) offer(access upstream.Access) *offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offers.byAccess[access]
}

// limited bounds an index.
type limited struct {
	from       io.Reader
	left, most int64
}

// Read reads on, up to the most that there may be.
func (l *limited) Read(data []byte) (int, error) {
	n, err := l.from.Read(data)
	if l.left -= int64(n); l.left < 0 {
		return 0, syncline.WithHint(syncline.Errorf(syncline.Invalid, "its index has more than %d bytes (%d MiB)", l.most, l.most>>20),
			"split the repository, or leave old versions out of its index")
	}
	return n, err
}

// Fetch makes a revision of the source's chart present, for those of [demand.Of]; see
// [upstream.ChartVersion.Revision]. What its repository does not offer any more it still
// has for those who fetched it before.
//
// Errors name repository, chart and version: NotFound where the repository does not offer
// it, Denied, Invalid where the archive is refused, and Transient.
func (s *Store) Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision string) error {
	wanted := chart{repo.Access(), from.Chart, revision}
	if digest := s.digest(wanted); digest != "" && s.archives.Has(digest) {
		return nil
	}
	r, err := s.remote(repo)
	if err != nil {
		return err
	}
	_, err = s.share(ctx, r, wanted, func(ctx context.Context) (upstream.Charts, error) {
		version, err := s.find(ctx, r, wanted)
		if err != nil {
			return nil, err
		}
		digest, err := s.download(ctx, r, wanted, version, from.Helm != nil && from.Helm.PassCredentials)
		if err == nil {
			s.note(wanted, digest)
		}
		return nil, err
	})
	return err
}

// digest returns that of a chart which was fetched, "" when it was not.
func (s *Store) digest(of chart) archive.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched[of]
}

// note remembers that a chart was fetched.
func (s *Store) note(of chart, digest archive.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.fetched {
		if len(s.fetched) < maxFetched {
			break
		}
		delete(s.fetched, other) // any: it is looked for again if need be
	}
	s.fetched[of] = digest
}

// find looks for a revision in what the repository offers, as it is known, and then anew.
func (s *Store) find(ctx context.Context, r *remote, wanted chart) (upstream.ChartVersion, error) {
	if known := s.offer(r.access); known != nil {
		if version, found := wanted.in(known.charts); found {
			return version, nil
		}
	}
	charts, err := s.list(ctx, r, wanted.shown(r.repo))
	if err != nil {
		return upstream.ChartVersion{}, err
	}
	version, found := wanted.in(charts)
	if !found {
		return version, syncline.WithHint(syncline.Errorf(syncline.NotFound, "%s is not offered, or has another content now", wanted.shown(r.repo)),
			"name a version of today's index")
	}
	return version, nil
}

// in looks for the revision among charts.
func (c chart) in(charts upstream.Charts) (upstream.ChartVersion, bool) {
	for _, version := range charts[c.name] {
		if version.Revision() == c.revision {
			return version, true
		}
	}
	return upstream.ChartVersion{}, false
}

// download makes the archive of a version present. It is read also where it is there: an
// index may name the digest of what its repository does not have.
func (s *Store) download(ctx context.Context, r *remote, wanted chart, version upstream.ChartVersion, pass bool) (archive.Digest, error) {
	var want archive.Digest
	if version.Sealed {
		want = archive.Digest("sha256:" + hex.EncodeToString(version.Content[:]))
	}
	what := wanted.shown(r.repo)
	at, err := r.chartURL(version.URL)
	if err != nil {
		return "", syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: %w", what, err), syncline.HintOf(err))
	}
	asking := request{remote: r, to: at, what: what, timeout: s.options.FetchTimeout, plain: true, pass: pass}
	var digest archive.Digest
	err = s.ask(ctx, asking, func(_ *http.Response, body io.Reader) error {
		var err error
		digest, err = s.archives.Put(ctx, body, want)
		return err
	})
	return digest, err
}

// shown is what messages call a chart.
func (c chart) shown(of upstream.Repository) string {
	return "repository " + of.Address.String() + ": chart " + shown(c.name) + " " + shown(versionOf(c.revision))
}

// Tree shows a revision that is present: the content of the one folder that the archive of a
// chart has. It is a Transient error when it is not present, and Invalid when that is no
// chart.
func (s *Store) Tree(_ context.Context, repo upstream.Repository, from syncline.Source, revision string) (syncline.Tree, error) {
	wanted := chart{repo.Access(), from.Chart, revision}
	what := wanted.shown(repo)
	digest := s.digest(wanted)
	if digest == "" {
		return nil, syncline.Errorf(syncline.Transient, "%s is not fetched yet", what)
	}
	tree, err := s.archives.Tree(digest, what)
	if err != nil {
		return nil, err
	}
	tops, err := tree.ReadDir("")
	if err != nil {
		return nil, err
	}
	if len(tops) != 1 || tops[0].Type != syncline.EntryDir {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: its archive has %d entries at the top, and not one folder", what, len(tops)),
			"pack it by helm package")
	}
	root, err := tree.Sub(tops[0].Name)
	if err != nil {
		return nil, err
	}
	if _, err := root.Stat("Chart.yaml"); errors.Is(err, fs.ErrNotExist) {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: its archive has no Chart.yaml in folder %s", what, tops[0].Name),
			"pack it by helm package")
	} else if err != nil {
		return nil, err
	}
	return root, nil
}
