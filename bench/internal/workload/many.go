package workload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// onSynced returns the workloads that need apps which are synced already, in
// the order in which they run: W5 last, because it restarts the contender.
func onSynced() []string { return []string{"W2", "W3", "W4", "W9", "W5"} }

// runMany runs W1 in every shape and size, and with the most apps in a monorepo
// what needs synced apps.
func runMany(ctx context.Context, o Options) error {
	most := slices.Max(o.Apps)
	for _, shape := range o.Shapes {
		for _, apps := range o.Apps {
			follow := shape == input.Monorepo && apps == most && o.wants(onSynced()...)
			if !o.wants("W1") && !follow {
				continue
			}
			for _, with := range o.Contenders {
				if err := o.playMany(ctx, with, shape, apps, follow); err != nil {
					return fmt.Errorf("%s, %d apps, %s: %w", with.Name(), apps, shape, err)
				}
			}
		}
	}
	return nil
}

func (o Options) playMany(ctx context.Context, with contender.Contender, shape input.Shape, apps int, follow bool) error {
	in, err := input.New(shape, apps)
	if err != nil {
		return err
	}
	return o.play(ctx, with, in, func(ctx context.Context, s *scene) error {
		r, err := s.firstSync(ctx, "W1", s.input.Apps)
		if err == nil && s.wants("W1") {
			err = s.keep(r)
		}
		if err != nil {
			return fmt.Errorf("W1: %w", err)
		}
		refresher, able := s.session.(contender.Refresher)
		if !follow || !able {
			return nil
		}
		return s.followUp(ctx, refresher)
	})
}

// followUp runs what needs synced apps.
func (s *scene) followUp(ctx context.Context, session contender.Refresher) error {
	runs := map[string]func(context.Context) error{
		"W2": func(ctx context.Context) error { return s.oneCommit(ctx, session) },
		"W3": s.idle,
		"W4": s.drift,
		"W9": func(ctx context.Context) error { return s.manyCommits(ctx, session) },
		"W5": s.restart,
	}
	for _, workload := range onSynced() {
		if !s.wants(workload) {
			continue
		}
		s.machine = result.ThisMachine()
		if err := runs[workload](ctx); err != nil {
			return fmt.Errorf("%s: %w", workload, err)
		}
	}
	return nil
}

// patience is how long a first sync may take for each app, and at least.
const (
	patience      = 3 * time.Second
	leastPatience = 5 * time.Minute
)

// firstSync measures what begins with nothing delivered: from declaring all
// apps until each of those awaited is synced and its Deployment available. What
// it costs is measured until the contender has nothing left to write.
func (s *scene) firstSync(ctx context.Context, workload string, awaited []input.App) (*result.Run, error) {
	ctx, cancel := context.WithTimeout(ctx, max(leastPatience, time.Duration(len(s.input.Apps))*patience))
	defer cancel()
	deployments, err := s.stage.Watch(ctx, stage.Deployments())
	if err != nil {
		return nil, err
	}
	defer deployments.Stop()
	m, err := s.measure()
	if err != nil {
		return nil, err
	}
	r := s.newRun(workload)
	for _, app := range s.input.Apps {
		r.Figures[result.Objects] += float64(len(app.Objects))
	}
	if err := s.session.Declare(ctx, s.input.Apps); err != nil {
		return nil, err
	}
	done, err := s.delivered(ctx, deployments, awaited)
	if err != nil {
		return nil, err
	}
	r.Seconds = done.Sub(r.Began).Seconds()
	if err := s.session.Settled(ctx, awaited); err != nil {
		return nil, err
	}
	return r, m.end(ctx, r)
}

// delivered waits until apps are synced and their Deployments available, and
// returns when that was.
func (s *scene) delivered(ctx context.Context, deployments *stage.Watch, apps []input.App) (time.Time, error) {
	synced, err := s.session.Synced(ctx, apps)
	if err != nil {
		return synced, err
	}
	var names []types.NamespacedName
	for _, app := range apps {
		if app.Deployment != "" {
			names = append(names, app.In(app.Deployment))
		}
	}
	held, err := deployments.Await(ctx, names, available)
	if last := stage.Last(held); last.After(synced) {
		return last, err
	}
	return synced, err
}

// available reports whether all replicas of a Deployment are.
func available(u *unstructured.Unstructured) bool {
	wanted, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	ready, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
	return observed >= u.GetGeneration() && ready >= wanted
}
