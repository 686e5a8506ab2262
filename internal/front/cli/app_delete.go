package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type deleteFlags struct {
	choice      choice
	cascade     bool
	propagation string
	yes         bool
	wait        bool
}

func (p *program) newAppDelete() *cobra.Command {
	f := &deleteFlags{}
	cmd := &cobra.Command{
		Use:   "delete [NAME...]",
		Short: "Delete apps, with their objects unless told otherwise",
		Example: `  syncline app delete shop
  syncline app delete shop --cascade=false
  syncline app delete -l team=web --yes --wait`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.choice.names = args
			return p.delete(cmd.Context(), f)
		},
	}
	f.choice.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.cascade, "cascade", true, "delete the app's objects too")
	flags.StringVarP(&f.propagation, "propagation-policy", "p", "foreground", "foreground or background: whether an object waits for those it owns")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", false, "wait until everything is gone")
	return cmd
}

func (p *program) delete(ctx context.Context, f *deleteFlags) error {
	if f.propagation != "foreground" && f.propagation != "background" {
		return usage.Errorf("--propagation-policy is %q, neither foreground nor background", f.propagation)
	}
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	apps, err := p.chosen(ctx, backend, f.choice)
	if err != nil {
		return err
	}
	if !f.yes && f.cascade {
		question, err := p.deleteQuestion(ctx, apps)
		if err != nil {
			return err
		}
		if err := p.confirm(question, "yes"); err != nil {
			return err
		}
	}
	for _, app := range apps {
		if err := p.deleteOne(ctx, backend, app, f); err != nil {
			return err
		}
	}
	if !f.wait {
		return nil
	}
	return p.wait(ctx, backend, apps, goal.Goal{Deleted: true})
}

// deleteQuestion tells what would be deleted: by the agent's own plan, which knows
// what the status does not list.
func (p *program) deleteQuestion(ctx context.Context, apps []access.App) (string, error) {
	engine, err := p.engine(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = engine.Close() }() // the plans are made
	var text strings.Builder
	for _, app := range apps {
		plan, err := engine.Teardown(ctx, app.App)
		if err != nil {
			fmt.Fprintf(&text, "%s (what it has is not known: %s)\n", app.ID, visible.Line(err.Error()))
			continue
		}
		fmt.Fprintf(&text, "%s (objects: %d)\n", app.ID, len(plan.Changes))
		if plan.Unknown != nil {
			fmt.Fprintf(&text, "  and what is not known: %s\n", visible.Line(plan.Unknown.Error()))
		}
		for i, change := range plan.Changes {
			if i == mostListed {
				fmt.Fprintf(&text, "  … and %d more\n", len(plan.Changes)-mostListed)
				break
			}
			fmt.Fprintf(&text, "  - %s\n", visible.Line(change.Ref.String()))
		}
	}
	text.WriteString("Delete this?")
	return text.String(), nil
}

// mostListed is how many objects a question lists.
const mostListed = 50

// deleteOne deletes an App.
func (p *program) deleteOne(ctx context.Context, backend access.Backend, app access.App, f *deleteFlags) error {
	done, err := backend.Do(ctx, app.Asked(command.Delete{Cascade: f.cascade, Background: f.propagation == "background"}))
	switch {
	case err != nil:
		return err
	case done.Effect == command.Gone:
		p.notef("app %s is deleted", app.ID)
	default:
		p.notef("app %s is being deleted", app.ID)
	}
	return nil
}

// confirm asks a question on stderr and reads the answer from stdin. Flag is the
// one that answers it.
func (p *program) confirm(question, flag string) error {
	fmt.Fprintf(p.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(p.in).ReadString('\n')
	if _, typed := view.Terminal(p.in); !typed || err != nil { // nobody saw the line end
		fmt.Fprintln(p.err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "y" || answer == "yes" {
		return nil
	}
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "nothing was done: the answer was not yes"),
		"--"+flag+" answers for you")
}
