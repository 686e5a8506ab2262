// Package cli is Syncline's command line: one file for each command, which
// reads flags, asks a [Backend], an [Engine] or a [Renderer], and prints. It
// does not know how these do it, and it decides nothing about Apps.
//
// What a command finds goes to stdout; progress, warnings and errors go to
// stderr.
package cli

import (
	"cmp"
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

// Streams are where a command reads and writes. A stream that is an *os.File
// on a terminal is drawn on; any other gets plain lines.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// program is one run of the command line.
type program struct {
	deps Deps
	// streams are for workers; commands read in and print on out and err.
	streams    Streams
	in         io.Reader
	out, err   *view.Paper
	connection access.Connection
	// namespace is where Apps without a namespace are looked for.
	namespace string
	color     string
	quiet     bool
	timeout   usage.Seconds
}

// Main runs the command line and returns the exit code. It ends early when ctx
// does, which it takes for an interrupt.
func Main(ctx context.Context, args []string, deps Deps, streams Streams) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newProgram(deps, streams)
	root := p.root(cancel)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(ctx, p.err, err)
	}
	return exitCode(ctx, err)
}

// New returns the commands, for completion and documentation; Main runs them.
func New(deps Deps) *cobra.Command {
	return newProgram(deps, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}).root(func(error) {})
}

func newProgram(deps Deps, streams Streams) *program {
	p := &program{deps: deps, streams: streams, in: streams.In}
	p.out, p.err = view.NewPaper(streams.Out, &p.color, p.getenv), view.NewPaper(streams.Err, &p.color, p.getenv)
	return p
}

const rootLong = `Syncline makes and keeps Kubernetes clusters as Git says.

"syncline server" is the agent that does it. Every other command looks at what
it does, or asks it to do something, and needs nothing but a kubeconfig.

What others wrote is printed without what could steer a terminal or hide text.
JSON and YAML hold all of it, as escapes.`

// root makes the command tree. Cancel ends the run's context for a cause.
func (p *program) root(cancel context.CancelCauseFunc) *cobra.Command {
	root := &cobra.Command{
		Use:           "syncline",
		Short:         "Make and keep Kubernetes clusters as Git says",
		Long:          rootLong,
		Version:       p.deps.Version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if p.timeout > 0 {
				time.AfterFunc(time.Duration(p.timeout), func() { cancel(errTimedOut) })
			}
			p.namespace = cmp.Or(p.namespace, p.connection.ControlPlane)
			return p.checkColor()
		},
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(usage.FlagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(usage.NewHelp())
	p.globalFlags(root)
	return usage.Group(root, p.newApp(), p.newRender(), p.newServer(),
		p.newWorker("render-worker", "Render what the agent sends on stdin", p.deps.RenderWorker),
		p.newWorker("jq-worker", "Run the jq expressions that the agent sends on stdin", p.deps.JQWorker),
		p.newWorker("lua-worker", "Run the health rules that the agent sends on stdin", p.deps.LuaWorker),
		p.newVersion(), newCompletion(), newExitCodes())
}

func (p *program) globalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&p.connection.Kubeconfig, "kubeconfig", "", "path of the kubeconfig (default $KUBECONFIG or ~/.kube/config)")
	flags.StringVar(&p.connection.Context, "context", "", "name of the kubeconfig's context")
	flags.StringVar(&p.connection.ControlPlane, "control-plane", "argocd", "namespace that the agent runs in")
	flags.StringVarP(&p.namespace, "namespace", "n", "", "namespace of the Application resources (default the control plane's)")
	flags.StringVarP(&p.namespace, "app-namespace", "N", "", "the same as --namespace")
	flags.StringVar(&p.color, "color", "auto", "auto, always or never; auto minds NO_COLOR")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	flags.Var(&p.timeout, "timeout", "give up after this many seconds, or a duration such as 5m; 0 means never")
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

func (p *program) checkColor() error {
	switch p.color {
	case "auto", "always", "never":
		return nil
	}
	return usage.Errorf("--color is %q, not auto, always or never", p.color)
}

func (p *program) getenv(name string) string {
	if p.deps.Getenv == nil {
		return ""
	}
	return p.deps.Getenv(name)
}

// backend opens the way in.
func (p *program) backend(ctx context.Context) (access.Backend, error) {
	if p.deps.Connect == nil {
		return nil, syncline.Errorf(syncline.Internal, "this program was built without access to clusters")
	}
	return p.deps.Connect(ctx, p.connection)
}

// engine starts an engine for one command.
func (p *program) engine(ctx context.Context) (access.Engine, error) {
	if p.deps.Engine == nil {
		return nil, syncline.Errorf(syncline.Internal, "this program was built without an engine")
	}
	return p.deps.Engine(ctx, p.connection)
}
