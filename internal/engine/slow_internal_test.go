package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/gather"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
)

// slowVillage takes for ever to fetch what one project's Apps follow.
type slowVillage struct {
	*village
	asked  sync.Mutex
	wanted []context.Context
}

func (v *slowVillage) Difference(ctx context.Context, app syncline.App, of syncline.Source, before, after string) (*difference.Paths, error) {
	if app.Project != "alone" {
		return v.village.Difference(ctx, app, of, before, after)
	}
	v.asked.Lock()
	v.wanted = append(v.wanted, demand.Wanted(ctx))
	v.asked.Unlock()
	<-ctx.Done()
	return nil, syncline.Errorf(syncline.Transient, "waiting for a fetch: %w", ctx.Err())
}

// TestASlowCommitHoldsUpNoOther of the same repository, and is wanted until the
// turns of those who follow it have begun.
func TestASlowCommitHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &slowVillage{village: settle([]int{0, 3})} // commits of both files
		v.engine.Sources, v.engine.gatherer = v, gather.New(v, nil)
		for _, app := range v.apps {
			v.begin(app)
			v.end(app)
		}
		v.step()
		v.step()
		began := time.Now()
		touched := v.engine.Touched(t.Context(), upstream.Key(repoURL))
		if took := time.Since(began); took > followLimit {
			t.Errorf("others waited %s", took)
		}
		for _, app := range v.apps {
			if !slices.Contains(touched, app.ID) {
				t.Errorf("%s is not told", app.ID.Name)
			}
		}
		wanted := func() bool {
			return slices.ContainsFunc(v.wanted, func(ctx context.Context) bool { return ctx.Err() == nil })
		}
		if !wanted() {
			t.Error("what a turn is about to ask for has ended")
		}
		time.Sleep(followLimit) //nolint:forbidigo // of the bubble's clock
		if synctest.Wait(); wanted() {
			t.Error("it is wanted for ever")
		}
	})
}
