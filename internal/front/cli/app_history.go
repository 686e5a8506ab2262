package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

func (p *program) newAppHistory() *cobra.Command {
	var output *formatFlag
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "List what was deployed, oldest first",
		Example: `  syncline app history shop
  syncline app history shop -o name`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.history(cmd, args[0], output.value)
		},
	}
	output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	return cmd
}

func (p *program) history(cmd *cobra.Command, name string, f format) error {
	_, app, err := p.open(cmd.Context(), name, refreshing{})
	if err != nil {
		return err
	}
	switch f {
	case formatJSON, formatYAML:
		status, _ := app.Manifest["status"].(map[string]any)
		entries, _ := status["history"].([]any)
		return encode(p.out, f, append([]any{}, entries...))
	case formatName:
		for _, deployment := range app.Report.History {
			p.printLines([]string{fmt.Sprint(deployment.ID)})
		}
	default:
		p.printLines(view.History(app.Report.History, f == formatWide))
	}
	return nil
}
