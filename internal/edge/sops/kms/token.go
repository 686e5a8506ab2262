package kms

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// earlier is how long before its end a token is asked for anew.
const earlier = time.Minute

// token is an access token that is asked for when it is needed, and kept until shortly
// before its end.
type token struct {
	client *Client
	ask    func(ctx context.Context) (*http.Request, error)

	mu    sync.Mutex
	text  string
	until time.Time
}

// authorize adds the token to a request. Who waits for one that is asked for waits for
// nobody else's: a token is of one project.
func (t *token) authorize(request *http.Request) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.client.now().Before(t.until) {
		if err := t.renew(request.Context()); err != nil {
			return err
		}
	}
	request.Header.Set("Authorization", "Bearer "+t.text)
	return nil
}

func (t *token) renew(ctx context.Context) error {
	request, err := t.ask(ctx)
	if err != nil {
		return err
	}
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if err := t.client.post(request, &answer); err != nil {
		return err
	}
	if answer.Token == "" {
		return syncline.Errorf(syncline.Denied, "the service answered no token")
	}
	lasts := min(time.Duration(max(answer.Seconds, 0))*time.Second, time.Hour)
	t.text, t.until = answer.Token, t.client.now().Add(lasts-earlier)
	return nil
}
