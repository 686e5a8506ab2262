package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newAppManifests() *cobra.Command {
	var revisions declare.Revisions
	var source string
	var output *formatFlag
	cmd := &cobra.Command{
		Use:   "manifests NAME",
		Short: "Print the objects of an app, as declared or as they are",
		Long: `Print the objects of an app: as the source declares them (--source git), or as
they are in the cluster (--source live). The values of Secrets are masked.`,
		Example: `  syncline app manifests shop
  syncline app manifests shop --revision v1.2.3
  syncline app manifests shop --source live`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if source != "git" && source != "live" {
				return usage.DidYouMean(usage.Errorf("--source is %q, neither git nor live", source), source, []string{"git", "live"})
			}
			if source == "live" && !revisions.IsEmpty() {
				return usage.Errorf("--revision and --revisions are about --source git")
			}
			if err := revisions.Check(); err != nil {
				return usage.Of(err)
			}
			return p.manifests(cmd.Context(), args[0], source, revisions, output.value)
		},
	}
	revisions.Bind(cmd.Flags(), "this revision instead of the one that the app declares")
	cmd.Flags().StringVar(&source, "source", "git", "git or live")
	_ = cmd.RegisterFlagCompletionFunc("source", cobra.FixedCompletions([]string{"git", "live"}, cobra.ShellCompDirectiveNoFileComp))
	output = outputFlag(cmd, formatYAML, formatJSON, formatName)
	return cmd
}

func (p *program) manifests(ctx context.Context, name, source string, revisions declare.Revisions, f format) error {
	_, app, err := p.open(ctx, name, refreshing{})
	if err != nil {
		return err
	}
	objects, err := p.objects(ctx, app, source, revisions)
	if err != nil {
		return err
	}
	return printObjects(p.out, f, objects, false)
}

// objects returns the App's objects, as they are or as they are declared.
func (p *program) objects(ctx context.Context, app access.App, source string, revisions declare.Revisions) ([]syncline.Object, error) {
	if source == "git" {
		plan, err := p.planDeclared(ctx, app, revisions)
		return desired(plan), err
	}
	engine, err := p.engine(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = engine.Close() }() // the objects are read
	return engine.Live(ctx, app.App)
}

// desired returns the objects that the source declares, in the plan's order.
func desired(plan syncline.Plan) []syncline.Object {
	var objects []syncline.Object
	for _, change := range plan.Changes {
		if !change.Desired.IsZero() && change.Role != syncline.RoleNamespace {
			objects = append(objects, change.Desired)
		}
	}
	return objects
}

// printObjects prints objects as YAML documents, a JSON array or names. The
// values of Secrets are masked unless reveal is set.
func printObjects(w io.Writer, f format, objects []syncline.Object, reveal bool) error {
	switch f {
	case formatName:
		for _, object := range objects {
			fmt.Fprintln(w, visible.Line(object.Ref().String()))
		}
		return nil
	case formatJSON:
		contents := make([]any, 0, len(objects))
		for _, object := range objects {
			var text bytes.Buffer
			if err := render.WriteYAML(&text, []syncline.Object{object}, reveal); err != nil {
				return err
			}
			var content any
			if err := yaml.Unmarshal(text.Bytes(), &content); err != nil {
				return syncline.Errorf(syncline.Internal, "printing %s: %w", object.Ref(), err)
			}
			contents = append(contents, content)
		}
		return encode(w, formatJSON, contents)
	}
	return render.WriteYAML(w, objects, reveal)
}
