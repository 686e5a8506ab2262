package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/bench/internal/workload"
)

// options are the flags of run.
type options struct {
	workloads, apps, contenders        string
	shapes, releases                   string
	out, tree, program, logs, profiles string
	idle, patience                     time.Duration
	drifts, rounds, processors         int
	check, record                      bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench run", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.workloads, "workloads", strings.Join(workload.Names(), ","), "which to run")
	flags.StringVar(&o.apps, "apps", "100,1000", "numbers of apps of W1, of which all but the largest are measured thrice; W2 to W5, W9 and W10 run with the largest")
	flags.StringVar(&o.contenders, "contenders", "floor,syncline", "who takes part, of "+strings.Join(contender.Names(), ", "))
	flags.StringVar(&o.shapes, "shapes", "monorepo,small repo", "inputs of W1")
	flags.StringVar(&o.releases, "releases", joined(input.ReleaseShapes()), "inputs of W10: where the chart is")
	flags.StringVar(&o.out, "out", "results", "folder for the results")
	flags.StringVar(&o.tree, "tree", "..", "folder of Syncline's source tree")
	flags.StringVar(&o.program, "syncline", "", "path of a syncline to measure (default: build it from the source tree)")
	flags.StringVar(&o.logs, "logs", "", "folder that keeps the contenders' logs (default: they are not kept)")
	flags.StringVar(&o.profiles, "profiles", "", "folder that gets profiles of syncline server, which slow it down (default: none)")
	flags.DurationVar(&o.idle, "idle", 10*time.Minute, "how long W3 lasts")
	flags.DurationVar(&o.patience, "patience", 15*time.Minute, "how long a first sync of 1,000 apps may take")
	flags.IntVar(&o.drifts, "drifts", 200, "number of objects that W4 changes")
	flags.IntVar(&o.rounds, "rounds", 10, "number of commits of W2")
	flags.IntVar(&o.processors, "processors", 2, "how many processors there are for everything; 0: all that the machine has")
	flags.BoolVar(&o.record, "record", true, "let W2 wait until every app records the commits, which takes minutes")
	flags.BoolVar(&o.check, "check", false, "fail when something is missed that does not depend on the machine")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// run runs the workloads, keeps and shows the results.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if err := confine(o.processors); err != nil {
		return err
	}
	for _, folder := range []string{o.out, o.logs, o.profiles} {
		if folder == "" {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	work, cleanup, err := o.complete(ctx, out)
	if err != nil {
		return err
	}
	defer cleanup()
	var set result.Set
	work.Keep = func(r result.Run) error {
		set = append(set, r)
		return r.Keep(o.out)
	}
	failure := workload.Run(ctx, work)
	if err := show(out, set); err != nil {
		return err
	}
	if failure == nil && o.check {
		failure = result.Missed(judge(set))
	}
	return failure
}

// complete turns the flags into what package workload needs. What it builds is
// removed by cleanup.
func (o options) complete(ctx context.Context, out io.Writer) (work workload.Options, cleanup func(), err error) {
	work = workload.Options{
		Workloads: split(o.workloads), Idle: o.idle, Patience: o.patience, Drifts: o.drifts, Rounds: o.rounds, Record: o.record,
		Stage: stage.Options{Progress: os.Stderr}, Say: out,
	}
	for _, shape := range split(o.shapes) {
		work.Shapes = append(work.Shapes, input.Shape(shape))
	}
	for _, shape := range split(o.releases) {
		if !input.Shape(shape).IsRelease() {
			return work, nil, fmt.Errorf("--releases has %q: take some of %s", shape, joined(input.ReleaseShapes()))
		}
		work.Releases = append(work.Releases, input.Shape(shape))
	}
	for _, text := range split(o.apps) {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return work, nil, fmt.Errorf("--apps has %q, which is not a number of apps", text)
		}
		work.Apps = append(work.Apps, n)
	}
	program, cleanup, err := o.build(ctx, out)
	if err != nil {
		return work, nil, err
	}
	work.Program = program
	for _, name := range split(o.contenders) {
		fmt.Fprintf(out, "preparing %s\n", name)
		with, err := o.contender(ctx, name, program)
		if err != nil {
			cleanup()
			return work, nil, err
		}
		work.Contenders = append(work.Contenders, with)
	}
	return work, cleanup, nil
}

// build returns the path of the syncline to measure.
func (o options) build(ctx context.Context, out io.Writer) (program string, cleanup func(), err error) {
	if o.program != "" {
		program, err = filepath.Abs(o.program)
		return program, func() {}, err
	}
	folder, err := os.MkdirTemp("", "syncline-bench-")
	if err != nil {
		return "", nil, err
	}
	cleanup = func() { _ = os.RemoveAll(folder) }
	fmt.Fprintln(out, "building syncline")
	linked := filepath.Join(folder, "linked")
	command := exec.CommandContext(ctx, "go", "build", "-o", linked, "./cmd/syncline")
	command.Dir = o.tree
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0") // as deploy/Dockerfile does
	if output, err := command.CombinedOutput(); err != nil {
		cleanup()
		return "", nil, fmt.Errorf("building syncline: %w: %s", err, output)
	}
	program = filepath.Join(folder, "syncline")
	if err := copyProgram(linked, program); err != nil {
		cleanup()
		return "", nil, err
	}
	return program, cleanup, nil
}

// copyProgram writes a program in small parts, as an image is unpacked. What the linker writes at once the kernel
// keeps in large pieces, and every process that runs it has some 5 MiB more of it in memory.
func copyProgram(linked, program string) error {
	from, err := os.Open(linked)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(program, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from}) // without what copies all at once
	return errors.Join(err, to.Close())
}

func (o options) contender(ctx context.Context, name, program string) (contender.Contender, error) {
	peers, built := filepath.Join(o.tree, "bench", "peers"), filepath.Join(o.tree, "bin", "peers")
	switch name {
	case contender.NameFloor:
		return contender.Floor{}, nil
	case contender.NameSyncline:
		return contender.Syncline{Program: program, Commit: commitOf(ctx, o.tree), Tree: o.tree, Logs: o.logs, Profiles: o.profiles}, nil
	case contender.NameFlux, contender.NameFluxNoWait:
		flux, err := contender.BuildFlux(ctx, peers, built)
		flux.Wait, flux.Logs = name == contender.NameFlux, o.logs
		return flux, err
	case contender.NameArgo, contender.NameArgoWide:
		argo, err := contender.BuildArgo(ctx, peers, built)
		argo.Wide, argo.Logs = name == contender.NameArgoWide, o.logs
		return argo, err
	}
	return nil, fmt.Errorf("there is no contender %q: take some of %s", name, strings.Join(contender.Names(), ", "))
}

// commitOf names the commit of the source tree, with "-dirty" when files differ
// from it.
func commitOf(ctx context.Context, tree string) string {
	command := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12")
	command.Dir = tree
	text, err := command.Output()
	if err != nil {
		return "unknown"
	}
	return string(bytes.TrimSpace(text))
}

func split(list string) []string {
	var parts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func joined(shapes []input.Shape) string {
	var list []string
	for _, shape := range shapes {
		list = append(list, string(shape))
	}
	return strings.Join(list, ",")
}

func judge(set result.Set) []result.Verdict { return result.Judge(set, contender.NameSyncline) }

func show(out io.Writer, set result.Set) error {
	fmt.Fprintln(out)
	return result.Print(out, set, judge(set))
}

func table(folder string, out io.Writer) error {
	set, err := result.Load(folder)
	if err != nil {
		return err
	}
	return show(out, set)
}

func markdown(folder string, out io.Writer) error {
	set, err := result.Load(folder)
	if err != nil {
		return err
	}
	return result.Markdown(out, set, judge(set))
}

func draw(folder, file string) error {
	set, err := result.Load(folder)
	if err != nil {
		return err
	}
	return os.WriteFile(file, result.Draw(set), 0o644)
}
