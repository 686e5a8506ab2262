package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

type createFlags struct {
	application declare.Application
	file        string
	upsert      bool
	output      *formatFlag
}

func (p *program) newAppCreate() *cobra.Command {
	f := &createFlags{}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an app, from flags or from a file",
		Long: `Create an app from flags, or from a file by -f. Flags beside -f count instead of
what the file says: what has a name, such as a Helm parameter, is replaced where
it is there and added where it is not; other lists are replaced.`,
		Example: `  syncline app create shop --repo https://git.example.com/shop.git --path deploy \
      --dest-server https://kubernetes.default.svc --dest-namespace shop
  syncline app create shop --repo https://git.example.com/shop.git --path chart \
      --helm-set replicas=2 --dest-name in-cluster --dest-namespace shop --sync-policy automated
  syncline app create -f shop.yaml --upsert
  syncline app create -f shop.yaml --revision v2 --helm-set replicas=3`,
		Args: usage.Names("the NAME of an app", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.create(cmd, args, f) },
	}
	f.application.Bind(cmd.Flags())
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "file with Application resources; - is stdin")
	cmd.Flags().BoolVar(&f.upsert, "upsert", false, "change the app if it exists already")
	f.output = outputFlag(cmd, formatTable, formatJSON, formatYAML, formatName)
	_ = cmd.MarkFlagFilename("file", "yaml", "yml", "json")
	return cmd
}

func (p *program) create(cmd *cobra.Command, args []string, f *createFlags) error {
	manifests, err := p.declared(cmd, args, f)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	var created []App
	for _, manifest := range manifests {
		app, done, err := createOne(ctx, backend, manifest, f.upsert)
		if err != nil {
			return err
		}
		p.notef("app %s %s", app.ID, done)
		created = append(created, app)
	}
	return p.printApps(created, f.output.value)
}

// declared returns the resources that the command line asks for.
func (p *program) declared(cmd *cobra.Command, args []string, f *createFlags) ([]map[string]any, error) {
	if f.file != "" {
		return p.fromFile(cmd, args, f)
	}
	if len(args) == 0 {
		return nil, usage.Errorf("name the app, or give a file by -f")
	}
	id, err := p.appID(args[0])
	if err != nil {
		return nil, err
	}
	manifest, err := f.application.Manifest(cmd.Flags(), id, p.in)
	return []map[string]any{manifest}, usage.Of(err)
}

// fromFile returns the resources of a file. When it has one, the name and the
// other flags of the command line count instead of what it says, as for argocd.
func (p *program) fromFile(cmd *cobra.Command, args []string, f *createFlags) ([]map[string]any, error) {
	content, err := declare.ReadFile(f.file, p.in)
	if err != nil {
		return nil, err
	}
	manifests, err := declare.Parse(f.file, content, p.namespace)
	if err != nil {
		return nil, err
	}
	given, err := overrides(cmd)
	if err != nil || len(args) == 0 && len(given) == 0 {
		return manifests, err
	}
	if len(manifests) > 1 {
		return nil, usage.Errorf("%s has %d Applications: leave out %s", f.file, len(manifests), strings.Join(append(args, given...), ", "))
	}
	if len(args) > 0 {
		id, err := p.appID(args[0])
		if err != nil {
			return nil, err
		}
		_ = unstructured.SetNestedField(manifests[0], id.Name, "metadata", "name")
		_ = unstructured.SetNestedField(manifests[0], id.Namespace, "metadata", "namespace")
	}
	return manifests, usage.Of(f.application.Override(cmd.Flags(), manifests[0], p.in))
}

// overrides lists the given flags that say something about the app. One that says
// nothing, such as --self-heal=false, would take away nothing of a file.
func overrides(cmd *cobra.Command) (given []string, err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		ofAll := cmd.InheritedFlags().Lookup(flag.Name) != nil
		if ofAll || slices.Contains([]string{"file", "upsert", "output"}, flag.Name) {
			return
		}
		given = append(given, "--"+flag.Name)
		if value := flag.Value.String(); value == "" || value == "false" {
			err = usage.Errorf("--%s=%s takes nothing away from a file: change it there", flag.Name, value)
		}
	})
	return given, err
}

// createOne makes one App, or changes it with upsert, and says what was done.
func createOne(ctx context.Context, backend Backend, manifest map[string]any, upsert bool) (App, string, error) {
	app, err := backend.Create(ctx, manifest)
	if syncline.KindOf(err) != syncline.Conflict {
		return app, "created", err
	}
	name, _, _ := unstructured.NestedString(manifest, "metadata", "name")
	namespace, _, _ := unstructured.NestedString(manifest, "metadata", "namespace")
	id := declare.ID(namespace, name)
	existing, err := backend.Get(ctx, id)
	if err != nil {
		return App{}, "", err
	}
	patch := declare.UpsertPatch(existing.Manifest, manifest)
	switch {
	case len(patch) == 0:
		return existing, "unchanged", nil
	case !upsert:
		return App{}, "", syncline.WithHint(
			syncline.Errorf(syncline.Conflict, "app %s: existing application spec is different, use upsert flag to force update", id),
			"change it with --upsert")
	}
	app, err = backend.Patch(ctx, id, patch)
	return app, "changed", err
}
