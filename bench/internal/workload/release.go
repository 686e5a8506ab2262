package workload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/bench/internal/audit"
	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// runReleases runs W10: many apps of one chart, each with a file of values of its own.
func runReleases(ctx context.Context, o Options) error {
	var failures []error
	for _, shape := range o.Releases {
		in, err := input.NewReleases(shape, slices.Max(o.Apps))
		if err != nil {
			return err
		}
		failures = append(failures, o.playInTurn(ctx, 1, func(o Options, with contender.Contender) error {
			return o.play(ctx, with, in, func(ctx context.Context, s *scene) error { return s.releases(ctx) })
		}))
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("W10: %w", err)
	}
	return nil
}

// nextVersion is the version of the chart that W10 goes on to.
const nextVersion = "1.1.0"

// releases measures the first sync, then commits that change the values of one app
// each, of which Change is the slowest, and then a new version of the chart.
func (s *scene) releases(ctx context.Context) error {
	r, err := s.firstSync(ctx, "W10", s.input.Apps)
	if err != nil {
		return err
	}
	session, able := s.session.(contender.Refresher)
	if !able || r.Unfinished {
		return s.keep(r)
	}
	asked, err := s.stage.Charts.Asked(input.ChartFirst)
	if err != nil {
		return err
	}
	r.Figures[result.FirstLists], r.Figures[result.FirstDownloads] = float64(asked.Lists), float64(asked.Downloads)
	if err := s.changeValues(ctx, session, r); err != nil {
		return err
	}
	if err := s.rollOut(ctx, session, r); err != nil {
		return err
	}
	return s.keep(r)
}

func (s *scene) changeValues(ctx context.Context, session contender.Refresher, r *result.Run) error {
	configMaps, err := s.stage.Watch(ctx, stage.ConfigMaps())
	if err != nil {
		return err
	}
	defer configMaps.Stop()
	log := audit.Open(s.stage.AuditLog, s.session.Agents()...)
	for i := range partChanges {
		app := s.input.Apps[i%len(s.input.Apps)]
		took, err := s.change(ctx, configMaps, app.EditValues(fmt.Sprintf("W10 %d", i)), func(ctx context.Context) error {
			return session.Refresh(ctx, app)
		})
		if err != nil {
			return err
		}
		r.Figures[result.Change] = max(r.Figures[result.Change], took.Seconds())
		if _, err := log.Quiet(ctx, quiet); err != nil {
			return err
		}
	}
	return nil
}

// rollOut publishes the next version, which is in the range that every app wants, and has one
// app look for it. It measures until the last object of every app is of that version.
func (s *scene) rollOut(ctx context.Context, session contender.Refresher, r *result.Run) error {
	deployments, err := s.stage.Watch(ctx, stage.Deployments())
	if err != nil {
		return err
	}
	defer deployments.Stop()
	before, err := s.stage.Charts.Asked(nextVersion)
	if err != nil {
		return err
	}
	m, err := s.measure()
	if err != nil {
		return err
	}
	if err := s.stage.Charts.Publish(ctx, nextVersion); err != nil {
		return err
	}
	later := s.newRun("W10")
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if err := session.Refresh(limited, s.input.Apps[0]); err != nil {
		return err
	}
	held, err := deployments.Await(limited, deploymentsOf(s.input.Apps), isOfChart(nextVersion))
	if err != nil {
		return err
	}
	later.Seconds = stage.Last(held).Sub(later.Began).Seconds()
	after, err := s.stage.Charts.Asked(nextVersion)
	if err != nil {
		return err
	}
	if err := m.end(limited, later); err != nil {
		return err
	}
	enterRollOut(r, later, after.Minus(before))
	return nil
}

// enterRollOut puts what was measured later, when the next version came, into the run.
func enterRollOut(r, later *result.Run, asked stage.Asked) {
	r.PeakMiB = max(r.PeakMiB, later.PeakMiB)
	maps.Copy(r.Figures, map[result.Figure]float64{
		result.Lists:         float64(asked.Lists),
		result.Downloads:     float64(asked.Downloads),
		result.RollOut:       later.Seconds,
		result.RollOutCPU:    later.CPUSeconds,
		result.RollOutWrites: later.Figures[result.TargetWrites],
	})
}

// isOfChart reports whether an object is of a version of the chart.
func isOfChart(version string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		return u.GetLabels()[input.ChartLabel] == input.ChartName+"-"+version
	}
}
