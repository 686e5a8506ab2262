package git

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/edge/git/lfs"
	"github.com/syncline-io/syncline/internal/edge/git/program"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// content returns what the text of a file stands for, where it is a pointer of Git LFS
// and the repository's settings want that. It is kept with the mirror, and checked
// whenever it is read. What the server does not have, or not yet, is Transient.
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
	switch {
	case err == nil && p.Is(content):
		return content, nil
	case err == nil || os.IsNotExist(err):
		return nil, t.errorf(syncline.Transient, "%s: what was kept of Git LFS is gone", at)
	default: // whatever the server said, it may say something else of the same commit
		return nil, t.errorf(syncline.Transient, "%s: its content in Git LFS: %w", at, err)
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
	access := r.Repository.Access()
	at, known := t.m.places.Take(access, p)
	if !known {
		places, err := server.Locate(ctx, t.pointersIn(folder, p))
		if err != nil {
			return nil, err
		}
		t.m.places.Note(access, places)
		if at, known = t.m.places.Take(access, p); !known {
			return nil, syncline.Errorf(syncline.NotFound, "its LFS server says nothing of it")
		}
	}
	return server.Download(ctx, p, at)
}

// pointersIn returns a pointer, and those that are beside it in a folder: who reads it is
// likely to read these, and one request tells where all are.
func (t *tree) pointersIn(folder string, p lfs.Pointer) []lfs.Pointer {
	pointers := []lfs.Pointer{p}
	const most = 1000 // files that are looked at
	at, err := t.find(folder)
	if err != nil {
		return pointers
	}
	entries, err := t.dir(at.Hash, folder)
	if err != nil {
		return pointers
	}
	for _, entry := range entries[:min(len(entries), most)] {
		if entry.Type != syncline.EntryFile || len(pointers) == lfs.MaxBatch {
			continue
		}
		found, err := t.m.reader.Info(entry.Hash)
		if err != nil || found.Size > lfs.MaxPointer {
			continue
		}
		if found, err = t.m.reader.Read(entry.Hash, lfs.MaxPointer); err != nil {
			continue
		}
		if other, ok := lfs.Parse(found.Data); ok && other.OID != p.OID && other.Size <= t.store.options.MaxFile {
			pointers = append(pointers, other)
		}
	}
	return pointers
}

// largeFiles returns the LFS server of a repository, as the server says that is reached by
// ssh, and else below the repository's own address.
func (s *Store) largeFiles(ctx context.Context, r *program.Remote) (lfs.Server, error) {
	api, header := lfs.Below(r.URL), http.Header{}
	if authorization := r.Authorization(); authorization != "" {
		header.Set("Authorization", authorization)
	}
	repo := r.Repository
	if r.IsShell() {
		printed, err := s.git.Shell(ctx, r, "git-lfs-authenticate", "download")
		if err != nil {
			return lfs.Server{}, err
		}
		if api, header, err = lfs.ReadGrant(printed); err != nil {
			return lfs.Server{}, err
		}
		repo.CA, repo.InsecureSkipVerify = nil, false // what is said of keys for ssh is not said of certificates
	}
	return lfs.Reach(repo, api, header, transport.Options{Gate: dial.Gate{Allow: s.options.AllowAddresses}, StallTimeout: s.options.StallTimeout})
}
