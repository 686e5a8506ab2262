package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newVersion() *cobra.Command {
	var output *formatFlag
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  syncline version -o json",
		Args:    usage.Names("no arguments", 0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := p.deps.Version
			if output.value == formatJSON || output.value == formatYAML {
				return encode(p.out, output.value, v)
			}
			text := fmt.Sprintf("syncline %s %s %s %s", v.Version, v.Commit, v.Go, v.Platform)
			p.printLines([]string{strings.Join(strings.Fields(text), " ")})
			return nil
		},
	}
	output = outputFlag(cmd, formatTable, formatJSON, formatYAML)
	return cmd
}
