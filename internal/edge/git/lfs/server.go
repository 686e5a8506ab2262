package lfs

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// Below returns the address of the LFS server that is below that of a repository.
func Below(repository string) string {
	return strings.TrimSuffix(strings.TrimSuffix(repository, "/"), ".git") + ".git/info/lfs"
}

// Reach returns the LFS server at an address, which is reached as the repository's
// settings say.
func Reach(repo upstream.Repository, api string, header http.Header, options transport.Options) (Server, error) {
	to, err := url.Parse(api)
	if err != nil {
		return Server{}, syncline.Errorf(syncline.Invalid, "its LFS server has an address that cannot be read")
	}
	reached, err := transport.New(repo, transport.HostOf(to), options)
	return Server{API: api, Header: header, Transport: reached}, err
}

// maxPlaces is of how much content it is remembered where a server has it.
const maxPlaces = 1000

// Places remember where servers said that content is. The zero value remembers nothing.
// It is safe for concurrent use.
type Places struct {
	mu    sync.Mutex
	known map[placeKey]Place
}

// placeKey is for whom a server told where content is.
type placeKey struct {
	access upstream.Access
	oid    string
}

// Take returns where the content of a pointer is, as who reaches the repository in that
// way was told, and forgets it: content is read but once.
func (p *Places) Take(access upstream.Access, of Pointer) (at Place, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := placeKey{access, of.OID}
	at, known = p.known[key]
	delete(p.known, key)
	return at, known && (at.err != nil || time.Now().Before(at.Until))
}

// Note remembers where content is.
func (p *Places) Note(access upstream.Access, places map[string]Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) > maxPlaces {
		p.known = map[placeKey]Place{}
	}
	for oid, at := range places {
		p.known[placeKey{access, oid}] = at
	}
}
