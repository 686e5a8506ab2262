package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

type renderFlags struct {
	source      declare.Source
	revision    string
	appName     string
	project     string
	namespace   string
	showSecrets bool
	verbose     bool
	output      *formatFlag
}

func (p *program) newRender() *cobra.Command {
	f := &renderFlags{}
	cmd := &cobra.Command{
		Use:   "render [PATH]",
		Short: "Print what a source renders to, without a cluster",
		Long: `Print what an Application with this source would render, by the same code and
without a cluster, as YAML documents in a stable order.

PATH is a folder of this machine, as it is on disk. Files that it refers to are
found in the Git working tree around it, or else in the folder alone. With
--repo, the source is a revision of a repository instead: a URL, or a folder
with a Git repository.

Files that sops encrypted are decrypted by the keys that sops finds: those of
SOPS_AGE_KEY, of SOPS_AGE_KEY_FILE or of sops/age/keys.txt in your
configuration, an SSH key of SOPS_AGE_SSH_PRIVATE_KEY_FILE, and those of
VAULT_ADDR with VAULT_TOKEN, AWS_ACCESS_KEY_ID, AZURE_CLIENT_ID and
GOOGLE_APPLICATION_CREDENTIALS. Keys of GnuPG are not looked for.

It ends with 1, and says which file and why, when something cannot be rendered.`,
		Example: `  syncline render deploy/overlays/production
  syncline render charts/web --values production.yaml --helm-set replicas=3
  syncline render --repo https://git.example.com/shop.git --rev v1.2.3 --path deploy
  syncline render --repo . --rev main --path deploy`,
		Args: usage.Names("one PATH", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.render(cmd, args, f) },
	}
	flags := cmd.Flags()
	f.source.Bind(flags)
	flags.StringVar(&f.revision, "rev", "", "branch, tag, commit or version, with --repo (default HEAD)")
	flags.StringVar(&f.revision, "revision", "", "the same as --rev")
	flags.StringVar(&f.appName, "app-name", "", "name of the app (default the folder's name)")
	flags.StringVar(&f.project, "project", "default", "project of the app")
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "destination namespace")
	flags.StringVar(&f.namespace, "dest-namespace", "default", "the same as --namespace")
	flags.BoolVar(&f.showSecrets, "show-secrets", false, "print the values of Secrets instead of masks, also those that an error quotes")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "list the files among manifests that are something else, and why")
	f.output = outputFlag(cmd, formatYAML, formatJSON, formatName)
	return cmd
}

func (p *program) render(cmd *cobra.Command, args []string, f *renderFlags) error {
	request, err := p.renderRequest(cmd, args, f)
	if err != nil {
		return err
	}
	objects, err := p.rendered(cmd.Context(), request)
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		p.notef("nothing is rendered: there is no manifest here that counts; -v lists what is passed over, and subfolders are read with --directory-recurse")
	}
	objects = slices.Clone(objects)
	slices.SortStableFunc(objects, func(a, b syncline.Object) int { return a.Ref().Compare(b.Ref()) })
	return printObjects(p.out, f.output.value, objects, f.showSecrets)
}

func (p *program) rendered(ctx context.Context, request access.RenderRequest) ([]syncline.Object, error) {
	if p.deps.Renderer == nil {
		return nil, syncline.Errorf(syncline.Internal, "this program was built without a renderer")
	}
	objects, err := p.deps.Renderer.Render(ctx, request)
	if kind := syncline.KindOf(err); kind == syncline.NotFound || kind == syncline.Denied {
		// A file that is missing or outside of the tree is a source that cannot be
		// rendered, which ends with 1 like every other.
		err = &syncline.Error{Kind: syncline.Invalid, Hint: syncline.HintOf(err), Err: err}
	}
	return objects, err
}

func (p *program) warn(warning syncline.Condition) { p.notef("%s: %s", warning.Type, warning.Message) }

func (p *program) renderRequest(cmd *cobra.Command, args []string, f *renderFlags) (access.RenderRequest, error) {
	source, err := f.source.Read(cmd.Flags(), p.in)
	if err != nil {
		return access.RenderRequest{}, usage.Of(err)
	}
	source.TargetRevision = f.revision
	if err := checkRender(source, args); err != nil {
		return access.RenderRequest{}, err
	}
	request := access.RenderRequest{Source: source, AppName: f.appName, Project: f.project, Namespace: f.namespace, ShowSecrets: f.showSecrets, Warn: p.warn}
	if f.verbose {
		request.PassedOver = func(file, why string) { p.notef("not rendered: %s: %s", file, why) }
	}
	if len(args) > 0 {
		request.Root, request.Source.Path, err = declare.Locate(args[0])
	} else {
		request.Source.RepoURL, err = declare.LocalRepository(source.RepoURL)
	}
	if request.AppName == "" {
		request.AppName = request.Name()
	}
	return request, err
}

// checkRender says what of the command line does not fit together.
func checkRender(source syncline.Source, args []string) error {
	folder, repository := len(args) > 0, source.RepoURL != ""
	switch {
	case !folder && !repository:
		return usage.Errorf("give a folder, or a repository by --repo")
	case folder && repository:
		return usage.Errorf("give a folder or --repo, not both; the folder in the repository is --path")
	case folder && (source.TargetRevision != "" || source.Path != "" || source.Chart != ""):
		return usage.Errorf("--rev, --path and --helm-chart are about --repo")
	}
	return nil
}
