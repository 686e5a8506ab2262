package oci

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/archive"
)

// download fetches a layer into the archives, which hold it against its digest.
func (p *place) download(ctx context.Context, layer descriptor, to *archive.Store) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, p.options.FetchTimeout)
	defer cancel()
	answer, err := p.ask(ctx, http.MethodGet, p.url("blobs", layer.Digest), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.ContentLength >= 0 && answer.ContentLength != layer.Size {
		return failf(syncline.Transient, "it gives %d bytes of a layer of %d", answer.ContentLength, layer.Size)
	}
	content := newSteady(answer.Body, layer.Size, p.options.StallTimeout)
	defer content.end()
	_, err = to.Put(ctx, content, archive.Digest(layer.Digest))
	return err
}

// steady reads what comes steadily, of a size that is known.
type steady struct {
	from    io.ReadCloser
	left    int64
	patient time.Duration
	// stalled closes what is read from when nothing has come for a while.
	stalled *time.Timer
}

func newSteady(from io.ReadCloser, size int64, patience time.Duration) *steady {
	return &steady{from: from, left: size, patient: patience, stalled: time.AfterFunc(patience, func() { _ = from.Close() })}
}

func (s *steady) end() { s.stalled.Stop() }

// Read reads on.
func (s *steady) Read(data []byte) (int, error) {
	n, err := s.from.Read(data)
	if !s.stalled.Reset(s.patient) {
		s.stalled.Stop()
		return 0, failf(syncline.Transient, "nothing came for %s", s.patient)
	}
	if s.left -= int64(n); s.left < 0 {
		return 0, failf(syncline.Transient, "it gives more of a layer than its manifest says")
	}
	if err != nil && err != io.EOF {
		return n, unsent(err)
	}
	return n, err
}
