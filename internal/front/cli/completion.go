package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

// shells lists how each shell's script is written.
func shells() map[string]func(root *cobra.Command, w io.Writer) error {
	return map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	}
}

func newCompletion() *cobra.Command {
	known := []string{"bash", "fish", "powershell", "zsh"}
	return &cobra.Command{
		Use:   "completion {bash|zsh|fish|powershell}",
		Short: "Print a script that completes commands, flags and the names of apps",
		Example: `  source <(syncline completion bash)
  syncline completion zsh > "${fpath[1]}/_syncline"
  syncline completion fish > ~/.config/fish/completions/syncline.fish
  syncline completion powershell | Out-String | Invoke-Expression`,
		Args:      usage.Names("the name of a shell: "+strings.Join(known, ", "), 1, 1),
		ValidArgs: known,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(known, args[0]) {
				return usage.DidYouMean(usage.Errorf("there is no completion for %q, only for %s", args[0], strings.Join(known, ", ")), args[0], known)
			}
			return shells()[args[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}
