package usage

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// NewHelp makes the command "help". Unlike cobra's own, it fails for what does
// not exist.
func NewHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Say what a command does, or what the exit codes mean",
		Example: `  syncline help app sync
  syncline help exit-codes`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return childNames(about), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				topic := strings.Join(args, " ")
				return DidYouMean(Errorf("there is no help about %q", topic), args[len(args)-1], childNames(about))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// childNames are the names by which a command's children can be called.
func childNames(parent *cobra.Command) []string {
	var names []string
	for _, child := range parent.Commands() {
		if !child.Hidden {
			names = append(append(names, child.Name()), child.Aliases...)
		}
	}
	slices.Sort(names)
	return names
}
