package engine

import (
	"context"
	"reflect"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/record"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// Comparer is what Sources may be able to do besides: compare revisions without
// rendering them. Where they cannot, every commit is taken to touch every App.
type Comparer interface {
	// Difference returns how two commits of a source differ.
	Difference(ctx context.Context, app syncline.App, source syncline.Source, before, after string) (*source.Difference, error)
}

// rendered is what a source rendered to: the request, without its files, and
// what was looked at for it.
type rendered struct {
	request render.Request
	reads   record.Reads
}

// Untouched reports whether nothing that the App's last turn rendered from
// differs in the revisions that its sources mean by now. A turn would come to
// the same then, but for the revisions. It is false where that cannot be told.
func (e *Engine) Untouched(ctx context.Context, app syncline.App) bool {
	comparer, able := e.Sources.(Comparer)
	last := e.rendered(app.ID)
	if !able || len(last) == 0 || len(last) != len(app.Sources) {
		return false
	}
	now := slices.Clone(last)
	for i, declared := range app.Sources {
		if !reflect.DeepEqual(declared, last[i].request.Source) {
			return false
		}
		commit, err := e.Sources.Resolve(ctx, app, declared, e.options.Poll)
		if err != nil {
			return false
		}
		if now[i].request.Revision = commit; commit == last[i].request.Revision {
			continue
		}
		difference, err := comparer.Difference(ctx, app, declared, last[i].request.Revision, commit)
		if err != nil || render.Touched(now[i].request, last[i].reads, difference) {
			return false
		}
	}
	e.remember(app.ID, now)
	return true
}

func (e *Engine) rendered(id syncline.AppID) []rendered {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[id]
}

// remember keeps what an App was rendered from; nothing when it cannot be told.
func (e *Engine) remember(id syncline.AppID, sources []rendered) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(sources) == 0 {
		delete(e.last, id)
		return
	}
	e.last[id] = sources
}
