package engine

import (
	"context"
	"errors"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// want is how long an App wants what its turns asked for: a fetch, say. It
// outlasts turns that took too long, and ends with the first that did not, as
// that one waits for nothing any more.
type want struct {
	ctx context.Context
	end context.CancelFunc
}

// want returns a context in which what a turn asks for is wanted until
// [Engine.Abandon], and what the turn calls at its end.
func (e *Engine) want(ctx context.Context, id syncline.AppID) (turn context.Context, settle func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.wanting[id]
	if w == nil {
		w = &want{}
		w.ctx, w.end = context.WithCancel(context.WithoutCancel(ctx))
		e.wanting[id] = w
	}
	return demand.Until(ctx, w.ctx), func() {
		if !errors.As(context.Cause(ctx), new(overrunError)) {
			e.drop(id, w)
		}
	}
}

// Abandon says that an App is not as it was when it asked for what is under way
// now: what nobody else wants ends.
func (e *Engine) Abandon(id syncline.AppID) {
	e.mu.Lock()
	w := e.wanting[id]
	e.mu.Unlock()
	if w != nil {
		e.drop(id, w)
	}
}

// drop ends what an App wanted.
func (e *Engine) drop(id syncline.AppID, w *want) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.end()
	if e.wanting[id] == w {
		delete(e.wanting, id)
	}
}
