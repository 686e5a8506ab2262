package workload

import (
	"context"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
)

// runStuck runs W8: apps whose Deployment never gets ready, and as many that do.
// Seconds are until the good ones are delivered; Alone are the same without the
// others.
func runStuck(ctx context.Context, o Options) error {
	good, err := input.New(input.Monorepo, o.Stuck)
	if err != nil {
		return err
	}
	mixed, err := withStuck(good)
	if err != nil {
		return err
	}
	for _, with := range o.Contenders {
		if with.Name() == contender.NameFloor {
			continue // it waits for nothing
		}
		if err := o.playStuck(ctx, with, good, mixed); err != nil {
			return fmt.Errorf("W8: %s: %w", with.Name(), err)
		}
	}
	return nil
}

func (o Options) playStuck(ctx context.Context, with contender.Contender, good, mixed input.Input) error {
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
	return o.play(ctx, with, mixed, func(ctx context.Context, s *scene) error {
		r, err := s.firstSync(ctx, "W8", good.Apps)
		if err != nil {
			return err
		}
		r.Figures[result.Alone] = alone
		return s.keep(r)
	})
}

// withStuck puts before each good app one that never gets ready.
func withStuck(good input.Input) (input.Input, error) {
	mixed := input.Input{Shape: "half of them stuck", Files: map[string]string{}}
	for i, app := range good.Apps {
		name := fmt.Sprintf("stuck-%04d", i)
		files := input.Manifests(name, "first")
		files["deployment.yaml"] = strings.Replace(files["deployment.yaml"], "template:\n    metadata:\n",
			"template:\n    metadata:\n      annotations: {devcluster.syncline.io/hang: \"true\"}\n", 1)
		stuck := input.App{Name: name, Path: "apps/" + name, Namespace: app.Namespace, Deployment: name}
		if err := mixed.Add(stuck, files); err != nil {
			return input.Input{}, err
		}
		if err := mixed.Add(input.App{Name: app.Name, Path: app.Path, Namespace: app.Namespace, Deployment: app.Deployment},
			input.Manifests(app.Deployment, "first")); err != nil {
			return input.Input{}, err
		}
	}
	return mixed, nil
}
