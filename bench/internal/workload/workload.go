// Package workload runs the workloads W1 to W10: it lets a contender deliver
// something, and measures how long that takes and what it costs. It judges
// nothing; package result does.
package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// Options say what is run.
type Options struct {
	// Workloads are those to run, such as "W1". Required.
	Workloads []string
	// Contenders run one after the other, each on a stage of its own. Required.
	Contenders []contender.Contender
	// Apps are the numbers of apps of W1. W2 to W5, W9 and W10 run with the largest.
	// Required.
	Apps []int
	// Shapes are the inputs of W1. Required.
	Shapes []input.Shape
	// Releases are the inputs of W10. Required.
	Releases []input.Shape
	// Patience is how long the first sync of 1,000 apps may take, default 15 min.
	// More apps may take longer in proportion, and few a third of it.
	Patience time.Duration
	// Record lets W2 wait, and measure what it takes, until every app says that it
	// is at the last commit. Without it W5 begins with statuses to write.
	Record bool
	// Idle is how long W3 lasts, default 10 min.
	Idle time.Duration
	// Drifts is the number of objects that W4 changes, default 200.
	Drifts int
	// Rounds is how many commits W2 makes, default 10.
	Rounds int
	// Objects is the number of objects of W6, default 5,000.
	Objects int
	// Renders is the number of charts, and of overlays, of W7, default 300.
	Renders int
	// Stuck is the number of apps of W8 that never get ready, and of those that
	// do, default 200.
	Stuck int
	// Program is the path of `syncline`, whose render workers W7 measures.
	Program string
	// Stage is what every stage needs.
	Stage stage.Options
	// Say is told what happens, for people. Required.
	Say io.Writer
	// Keep is given each run when it is done. Required.
	Keep func(result.Run) error
}

// complete returns the options with their defaults.
func (o Options) complete() Options {
	for value, standard := range map[*time.Duration]time.Duration{&o.Idle: 10 * time.Minute, &o.Patience: 15 * time.Minute} {
		if *value == 0 {
			*value = standard
		}
	}
	for value, standard := range map[*int]int{&o.Drifts: 200, &o.Rounds: 10, &o.Objects: 5000, &o.Renders: 300, &o.Stuck: 200} {
		if *value == 0 {
			*value = standard
		}
	}
	return o
}

func (o Options) wants(workloads ...string) bool {
	return slices.ContainsFunc(workloads, func(w string) bool { return slices.Contains(o.Workloads, w) })
}

// Names returns the workloads, in their order.
func Names() []string { return []string{"W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10"} }

// Run runs the workloads that are wanted.
func Run(ctx context.Context, options Options) error {
	o := options.complete()
	for _, part := range []struct {
		workloads []string
		run       func(context.Context, Options) error
	}{
		{append([]string{"W1"}, onSynced()...), runMany},
		{[]string{"W6"}, runLarge},
		{[]string{"W7"}, runRender},
		{[]string{"W8"}, runStuck},
		{[]string{"W10"}, runReleases},
	} {
		if !o.wants(part.workloads...) {
			continue
		}
		if err := part.run(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) say(format string, args ...any) { fmt.Fprintf(o.Say, format+"\n", args...) }

// scene is a contender on a stage, with what it delivers.
type scene struct {
	Options
	contender contender.Contender
	stage     *stage.Stage
	session   contender.Session
	input     input.Input
	machine   result.Machine
}

// play starts a stage and a contender, lets the workloads use them, and stops
// both.
func (o Options) play(ctx context.Context, with contender.Contender, in input.Input, use func(context.Context, *scene) error) (err error) {
	o.say("%s: starting a control plane and a Git server", with.Name())
	s := &scene{Options: o, contender: with, input: in, machine: result.ThisMachine()}
	if s.stage, err = stage.Start(ctx, o.Stage); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stage.Stop()) }()
	if err := s.stage.Prepare(ctx, in); err != nil {
		return err
	}
	if s.session, err = with.Start(ctx, s.stage); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.session.Stop()) }()
	if err := calm(ctx); err != nil {
		return err
	}
	return use(ctx, s)
}

// newRun returns the run of a workload, with nothing measured yet.
func (s *scene) newRun(workload string) *result.Run {
	return &result.Run{
		Workload: workload, Shape: string(s.input.Shape), Apps: len(s.input.Apps),
		Contender: s.contender.Name(), Version: s.contender.Version(), Flags: s.contender.Flags(),
		Machine: s.machine, Began: time.Now(), Figures: map[result.Figure]float64{},
	}
}

// keep keeps a run and says what came of it.
func (s *scene) keep(r *result.Run) error {
	s.say("%s %s, %d apps, %s: %.3g s, CPU %.3g s, peak %.4g MiB, %v", r.Contender, r.Workload, r.Apps, r.Shape, r.Seconds, r.CPUSeconds, r.PeakMiB, r.Figures)
	return s.Keep(*r)
}
