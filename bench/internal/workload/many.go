package workload

import (
	"cmp"
	"context"
	"errors"
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
// the order in which they run: W3 first, because a commit may keep a slow
// contender busy, and W5 before W9, whose commits are not recorded in every
// status at its end.
func onSynced() []string { return []string{"W3", "W2", "W4", "W5", "W9"} }

// runMany runs W1 in every shape and size, and with the most apps in a monorepo
// what needs synced apps. A contender that fails does not keep the others from
// what is left.
func runMany(ctx context.Context, o Options) error {
	most := slices.Max(o.Apps)
	var failures []error
	for _, shape := range o.Shapes {
		for _, apps := range o.Apps {
			follow := shape == input.Monorepo && apps == most && o.wants(onSynced()...)
			if !o.wants("W1") && !follow {
				continue
			}
			rounds := 1
			if apps < most {
				rounds = repeats
			}
			failures = append(failures, o.playInTurn(ctx, rounds, func(o Options, with contender.Contender) error {
				return o.playMany(ctx, with, shape, apps, follow)
			}))
			if ctx.Err() != nil {
				return errors.Join(failures...)
			}
		}
	}
	return errors.Join(failures...)
}

// repeats is how often the first sync of fewer apps is measured. It takes seconds,
// in which the machine may be faster or slower than in the next ones.
const repeats = 3

// playInTurn lets each contender play, one after the other, in so many rounds. Of
// more than one it keeps each contender's run of the middle length.
func (o Options) playInTurn(ctx context.Context, rounds int, play func(Options, contender.Contender) error) error {
	var failures []error
	runs := map[string][]result.Run{}
	collecting := o
	if rounds > 1 {
		collecting.Keep = func(r result.Run) error {
			runs[r.Contender] = append(runs[r.Contender], r)
			return nil
		}
	}
	for range rounds {
		for _, with := range o.Contenders {
			if err := play(collecting, with); err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", with.Name(), err))
				o.say("%v", failures[len(failures)-1])
			}
			if ctx.Err() != nil {
				return errors.Join(failures...)
			}
		}
	}
	for _, with := range o.Contenders {
		if played := runs[with.Name()]; len(played) > 0 {
			slices.SortFunc(played, func(a, b result.Run) int { return cmp.Compare(a.Seconds, b.Seconds) })
			failures = append(failures, o.Keep(played[len(played)/2]))
		}
	}
	return errors.Join(failures...)
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
		if _, able := s.session.(contender.Refresher); !follow || !able || r.Unfinished {
			return nil
		}
		return s.followUp(ctx)
	})
}

// followUp runs what needs synced apps.
func (s *scene) followUp(ctx context.Context) error {
	runs := map[string]func(context.Context) error{
		"W2": s.oneCommit, "W3": s.idle, "W4": s.drift, "W5": s.restart, "W9": s.manyCommits,
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

// patience is how long a first sync, or what is as much work, may take.
func (s *scene) patience() time.Duration {
	return max(s.Patience/3, s.Patience*time.Duration(len(s.input.Apps))/1000)
}

// errImpatient ends what takes too long.
var errImpatient = errors.New("it takes too long")

// firstSync measures what begins with nothing delivered: from declaring all
// apps until each of those awaited is synced and its Deployment available. What
// it costs is measured until the contender has nothing left to write. When it
// takes too long the run is unfinished, and says how far it came.
func (s *scene) firstSync(ctx context.Context, workload string, awaited []input.App) (*result.Run, error) {
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
	limited, cancel := context.WithTimeoutCause(ctx, s.patience(), errImpatient)
	defer cancel()
	done, err := s.deliver(limited, deployments, awaited)
	switch {
	case err != nil && errors.Is(context.Cause(limited), errImpatient):
		s.say("%s %s: %v", r.Contender, workload, err)
		r.Unfinished, r.Seconds = true, time.Since(r.Began).Seconds()
		r.Figures[result.Delivered] = float64(countAvailable(deployments, awaited))
		return r, m.endNow(r)
	case err != nil:
		return nil, err
	}
	r.Seconds = done.Sub(r.Began).Seconds()
	settling, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if err := s.session.Settled(settling, awaited); err != nil {
		return nil, err
	}
	return r, m.end(settling, r)
}

// deliver declares all apps and waits until those awaited are delivered. It
// returns when that was.
func (s *scene) deliver(ctx context.Context, deployments *stage.Watch, awaited []input.App) (time.Time, error) {
	if err := s.session.Declare(ctx, s.input.Apps); err != nil {
		return time.Time{}, err
	}
	return s.delivered(ctx, deployments, awaited)
}

// countAvailable counts the apps whose Deployment is available.
func countAvailable(deployments *stage.Watch, apps []input.App) int {
	count := 0
	for _, app := range apps {
		if u, exists := deployments.Get(app.In(app.Deployment)); exists && available(u) {
			count++
		}
	}
	return count
}

// delivered waits until apps are synced and their Deployments available, and
// returns when that was.
func (s *scene) delivered(ctx context.Context, deployments *stage.Watch, apps []input.App) (time.Time, error) {
	synced, err := s.session.Synced(ctx, apps)
	if err != nil {
		return synced, err
	}
	held, err := deployments.Await(ctx, deploymentsOf(apps), available)
	if last := stage.Last(held); last.After(synced) {
		return last, err
	}
	return synced, err
}

// deploymentsOf names the Deployments of apps.
func deploymentsOf(apps []input.App) []types.NamespacedName {
	var names []types.NamespacedName
	for _, app := range apps {
		if app.Deployment != "" {
			names = append(names, app.In(app.Deployment))
		}
	}
	return names
}

// available reports whether all replicas of a Deployment are.
func available(u *unstructured.Unstructured) bool {
	wanted, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	ready, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
	return observed >= u.GetGeneration() && ready >= wanted
}
