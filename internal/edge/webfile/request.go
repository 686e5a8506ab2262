package webfile

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// request is how a file is asked for.
type request struct {
	*Store
	repo upstream.Repository
	to   *url.URL
}

// answer is what a server said.
type answer struct {
	// same says that it is what it was.
	same           bool
	content        []byte
	etag, modified string
}

func (s *Store) request(repo upstream.Repository) (*request, error) {
	if err := repo.Address.Err(); err != nil {
		return nil, err
	}
	to, err := url.Parse(repo.Address.URL())
	if err != nil || to.Scheme != "https" && to.Scheme != "http" {
		return nil, about(repo, syncline.Invalid, "only http and https are asked for a file")
	}
	return &request{s, repo, to}, nil
}

// client returns what asks for a file, and where it is sent on to. Credentials go to the
// server of the file alone.
func (q *request) client() (*http.Client, func(), error) {
	own := transport.HostOf(q.to)
	reached, err := transport.New(q.repo, own, transport.Options{Gate: q.options.Addresses})
	if err != nil {
		return nil, nil, err
	}
	authorize := func(next *http.Request) {
		next.Header.Del("Authorization")
		next.Header.Del("Referer")
		if transport.HostOf(next.URL) == own && next.URL.Scheme == q.to.Scheme {
			q.authorize(next)
		}
	}
	return &http.Client{
		Transport: guarded{q.options.Addresses, reached, authorize},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			const most = 10
			switch {
			case len(before) >= most:
				return syncline.Errorf(syncline.Transient, "it redirects more than %d times", most)
			case next.URL.Scheme != "https" && (q.to.Scheme == "https" || next.URL.Scheme != "http"):
				return syncline.Errorf(syncline.Invalid, "it redirects to an address without https")
			}
			return nil
		},
	}, reached.CloseIdleConnections, nil
}

// guarded sends each request, also one that another was redirected to, to no address that
// is not asked, and with no credentials but those that belong there.
type guarded struct {
	gate      dial.Gate
	transport http.RoundTripper
	authorize func(*http.Request)
}

// RoundTrip sends a request.
func (g guarded) RoundTrip(asked *http.Request) (*http.Response, error) {
	if !g.gate.AsksHost(asked.URL.Hostname()) { // also behind a proxy
		return nil, dial.ErrNotAsked
	}
	asked = asked.Clone(asked.Context())
	g.authorize(asked)
	return g.transport.RoundTrip(asked)
}

func (q *request) authorize(next *http.Request) {
	user, password := q.repo.Username, q.repo.Password.Reveal()
	if user == "" && password == "" {
		user, password = q.repo.Address.User(), q.repo.Address.Password().Reveal()
	}
	switch token := strings.TrimSpace(q.repo.BearerToken.Reveal()); {
	case token != "":
		next.Header.Set("Authorization", "Bearer "+token)
	case user != "" || password != "":
		next.SetBasicAuth(user, password)
	}
}

// send asks for a file, unless it is as it is known.
func (q *request) send(ctx context.Context, known *file) (answer, error) {
	client, done, err := q.client()
	if err != nil {
		return answer{}, err
	}
	defer done()
	ask := (&http.Request{Method: http.MethodGet, URL: q.to, Host: q.to.Host, Header: http.Header{"User-Agent": {"syncline"}}}).WithContext(ctx)
	if known.etag != "" {
		ask.Header.Set("If-None-Match", known.etag)
	}
	if known.modified != "" {
		ask.Header.Set("If-Modified-Since", known.modified)
	}
	got, err := client.Do(ask)
	if err != nil {
		return answer{}, q.failed(ctx, err)
	}
	defer got.Body.Close()
	if got.StatusCode == http.StatusNotModified && (known.etag != "" || known.modified != "") {
		return answer{same: true}, nil
	}
	if got.StatusCode != http.StatusOK {
		return answer{}, q.refused(got)
	}
	content, err := io.ReadAll(io.LimitReader(got.Body, q.options.MaxBytes+1))
	switch {
	case err != nil:
		return answer{}, q.failed(ctx, err)
	case int64(len(content)) > q.options.MaxBytes:
		return answer{}, q.errorf(syncline.Invalid, "", "it has more than %d bytes", q.options.MaxBytes)
	case bytes.HasPrefix(bytes.TrimSpace(content), []byte("<")):
		return answer{}, q.errorf(syncline.Invalid, "name the address at which the file itself is, as raw.githubusercontent.com has it", "its server answers with a page")
	}
	return answer{content: content, etag: got.Header.Get("ETag"), modified: got.Header.Get("Last-Modified")}, nil
}

// failed says why there was no answer, or not a whole one.
func (q *request) failed(ctx context.Context, err error) error {
	var certificate *tls.CertificateVerificationError
	if told, ok := errors.AsType[*syncline.Error](err); ok {
		return q.errorf(told.Kind, told.Hint, "%w", told)
	}
	switch {
	case errors.Is(err, dial.ErrNotAsked):
		return q.errorf(syncline.Invalid, "if the file is there, allow the address", "%w", dial.ErrNotAsked)
	case ctx.Err() != nil:
		return about(q.repo, syncline.Transient, "it was not read in time: %w", ctx.Err())
	case errors.As(err, &certificate):
		return q.errorf(syncline.Transient, "add the certificate of its authority to the repository's settings", "the certificate of its server is not trusted")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // without the address, in which a query may be
		err = wrapped.Err
	}
	return q.errorf(syncline.Transient, "", "its server was not reached: %.300s", visible.Line(err.Error()))
}

// refused says what a server meant that answered with another status.
func (q *request) refused(got *http.Response) error {
	hint := "put a user name and password or token into " + cmp.Or(q.repo.Where, "the repository's settings")
	switch status := got.StatusCode; status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return q.errorf(syncline.Denied, hint, "access was refused: its server answered %d", status)
	case http.StatusNotFound, http.StatusGone:
		return q.errorf(syncline.NotFound, "check the address; servers also answer this way when credentials are missing: "+hint, "it is not there: its server answered %d", status)
	default:
		return q.errorf(syncline.Transient, "", "its server answered %d", status)
	}
}

// errorf is an error about a file. Of one whose reasons are hidden, all read alike, and the
// log has them.
func (q *request) errorf(kind syncline.Kind, hint, format string, args ...any) error {
	if q.options.HideReasons && !q.repo.Declared {
		slog.Info("a file cannot be read from a server that no Secret names",
			"file", q.repo.Address.String(), "reason", visible.Line(fmt.Errorf(format, args...).Error()))
		return syncline.WithHint(about(q.repo, syncline.Transient, "access was refused, or it is not there, or it cannot be reached"),
			"check the address; if it is private, put credentials into "+cmp.Or(q.repo.Where, "the repository's settings")+"; the log of the agent has the reason")
	}
	err := about(q.repo, kind, format, args...)
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}

// about is an error that names the file.
func about(repo upstream.Repository, kind syncline.Kind, format string, args ...any) error {
	return syncline.Errorf(kind, "file %s: "+format, append([]any{repo.Address}, args...)...)
}
