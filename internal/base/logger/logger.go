// Package logger carries the logger of what is being done in its context, so that a line
// says for which App and in which step it was written, however deep. It is not where
// client-go looks for a logger: that would write down what is sent.
package logger

import (
	"context"
	"log/slog"
)

// key is that of the logger in a context.
type key struct{}

// With returns a context whose logger adds the attributes, in pairs as [slog.Logger.With]
// takes them, to those that it has.
func With(ctx context.Context, attributes ...any) context.Context {
	return context.WithValue(ctx, key{}, From(ctx).With(attributes...))
}

// From returns the logger of a context, which is the default one where nobody gave it
// attributes.
func From(ctx context.Context) *slog.Logger {
	if logger, ok := ctx.Value(key{}).(*slog.Logger); ok {
		return logger
	}
	return slog.Default()
}
