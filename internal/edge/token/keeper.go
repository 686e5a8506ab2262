// Package token has tokens for repositories from servers that exchange other
// credentials for them: GitHub for those of an App, Azure for those of an identity, and
// Google for those of a service account. It keeps a token in memory until shortly before
// its end. What is asked, and where, is said in internal/edge/exchange.
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
	"github.com/syncline-io/syncline/internal/edge/exchange"
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
	kept map[purpose]*exchange.Kept[sealed.Text]
}

// purpose is what a token is for: one serves all repositories of an account.
type purpose struct {
	exchange upstream.Exchange
	account  string
}

// New returns a Keeper without any token.
func New(options Options) *Keeper {
	if options.Getenv == nil {
		options.Getenv = os.Getenv
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Keeper{options: options, gate: dial.Gate{Allow: options.AllowAddresses}, kept: map[purpose]*exchange.Kept[sealed.Text]{}}
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
	text, err := mine.Get(ctx, k.options.Now, func(ctx context.Context) (sealed.Text, time.Duration, error) {
		given, err := k.ask(ctx, repo, deal)
		return given.Text, given.Lasts, err
	})
	if err != nil {
		return repo, about(repo, err)
	}
	repo.Exchange = upstream.Exchange{}
	deal.put(text, &repo)
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
	if mine := k.kept[of]; mine != nil {
		mine.Drop(func(text sealed.Text) bool {
			probe := repo
			deal.put(text, &probe)
			return probe.Password == signed.Password && probe.BearerToken == signed.BearerToken
		})
	}
}

// maxKept is how many tokens are kept. Of more, any are asked for again.
const maxKept = 1000

// place returns where the token of a purpose is.
func (k *Keeper) place(of purpose) *exchange.Kept[sealed.Text] {
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
	mine = exchange.NewKept[sealed.Text]()
	k.kept[of] = mine
	return mine
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
