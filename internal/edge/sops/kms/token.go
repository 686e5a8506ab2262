package kms

import (
	"context"
	"net/http"
	"time"

	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// bearer authorizes requests by a token that is asked for when it is needed. Who waits for
// one that is asked for waits for nobody else's: a token is of one project.
type bearer struct {
	client *Client
	ask    func(ctx context.Context) (exchange.Token, error)
	kept   *exchange.Kept[sealed.Text]
}

func (c *Client) bearer(ask func(ctx context.Context) (exchange.Token, error)) *bearer {
	return &bearer{c, ask, exchange.NewKept[sealed.Text]()}
}

// authorize adds the token to a request.
func (b *bearer) authorize(request *http.Request) error {
	text, err := b.kept.Get(request.Context(), b.client.now, func(ctx context.Context) (sealed.Text, time.Duration, error) {
		given, err := b.ask(ctx)
		return given.Text, given.Lasts, err
	})
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+text.Reveal())
	}
	return err
}
