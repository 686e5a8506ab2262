// Package token has tokens for repositories from servers that exchange other
// credentials for them: GitHub for those of an App, Azure for those of an identity, and
// Google for those of a service account. It keeps a token in memory until shortly before
// its end. Credentials go to no server but that which stands beside them, or else to that
// of whoever they are of; no redirect is followed, and no error shows more of an answer
// than its code.
//
//	keeper := token.New(token.Options{})
//	signed, err := keeper.Credentials(ctx, repo) // with a token in place of its Exchange
//	keeper.Refused(repo, signed)                 // the next one is a new one
package token

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Options are the choices of a Keeper. The zero value works.
type Options struct {
	// AllowAddresses are addresses of servers that may be asked though services of the
	// machine or the cloud are usually there. Default: none.
	AllowAddresses []netip.Prefix
	// Getenv tells the variables by which a cluster gives its workload an identity.
	// Default: [os.Getenv].
	Getenv func(name string) string
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
}

// Keeper has tokens. It is safe for concurrent use.
type Keeper struct {
	options Options
	gate    dial.Gate

	mu   sync.Mutex
	kept map[purpose]*kept
}

// purpose is what a token is for: one serves all repositories of an account.
type purpose struct {
	exchange upstream.Exchange
	account  string
}

// kept is a token that is kept, or asked for.
type kept struct {
	// asking holds an element while somebody asks for the token, and guards it.
	asking chan struct{}
	token  token
}

// token is what a server gave, and until when it is used.
type token struct {
	text  sealed.Text
	until time.Time
}

// New returns a Keeper without any token.
func New(options Options) *Keeper {
	if options.Getenv == nil {
		options.Getenv = os.Getenv
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Keeper{options: options, gate: dial.Gate{Allow: options.AllowAddresses}, kept: map[purpose]*kept{}}
}

// Credentials returns the repository with a token in place of its Exchange, which may
// ask a server. Errors name the repository: Invalid where the credentials cannot be used,
// Denied where the server refuses them, and Transient.
func (k *Keeper) Credentials(ctx context.Context, repo upstream.Repository) (upstream.Repository, error) {
	deal, err := k.dealOf(repo)
	if err != nil {
		return repo, about(repo, err)
	}
	mine := k.place(purpose{repo.Exchange, deal.account()})
	select {
	case mine.asking <- struct{}{}:
		defer func() { <-mine.asking }()
	case <-ctx.Done():
		return repo, about(repo, syncline.Errorf(syncline.Transient, "waiting for it: %w", ctx.Err()))
	}
	if !k.options.Now().Before(mine.token.until) {
		if mine.token, err = k.ask(ctx, repo, deal); err != nil {
			return repo, about(repo, err)
		}
	}
	repo.Exchange = upstream.Exchange{}
	deal.put(mine.token.text, &repo)
	return repo, nil
}

// Refused takes note that a server did not let in what [Keeper.Credentials] returned for
// a repository: it has ended early, and another one is asked for.
func (k *Keeper) Refused(repo, signed upstream.Repository) {
	deal, err := k.dealOf(repo)
	if err != nil {
		return
	}
	of := purpose{repo.Exchange, deal.account()}
	k.mu.Lock()
	defer k.mu.Unlock()
	mine := k.kept[of]
	if mine == nil {
		return
	}
	select {
	case mine.asking <- struct{}{}:
	default: // another one is asked for already
		return
	}
	defer func() { <-mine.asking }()
	probe := repo
	deal.put(mine.token.text, &probe)
	if probe.Password == signed.Password && probe.BearerToken == signed.BearerToken {
		mine.token = token{}
	}
}

// maxKept is how many tokens are kept. Of more, any are asked for again.
const maxKept = 1000

// place returns where the token of a purpose is.
func (k *Keeper) place(of purpose) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	mine := k.kept[of]
	if mine != nil {
		return mine
	}
	for other := range k.kept {
		if len(k.kept) < maxKept {
			break
		}
		delete(k.kept, other)
	}
	mine = &kept{asking: make(chan struct{}, 1)}
	k.kept[of] = mine
	return mine
}

// longest is how long a token is used at most, however long it is said to last.
const longest = 24 * time.Hour

// lasting returns a token that ends after a time, or a little before: what begins with
// it has to go well.
func (k *Keeper) lasting(text string, lasts time.Duration) (token, error) {
	if text == "" {
		return token{}, syncline.Errorf(syncline.Invalid, "the server answered no token")
	}
	lasts = min(max(lasts, 0), longest)
	return token{text: sealed.Text(text), until: k.options.Now().Add(lasts - min(5*time.Minute, lasts/5))}, nil
}

// about says for which repository a token is missing.
func about(repo upstream.Repository, err error) error {
	told := syncline.Errorf(syncline.KindOf(err), "repository %s: there is no token of its %s: %w", repo.Address, repo.Exchange, err)
	if hint := syncline.HintOf(err); hint != "" {
		return syncline.WithHint(told, hint)
	}
	if syncline.KindOf(err) != syncline.Transient && repo.Where != "" {
		return syncline.WithHint(told, "check the credentials in "+repo.Where)
	}
	return told
}
