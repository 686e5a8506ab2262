package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

func (p *program) newAppResources() *cobra.Command {
	var output *formatFlag
	var watch bool
	cmd := &cobra.Command{
		Use:   "resources NAME",
		Short: "List the objects of an app",
		Example: `  syncline app resources shop
  syncline app resources shop -o name`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.resources(cmd, args[0], output.value, watch)
		},
	}
	output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on showing what changes")
	return cmd
}

func (p *program) resources(cmd *cobra.Command, name string, f format, watch bool) error {
	ctx := cmd.Context()
	backend, app, err := p.open(ctx, name, refreshing{})
	if err != nil {
		return err
	}
	draw := func(apps []access.App) []string {
		return view.Objects(apps[0].Report, f == formatWide, p.out.Palette())
	}
	if watch {
		query := access.Query{Namespace: app.ID.Namespace, Name: app.ID.Name}
		return p.watch(ctx, backend, watching{query: query, format: f, draw: ifAny(draw), once: true})
	}
	switch f {
	case formatJSON, formatYAML:
		return encode(p.out, f, resourcesOf(app.Manifest))
	case formatName:
		for _, object := range app.Report.Objects {
			p.printLines([]string{object.Ref.String()})
		}
	default:
		p.printLines(draw([]access.App{app}))
	}
	return nil
}

// resourcesOf returns status.resources, never nil.
func resourcesOf(manifest map[string]any) []any {
	status, _ := manifest["status"].(map[string]any)
	if resources, ok := status["resources"].([]any); ok {
		return resources
	}
	return []any{}
}
