package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
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
	ctx := cmd.Context()
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	commands, err := p.declared(cmd, args, f, backend)
	if err != nil {
		return err
	}
	var created []access.App
	for _, asked := range commands {
		done, err := backend.Do(ctx, asked)
		if err != nil {
			return err
		}
		p.notef("app %s %s", done.App.ID, done.Effect)
		created = append(created, done.App)
	}
	return p.printApps(created, f.output.value)
}

// declared returns the commands that the command line comes to, each of which is
// checked before the first is carried out.
func (p *program) declared(cmd *cobra.Command, args []string, f *createFlags, check access.Commander) ([]command.Command, error) {
	if f.file != "" {
		return p.fromFile(cmd, args, f, check)
	}
	if len(args) == 0 {
		return nil, usage.Errorf("name the app, or give a file by -f")
	}
	id, err := p.appID(args[0])
	if err != nil {
		return nil, err
	}
	declaration, err := f.application.New(cmd.Flags(), p.in)
	if err != nil {
		return nil, usage.Of(err)
	}
	asked := access.App{App: syncline.App{ID: id}}.Asked(command.Declare{Declaration: declaration, Upsert: f.upsert})
	return []command.Command{asked}, usage.Of(check.Check(asked))
}

// fromFile returns the commands of a file, one for each of its resources. When it has
// one, the name and the other flags of the command line count instead of what it says,
// as for argocd.
func (p *program) fromFile(cmd *cobra.Command, args []string, f *createFlags, check access.Commander) ([]command.Command, error) {
	content, err := declare.ReadFile(f.file, p.in)
	if err != nil {
		return nil, err
	}
	resources, err := declare.Parse(f.file, content)
	if err != nil {
		return nil, err
	}
	var commands []command.Command
	for _, resource := range resources {
		id := declare.ID(cmp.Or(resource.Ref.Namespace, p.namespace), resource.Ref.Name)
		asked := access.App{App: syncline.App{ID: id}}.Asked(command.Declare{Resource: resource.Content, Upsert: f.upsert})
		if err := check.Check(asked); err != nil {
			return nil, fmt.Errorf("%s: %w", f.file, err)
		}
		commands = append(commands, asked)
	}
	given, err := declare.Given(cmd)
	if err != nil || len(args) == 0 && len(given) == 0 {
		return commands, usage.Of(err)
	}
	if len(commands) > 1 {
		return nil, usage.Errorf("%s has %d Applications: leave out %s", f.file, len(commands), strings.Join(append(args, given...), ", "))
	}
	if len(args) > 0 {
		if commands[0].App, err = p.appID(args[0]); err != nil {
			return nil, err
		}
	}
	declaration, err := f.application.Over(cmd.Flags(), p.in)
	if err != nil {
		return nil, usage.Of(err)
	}
	commands[0].Verb = command.Declare{Resource: resources[0].Content, Declaration: declaration, Upsert: f.upsert}
	return commands, usage.Of(check.Check(commands[0]))
}
