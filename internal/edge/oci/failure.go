package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
)

// failure is why a registry did not give what it was asked for.
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

// unsent says why a request has no answer. What it says is of the connection, and may
// hold what a server or a proxy said.
func unsent(err error) error {
	if errors.Is(err, dial.ErrNotAsked) {
		return failf(syncline.Invalid, "%w", dial.ErrNotAsked).withHint("if a registry is there, allow the address")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failf(syncline.Transient, "it did not answer in time: %w", context.DeadlineExceeded)
	}
	if errors.Is(err, context.Canceled) {
		return givenUp(context.Canceled)
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain {
		return failf(syncline.Transient, "it does not speak TLS").withHint(`where it is to be reached without, set insecureOCIForceHttp: "true" in its repository Secret`)
	}
	return failf(syncline.Transient, "%s", clean(err.Error()))
}

func givenUp(err error) error { return failf(syncline.Transient, "waiting for it: %w", err) }

// maxForeign is how much of a foreign text is shown, in bytes.
const maxForeign = 200

// clean returns a foreign text without what does not print, and not too long.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(text, "·"))
	if len(text) > maxForeign {
		text = strings.ToValidUTF8(text[:maxForeign], "") + "…"
	}
	return text
}

// about says which artifact an error concerns, that is not one of the registry.
func about(digest string, err error) error {
	if _, of := errors.AsType[*failure](err); of {
		return err
	}
	return fmt.Errorf("artifact %s: %w", digest, err)
}

// explain says of which repository an error is. Of a registry that the operator did
// not name, whoever reads the error learns nothing of the network: all reasons read
// alike, and the log has them.
func (p *place) explain(err error) error {
	if err == nil {
		return nil
	}
	failed, of := errors.AsType[*failure](err)
	switch {
	case !of:
		return withHint(syncline.Errorf(syncline.KindOf(err), "repository %s: %w", p.name, err), syncline.HintOf(err))
	case p.hidden:
		slog.Info("a repository that no Secret names cannot be read", "repository", p.name, "reason", failed.reason)
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "repository %s: access was refused, or it is not there, or it cannot be reached", p.name),
			"check address and revision; if it is private, declare it by a repository Secret; the log of the agent has the reason")
	}
	return withHint(syncline.Errorf(failed.kind, "repository %s cannot be read: %w", p.name, failed), failed.hint)
}

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}
