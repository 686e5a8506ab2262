package application

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

const (
	// smallText is how many bytes an Application may say in its spec and its operation
	// whatever the others of its project say. Most say less than 4 KiB.
	smallText = 64 << 10
	// mostText is how many bytes one may say: its status says its sources twice more, as what
	// was compared and as what the last operation delivered, and the API server takes 1.5 MiB
	// of all of it.
	mostText = 512 << 10
	// projectText is how many bytes the others of a project may say together.
	projectText = 4 << 20
)

// budget bounds what is remembered of what the Applications of a project say. The zero
// value has nothing taken. It is safe for concurrent use.
type budget struct {
	mu    sync.Mutex
	taken map[string]int
	of    map[syncline.AppID]share
}

// share is what an Application takes of its project's budget.
type share struct {
	project string
	bytes   int
}

// take lets an Application say so many bytes, in place of what it said before. It reports
// false when those of its project say too much with it; then it has no share.
func (b *budget) take(id syncline.AppID, project string, bytes int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave(id)
	if bytes <= smallText {
		return true
	}
	if b.taken[project]+bytes > projectText {
		return false
	}
	if b.of == nil {
		b.taken, b.of = map[string]int{}, map[syncline.AppID]share{}
	}
	b.taken[project] += bytes
	b.of[id] = share{project, bytes}
	return true
}

// forget gives back the share of an Application that is gone.
func (b *budget) forget(id syncline.AppID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave(id)
}

func (b *budget) leave(id syncline.AppID) {
	had, has := b.of[id]
	if !has {
		return
	}
	delete(b.of, id)
	if b.taken[had.project] -= had.bytes; b.taken[had.project] == 0 {
		delete(b.taken, had.project)
	}
}

// afford removes from an Application what its project has no budget for: all but whose it
// is, and from where and to where it delivers. What is left must not be delivered.
func (s *Store) afford(u *unstructured.Unstructured, id syncline.AppID) []syncline.Condition {
	spec, _ := u.Object["spec"].(map[string]any)
	project, _ := spec["project"].(string)
	project = strings.Clone(project[:min(len(project), maxName)])
	source, _ := spec["source"].(map[string]any)
	sources, _ := spec["sources"].([]any)
	bytes := bytesOf(spec) + bytesOf(u.Object["operation"])
	for _, one := range append(slices.Clip(sources), source) {
		bytes += valuesObject(one) // which is held as it is written and as it is delivered
	}
	found := "the Applications of project " + fmt.Sprintf("%.100q", project) + " that say more than 64 KiB each say more than 4 MiB together"
	switch {
	case bytes > mostText:
		s.budget.forget(id)
		found = "it says more than 512 KiB, which is too much for a status that repeats it"
	case s.budget.take(id, project, bytes):
		return nil
	}
	keep(spec, "project", "destination", "source", "sources")
	keep(source, sourceNames()...)
	for _, one := range sources {
		source, _ := one.(map[string]any)
		keep(source, sourceNames()...)
	}
	delete(u.Object, "operation")
	return []syncline.Condition{{
		Type: syncline.InvalidSpecError, Message: found + ": keep values, parameters and patches in files of a repository, then refresh it",
	}}
}

// valuesObject returns about how many bytes the values of a source take that are an object.
func valuesObject(source any) int {
	fields, _ := source.(map[string]any)
	helm, _ := fields["helm"].(map[string]any)
	return bytesOf(helm["valuesObject"])
}

// sourceNames are the fields of a source that say where it is.
func sourceNames() []string {
	return []string{"repoURL", "path", "chart", "targetRevision", "ref", "name"}
}

// keep deletes all but some fields.
func keep(content map[string]any, names ...string) {
	maps.DeleteFunc(content, func(name string, _ any) bool { return !slices.Contains(names, name) })
}

// Forget drops what is remembered of an Application that is gone.
func (s *Store) Forget(id syncline.AppID) { s.budget.forget(id) }
