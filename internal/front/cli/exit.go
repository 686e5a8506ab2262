package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

// The exit codes that do not follow from an error's kind.
const (
	exitOK        = 0
	exitDiffers   = 1
	exitUsage     = 2
	exitTimeout   = 5
	exitFailed    = 6
	exitInterrupt = 130
)

const exitCodesHelp = `Exit codes are the same for every command:

    0  ok
    1  an error, or "app diff" found a difference
    2  usage: the command line cannot be understood
    3  not found
    4  denied: the API server or a project refuses what the command asks for
    5  timeout: what was waited for did not happen in time
    6  failed or degraded: an operation failed, for whatever reason, what its
       project denies included; or an app is Degraded and --fail-on-degraded was
       given
    7  blocked: it goes on only when a person decides, such as to approve a prune
  130  interrupted (Ctrl-C)

A difference and an error of "app diff" are told apart by --diff-exit-code.`

func newExitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp}
}

// differsError ends "app diff" when it has printed the difference.
type differsError struct{ code int }

func (e differsError) Error() string { return "the cluster differs from what is declared" }

// errTimedOut is the cause of a context that --timeout ended.
var errTimedOut = errors.New("timed out")

// exitCode says which code the program ends with.
func exitCode(ctx context.Context, err error) int {
	var differs differsError
	var waited *goal.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &differs):
		return differs.code
	case usage.Is(err):
		return exitUsage
	case errors.As(err, &waited) && waited.Failed:
		return exitFailed
	case endedBy(ctx, err, errTimedOut):
		return exitTimeout
	case endedBy(ctx, err, context.Canceled):
		return exitInterrupt
	}
	return syncline.KindOf(err).Consequence().ExitCode
}

// endedBy reports whether err came about because ctx ended for that reason.
func endedBy(ctx context.Context, err, reason error) bool {
	return ctx.Err() != nil && errors.Is(context.Cause(ctx), reason) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reason))
}

// printError tells a person what went wrong and what to do next.
func printError(ctx context.Context, w *view.Paper, err error) {
	if _, differs := errors.AsType[differsError](err); differs {
		return
	}
	message := err.Error()
	switch {
	case endedBy(ctx, err, errTimedOut) && !errors.Is(err, errTimedOut):
		message = "timed out: " + message
	case endedBy(ctx, err, context.Canceled):
		message = "interrupted"
	}
	w.Message(w.Palette().Bad("Error:")+" ", message)
	if waited, ok := errors.AsType[*goal.Error](err); ok {
		for _, detail := range waited.Details {
			w.Message("  ", detail)
		}
	}
	if hint := syncline.HintOf(err); hint != "" {
		w.Message(w.Palette().Note("Hint:")+" ", hint)
	}
}
