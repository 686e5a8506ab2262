package git

import (
	"context"
	"errors"

	"github.com/syncline-io/syncline/internal/edge/gate"
)

// A search for a commit of which only the first digits are known fetches the history of
// all branches and tags into a folder of its own, without files where the server can
// leave them out: nobody who reads or fetches files waits for it. What is fetched for one
// search is there for the next.
//
// A commit that a server does not send by its name is searched where its files are to be.
// That has the only place to write to a mirror as long as nobody else wants it: for a
// commit that is known, it is interrupted, and begins again when nobody waits any more.

// findKey begins the keys of flights that do nothing else than search.
const findKey = "find "

// errGaveWay says that a search was interrupted.
var errGaveWay = errors.New("other fetches of it come first")

// place is the place of a flight to write to a mirror.
type place struct {
	gate   *gate.Gate
	ticket *gate.Ticket
}

// search returns a context that ends when the place is wanted for something else
// than a search, until the function is called.
func (p place) search(ctx context.Context) (context.Context, func()) {
	return p.gate.Search(ctx, p.ticket)
}
