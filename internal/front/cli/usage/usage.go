// Package usage reads command lines: it says what is wrong with one and what was
// probably meant, and holds what every command does the same. It knows no command.
package usage

import (
	"errors"

	"github.com/syncline-io/syncline"
)

// Error is an error of the command line itself.
type Error struct{ err error }

func (e Error) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e Error) Unwrap() error { return e.err }

// Errorf returns an Error, which is Invalid.
func Errorf(format string, args ...any) error {
	return Error{syncline.Errorf(syncline.Invalid, format, args...)}
}

// Of makes an Invalid error, which comes from flags, an Error.
func Of(err error) error {
	if syncline.KindOf(err) == syncline.Invalid {
		return Error{err}
	}
	return err
}

// Is reports whether an error is one of the command line.
func Is(err error) bool {
	_, is := errors.AsType[Error](err)
	return is
}
