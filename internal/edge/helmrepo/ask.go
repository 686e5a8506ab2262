package helmrepo

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/gate"
)

// request is one for a file of a repository.
type request struct {
	remote *remote
	to     *url.URL
	// what is what messages say that was asked for.
	what    string
	timeout time.Duration
	header  http.Header
	// plain wants the file as it is, and not compressed on its way; pass sends the
	// credentials of the repository to whatever host it is on.
	plain, pass bool
}

// conditional reports whether the server may answer that nothing has changed.
func (q request) conditional() bool {
	return q.header.Get("If-None-Match") != "" || q.header.Get("If-Modified-Since") != ""
}

// Causes of giving up.
var (
	errStalled = errors.New("nothing came for too long")
	errSlow    = errors.New("it took too long")
)

// ask performs a request, and has what is answered read: with status 200, or 304 where
// that was possible. What read returns is the error, but for what the connection failed
// with.
func (s *Store) ask(ctx context.Context, asking request, read func(answer *http.Response, body io.Reader) error) error {
	if until := s.paused(asking); !until.IsZero() {
		return asking.errorf(syncline.Transient, "", "its server asked to be left alone until %s", until.UTC().Format(time.RFC3339))
	}
	place := gate.NewTicket(hostPort(asking.to), nil, demand.Of(ctx))
	if err := s.enter(ctx, asking, place); err != nil {
		return err
	}
	defer s.gate.Leave(place)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, cancelSlow := context.WithTimeoutCause(ctx, asking.timeout, errSlow)
	defer cancelSlow()
	answer, err := s.client(asking).Do(asking.get(ctx))
	if err != nil {
		return asking.failed(ctx, err)
	}
	defer answer.Body.Close()
	if same := answer.StatusCode == http.StatusNotModified && asking.conditional(); !same && answer.StatusCode != http.StatusOK {
		s.pause(asking, answer)
		return asking.refused(answer.StatusCode)
	}
	body := &patient{from: answer.Body, timeout: s.options.StallTimeout, timer: time.AfterFunc(s.options.StallTimeout, func() { cancel(errStalled) })}
	defer body.timer.Stop()
	err = read(answer, body)
	switch {
	case body.failed != nil:
		return asking.failed(ctx, body.failed)
	case errors.Is(err, archive.ErrNoRoom): // of which no server is the reason
		return syncline.WithHint(syncline.Errorf(syncline.Transient, "%s: %w", asking.what, err), syncline.HintOf(err))
	case err != nil:
		return asking.errorf(syncline.KindOf(err), syncline.HintOf(err), "%w", err)
	}
	return nil
}

// get is the request as it is sent.
func (q request) get(ctx context.Context) *http.Request {
	get := (&http.Request{Method: http.MethodGet, URL: q.to, Host: q.to.Host, Header: q.header}).WithContext(ctx)
	if get.Header == nil {
		get.Header = http.Header{}
	}
	get.Header.Set("User-Agent", "syncline")
	if q.plain {
		get.Header.Set("Accept-Encoding", "identity")
	}
	return get
}

// enter waits for a place of the server, up to a time. The error says what it waited for,
// and names nobody who is in the way.
func (s *Store) enter(ctx context.Context, asking request, place *gate.Ticket) error {
	limited, cancel := context.WithTimeout(ctx, s.options.WaitTimeout)
	defer cancel()
	why := s.gate.Enter(limited, place)
	switch {
	case why == nil:
		return nil
	case ctx.Err() != nil:
		return syncline.Errorf(syncline.Transient, "%s: waiting to ask its server: %w", asking.what, ctx.Err())
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "%s was not asked for within %s: %w", asking.what, s.options.WaitTimeout, why),
		"it is tried again by itself; look for repositories of the project whose server does not answer")
}

// patient reads an answer as long as something comes, and remembers what failed.
type patient struct {
	from    io.Reader
	timeout time.Duration
	timer   *time.Timer
	failed  error
}

// Read reads on.
func (p *patient) Read(data []byte) (int, error) {
	n, err := p.from.Read(data)
	if n > 0 {
		p.timer.Reset(p.timeout)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.failed = err
	}
	return n, err
}

// hidden reports whether reasons are not told: of a repository that no Secret names, and of
// a server that only its index names.
func (q request) hidden() bool {
	return q.remote.hidden || q.remote.hides && originOf(q.to) != originOf(q.remote.base)
}

// errorf is an error of what was asked for. Of one whose reasons are hidden, all read alike,
// and the log has them.
func (q request) errorf(kind syncline.Kind, hint, format string, args ...any) error {
	if q.hidden() {
		slog.Info("a chart or an index cannot be read from a server that no Secret names",
			"repository", q.remote.name, "reason", visible.Line(fmt.Errorf(format, args...).Error()))
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "%s: access was refused, or it is not there, or it cannot be reached", q.what),
			"check the address; if it is private, "+q.remote.credentialsHint()+"; the log of the agent has the reason")
	}
	err := syncline.Errorf(kind, "%s: "+format, append([]any{q.what}, args...)...)
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}

// failed says why there was no answer, or not a whole one.
func (q request) failed(ctx context.Context, err error) error {
	host := visible.Line(q.to.Host)
	if told, ok := errors.AsType[*syncline.Error](err); ok {
		return q.errorf(told.Kind, told.Hint, "%w", told)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(err, dial.ErrNotAsked):
		return q.errorf(syncline.Invalid, "if a repository is there, allow the address", "%w", dial.ErrNotAsked)
	case errors.Is(cause, errStalled), isTimeout(err) && ctx.Err() == nil:
		return q.errorf(syncline.Transient, "", "server %s: nothing came for too long", host)
	case errors.Is(cause, errSlow):
		return q.errorf(syncline.Transient, "", "server %s: it was not done within %s", host, q.timeout)
	case ctx.Err() != nil:
		return syncline.Errorf(syncline.Transient, "%s: %w", q.what, ctx.Err())
	}
	return q.disconnected(host, err)
}

// disconnected says why there is no connection to a server.
func (q request) disconnected(host string, err error) error {
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	var connect *net.OpError
	switch {
	case errors.As(err, &certificate):
		return q.errorf(syncline.Transient, "add the certificate of its authority to "+cmp.Or(q.remote.repo.CAIn, "the repository's settings"), "server %s: its certificate is not trusted: %s", host, clean(err))
	case errors.As(err, &connect) && connect.Op == "remote error": // an alert of TLS, in words of our own
		return q.errorf(syncline.Denied, q.remote.credentialsHint(), "server %s refused to talk: %s", host, clean(connect.Err))
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // which has no type
		return q.errorf(syncline.Transient, "check whether its address begins with http:// or https://", "server %s does not speak TLS", host)
	case errors.As(err, &lookup):
		return q.errorf(syncline.Transient, "", "could not resolve host %s", host)
	case errors.As(err, &connect) && connect.Op == "dial":
		return q.errorf(syncline.Transient, "", "could not connect to %s: %s", host, errnoOf(err))
	default:
		return q.errorf(syncline.Transient, "", "server %s: the connection was dropped: %s", host, errnoOf(err))
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// errnoOf says what the operating system said, if it did: nothing that a server sent.
func errnoOf(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "it ended too early"
	}
	return "no further reason"
}

// clean makes a text that names certificates fit to be shown.
func clean(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, "x509: "); at >= 0 {
		text = text[at+len("x509: "):]
	}
	return fmt.Sprintf("%.300s", visible.Line(text))
}

// refused says what a server meant that answered with another status.
func (q request) refused(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		hint := q.remote.credentialsHint()
		if q.pass && originOf(q.to) != originOf(q.remote.base) && !q.remote.passesTo(q.to) {
			hint = "no credentials were sent, because the index alone names this server: let the repository's settings pass them on to it"
		}
		return q.errorf(syncline.Denied, hint, "access was refused: server %s answered %d", visible.Line(q.to.Host), status)
	case http.StatusNotFound, http.StatusGone:
		return q.errorf(syncline.NotFound, "check the address; servers also answer this way when credentials are missing or may not see it",
			"server %s has no %s", visible.Line(q.to.Host), visible.Line(q.to.Path))
	default:
		return q.errorf(syncline.Transient, "", "server %s answered %d", visible.Line(q.to.Host), status)
	}
}

func (r *remote) credentialsHint() string {
	where := cmp.Or(r.repo.Where, "the repository's settings")
	switch {
	case r.repo.Exchange.String() != "":
		return fmt.Sprintf("its Secret has credentials of a %s, which are not supported for Helm repositories: put a user name and password or token into it", r.repo.Exchange)
	case r.repo.Unsupported != "":
		return fmt.Sprintf("its Secret has %s, which is not supported for Helm repositories: put a user name and password or token into it", r.repo.Unsupported)
	case r.header != "" || r.certificate != nil:
		return "check the credentials in " + where
	}
	return "put a user name and password or token into " + where
}

// pauseKey is who asked whom.
type pauseKey struct {
	access upstream.Access
	host   string
}

// The bounds of being asked to wait.
const (
	longestPause = 10 * time.Minute
	maxPauses    = 1000
)

// pause remembers that a server asked to be left alone for a while, if it did.
func (s *Store) pause(asking request, answer *http.Response) {
	if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return
	}
	var wait time.Duration
	said := answer.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(said); err == nil {
		wait = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(said); err == nil {
		wait = time.Until(at)
	}
	if wait <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, until := range s.pauses {
		if time.Now().After(until) || len(s.pauses) >= maxPauses {
			delete(s.pauses, other)
		}
	}
	s.pauses[pauseKey{asking.remote.access, asking.to.Host}] = time.Now().Add(min(wait, longestPause))
}

// paused returns until when a server wants to be left alone, zero when it does not.
func (s *Store) paused(asking request) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.pauses[pauseKey{asking.remote.access, asking.to.Host}]
	if time.Now().After(until) {
		return time.Time{}
	}
	return until
}

// versionOf returns the version that a revision names.
func versionOf(revision string) string {
	version, _, _ := strings.Cut(revision, "@")
	return version
}

// shown is how a message calls what somebody wrote.
func shown(text string) string {
	const longest = 100
	text = visible.Line(text)
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	if text == "" {
		return `""`
	}
	return text
}
