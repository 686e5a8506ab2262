package render

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
)

// maxGave bounds of how many sources it is remembered which files gave objects.
const maxGave = 20_000

// gave remembers which files of a folder of manifests gave objects the last time. It
// is safe for concurrent use.
type gave struct {
	mu    sync.Mutex
	files map[syncline.Digest][]rendered
}

func newGave() *gave { return &gave{files: map[syncline.Digest][]rendered{}} }

func (g *gave) get(key syncline.Digest) []rendered {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.files[key]
}

func (g *gave) put(key syncline.Digest, files []rendered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.files[key]; !known && len(g.files) >= maxGave {
		for other := range g.files { // any of them
			delete(g.files, other)
			break
		}
	}
	g.files[key] = files
}

func (g *gave) forget(key syncline.Digest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.files, key)
}

// checkPassedOver returns an error that names a file among manifests that is passed
// over and gave objects the last time, or in what was delivered, which is known after a
// restart too. It is there and is not empty, so that it has become something else, which
// is hardly meant: leaving it out would prune them. When there is none, what the result
// has becomes what is remembered.
func (r *Renderer) checkPassedOver(ctx context.Context, request Request, result Result) error {
	key, err := r.keyOf(request, newJob(request))
	if err != nil {
		return err
	}
	var over []PassedOver
	for _, file := range result.PassedOver {
		if !file.Meant {
			over = append(over, file)
		}
	}
	if len(over) > 0 {
		if err := becameElse(over, r.gave.get(key)); err != nil {
			return err
		}
		if err := r.checkDelivered(ctx, request, over); err != nil {
			return err
		}
	}
	r.gave.put(key, result.files)
	return nil
}

// becameElse returns an error that names a file that is passed over and gave objects.
func becameElse(over []PassedOver, before []rendered) error {
	for _, file := range over {
		if slices.ContainsFunc(before, func(r rendered) bool { return r.name == file.File && r.objects > 0 }) {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s gave objects before, and is no manifest any more: %s", file.File, file.Why),
				"correct the file; or to delete its objects, delete it, rename it, or name it in directory.exclude")
		}
	}
	return nil
}

// checkDelivered returns such an error for what was delivered. What cannot be told is
// an error too.
func (r *Renderer) checkDelivered(ctx context.Context, request Request, over []PassedOver) error {
	for _, revision := range request.Delivered {
		files, err := r.gaveAt(ctx, request, revision, over)
		if err != nil {
			return syncline.WithHint(
				syncline.Errorf(syncline.KindOf(err), "%s is no manifest, and it cannot be told whether it was one when it was delivered: %w", over[0].File, err),
				"when it never was one, name it in directory.exclude")
		}
		if err := becameElse(over, files); err != nil {
			return err
		}
	}
	return nil
}

// gaveAt returns what files that are passed over now rendered to when they were
// delivered.
func (r *Renderer) gaveAt(ctx context.Context, request Request, revision string, over []PassedOver) ([]rendered, error) {
	tree, err := request.At(ctx, revision)
	if err != nil {
		return nil, err
	}
	request.Files, request.Revision = syncline.Files{Tree: tree}, revision
	job := newJob(request)
	for _, file := range over {
		switch _, err := tree.Stat(file.File); {
		case err == nil:
			job.Only = append(job.Only, file.File)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(job.Only) == 0 {
		return nil, nil
	}
	made, err := r.make(ctx, request, job)
	if err = cmp.Or(err, made.err); err != nil || made.result.Tool != syncline.ToolDirectory {
		return nil, err
	}
	return made.result.files, nil
}
