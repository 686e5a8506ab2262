package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/edge/flight"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// registry is a registry as it is reached with the same credentials and settings: nothing
// that it says for one repository.
type registry struct {
	// host is host and port.
	scheme, host string
	transport    *transport.Transport
	options      *Options
	flights      *flight.Group
	gate         *gate.Gate
	tagged       *tagged
}

// memory is what is remembered of one repository, as it is reached in one way: what a
// registry says for one concerns no other.
type memory struct {
	auth auth
	// pause is until when nothing is asked, because too much was.
	pause gate.Pause
}

// received is an answer that was read.
type received struct {
	body []byte
	head http.Header
	// unchanged says that what is known is still so.
	unchanged bool
}

// get asks for what is at a URL of the repository, and reads the answer, whose body has
// at most so many bytes.
func (p *place) get(ctx context.Context, url string, head http.Header, most int64) (received, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return received{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, p.options.RequestTimeout)
	defer cancel()
	answer, err := p.ask(ctx, http.MethodGet, url, head)
	if err != nil {
		return received{}, err
	}
	defer answer.Body.Close()
	body, err := readAll(answer, most)
	return received{body, answer.Header, answer.StatusCode == http.StatusNotModified}, err
}

// readAll reads an answer of at most so many bytes.
func readAll(answer *http.Response, most int64) ([]byte, error) {
	if answer.ContentLength <= most {
		body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
		switch {
		case err != nil:
			return nil, unsent(err)
		case int64(len(body)) <= most:
			return body, nil
		}
	}
	return nil, failf(syncline.Invalid, "an answer is larger than the %d bytes that are read", most)
}

// enter waits until something may be asked of the registry, up to a time, and returns what
// ends that. The error says what it waited for, and names nobody who is in the way.
func (p *place) enter(ctx context.Context) (leave func(), err error) {
	limited, cancel := context.WithTimeout(ctx, p.options.WaitTimeout)
	defer cancel()
	ticket := gate.NewTicket(p.host, nil, demand.Of(ctx))
	why := p.gate.Enter(limited, ticket)
	switch {
	case why == nil:
		return func() { p.gate.Leave(ticket) }, nil
	case ctx.Err() != nil:
		return nil, givenUp(ctx.Err())
	}
	return nil, syncline.WithHint(
		syncline.Errorf(syncline.Transient, "it could not be read within %s: %w", p.options.WaitTimeout, why),
		"it is tried again by itself; look for repositories of the project whose server does not answer")
}

// ask sends a request that changes nothing, with credentials where the registry wants
// some, and returns an answer that is what was asked for. Close its body.
func (p *place) ask(ctx context.Context, method, to string, head http.Header) (*http.Response, error) {
	for again := false; ; again = true {
		credentials, err := p.authorization(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := p.follow(ctx, method, to, head, credentials)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode == http.StatusUnauthorized && !again {
			discard(answer)
			helps, err := p.challenged(answer.Header.Values("WWW-Authenticate"), credentials)
			if err != nil {
				return nil, err
			}
			if helps {
				continue
			}
		}
		if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusNotModified {
			return answer, nil
		}
		discard(answer)
		return nil, p.refusal(answer)
	}
}

// discard gives the connection of an answer back that nobody reads.
func discard(answer *http.Response) {
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // what is longer costs the connection
	_ = answer.Body.Close()
}

// maxRedirects is how often one request is sent on.
const maxRedirects = 5

// follow sends a request, and again to where it is sent on: there without credentials,
// unless that is the registry itself, and never from TLS to where there is none.
func (p *place) follow(ctx context.Context, method, to string, head http.Header, credentials string) (*http.Response, error) {
	for range maxRedirects {
		request, err := http.NewRequestWithContext(ctx, method, to, nil)
		if err != nil {
			return nil, failf(syncline.Transient, "it names an address that cannot be read")
		}
		maps.Copy(request.Header, head)
		request.Header.Set("User-Agent", "syncline")
		request.Header.Set("Accept-Encoding", "identity") // a digest is of the bytes as they are
		if credentials != "" && p.is(request.URL) {
			request.Header.Set("Authorization", credentials)
		}
		answer, err := p.send(request)
		if err != nil {
			return nil, err
		}
		if !slices.Contains([]int{301, 302, 303, 307, 308}, answer.StatusCode) {
			return answer, nil
		}
		discard(answer)
		if to, err = sentOn(request.URL, answer.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
	return nil, failf(syncline.Transient, "it sends us on more than %d times", maxRedirects)
}

// sentOn returns where a request is sent on.
func sentOn(from *url.URL, location string) (string, error) {
	next, err := from.Parse(location)
	if err != nil || next.Host == "" || next.User != nil || next.Scheme != "https" && next.Scheme != from.Scheme {
		return "", failf(syncline.Transient, "it sends us on to where nothing is asked: an address without TLS, or none")
	}
	return next.String(), nil
}

// is reports whether a URL is one of the registry itself.
func (r *registry) is(u *url.URL) bool {
	return u.Scheme == r.scheme && transport.HostOf(u) == r.host
}

// send sends a request, unless it was said of the repository that too many were.
func (p *place) send(request *http.Request) (*http.Response, error) {
	if wait := p.pause.Left(); wait > 0 {
		return nil, tooOften(wait)
	}
	answer, err := p.transport.RoundTrip(request)
	if err != nil {
		if request.Context().Err() != nil {
			err = request.Context().Err()
		}
		if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
			return nil, failf(syncline.Transient, "%s", clean(err.Error())).withHint("add the certificate of its authority to " + p.authorities)
		}
		return nil, unsent(err)
	}
	if answer.StatusCode == http.StatusTooManyRequests || isZero(answer.Header.Get("RateLimit-Remaining")) {
		p.pause.Begin(answer.Header.Get("Retry-After"))
	}
	return answer, nil
}

// isZero reports whether nothing is left, as in "0;w=21600".
func isZero(remaining string) bool {
	left, _, _ := strings.Cut(remaining, ";")
	return strings.TrimSpace(left) == "0"
}

func tooOften(wait time.Duration) error {
	return failf(syncline.Transient, "it was asked too often, and is not asked for %s", wait.Round(time.Second)).
		withHint("ask less often, or with credentials that may ask more")
}

// errNoSuch is that the registry has not what was asked for.
var errNoSuch = errors.New("it is not there")

// refusal says what follows from an answer that is not what was asked for.
func (p *place) refusal(answer *http.Response) error {
	said := fmt.Sprintf("the server answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized && p.auth.has():
		return failf(syncline.Denied, "the credentials were refused: %s", said).withHint("check user name, password or token in " + p.where)
	case code == http.StatusUnauthorized && p.unsupported != "":
		return failf(syncline.Denied, "credentials are required: %s", said).
			withHint(p.where + " has " + p.unsupported + ", which is not supported for registries: put a user name and password or token into it")
	case code == http.StatusUnauthorized:
		return failf(syncline.Denied, "credentials are required: %s", said).withHint("put a user name and password or token into " + p.where)
	case code == http.StatusForbidden:
		return failf(syncline.Denied, "access was refused: %s", said).withHint("let the credentials of " + p.where + " pull from it")
	case code == http.StatusNotFound:
		return failf(syncline.NotFound, "%w: %s", errNoSuch, said).withHint("check address and revision")
	case code == http.StatusTooManyRequests:
		return tooOften(p.pause.Left())
	case code < http.StatusInternalServerError:
		return failf(syncline.Invalid, "%s", said).withHint("check that an OCI registry is at its address")
	}
	return failf(syncline.Transient, "%s", said)
}
