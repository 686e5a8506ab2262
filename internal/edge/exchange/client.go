// Package exchange has tokens from servers that give them for other credentials, as OAuth
// 2.0 has it and as Azure, Google and AWS do, also for the identity that a cluster gives to
// a Pod. Credentials go to no server but that which stands beside them, or else to that of
// whoever they are of; no redirect is followed, and no error shows more of an answer than
// its code. It does not know what tokens are for.
package exchange

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Patience is how long an exchange may take.
const Patience = 30 * time.Second

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 1 << 20

// Client asks servers of tokens.
type Client struct {
	// Transport reaches them. It follows no redirect.
	Transport http.RoundTripper
	// Now is the clock.
	Now func() time.Time
}

// Token is what a server gave, and how long it is said to last.
type Token struct {
	Text  sealed.Text
	Lasts time.Duration
}

// Get asks for JSON.
func (c Client) Get(ctx context.Context, address string, header http.Header, answer any) error {
	return c.read(ctx, call{http.MethodGet, address, header, ""}, answer)
}

// Post sends a form, nothing when it is nil, and reads the JSON of the answer.
func (c Client) Post(ctx context.Context, address string, header http.Header, form url.Values, answer any) error {
	header = header.Clone()
	if form != nil {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c.read(ctx, call{http.MethodPost, address, header, form.Encode()}, answer)
}

// call is a request in the making.
type call struct {
	method, address string
	header          http.Header
	body            string
}

// read reads the JSON of what a call is answered.
func (c Client) read(ctx context.Context, what call, answer any) error {
	request, err := http.NewRequestWithContext(ctx, what.method, what.address, strings.NewReader(what.body))
	if err != nil {
		return syncline.Errorf(syncline.Invalid, "its server has an address that cannot be read")
	}
	if what.header != nil {
		request.Header = what.header
	}
	text, err := c.Send(request)
	if err == nil && json.Unmarshal(text, answer) != nil {
		err = syncline.Errorf(syncline.Invalid, "server %s answered what is no token", request.URL.Host)
	}
	return err
}

// Send sends a request, and returns what a server answers that succeeded. Errors are
// Denied where it refuses, Transient where it may answer otherwise later, and Invalid.
func (c Client) Send(request *http.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(request.Context(), Patience)
	defer cancel()
	request = request.WithContext(ctx)
	response, err := c.Transport.RoundTrip(request)
	if err != nil {
		return nil, unreachable(request, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreachable(request, err)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		return nil, refused(request, response.StatusCode, text)
	case len(text) > maxAnswer:
		return nil, syncline.Errorf(syncline.Invalid, "server %s answered more than %d bytes", request.URL.Host, maxAnswer)
	}
	return text, nil
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
	return syncline.Errorf(kind, "server %s answered %d%s", request.URL.Host, status, code)
}

// codeOf returns the code of an error as OAuth or AWS has it, in parentheses.
func codeOf(text []byte) string {
	var oauth struct {
		Error string `json:"error"`
	}
	var aws struct {
		Code string `xml:"Error>Code"`
	}
	code := ""
	if json.Unmarshal(text, &oauth) == nil {
		code = oauth.Error
	} else if xml.Unmarshal(text, &aws) == nil {
		code = aws.Code
	}
	if !regexp.MustCompile(`^[A-Za-z_]{1,60}$`).MatchString(code) {
		return ""
	}
	return " (" + code + ")"
}

// Base reads the address that others begin with: one of http(s), without a user.
func Base(what, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", syncline.Errorf(syncline.Invalid, "the address of %s is no http or https address", what)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// grant asks for a token: https://www.rfc-editor.org/rfc/rfc6749#section-5.1.
func (c Client) grant(ctx context.Context, address string, form url.Values) (Token, error) {
	var answer oauth
	err := c.Post(ctx, address, nil, form, &answer)
	return answer.token(), err
}

// oauth is how OAuth 2.0 answers.
type oauth struct {
	Token   string `json:"access_token"`
	Seconds int64  `json:"expires_in"`
}

func (o oauth) token() Token {
	return Token{sealed.Text(o.Token), time.Duration(min(max(o.Seconds, 0), int64(longest/time.Second))) * time.Second}
}
