// Package webfile reads single files by HTTP: each is all that there is at its address. A
// server is asked whether a file changed by what it said of it last, and what it answers is
// kept among archives. Redirects are followed, to other servers without credentials. What a
// file means is for others to know.
package webfile

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"io"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// Options configure a Store. Only Archives has no default.
type Options struct {
	// Archives keep what was read.
	Archives *archive.Store
	// Addresses say which servers may be asked. Default: see there.
	Addresses dial.Gate
	// HideReasons has errors about files that no Secret names all read alike, and the log
	// say why: who names an address does not learn what answers there.
	HideReasons bool
	// MaxBytes is how large a file may be. Default: 12 MiB, as of a file in Git.
	MaxBytes int64
	// Timeout is how long a file may take. Default: 2 minutes.
	Timeout time.Duration
}

// Store reads files. It is safe for concurrent use; use New.
type Store struct {
	options Options
	gate    *gate.Gate

	mu    sync.Mutex
	files map[upstream.Access]*file
}

// file is what is remembered of one file, reached in one way.
type file struct {
	// asking holds an element while its server is asked, and guards what that said last.
	asking chan struct{}
	said
	// shown are the digests of what the server showed, and whether they were fetched by
	// these: who was not shown a content may not have it. Store.mu guards it.
	shown map[archive.Digest]bool
}

// said is what a server said of a content.
type said struct {
	etag, modified string
	digest         archive.Digest
}

const (
	// maxFiles is how many files are remembered, and maxShown how many contents of each.
	// Of more, any are asked for again.
	maxFiles, maxShown = 1000, 16
	// perServer and overall are how many files are read at once.
	perServer, overall = 4, 8
)

// New returns a Store that remembers nothing.
func New(options Options) *Store {
	options.MaxBytes = cmp.Or(options.MaxBytes, 12<<20)
	options.Timeout = cmp.Or(options.Timeout, 2*time.Minute)
	return &Store{options: options, gate: gate.New(perServer, overall), files: map[upstream.Access]*file{}}
}

// Current returns the revision that a file is at now. Its errors name the file: Denied,
// NotFound, Invalid where it is no file that could be meant, and Transient.
func (s *Store) Current(ctx context.Context, repo upstream.Repository) (string, error) {
	f := s.file(repo.Access())
	leave, err := f.enter(ctx, repo)
	if err != nil {
		return "", err
	}
	defer leave()
	if err := s.ask(ctx, repo, f); err != nil {
		return "", err
	}
	return string(f.digest), nil
}

// Fetch makes a revision present. One that the server does not have any more is NotFound.
func (s *Store) Fetch(ctx context.Context, repo upstream.Repository, revision string) error {
	want, err := archive.ParseDigest(revision)
	if err != nil {
		return about(repo, syncline.NotFound, "it has no revision %.100q", revision)
	}
	f := s.file(repo.Access())
	if s.take(f, want) {
		return nil
	}
	leave, err := f.enter(ctx, repo)
	if err != nil {
		return err
	}
	defer leave()
	if s.take(f, want) { // which somebody else asked for
		return nil
	}
	f.said = said{} // it is wanted whole
	if err := s.ask(ctx, repo, f); err != nil {
		return err
	}
	if !s.take(f, want) {
		return about(repo, syncline.NotFound, "it is another file now, and its server has none of its revisions but the last")
	}
	return nil
}

// take takes note that a content was fetched that the server showed, and reports whether it
// is there.
func (s *Store) take(f *file, want archive.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, shown := f.shown[want]; !shown || !s.options.Archives.Has(want) {
		return false
	}
	f.shown[want] = true
	return true
}

// Tree shows a revision that was fetched, as a folder with one file: [upstream.FileName].
func (s *Store) Tree(_ context.Context, repo upstream.Repository, revision string) (syncline.Tree, error) {
	f, want := s.file(repo.Access()), archive.Digest(revision)
	s.mu.Lock()
	fetched := f.shown[want]
	s.mu.Unlock()
	if !fetched {
		return nil, about(repo, syncline.Transient, "it is not fetched yet")
	}
	return s.options.Archives.Tree(want, "file "+repo.Address.String())
}

// Forget forgets what a server said of a file.
func (s *Store) Forget(repo upstream.Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, repo.Access())
}

// enter waits until nobody else asks for the file.
func (f *file) enter(ctx context.Context, repo upstream.Repository) (leave func(), err error) {
	select {
	case f.asking <- struct{}{}:
		return func() { <-f.asking }, nil
	case <-ctx.Done():
		return nil, about(repo, syncline.Transient, "waiting for its server: %w", ctx.Err())
	}
}

func (s *Store) file(access upstream.Access) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.files[access]; known != nil {
		return known
	}
	for other := range s.files {
		if len(s.files) < maxFiles {
			break
		}
		delete(s.files, other)
	}
	f := &file{asking: make(chan struct{}, 1), shown: map[archive.Digest]bool{}}
	s.files[access] = f
	return f
}

// ask asks the server for a file, if that is not what it said last.
func (s *Store) ask(ctx context.Context, repo upstream.Repository, f *file) error {
	q, err := s.request(repo)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	place := gate.NewTicket(transport.HostOf(q.to), nil, demand.Of(ctx))
	if err := s.gate.Enter(limited, place); err != nil {
		return about(repo, syncline.Transient, "waiting to ask its server: %w", err)
	}
	defer s.gate.Leave(place)
	answer, err := q.send(limited, f)
	switch {
	case err != nil:
		return err
	case answer.same:
		return nil
	}
	digest, err := s.options.Archives.Put(ctx, packed(answer.content), "")
	if err != nil {
		return about(repo, syncline.KindOf(err), "%w", err)
	}
	f.said = said{answer.etag, answer.modified, digest}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(f.shown) >= maxShown {
		clear(f.shown)
	}
	if _, known := f.shown[digest]; !known {
		f.shown[digest] = false
	}
	return nil
}

// packed returns a file as an archive, which is the same of the same content.
func packed(content []byte) io.Reader {
	const block = 512
	var head bytes.Buffer
	// A header of this form can be written, whatever the content.
	_ = tar.NewWriter(&head).WriteHeader(&tar.Header{Name: upstream.FileName, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR})
	end := make([]byte, (block-len(content)%block)%block+2*block)
	return io.MultiReader(&head, bytes.NewReader(content), bytes.NewReader(end))
}
