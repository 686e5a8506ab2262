package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// failure is why a server did not give what it was asked for.
type failure struct {
	kind         syncline.Kind
	reason, hint string
	err          error
}

func failf(kind syncline.Kind, format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{kind: kind, reason: err.Error(), err: errors.Unwrap(err)}
}

// Error returns the reason.
func (f *failure) Error() string { return f.reason }

// Unwrap returns what led to it.
func (f *failure) Unwrap() error { return f.err }

func (f *failure) withHint(hint string) *failure {
	f.hint = hint
	return f
}

// Causes of giving up.
var (
	errStalled = errors.New("nothing came for too long")
	errSlow    = errors.New("it took too long")
)

// unsent says why there was no answer, or not a whole one. What it says is of the
// connection.
func unsent(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(err, dial.ErrNotAsked):
		return failf(syncline.Invalid, "%w", dial.ErrNotAsked).withHint("if its server is there, allow the address")
	case errors.Is(cause, errStalled), errors.Is(cause, errSlow):
		return failf(syncline.Transient, "%w", cause)
	case ctx.Err() != nil:
		return failf(syncline.Transient, "waiting for it: %w", ctx.Err())
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return failf(syncline.Transient, "the connection was dropped: it ended too early")
	}
	return failf(syncline.Transient, "%.200s", visible.Line(err.Error()))
}

// refused is an answer that is not what was asked for.
type refused struct {
	status int
	// code is what the server calls the reason, and region where it says that the bucket is.
	code, region string
	// object says that one was asked for, and pause for how long nothing is asked.
	object bool
	pause  time.Duration
}

// The answers about an object that was asked for.
var (
	errNoObject = errors.New("it is not there")
	errChanged  = errors.New("it changed")
)

// failed says what follows from an answer, by the server's code for it or else by its
// status. Codes are shown that are known here, and nothing else of it.
func (p *place) failed(r *refused) error {
	said := fmt.Sprintf("the server answered %d %s", r.status, http.StatusText(r.status))
	if told := p.told(r.code, said); told != nil {
		return told
	}
	switch code := r.status; {
	case r.pause > 0:
		return tooOften(r.pause)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return p.denied(said)
	case r.object && code == http.StatusPreconditionFailed:
		return failf(syncline.Transient, "%w", errChanged)
	case r.object && code == http.StatusNotFound:
		return failf(syncline.NotFound, "%w", errNoObject)
	case code == http.StatusNotFound:
		return failf(syncline.NotFound, "there is no such bucket: %s", said).withHint("check endpoint and bucketName")
	case code >= http.StatusInternalServerError:
		return failf(syncline.Transient, "%s", said)
	case code == http.StatusTemporaryRedirect:
		return failf(syncline.Transient, "it is elsewhere, and nothing is sent on: %s", said).withHint(elsewhere(r.region))
	case r.region != "", code < http.StatusBadRequest:
		return failf(syncline.Invalid, "it is elsewhere, and nothing is sent on: %s", said).withHint(elsewhere(r.region))
	}
	return failf(syncline.Invalid, "%s", said).withHint("check that a server of provider " + string(p.bucket.Provider) + " is at its endpoint")
}

// told says what a code means, nil where it is not known.
func (p *place) told(code, said string) error {
	switch code {
	case "NoSuchBucket", "ContainerNotFound":
		return failf(syncline.NotFound, "there is no such bucket: %s", said).withHint("check endpoint, bucketName and region")
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AuthenticationFailed":
		return failf(syncline.Denied, "the credentials were refused: %s (%s)", said, code).withHint("check the keys in " + p.where())
	case "RequestTimeTooSkewed":
		return failf(syncline.Denied, "the clocks differ: %s (%s)", said, code).withHint("set the clock of this machine, or of the server")
	}
	return nil
}

// denied says what to do about credentials.
func (p *place) denied(said string) error {
	hint := "let the keys in " + p.where() + " list the bucket and get its objects"
	if p.anonymous() {
		hint = "put keys that may list the bucket and get its objects into " + p.where()
	}
	return failf(syncline.Denied, "access was refused: %s", said).withHint(hint)
}

// where says for messages where credentials are put.
func (p *place) where() string { return cmp.Or(p.repo.Where, "the repository's settings") }

func elsewhere(region string) string {
	if region == "" {
		return "write the endpoint of the region that the bucket is in, as region and endpoint"
	}
	return "write region " + region + ", and an endpoint of it"
}

func tooOften(wait time.Duration) error {
	return failf(syncline.Transient, "it was asked too often, and is not asked for %s", wait.Round(time.Second)).
		withHint("it is tried again by itself; a longer interval asks less often")
}

// explain says of which bucket an error is. Of a server that the operator did not name,
// whoever reads the error learns nothing of the network: all reasons read alike, and the
// log has them.
func (p *place) explain(err error) error {
	if err == nil {
		return nil
	}
	failed, of := errors.AsType[*failure](err)
	switch {
	case !of:
		return withHint(syncline.Errorf(syncline.KindOf(err), "repository %s: %w", p.repo.Address, err), syncline.HintOf(err))
	case p.hidden:
		slog.Info("a bucket that no Secret names cannot be read", "repository", p.repo.Address.String(), "reason", failed.reason)
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "repository %s: access was refused, or it is not there, or it cannot be reached", p.repo.Address),
			"check endpoint, bucketName and region; if it is private, put its keys into a Secret; the log of the agent has the reason")
	}
	return withHint(syncline.Errorf(failed.kind, "repository %s: the bucket cannot be read: %w", p.repo.Address, failed), failed.hint)
}

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}
