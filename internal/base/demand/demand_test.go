package demand_test

import (
	"context"
	"slices"
	"testing"

	"github.com/syncline-io/syncline/internal/base/demand"
)

func TestAClaimTellsOfNewOwnersOnce(t *testing.T) {
	claim := demand.New("a")
	told := 0
	claim.Notify(func() { told++ })
	before := claim.Owners()
	claim.Join("a")
	claim.Join("b", "a", "c")
	claim.Join("c")
	claim.Notify(nil)
	claim.Join("d")
	if told != 1 || !slices.Equal(claim.Owners(), []string{"a", "b", "c", "d"}) || len(before) != 1 {
		t.Errorf("told %d times of %v, before %v", told, claim.Owners(), before)
	}
}

func TestWhatAContextDoesNotSay(t *testing.T) {
	ctx := t.Context()
	if owners := demand.Of(ctx).Owners(); !slices.Equal(owners, []string{""}) {
		t.Errorf("things are done for %q", owners)
	}
	if demand.Wanted(ctx) != ctx {
		t.Error("it is wanted longer than who asks waits")
	}
	wanted, cancel := context.WithCancel(ctx)
	asked, giveUp := context.WithCancel(demand.Until(demand.New("a").In(ctx), wanted))
	giveUp()
	if demand.Wanted(asked).Err() != nil || !slices.Equal(demand.Of(asked).Owners(), []string{"a"}) {
		t.Error("it is not wanted by a any more")
	}
	if cancel(); demand.Wanted(asked).Err() == nil {
		t.Error("it is wanted for ever")
	}
}
