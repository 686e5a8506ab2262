package oci

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/flight"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// Options configure a Store. Only Archives has no default.
type Options struct {
	// Archives keeps what is fetched.
	Archives *archive.Store
	// RequestTimeout bounds one request and its answer, but for those of layers, and
	// FetchTimeout that of a layer. Default: 60 s, 10 min.
	RequestTimeout, FetchTimeout time.Duration
	// StallTimeout ends a connection by which nothing comes. Default: 30 s.
	StallTimeout time.Duration
	// WaitTimeout is how long a request waits until it may be sent. Default: 90 s.
	WaitTimeout time.Duration
	// PerHost is how many requests to one registry go on at once, of which no project has
	// more than half, and Transfers to all, of which none has all. Default: 8, 16.
	PerHost, Transfers int
	// MaxManifest is the size of the largest manifest, and MaxLayer that of the largest
	// layer, as it is sent. Default: 4 MiB, 256 MiB.
	MaxManifest, MaxLayer int64
	// MaxLayers is how many layers an artifact may have. Default: 100.
	MaxLayers int
	// MaxTags is how many tags a repository may have where a version is chosen among
	// them, and MaxReferrers how many referrers of one digest are read. Default:
	// 100,000, 1,000.
	MaxTags, MaxReferrers int
	// AllowAddresses are addresses of servers that may be asked though services of
	// the machine or the cloud are usually there: link-local ones, say. Default: none.
	AllowAddresses []netip.Prefix
	// HideReasons lets all reasons why a registry cannot be read that no Secret names
	// read alike; the log has them. For a server, in which many may name addresses.
	HideReasons bool
}

func (o Options) withDefaults() Options {
	o.RequestTimeout = orDefault(o.RequestTimeout, time.Minute)
	o.FetchTimeout = orDefault(o.FetchTimeout, 10*time.Minute)
	o.StallTimeout = orDefault(o.StallTimeout, 30*time.Second)
	o.WaitTimeout = orDefault(o.WaitTimeout, 90*time.Second)
	o.PerHost = orDefault(o.PerHost, 8)
	o.Transfers = orDefault(o.Transfers, 16)
	o.MaxManifest = orDefault(o.MaxManifest, 4<<20)
	o.MaxLayer = orDefault(o.MaxLayer, 256<<20)
	o.MaxLayers = orDefault(o.MaxLayers, 100)
	o.MaxTags = orDefault(o.MaxTags, 100_000)
	o.MaxReferrers = orDefault(o.MaxReferrers, 1_000)
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Store reads artifacts of any number of registries. It is safe for concurrent use.
type Store struct {
	options Options
	flights *flight.Group
	gate    *gate.Gate
	tagged  *tagged

	mu sync.Mutex
	// registries and memories are by how they, and their repositories, are reached.
	registries map[upstream.Access]*registry
	memories   map[upstream.Access]*memory
	// layers say where the files are of artifacts that were seen, and by whom.
	layers map[seen]descriptor
}

// maxRegistries is how many registries are remembered with their connections,
// maxMemories of how many repositories what they said, and maxLayers of how many artifacts
// it is known where their files are.
const (
	maxRegistries = 500
	maxMemories   = 5_000
	maxLayers     = 10_000
)

// seen is an artifact that a registry showed to whoever reached it in that way.
type seen struct {
	access upstream.Access
	digest string
}

// New returns a Store. Close follows.
func New(options Options) *Store {
	options = options.withDefaults()
	return &Store{
		options:    options,
		flights:    flight.NewGroup(),
		gate:       gate.New(options.PerHost, options.Transfers),
		tagged:     &tagged{of: map[*memory]taglist{}},
		registries: map[upstream.Access]*registry{},
		memories:   map[upstream.Access]*memory{},
		layers:     map[seen]descriptor{},
	}
}

// Close ends the fetches that go on.
func (s *Store) Close() error {
	s.flights.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.registries {
		r.transport.CloseIdleConnections()
	}
	return nil
}

// memory returns what is remembered of a repository, as it is reached.
func (s *Store) memory(repo upstream.Repository) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	access := repo.Access()
	if known := s.memories[access]; known != nil {
		return known
	}
	for other := range s.memories {
		if len(s.memories) < maxMemories {
			break
		}
		delete(s.memories, other) // any: its registry says it again
	}
	m := &memory{auth: newAuth(repo)}
	s.memories[access] = m
	return m
}

// registry returns the registry of a repository, with its connections: shared by all its
// repositories that are reached with the same credentials.
func (s *Store) registry(repo upstream.Repository, scheme, host string) (*registry, error) {
	whole := repo
	whole.Address = upstream.AddressOf("oci://" + host)
	access := whole.Access()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.registries[access]; known != nil {
		return known, nil
	}
	to, err := transport.New(repo, host, transport.Options{
		Gate: dial.Gate{Allow: s.options.AllowAddresses}, StallTimeout: s.options.StallTimeout, PerHost: s.options.PerHost,
	})
	if err != nil {
		return nil, err
	}
	for other, r := range s.registries {
		if len(s.registries) < maxRegistries {
			break
		}
		r.transport.CloseIdleConnections()
		delete(s.registries, other) // any: it is made again if need be
	}
	r := &registry{
		scheme: scheme, host: host, transport: to, options: &s.options, flights: s.flights, gate: s.gate, tagged: s.tagged,
	}
	s.registries[access] = r
	return r, nil
}

// Fetch makes an artifact present, whose manifest has the digest. Who was not shown its
// layer by the registry has it shown, also where it is there already.
func (s *Store) Fetch(ctx context.Context, repo upstream.Repository, digest string) error {
	p, err := s.place(repo)
	if err != nil {
		return err
	}
	if err := checkDigest(digest); err != nil {
		return p.explain(err)
	}
	artifact := seen{repo.Access(), digest}
	if s.present(artifact) {
		return nil
	}
	err = s.flights.Share(ctx, artifact, func(ctx context.Context) error { return s.fetch(ctx, p, artifact) })
	return p.explain(err)
}

// present reports whether an artifact that was seen is there.
func (s *Store) present(artifact seen) bool {
	layer, known := s.layer(artifact)
	return known && s.options.Archives.Has(archive.Digest(layer.Digest))
}

func (s *Store) layer(artifact seen) (descriptor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	layer, known := s.layers[artifact]
	return layer, known
}

// fetch fetches what is missing of an artifact.
func (s *Store) fetch(ctx context.Context, p *place, artifact seen) error {
	layer, known := s.layer(artifact)
	if !known {
		found, err := p.manifest(ctx, artifact.digest)
		if err != nil {
			return err
		}
		if layer, err = found.layer(&s.options); err != nil {
			return about(artifact.digest, err)
		}
	}
	if !known || !s.options.Archives.Has(archive.Digest(layer.Digest)) {
		// It is read also where others have it: a manifest may name what the registry does
		// not have, or does not show.
		if err := p.download(ctx, layer, s.options.Archives); err != nil {
			return about(artifact.digest, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.layers {
		if len(s.layers) < maxLayers {
			break
		}
		delete(s.layers, other) // any: its manifest is read again if need be
	}
	s.layers[artifact] = layer
	return nil
}

// Tree shows the files of an artifact that is present: of a chart what is in its
// folder.
func (s *Store) Tree(_ context.Context, repo upstream.Repository, digest string) (syncline.Tree, error) {
	p, err := s.place(repo)
	if err != nil {
		return nil, err
	}
	layer, known := s.layer(seen{repo.Access(), digest})
	if !known {
		return nil, syncline.Errorf(syncline.Transient, "repository %s: artifact %s is not fetched yet", p.name, digest)
	}
	files, err := s.options.Archives.Tree(archive.Digest(layer.Digest), "repository "+p.name+": artifact "+digest)
	if err != nil {
		return nil, err
	}
	if layer.MediaType != chartLayer {
		return files, nil
	}
	entries, err := files.ReadDir("")
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 || entries[0].Type != syncline.EntryDir {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "repository %s: artifact %s is a chart that is not in one folder", p.name, digest),
			"package it with helm package")
	}
	return files.Sub(entries[0].Name)
}
