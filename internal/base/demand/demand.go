// Package demand says, along a context, for whom something is done and how long
// it is wanted: what several want is done once, at the expense of any of them,
// and ends when nobody wants it any more.
package demand

import (
	"context"
	"slices"
	"sync"
)

// Claim is for whom one thing is done: its owners, of whom more may come while it
// is done or waits to be. It is safe for concurrent use.
type Claim struct {
	mu     sync.Mutex
	owners []string
	joined func()
}

// New returns a Claim of some owners.
func New(owners ...string) *Claim { return &Claim{owners: owners} }

// Join adds owners.
func (c *Claim) Join(owners ...string) {
	c.mu.Lock()
	before := len(c.owners)
	for _, owner := range owners {
		if !slices.Contains(c.owners, owner) {
			c.owners = append(slices.Clip(c.owners), owner)
		}
	}
	joined := c.joined
	if len(c.owners) == before {
		joined = nil
	}
	c.mu.Unlock()
	if joined != nil {
		joined()
	}
}

// Owners returns those who have joined, in their order.
func (c *Claim) Owners() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owners
}

// Notify has joined called whenever there are more owners; nil ends that.
func (c *Claim) Notify(joined func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joined = joined
}

// claimKey and wantedKey are where a context keeps what this package says by it.
type (
	claimKey  struct{}
	wantedKey struct{}
)

// In returns a context in which things are done for the owners of the Claim.
func (c *Claim) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

// Of returns for whom things are done in a context. Where that is not said, it is
// one owner without a name.
func Of(ctx context.Context) *Claim {
	if c, said := ctx.Value(claimKey{}).(*Claim); said {
		return c
	}
	return New("")
}

// Until returns a context in which what is asked for stays wanted until wanted
// ends, also when who asked has given up waiting for it.
func Until(ctx, wanted context.Context) context.Context {
	return context.WithValue(ctx, wantedKey{}, wanted)
}

// Wanted returns what ends when nobody wants any more what is asked for in a
// context: by default that context itself.
func Wanted(ctx context.Context) context.Context {
	if wanted, said := ctx.Value(wantedKey{}).(context.Context); said {
		return wanted
	}
	return ctx
}
