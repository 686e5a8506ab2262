package token

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// patience is how long an exchange may take.
const patience = 30 * time.Second

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 1 << 20

// client asks servers of tokens, by the proxy and with the authorities of the repository.
type client struct {
	transport *transport.Transport
	// header goes with every request.
	header http.Header
}

func newClient(repo upstream.Repository, gate dial.Gate) (*client, error) {
	own := net.JoinHostPort(repo.Address.Host(), repo.Address.Port())
	reached, err := transport.New(repo, own, transport.Options{Gate: gate, StallTimeout: patience})
	if err != nil {
		return nil, err
	}
	return &client{transport: reached}, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// send sends a form, or nothing, and reads the JSON of the answer.
func (c *client) send(ctx context.Context, method, address string, form url.Values, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return syncline.Errorf(syncline.Invalid, "its server has an address that cannot be read")
	}
	if c.header != nil {
		request.Header = c.header.Clone()
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := c.transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		return unreachable(request, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unreachable(request, err)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		return refused(request, response.StatusCode, text)
	case len(text) > maxAnswer:
		return syncline.Errorf(syncline.Invalid, "server %s answered more than %d bytes", request.URL.Host, maxAnswer)
	case json.Unmarshal(text, answer) != nil:
		return syncline.Errorf(syncline.Invalid, "server %s answered what is no token", request.URL.Host)
	}
	return nil
}

// unreachable says why there is no answer.
func unreachable(request *http.Request, err error) error {
	switch {
	case errors.Is(err, dial.ErrNotAsked):
		return syncline.Errorf(syncline.Invalid, "%s: %w", request.URL.Host, dial.ErrNotAsked)
	case request.Context().Err() != nil:
		return syncline.Errorf(syncline.Transient, "server %s did not answer: %w", request.URL.Host, request.Context().Err())
	}
	return syncline.Errorf(syncline.Transient, "server %s was not reached: %w", request.URL.Host, err)
}

// refused says what an answer other than success means.
func refused(request *http.Request, status int, text []byte) error {
	code := codeOf(text)
	kind := syncline.Invalid
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, code != "" && status == http.StatusBadRequest:
		kind = syncline.Denied
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		kind = syncline.Transient
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return syncline.Errorf(kind, "server %s sends us on, which credentials do not follow", request.URL.Host)
	}
	err := syncline.Errorf(kind, "server %s answered %d%s", request.URL.Host, status, code)
	if status == http.StatusNotFound {
		return syncline.WithHint(err, "check that the App is installed where the repository is, and may see it")
	}
	return err
}

// codeOf returns the code of an error as OAuth has it, in parentheses.
func codeOf(text []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &answer) != nil || !regexp.MustCompile(`^[a-z_]{1,60}$`).MatchString(answer.Error) {
		return ""
	}
	return " (" + answer.Error + ")"
}

// base reads the address that others begin with: one of http(s), without a user.
func base(what, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", syncline.Errorf(syncline.Invalid, "the address of %s is no http or https address", what)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
