package workload

import (
	"context"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
)

// runStuck runs W8: apps whose Deployment never gets ready, and then, while these
// wait, as many that do. Seconds are until the good ones are delivered; Alone are
// the same without the others. To deliver all at once would tell how fast twice
// as many are delivered, stuck or not.
func runStuck(ctx context.Context, o Options) error {
	good, err := input.New(input.Monorepo, o.Stuck)
	if err != nil {
		return err
	}
	stuck, err := newStuck(good)
	if err != nil {
		return err
	}
	for _, with := range o.Contenders {
		if with.Name() == contender.NameFloor {
			continue // it waits for nothing
		}
		if err := o.playStuck(ctx, with, good, stuck); err != nil {
			return fmt.Errorf("W8: %s: %w", with.Name(), err)
		}
	}
	return nil
}

func (o Options) playStuck(ctx context.Context, with contender.Contender, good, stuck input.Input) error {
	var alone float64
	err := o.play(ctx, with, good, func(ctx context.Context, s *scene) error {
		r, err := s.firstSync(ctx, "W8", good.Apps)
		if err != nil {
			return err
		}
		alone = r.Seconds
		if r.Unfinished {
			return errImpatient
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.play(ctx, with, stuck.With(good), func(ctx context.Context, s *scene) error {
		if err := s.session.Declare(ctx, stuck.Apps); err != nil {
			return err
		}
		if _, err := s.session.Synced(ctx, stuck.Apps); err != nil {
			return err
		}
		if err := calm(ctx); err != nil {
			return err
		}
		s.input = good
		r, err := s.firstSync(ctx, "W8", good.Apps)
		if err != nil {
			return err
		}
		r.Shape, r.Figures[result.Alone] = "beside as many stuck", alone
		return s.keep(r)
	})
}

// newStuck makes an app that never gets ready for each good one, in the same
// namespace.
func newStuck(good input.Input) (input.Input, error) {
	stuck := input.Input{Shape: good.Shape, Files: map[string]string{}}
	for i, app := range good.Apps {
		name := fmt.Sprintf("stuck-%04d", i)
		files := input.Manifests(name, "first")
		files["deployment.yaml"] = strings.Replace(files["deployment.yaml"], "template:\n    metadata:\n",
			"template:\n    metadata:\n      annotations: {devcluster.syncline.io/hang: \"true\"}\n", 1)
		hanging := input.App{Name: name, Path: "apps/" + name, Namespace: app.Namespace, Deployment: name}
		if err := stuck.Add(hanging, files); err != nil {
			return input.Input{}, err
		}
	}
	return stuck, nil
}
