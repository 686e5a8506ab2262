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
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		return unknown(cmd, words[0]) // whose flags these are
	}
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
		return unknown(cmd, args[0])
	}
	return cmd
}

// unknown is the error about a word that is none of a group's commands.
func unknown(cmd *cobra.Command, word string) error {
	err := Errorf("unknown command %q for %q", word, cmd.CommandPath())
	if hint := instead(word); hint != "" {
		return syncline.WithHint(err, hint)
	}
	known := childNames(cmd)
	if nearest(word, known) == "" {
		return syncline.WithHint(err, seeHelp(cmd))
	}
	return DidYouMean(err, word, known)
}

// instead says what to do instead of a command of Argo CD that there is not, "" for any
// other word.
func instead(command string) string {
	switch command {
	case "rollback":
		return "revert the commit; or, where nothing syncs automatically: syncline app sync NAME --revision REVISION, one of syncline app history NAME"
	case "terminate-op":
		return `kubectl -n argocd patch application NAME --type merge -p '{"status":{"operationState":{"phase":"Terminating"}}}'`
	case "set", "unset", "edit", "patch", "add-source", "remove-source":
		return "kubectl -n argocd edit application NAME, or change its file and: syncline app create -f FILE --upsert"
	case "logs", "actions", "get-resource", "patch-resource", "delete-resource":
		return "the objects of an app are the cluster's own: use kubectl on them"
	case "repo", "repocreds", "cert", "gpg", "proj", "cluster":
		return "what it changes is a Secret, a ConfigMap or an AppProject: use kubectl"
	case "login", "logout", "relogin", "account", "context":
		return "there is no server to log in to: the kubeconfig, and --context, say which cluster it is"
	}
	return ""
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
