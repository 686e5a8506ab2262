package render

import (
	"context"
	"errors"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/worker"
)

// maxSuspects bounds how many sources are remembered as suspects.
const maxSuspects = 10_000

// suspects are sources that went beyond a limit the last time. Only one of them
// is built at a time, so that they cannot keep the others from being built.
type suspects struct {
	turn chan struct{}

	mu    *sync.Mutex
	known map[syncline.Digest]bool
}

func newSuspects() suspects {
	return suspects{turn: make(chan struct{}, 1), mu: &sync.Mutex{}, known: map[syncline.Digest]bool{}}
}

// begin waits until the source may be built. The caller calls done with what
// came of it.
func (s suspects) begin(ctx context.Context, key syncline.Digest) (done func(error), err error) {
	s.mu.Lock()
	suspect := s.known[key]
	s.mu.Unlock()
	if !suspect {
		return func(err error) { s.judge(key, err) }, nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(err error) {
		<-s.turn
		s.judge(key, err)
	}, nil
}

func (s suspects) judge(key syncline.Digest, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var limit *worker.LimitError
	switch {
	case !errors.As(err, &limit):
		delete(s.known, key)
	case len(s.known) < maxSuspects:
		s.known[key] = true
	}
}
