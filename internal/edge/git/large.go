package git

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/lfs"
	"github.com/syncline-io/syncline/internal/edge/git/program"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// maxPlaces is of how much content it is remembered where a server has it.
const maxPlaces = 1000

// placeKey is for whom a server told where content is.
type placeKey struct {
	access upstream.Access
	oid    string
}

// content returns what the text of a file stands for, where it is a pointer of Git LFS
// and the repository's settings want that. It is kept with the mirror, and checked
// whenever it is read.
func (t *tree) content(at string, text []byte) ([]byte, error) {
	if !t.remote.Repository.LFS {
		return text, nil
	}
	p, isPointer := lfs.Parse(text)
	if !isPointer {
		return text, nil
	}
	if p.Size > t.store.options.MaxFile {
		return nil, t.errorf(syncline.Invalid, "%s has %d bytes in Git LFS: files of more than %d are not read", at, p.Size, t.store.options.MaxFile)
	}
	file := filepath.Join(t.m.dir, "lfs", p.OID)
	if kept, err := os.ReadFile(file); err == nil && p.Is(kept) {
		return kept, nil
	}
	var content []byte
	_, err := t.m.share(t.ctx, t.remote, "lfs "+p.OID, func(ctx context.Context, _ place) (string, error) {
		data, err := t.download(ctx, p, path.Dir("/" + at)[1:])
		if err != nil {
			return "", err
		}
		return "", t.keep(ctx, file, data)
	})
	if err == nil {
		content, err = os.ReadFile(file)
	}
	switch kind := syncline.KindOf(err); {
	case err == nil && p.Is(content):
		return content, nil
	case err == nil || os.IsNotExist(err):
		return nil, t.errorf(syncline.Transient, "%s: what was kept of Git LFS is gone", at)
	case kind == syncline.NotFound: // which is not that there is no such file
		return nil, t.errorf(syncline.Invalid, "%s: its content in Git LFS: %w", at, err)
	default:
		return nil, t.errorf(kind, "%s: its content in Git LFS: %w", at, err)
	}
}

// keep writes content beside the mirror's objects, where it counts for the room that the
// mirror takes.
func (t *tree) keep(ctx context.Context, file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	written, err := os.CreateTemp(filepath.Dir(file), "tmp_*")
	if err != nil {
		return err
	}
	defer os.Remove(written.Name()) //nolint:errcheck // it is renamed when all went well
	_, err = written.Write(data)
	if err := errors.Join(err, written.Close()); err != nil {
		return err
	}
	if err := os.Rename(written.Name(), file); err != nil {
		return err
	}
	return t.store.makeRoom(ctx, t.remote, t.m, false)
}

// download gets content from the server. A token that is refused may have ended early:
// another one is tried, once.
func (t *tree) download(ctx context.Context, p lfs.Pointer, folder string) ([]byte, error) {
	signed, err := t.store.signed(ctx, t.remote)
	if err != nil {
		return nil, err
	}
	data, err := t.downloadAs(ctx, signed, p, folder)
	if !errors.Is(err, lfs.ErrUnauthorized) || signed == t.remote {
		return data, err
	}
	t.store.options.Tokens.Refused(t.remote.Repository, signed.Repository)
	if signed, err = t.store.signed(ctx, t.remote); err != nil {
		return nil, err
	}
	return t.downloadAs(ctx, signed, p, folder)
}

func (t *tree) downloadAs(ctx context.Context, r *program.Remote, p lfs.Pointer, folder string) ([]byte, error) {
	server, err := t.store.largeFiles(ctx, r)
	if err != nil {
		return nil, err
	}
	defer server.Transport.CloseIdleConnections()
	key := placeKey{r.Repository.Access(), p.OID}
	at, known := t.m.placeOf(key)
	if !known {
		places, err := server.Locate(ctx, t.pointersIn(folder, p))
		if err != nil {
			return nil, err
		}
		if at, known = places[p.OID]; !known {
			return nil, syncline.Errorf(syncline.NotFound, "its LFS server says nothing of it")
		}
		delete(places, p.OID) // it is asked for but once
		t.m.notePlaces(key.access, places)
	}
	return server.Download(ctx, p, at)
}

// pointersIn returns a pointer, and those that are beside it in a folder: who reads it is
// likely to read these, and one request tells where all are.
func (t *tree) pointersIn(folder string, p lfs.Pointer) []lfs.Pointer {
	pointers := []lfs.Pointer{p}
	const most = 1000 // files that are looked at
	entries, err := t.ReadDir(folder)
	if err != nil {
		return pointers
	}
	for _, entry := range entries[:min(len(entries), most)] {
		if entry.Type != syncline.EntryFile || len(pointers) == lfs.MaxBatch {
			continue
		}
		found, err := t.m.reader.info(entry.Hash)
		if err != nil || found.size > lfs.MaxPointer {
			continue
		}
		if found, err = t.m.reader.read(entry.Hash, lfs.MaxPointer); err != nil {
			continue
		}
		if other, ok := lfs.Parse(found.data); ok && other.OID != p.OID && other.Size <= t.store.options.MaxFile {
			pointers = append(pointers, other)
		}
	}
	return pointers
}

// largeFiles returns the LFS server of a repository, as the server says that is reached by
// ssh, and else below the repository's own address.
func (s *Store) largeFiles(ctx context.Context, r *program.Remote) (lfs.Server, error) {
	server := lfs.Server{API: strings.TrimSuffix(strings.TrimSuffix(r.URL, "/"), ".git") + ".git/info/lfs", Header: http.Header{}}
	if authorization := r.Authorization(); authorization != "" {
		server.Header.Set("Authorization", authorization)
	}
	repo := r.Repository
	if r.IsShell() {
		printed, err := s.git.Shell(ctx, r, "git-lfs-authenticate", "download")
		if err != nil {
			return server, err
		}
		if server.API, server.Header, err = lfs.ReadGrant(printed); err != nil {
			return server, err
		}
		repo.CA, repo.InsecureSkipVerify = nil, false // what is said of keys for ssh is not said of certificates
	}
	to, err := url.Parse(server.API)
	if err != nil {
		return server, syncline.Errorf(syncline.Invalid, "its LFS server has an address that cannot be read")
	}
	own := r.Host
	if r.IsShell() {
		own = net.JoinHostPort(to.Hostname(), to.Port())
	}
	server.Transport, err = transport.New(repo, own, transport.Options{Gate: dial.Gate{Allow: s.options.AllowAddresses}, StallTimeout: s.options.StallTimeout})
	return server, err
}

// placeOf returns where content is, as it was told a while ago.
func (m *mirror) placeOf(key placeKey) (lfs.Place, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.places[key]
	delete(m.places, key)
	return at, known && time.Now().Before(at.Until)
}

// notePlaces remembers where content is.
func (m *mirror) notePlaces(access upstream.Access, places map[string]lfs.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places == nil || len(m.places) > maxPlaces {
		m.places = map[placeKey]lfs.Place{}
	}
	for oid, at := range places {
		m.places[placeKey{access, oid}] = at
	}
}
