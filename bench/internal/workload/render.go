package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

// runRender runs W7: many releases of podinfo's chart, and as many overlays of
// its manifests, rendered by the pool of worker processes, and by the libraries
// alone in as many processes.
func runRender(ctx context.Context, o Options) error {
	folder, err := os.MkdirTemp("", "syncline-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	texts, err := input.Renders(ctx, o.Renders)
	if err != nil {
		return err
	}
	files := renders{folder: filepath.Join(folder, "files")}
	if err := input.Write(files.folder, texts); err != nil {
		return err
	}
	stop, err := files.mirror(ctx, folder, texts)
	if err != nil {
		return err
	}
	defer stop()
	for _, with := range o.Contenders {
		if with.Name() != contender.NameSyncline {
			continue
		}
		for _, tool := range []string{AloneHelm, AloneKustomize} {
			if err := o.render(ctx, with, files, tool); err != nil {
				return fmt.Errorf("W7: %s: %w", tool, err)
			}
		}
	}
	return nil
}

// renders are the inputs of W7: on disk, where libraries read them, and in a
// mirror of a Git repository, where the server does.
type renders struct {
	folder string
	tree   syncline.Tree
}

// mirror puts the files into a repository and mirrors that, until stop.
func (r *renders) mirror(ctx context.Context, folder string, files map[string]string) (stop func(), err error) {
	server, err := testenv.StartGit(context.WithoutCancel(ctx), testenv.GitOptions{Dir: filepath.Join(folder, "git")})
	if err != nil {
		return nil, err
	}
	store, err := r.fetch(ctx, server, filepath.Join(folder, "mirrors"), files)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return func() {
		_ = store.Close()
		_ = server.Close()
	}, nil
}

func (r *renders) fetch(ctx context.Context, server *testenv.GitServer, folder string, files map[string]string) (*git.Store, error) {
	repo, err := server.Create(ctx, "bench")
	if err != nil {
		return nil, err
	}
	commit, err := repo.Commit(ctx, testenv.GitCommit{Message: "Begin", Files: files})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	store, err := git.Open(git.Options{Dir: folder})
	if err != nil {
		return nil, err
	}
	access := upstream.Repository{Address: upstream.AddressOf(repo.URL)}
	if err = store.Fetch(ctx, access, commit, "refs/heads/main"); err == nil {
		r.tree, err = store.Tree(ctx, access, commit)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	r.tree = links.Confine(r.tree)
	return store, nil
}

// renderRounds is how often each side renders everything, in turn: what else the
// machine does then disturbs both alike.
const renderRounds = 3

// render renders by the pool and by the libraries alone. Seconds and Libraries are
// the mean of the rounds.
func (o Options) render(ctx context.Context, with contender.Contender, files renders, tool string) error {
	s := &scene{Options: o, contender: with, input: input.Input{Shape: input.Shape(tool)}, machine: result.ThisMachine()}
	r := s.newRun("W7")
	for range renderRounds {
		began := time.Now()
		if err := o.renderPool(ctx, files.tree, tool); err != nil {
			return err
		}
		r.Seconds += time.Since(began).Seconds() / renderRounds
		began = time.Now()
		if err := o.renderAlone(ctx, files.folder, tool); err != nil {
			return err
		}
		r.Figures[result.Libraries] += time.Since(began).Seconds() / renderRounds
	}
	r.Figures[result.Objects] = float64(o.Renders)
	return s.keep(r)
}

// renderPool renders as the server does, 16 requests at once.
func (o Options) renderPool(ctx context.Context, tree syncline.Tree, tool string) error {
	pool := confined.NewPool(confined.Options{Command: []string{o.Program, "render-worker"}})
	defer pool.Close()
	renderer := render.New(render.Confined{Pool: pool}, render.Options{})
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range o.Renders {
		group.Go(func() error {
			source, err := sourceOf(tool, i)
			if err != nil {
				return err
			}
			made, err := renderer.Render(ctx, render.Request{
				App: fmt.Sprintf("release-%d", i), Namespace: "default", Project: "default",
				Source: source, Files: syncline.Files{Tree: tree},
			})
			if err == nil && len(made.Objects) == 0 {
				err = fmt.Errorf("%s %d renders to nothing", tool, i)
			}
			return err
		})
	}
	return group.Wait()
}

func sourceOf(alone string, i int) (syncline.Source, error) {
	if alone == AloneKustomize {
		return syncline.Source{RepoURL: "https://git.example/bench", Path: input.Overlay(i)}, nil
	}
	values, err := json.Marshal(input.Values(i)) // which is YAML too
	return syncline.Source{
		RepoURL: "https://git.example/bench", Path: input.PodinfoChart,
		Helm: &tool.Helm{Values: string(values)},
	}, err
}

// renderAlone renders in as many processes of this program as there are
// processors, each of them its share: kustomize keeps state of the whole
// process, so threads would not do.
func (o Options) renderAlone(ctx context.Context, files, tool string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	processes := runtime.NumCPU()
	for first := range processes {
		group.Go(func() error {
			command := exec.CommandContext(ctx, program, "alone", tool, files,
				strconv.Itoa(first), strconv.Itoa(o.Renders), strconv.Itoa(processes))
			command.Env = append(os.Environ(), "GOMAXPROCS=1")
			output, err := command.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, output)
			}
			return nil
		})
	}
	return group.Wait()
}
