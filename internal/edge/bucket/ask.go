package bucket

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/gate"
)

// Tokens exchanges credentials that no server of buckets takes for such as they take.
type Tokens interface {
	// Credentials returns the repository with a token in place of its Exchange.
	Credentials(ctx context.Context, repo upstream.Repository) (upstream.Repository, error)
	// Refused takes note that a server did not let in what Credentials returned.
	Refused(repo, signed upstream.Repository)
}

// request is one for an object, or for the bucket itself where it names none.
type request struct {
	key     string
	query   url.Values
	header  http.Header
	timeout time.Duration
}

// ask has an answer read that is what was asked for. Where the server says why it is not,
// and that can be mended, it is asked once more.
func (p *place) ask(ctx context.Context, asking request, read func(answer *http.Response, body io.Reader) error) error {
	no, err := p.exchange(ctx, asking, read)
	if no != nil && no.mended {
		no, err = p.exchange(ctx, asking, read)
	}
	if no != nil {
		return p.failed(&no.refused)
	}
	return err
}

// denial is an answer that is not what was asked for, and whether another request may be.
type denial struct {
	refused
	mended bool
}

// exchange sends a request, and has its answer read.
func (p *place) exchange(ctx context.Context, asking request, read func(answer *http.Response, body io.Reader) error) (*denial, error) {
	if wait := p.pause.Left(); wait > 0 {
		return nil, tooOften(wait)
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, cancelSlow := context.WithTimeoutCause(ctx, asking.timeout, errSlow)
	defer cancelSlow()
	region := p.regionNow()
	get, signed, err := p.request(ctx, asking)
	if err != nil {
		return nil, err
	}
	answer, err := p.transport.RoundTrip(get)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	defer answer.Body.Close()
	body := &steady{from: answer.Body, patience: p.options.StallTimeout, stalled: time.AfterFunc(p.options.StallTimeout, func() { cancel(errStalled) })}
	defer body.stalled.Stop()
	if answer.StatusCode != http.StatusOK {
		no := p.denial(answer, body, asking)
		no.mended = p.mends(no, region, signed)
		return no, nil
	}
	err = read(answer, body)
	if body.failed != nil {
		return nil, unsent(ctx, body.failed)
	}
	return nil, err
}

// request returns a request as it is sent: signed.
func (p *place) request(ctx context.Context, asking request) (*http.Request, upstream.Repository, error) {
	signer, signed, err := p.signer(ctx)
	if err != nil {
		return nil, signed, err
	}
	to := p.url(asking.key)
	to.RawQuery = encoded(asking.query)
	get := (&http.Request{Method: http.MethodGet, URL: to, Host: to.Host, Header: http.Header{}}).WithContext(ctx)
	maps.Copy(get.Header, asking.header)
	get.Header.Set("User-Agent", "syncline")
	get.Header.Set("Accept-Encoding", "identity") // digests are of the bytes as they are
	signer.sign(get, p.options.Now())
	return get, signed, nil
}

// enter waits until something may be asked of the server, up to a time, and returns what
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
		return nil, syncline.Errorf(syncline.Transient, "waiting to ask its server: %w", ctx.Err())
	}
	return nil, syncline.WithHint(
		syncline.Errorf(syncline.Transient, "it could not be read within %s: %w", p.options.WaitTimeout, why),
		"it is tried again by itself; look for repositories of the project whose server does not answer")
}

// maxDenial is how much of an answer is read that says why not.
const maxDenial = 64 << 10

// denial reads an answer that is not what was asked for.
func (p *place) denial(answer *http.Response, body io.Reader, asking request) *denial {
	var said struct {
		Code   string
		Region string
	}
	if text, err := io.ReadAll(io.LimitReader(body, maxDenial)); err == nil {
		_ = xml.Unmarshal(text, &said) // it may say nothing
	}
	no := &denial{refused: refused{status: answer.StatusCode, code: said.Code, region: said.Region, object: asking.key != ""}}
	if region := answer.Header.Get("X-Amz-Bucket-Region"); region != "" {
		no.region = region
	}
	if !regionForm.MatchString(no.region) {
		no.region = ""
	}
	after := answer.Header.Get("Retry-After")
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable && (after != "" || said.Code == "SlowDown") {
		p.pause.Begin(after)
		no.pause = p.pause.Left()
	}
	return no
}

// mends does what may help after an answer that is not what was asked for, and reports
// whether anything was done.
func (p *place) mends(no *denial, region string, signed upstream.Repository) bool {
	if no.status == http.StatusUnauthorized && p.repo.Exchange != (upstream.Exchange{}) {
		p.options.Tokens.Refused(p.repo, signed)
		return true
	}
	moved := no.status == http.StatusBadRequest || no.status >= 300 && no.status < 400
	if !moved || no.region == "" || p.bucket.Provider == upstream.BucketAzure {
		return false
	}
	// Amazon's own servers are found by the region; another one asked for a signature of it.
	isAmazon := amazonForm.MatchString(p.repo.Address.Host())
	return (isAmazon || no.status == http.StatusBadRequest) && p.learn(no.region, region)
}

// steady reads an answer as long as something comes, and remembers what failed.
type steady struct {
	from     io.Reader
	patience time.Duration
	stalled  *time.Timer
	failed   error
}

// Read reads on.
func (s *steady) Read(data []byte) (int, error) {
	n, err := s.from.Read(data)
	if n > 0 {
		s.stalled.Reset(s.patience)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}
