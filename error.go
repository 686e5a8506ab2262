package syncline

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind classifies an error by what has to happen next. It decides requeue,
// condition, HTTP status and exit code; see [Kind.Consequence].
type Kind string

// The kinds of error. An error without a kind is Internal.
const (
	// Invalid is input that cannot be used: a person has to change it.
	Invalid Kind = "invalid"
	// Denied is refused by a policy or by the API server's authorization.
	Denied Kind = "denied"
	// NotFound is something named that does not exist.
	NotFound Kind = "not found"
	// Conflict is a change by somebody else in between: look again, then retry.
	Conflict Kind = "conflict"
	// Waiting is not an error of anybody: something else has to happen first.
	Waiting Kind = "waiting"
	// Stalled is work that stopped until a person decides.
	Stalled Kind = "stalled"
	// Transient is a failure of the world outside that is expected to pass.
	Transient Kind = "transient"
	// Internal is a defect of Syncline.
	Internal Kind = "internal"
)

// Consequence is what follows from an error of one Kind.
type Consequence struct {
	// Retry says whether a turn is tried again, with back-off, though nothing
	// that it read has changed.
	Retry bool
	// HTTPStatus is the status code of an API answer.
	HTTPStatus int
	// ExitCode is the exit code of the command line.
	ExitCode int
}

// Consequence returns what follows from an error of this kind. It is the one
// table that all callers share.
func (k Kind) Consequence() Consequence {
	switch k {
	case Invalid:
		return Consequence{HTTPStatus: http.StatusUnprocessableEntity, ExitCode: 1}
	case Denied:
		return Consequence{HTTPStatus: http.StatusForbidden, ExitCode: 4}
	case NotFound:
		return Consequence{HTTPStatus: http.StatusNotFound, ExitCode: 3}
	case Conflict:
		return Consequence{Retry: true, HTTPStatus: http.StatusConflict, ExitCode: 1}
	case Waiting:
		return Consequence{HTTPStatus: http.StatusAccepted, ExitCode: 5}
	case Stalled:
		return Consequence{HTTPStatus: http.StatusConflict, ExitCode: 7}
	case Transient:
		return Consequence{Retry: true, HTTPStatus: http.StatusServiceUnavailable, ExitCode: 1}
	default:
		return Consequence{Retry: true, HTTPStatus: http.StatusInternalServerError, ExitCode: 1}
	}
}

// Error is an error with a Kind and, where there is one, the next step to take.
type Error struct {
	Kind Kind
	// Hint tells a person what to do next. Empty when the message says it all.
	Hint string
	Err  error
}

// Error returns the message without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error of the given kind. The format may wrap with %w.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// WebhookDown reports whether the API server refuses something because it cannot ask
// a webhook about it.
func WebhookDown(err error) bool {
	return KindOf(err) == Transient && strings.Contains(err.Error(), "failed calling webhook")
}

// About returns err with the object that it is about in front, unless its
// message names the object already.
func About(ref Ref, err error) error {
	if names(err.Error(), ref.String()) {
		return err
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// names reports whether a message has a name, not only as the beginning of another.
func names(message, name string) bool {
	for {
		_, after, found := strings.Cut(message, name)
		if next, _ := utf8.DecodeRuneInString(after); !found || after == "" || !unicode.IsLetter(next) && !unicode.IsDigit(next) && next != '-' {
			return found
		}
		message = after
	}
}

// WithHint adds the next step for a person to err, keeping its kind.
func WithHint(err error, hint string) error {
	return &Error{Kind: KindOf(err), Hint: hint, Err: err}
}

// unreadable is the error of a package below this one about a text that a person
// wrote: it is Invalid, and says what to write instead.
type unreadable interface {
	error
	Unreadable() (hint string)
}

// KindOf returns the kind of the outermost classified error in err's tree,
// Internal when there is none, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if _, ok := errors.AsType[unreadable](err); ok {
		return Invalid
	}
	return Internal
}

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if text, isText := errors.AsType[unreadable](err); isText && !ok {
			return text.Unreadable()
		}
		if !ok {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Joined returns the errors that [errors.Join] made err of, or err alone; none of
// nil.
func Joined(err error) []error {
	if err == nil {
		return nil
	}
	several, ok := err.(interface{ Unwrap() []error }) // one that is wrapped has a message of its own
	if !ok {
		return []error{err}
	}
	var messages []string
	for _, one := range several.Unwrap() {
		messages = append(messages, one.Error())
	}
	if err.Error() != strings.Join(messages, "\n") {
		return []error{err} // its message says more than theirs
	}
	return several.Unwrap()
}

// Explain returns err's message followed by its hint, if it has one. Of errors
// that were joined it explains each.
func Explain(err error) string {
	if several := Joined(err); len(several) > 1 {
		explained := make([]string, 0, len(several))
		for _, one := range several {
			explained = append(explained, Explain(one))
		}
		return strings.Join(explained, "; ")
	}
	if hint := HintOf(err); hint != "" {
		return fmt.Sprintf("%v; %s", err, hint)
	}
	return err.Error()
}
