package render

import (
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
)

// maxGave bounds of how many sources it is remembered which files gave objects.
const maxGave = 20_000

// gave remembers which files of a folder of manifests gave objects the last time. A
// file that gives none any more, though it is there and is not empty, has become
// something else, which is hardly meant: leaving it out would prune them. It is
// safe for concurrent use.
type gave struct {
	mu    sync.Mutex
	files map[syncline.Digest][]rendered
}

func newGave() *gave { return &gave{files: map[syncline.Digest][]rendered{}} }

// judge returns an error that names a file that gave objects and was passed over
// now. When there is none, what the result has becomes what is remembered.
func (g *gave) judge(key syncline.Digest, result Result) error {
	if result.Tool != syncline.ToolDirectory {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.files[key]
	for _, file := range result.PassedOver {
		if !file.Meant && slices.ContainsFunc(before, func(r rendered) bool { return r.name == file.File && r.objects > 0 }) {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s gave objects before, and is no manifest any more: %s", file.File, file.Why),
				"correct the file; or to delete its objects, delete it, rename it, or name it in directory.exclude")
		}
	}
	if len(before) == 0 && len(g.files) >= maxGave {
		for other := range g.files { // any of them
			delete(g.files, other)
			break
		}
	}
	g.files[key] = result.files
	return nil
}
