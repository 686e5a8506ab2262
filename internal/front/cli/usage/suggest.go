package usage

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/near"
)

// nearest returns the known word that was probably meant, or "".
func nearest(word string, known []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range known {
		if d := near.Edits(strings.ToLower(word), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// DidYouMean adds a hint to err when word is close to a known one.
func DidYouMean(err error, word string, known []string) error {
	if meant := nearest(word, known); meant != "" {
		return syncline.WithHint(err, fmt.Sprintf("did you mean %q?", meant))
	}
	return err
}

// FlagError turns pflag's error into a usage error with a suggestion.
func FlagError(cmd *cobra.Command, err error) error {
	wrong := Errorf("%w", err)
	name, isUnknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if isUnknown {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if meant := nearest(name, known); meant != "" {
			return syncline.WithHint(wrong, fmt.Sprintf("did you mean --%s?", meant))
		}
	}
	if syncline.HintOf(wrong) != "" {
		return wrong
	}
	return syncline.WithHint(wrong, seeHelp(cmd))
}

func seeHelp(cmd *cobra.Command) string {
	return fmt.Sprintf("see: %s --help", cmd.CommandPath())
}

// Group makes a command that only holds others, and says which exist when it
// is called by a name that does not.
func Group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		err := Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
		known := childNames(cmd)
		if nearest(args[0], known) == "" {
			return syncline.WithHint(err, seeHelp(cmd))
		}
		return DidYouMean(err, args[0], known)
	}
	return cmd
}

// Names accepts between least and most arguments; most < 0 means any number.
func Names(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return syncline.WithHint(Errorf("%s needs %s", cmd.CommandPath(), what), "usage: "+cmd.UseLine())
		case most >= 0 && len(args) > most:
			return syncline.WithHint(Errorf("%s does not take %q", cmd.CommandPath(), args[most]), "usage: "+cmd.UseLine())
		}
		return nil
	}
}
