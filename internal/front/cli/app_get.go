package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type getFlags struct {
	output *formatFlag
	refreshing
	showOperation bool
	showParams    bool
	watch         bool
}

func (p *program) newAppGet() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Show one app",
		Example: `  syncline app get shop
  syncline app get shop --refresh
  syncline app get team-a/shop -o yaml`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.get(cmd, args[0], f) },
	}
	f.output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	flags := cmd.Flags()
	f.refreshing.add(flags, "look at the source and the cluster again first")
	flags.BoolVar(&f.showOperation, "show-operation", false, "show the last operation")
	flags.BoolVar(&f.showParams, "show-params", false, "show the source's parameters")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on showing what changes")
	return cmd
}

func (p *program) get(cmd *cobra.Command, name string, f getFlags) error {
	ctx := cmd.Context()
	backend, app, err := p.open(ctx, name, f.refreshing)
	if err != nil {
		return err
	}
	show := view.Showing{Wide: f.output.value == formatWide, Operation: f.showOperation, Parameters: f.showParams}
	draw := func(apps []access.App) []string {
		show.Waiting = blockerTexts(apps[0])
		return view.App(apps[0].App, apps[0].Report, show, p.out.Palette())
	}
	if f.watch {
		query := access.Query{Namespace: app.ID.Namespace, Name: app.ID.Name}
		return p.watch(ctx, backend, watching{query: query, format: f.output.value, draw: ifAny(draw), once: true})
	}
	switch f.output.value {
	case formatJSON, formatYAML:
		return encode(p.out, f.output.value, app.Manifest)
	case formatName:
		p.printLines([]string{app.ID.String()})
	default:
		p.printLines(draw([]access.App{app}))
	}
	return nil
}

// ifAny draws nothing when there are no Apps.
func ifAny(draw func([]access.App) []string) func([]access.App) []string {
	return func(apps []access.App) []string {
		if len(apps) == 0 {
			return nil
		}
		return draw(apps)
	}
}
