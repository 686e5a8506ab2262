package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// limit bounds the time that one step may take that should take moments.
const limit = 2 * time.Minute

// commits is a workload of commits that has begun.
type commits struct {
	session    contender.Refresher
	configMaps *stage.Watch
	meter      *meter
	run        *result.Run
}

// beginCommits begins a workload of so many commits, if the contender can be told
// of one. The caller stops the watch.
func (s *scene) beginCommits(ctx context.Context, workload string, count int) (c commits, able bool, err error) {
	if c.session, able = s.session.(contender.Refresher); !able {
		return c, false, nil
	}
	if c.configMaps, err = s.stage.Watch(ctx, stage.ConfigMaps()); err != nil {
		return c, true, err
	}
	if c.meter, err = s.measure(); err != nil {
		c.configMaps.Stop()
		return c, true, err
	}
	c.run = s.newRun(workload)
	c.run.Figures[result.Commits] = float64(count)
	return c, true, nil
}

// oneCommit measures W2: commits that change one app each. Every other commit
// is announced by a refresh of another app of the same repository. Seconds and
// Change are the slowest from the refresh to applied.
func (s *scene) oneCommit(ctx context.Context) error {
	c, able, err := s.beginCommits(ctx, "W2", s.Rounds)
	if err != nil || !able {
		return err
	}
	defer c.configMaps.Stop()
	session, m, r := c.session, c.meter, c.run
	for round := range s.Rounds {
		changed := s.input.Apps[round%len(s.input.Apps)]
		refreshed := s.input.Apps[(round+round%2)%len(s.input.Apps)]
		took, err := s.change(ctx, c.configMaps, changed.Edit(fmt.Sprintf("W2 %d", round)), func(ctx context.Context) error {
			return session.Refresh(ctx, refreshed)
		})
		if errors.Is(err, errImpatient) {
			s.say("%s W2: %v", r.Contender, err)
			r.Unfinished, r.Seconds, r.Figures[result.Commits] = true, limit.Seconds(), float64(round)
			return errors.Join(m.endNow(r), s.keep(r))
		}
		if err != nil {
			return err
		}
		r.Seconds = max(r.Seconds, took.Seconds())
		if _, err := m.log.Quiet(ctx, quiet); err != nil {
			return err
		}
	}
	r.Figures[result.Change] = r.Seconds
	if err := m.end(ctx, r); err != nil {
		return err
	}
	if s.Record {
		if err := s.recorded(ctx, session, m, r); err != nil {
			return err
		}
	}
	return s.keep(r)
}

// recorded waits until every app says that it is at the last commit, and puts
// into the run what that took besides.
func (s *scene) recorded(ctx context.Context, session contender.Refresher, m *meter, r *result.Run) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	head, err := s.stage.Repo.Git(ctx, "rev-parse", "main")
	if err != nil {
		return err
	}
	if err := session.At(ctx, s.input.Apps, head); err != nil {
		return err
	}
	later := result.Run{Figures: map[result.Figure]float64{}}
	if err := m.end(ctx, &later); err != nil {
		return err
	}
	r.Figures[result.RecordWrites] = later.Figures[result.StatusWrites] - r.Figures[result.StatusWrites]
	r.Figures[result.RecordCPU] = later.CPUSeconds - r.CPUSeconds
	return nil
}

// change commits, announces it, and returns the time from the announcement
// until the change is in the cluster.
func (s *scene) change(ctx context.Context, configMaps *stage.Watch, edit input.Edit, announce func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errImpatient)
	defer cancel()
	if err := s.stage.Commit(ctx, map[string]string{edit.File: edit.Text}); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := announce(ctx); err != nil {
		return 0, err
	}
	held, err := configMaps.Await(ctx, []types.NamespacedName{edit.Object}, holdsValue(edit.Value))
	return stage.Last(held).Sub(began), err
}

// holdsValue reports whether a ConfigMap of the input has the value.
func holdsValue(value string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		got, _, _ := unstructured.NestedString(u.Object, "data", "value")
		return got == value
	}
}

// The commits of W9.
const (
	manyCommits   = 200
	manyCommitsIn = time.Minute
)

// manyCommits measures W9: 200 commits in 60 s, each announced by a refresh of
// the app that it changes. Change is from the last commit until the last state
// of every app is in the cluster. Memory is the largest of the second and of the
// last quarter of the commits: in the first the bounded caches fill up.
func (s *scene) manyCommits(ctx context.Context) error {
	c, able, err := s.beginCommits(ctx, "W9", manyCommits)
	if err != nil || !able {
		return err
	}
	defer c.configMaps.Stop()
	r := c.run
	values, committed, err := s.commitMany(ctx, c.session, r)
	if err != nil {
		return err
	}
	applied, err := awaitValues(ctx, c.configMaps, values)
	if err != nil {
		return err
	}
	r.Seconds = applied.Sub(r.Began).Seconds()
	r.Figures[result.Change] = max(0, applied.Sub(committed).Seconds())
	if err := c.meter.end(ctx, r); err != nil {
		return err
	}
	return s.keep(r)
}

// commitMany makes the commits of W9. It returns the last values by ConfigMap,
// and when the last commit was there.
func (s *scene) commitMany(ctx context.Context, session contender.Refresher, r *result.Run) (map[types.NamespacedName]string, time.Time, error) {
	ticker := time.NewTicker(manyCommitsIn / manyCommits)
	defer ticker.Stop()
	values := map[types.NamespacedName]string{}
	var committed time.Time
	sampler := procfs.Sample(session.Processes())
	defer func() { r.Figures[result.MemoryAfter] = mebibytes(sampler.Stop()) }()
	for i := range manyCommits {
		switch i {
		case manyCommits / 4, manyCommits * 3 / 4:
			sampler.Stop()
			sampler = procfs.Sample(session.Processes())
		case manyCommits / 2:
			r.Figures[result.MemoryBefore] = mebibytes(sampler.Stop())
		}
		app := s.input.Apps[i*7%len(s.input.Apps)] // some apps change more than once where there are few
		edit := app.Edit(fmt.Sprintf("W9 %d", i))
		if err := s.stage.Commit(ctx, map[string]string{edit.File: edit.Text}); err != nil {
			return nil, committed, err
		}
		committed = time.Now()
		values[edit.Object] = edit.Value
		if err := session.Refresh(ctx, app); err != nil {
			return nil, committed, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, committed, context.Cause(ctx)
		}
	}
	return values, committed, nil
}

// awaitValues waits until each ConfigMap has its value, and returns when the
// last one got it.
func awaitValues(ctx context.Context, configMaps *stage.Watch, values map[types.NamespacedName]string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last time.Time
	for name, value := range values {
		held, err := configMaps.Await(ctx, []types.NamespacedName{name}, holdsValue(value))
		if err != nil {
			return last, err
		}
		if at := stage.Last(held); at.After(last) {
			last = at
		}
	}
	return last, nil
}
