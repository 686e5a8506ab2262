package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type listFlags struct {
	output   *formatFlag
	selector string
	projects []string
	repo     string
	cluster  string
	all      bool
	watch    bool
}

func (p *program) newAppList() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List apps",
		Example: `  syncline app list
  syncline app list -l team=web -o wide
  syncline app list --watch`,
		Args: usage.Names("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.list(cmd, f) },
	}
	f.output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	flags := cmd.Flags()
	flags.StringVarP(&f.selector, "selector", "l", "", "apps with these `labels`, such as team=web,tier!=test")
	flags.StringArrayVarP(&f.projects, "project", "p", nil, "apps of this `project`; may be repeated")
	flags.StringVarP(&f.repo, "repo", "r", "", "apps with this source repository")
	flags.StringVarP(&f.cluster, "cluster", "c", "", "apps with this destination cluster, by name or URL")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "apps of all namespaces")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on showing what changes")
	return cmd
}

func (p *program) list(cmd *cobra.Command, f listFlags) error {
	ctx := cmd.Context()
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	query := access.Query{Namespace: p.namespace, Selector: f.selector}
	if f.all {
		query.Namespace = ""
	}
	if f.watch {
		return p.watch(ctx, backend, watching{query: query, format: f.output.value, filter: f.filter, draw: p.drawList(f)})
	}
	apps, err := backend.List(ctx, query)
	if err != nil {
		return err
	}
	apps = f.filter(apps)
	switch f.output.value {
	case formatJSON, formatYAML:
		return encode(p.out, f.output.value, manifestsOf(apps))
	case formatName:
		for _, app := range apps {
			p.out.Lines(app.ID.String())
		}
	default:
		p.printLines(p.drawList(f)(apps))
	}
	return nil
}

// filter keeps the Apps that the flags choose.
func (f listFlags) filter(apps []access.App) []access.App {
	return slices.DeleteFunc(slices.Clone(apps), func(a access.App) bool {
		hasRepo := slices.ContainsFunc(a.Sources, func(s syncline.Source) bool { return s.RepoURL == f.repo })
		return len(f.projects) > 0 && !slices.Contains(f.projects, a.Project) ||
			f.repo != "" && !hasRepo ||
			f.cluster != "" && f.cluster != a.Destination.Name && f.cluster != a.Destination.Server
	})
}

// drawList returns a function that lays out a table of Apps.
func (p *program) drawList(f listFlags) func([]access.App) []string {
	palette := p.out.Palette()
	wide := f.output.value == formatWide
	var widths []int
	return func(apps []access.App) []string {
		table := view.Table{Widths: widths, Header: view.ListHeader(wide)}
		for _, app := range apps {
			table.Add(view.ListRow(app.App, app.Report, wide, palette)...)
		}
		lines := table.Lines()
		widths = table.Widths
		return lines
	}
}
