package plan

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/plan/compare"
)

// reads is how many live objects of one plan are read at once.
const reads = 8

// kept is what an object asks for that keeps what is live and not its own to say:
// ignored fields, and what others want of a namespace.
type kept struct {
	question compare.Question
	desired  syncline.Object
	// disputes says what is left to others.
	disputes []string
	// nothing says that nothing is left to ask for, and that nothing has to go.
	nothing bool
}

// keeper finds out what a change keeps.
type keeper func(context.Context, syncline.Change) (kept, error)

// respect lets the objects with RespectIgnoreDifferences ask for what is live in
// the fields that the App ignores, and for what is declared where nothing is live.
// Leaving these fields out would not do: an apply removes what our manager owns
// and does not ask for any more. What is wanted of a namespace gives way likewise. The
// live object is read once for each of its states that matters.
func (b *build) respect(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reads)
	found := make([]kept, len(b.changes))
	for i := range b.changes {
		c := &b.changes[i]
		live, exists := b.Memory.Get(c.Ref)
		keep := b.keeperOf(*c, live)
		if c.Refused || !exists || live.Terminating || keep == nil {
			continue
		}
		asked, err := b.comparer.QuestionOf(*c, live)
		if err != nil {
			return err
		}
		if known, ok := b.respected[c.Ref]; ok && known.question == asked {
			found[i] = known
			continue
		}
		group.Go(func() (err error) {
			found[i], err = keep(ctx, *c)
			found[i].question = asked
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.keepAll(found)
	return nil
}

// keepAll lets the changes ask for what was found, and remembers it.
func (b *build) keepAll(found []kept) {
	b.respected = map[syncline.Ref]kept{}
	var changes []syncline.Change
	for i, k := range found {
		c := b.changes[i]
		if !k.desired.IsZero() {
			c.Desired, b.respected[c.Ref] = k.desired, k
		}
		for _, dispute := range k.disputes {
			b.warn(syncline.SharedResourceWarning, dispute)
		}
		if !k.nothing {
			changes = append(changes, c)
		}
	}
	b.changes = changes
}

// keeperOf returns what finds out what a change keeps, nil when it keeps nothing.
func (b *build) keeperOf(c syncline.Change, live syncline.Live) keeper {
	switch {
	case b.comparer.Respects(c):
		return b.keepIgnored
	case c.Role == syncline.RoleNamespace && live.To(c.Desired.Manager()).Applied != c.Desired.Digest():
		return b.giveWay
	}
	return nil
}

// keepIgnored finds out what a change keeps of the fields that the App ignores.
func (b *build) keepIgnored(ctx context.Context, c syncline.Change) (kept, error) {
	desired, err := b.comparer.Keep(ctx, c)
	return kept{desired: desired}, err
}
