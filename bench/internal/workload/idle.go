package workload

import (
	"context"
	"errors"
	"time"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/result"
)

// idle measures W3: nothing happens for a while, but for the contender's own
// polling.
func (s *scene) idle(ctx context.Context) error {
	m, err := s.measure()
	if err != nil {
		return err
	}
	r := s.newRun("W3")
	s.say("%s: idle for %s", r.Contender, s.Idle)
	select {
	case <-time.After(s.Idle):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.Seconds = time.Since(r.Began).Seconds()
	if err := m.endNow(r); err != nil {
		return err
	}
	return s.keep(r)
}

// restart measures W5: the contender is ended and started again, without its
// mirrors. Seconds are from its start until every app is known again.
func (s *scene) restart(ctx context.Context) error {
	if _, able := s.session.(contender.Restarter); !able {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if err := s.session.Stop(); err != nil {
		return err
	}
	m, err := s.measureStart()
	if err != nil {
		return err
	}
	r := s.newRun("W5")
	if s.session, err = s.contender.Start(ctx, s.stage); err != nil {
		return err
	}
	m.begin(s.session)
	restarted, able := s.session.(contender.Restarter)
	if !able {
		return errors.New("what was started again is something else")
	}
	known, err := restarted.Known(ctx, len(s.input.Apps))
	if err != nil {
		return err
	}
	r.Seconds = known.Sub(r.Began).Seconds()
	r.Figures[result.Objects] = float64(len(s.input.Apps))
	if err := m.end(ctx, r); err != nil {
		return err
	}
	return s.keep(r)
}
