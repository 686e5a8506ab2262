package render

import (
	"context"
	"errors"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// maxQuarantined bounds how many sources are in quarantine at most.
const maxQuarantined = 10_000

// quarantine holds sources that went beyond a limit the last time. Of each project only
// one of them is built at a time, so that they cannot keep the others from being
// built.
type quarantine struct {
	mu    *sync.Mutex
	known map[syncline.Digest]bool
	turns map[string]*quarantineTurn
}

// quarantineTurn is the turn of the sources of one project in quarantine. It exists while somebody
// wants it.
type quarantineTurn struct {
	token   chan struct{}
	wanting int
}

func newQuarantine() quarantine {
	return quarantine{mu: &sync.Mutex{}, known: map[syncline.Digest]bool{}, turns: map[string]*quarantineTurn{}}
}

// begin waits until the source may be built. The caller calls done with what
// came of it.
func (s quarantine) begin(ctx context.Context, project string, key syncline.Digest) (done func(error), err error) {
	turn := s.turn(project, key)
	if turn == nil {
		return func(err error) { s.judge(key, err) }, nil
	}
	select {
	case turn.token <- struct{}{}:
	case <-ctx.Done():
		s.leave(project, turn)
		return nil, syncline.Errorf(syncline.Transient, "waiting for other sources of the project that take too much: %w", ctx.Err())
	}
	return func(err error) {
		<-turn.token
		s.leave(project, turn)
		s.judge(key, err)
	}, nil
}

// turn returns the turn that the source has to wait for, nil when it is not in quarantine.
func (s quarantine) turn(project string, key syncline.Digest) *quarantineTurn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[key] {
		return nil
	}
	if s.turns[project] == nil {
		s.turns[project] = &quarantineTurn{token: make(chan struct{}, 1)}
	}
	s.turns[project].wanting++
	return s.turns[project]
}

func (s quarantine) leave(project string, turn *quarantineTurn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if turn.wanting--; turn.wanting == 0 {
		delete(s.turns, project)
	}
}

func (s quarantine) judge(key syncline.Digest, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var limit *confined.LimitError
	switch {
	case !errors.As(err, &limit):
		delete(s.known, key)
	case len(s.known) < maxQuarantined:
		s.known[key] = true
	}
}
