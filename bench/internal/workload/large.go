package workload

import (
	"context"
	"fmt"

	"github.com/syncline-io/syncline/bench/internal/audit"
	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// runLarge runs W6: one app of many objects.
func runLarge(ctx context.Context, o Options) error {
	in, err := input.NewLarge(o.Objects)
	if err != nil {
		return err
	}
	for _, with := range o.Contenders {
		if err := o.play(ctx, with, in, func(ctx context.Context, s *scene) error { return s.large(ctx) }); err != nil {
			return fmt.Errorf("W6: %s: %w", with.Name(), err)
		}
	}
	return nil
}

// partChanges is how many commits W6 makes after the first sync.
const partChanges = 3

// large measures the first sync, and then commits that change one object each.
// Change is the slowest of them.
func (s *scene) large(ctx context.Context) error {
	r, err := s.firstSync(ctx, "W6", s.input.Apps)
	if err != nil {
		return err
	}
	if session, able := s.session.(contender.Refresher); able && !r.Unfinished {
		if err := s.changeParts(ctx, session, r); err != nil {
			return err
		}
	}
	return s.keep(r)
}

func (s *scene) changeParts(ctx context.Context, session contender.Refresher, r *result.Run) error {
	configMaps, err := s.stage.Watch(ctx, stage.ConfigMaps())
	if err != nil {
		return err
	}
	defer configMaps.Stop()
	app := s.input.Apps[0]
	for i := range partChanges {
		edit := app.EditPart(i, fmt.Sprintf("W6 %d", i))
		took, err := s.change(ctx, configMaps, edit, func(ctx context.Context) error { return session.Refresh(ctx, app) })
		if err != nil {
			return err
		}
		r.Figures[result.Change] = max(r.Figures[result.Change], took.Seconds())
		if _, err := audit.Open(s.stage.AuditLog, s.session.Agents()...).Quiet(ctx, quiet); err != nil {
			return err
		}
	}
	return nil
}
