package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type diffFlags struct {
	revisions declare.Revisions
	refreshing
	hooks        bool
	exitCode     bool
	diffExitCode int
	output       *formatFlag
}

func (p *program) newAppDiff() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff NAME",
		Short: "Show what a sync would change, field by field",
		Long: `Show what a sync with pruning would change, field by field: the agent's own
plan, made here and not performed. Hooks, which run in every sync, are left out
unless --hooks asks for them.

It ends with 0 when nothing differs and with 1 when something does. The API server
compares, which takes the right to change the objects: 4 says that it did not let
you; "syncline app resources NAME" shows what the agent found.`,
		Example: `  syncline app diff shop
  syncline app diff shop --revision my-branch
  syncline app diff shop --revisions my-branch --source-positions 2
  syncline app diff shop -o json --exit-code=false`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.diff(cmd, args[0], f) },
	}
	f.output = outputFlag(cmd, formatTable, formatJSON, formatYAML, formatName)
	flags := cmd.Flags()
	f.revisions.Bind(flags, "compare with this revision instead of the one that the app declares")
	f.refreshing.add(flags, "let the agent look again first")
	flags.BoolVar(&f.hooks, "hooks", false, "show the hooks that the sync would run, too")
	flags.BoolVar(&f.exitCode, "exit-code", true, "end with another code than 0 when something differs")
	flags.IntVar(&f.diffExitCode, "diff-exit-code", exitDiffers, "the code to end with when something differs")
	return cmd
}

func (p *program) diff(cmd *cobra.Command, name string, f diffFlags) error {
	if err := f.revisions.Check(); err != nil {
		return usage.Of(err)
	}
	ctx := cmd.Context()
	_, app, err := p.open(ctx, name, f.refreshing)
	if err != nil {
		return err
	}
	plan, err := p.planDeclared(ctx, app, f.revisions)
	if err != nil {
		return err
	}
	for _, warning := range plan.Warnings {
		p.notef("%s: %s", warning.Type, warning.Message)
	}
	question, waits := command.Asked(app.State())
	if waits {
		p.notef("it waits for a person: %s", question.Why)
	}
	if !f.hooks {
		plan.Changes = slices.DeleteFunc(slices.Clone(plan.Changes), func(c syncline.Change) bool {
			return c.Role == syncline.RoleHook && c.Err == nil
		})
	}
	if err := p.printPlan(plan, question, f.output.value); err != nil {
		return err
	}
	if err := uncompared(plan); err != nil {
		return err
	}
	if view.Differs(plan) && f.exitCode {
		return differsError{code: f.diffExitCode}
	}
	return nil
}

// uncompared is an error when the API server would not compare objects for who asks: that is
// no difference, and no agreement. What a project refuses is shown as what it is.
func uncompared(plan syncline.Plan) error {
	denied := slices.DeleteFunc(slices.Clone(plan.Changes), func(c syncline.Change) bool {
		return c.Refused || !errors.Is(c.Err, fs.ErrPermission)
	})
	if len(denied) == 0 {
		return nil
	}
	return syncline.Errorf(syncline.Denied, "%d of %d objects cannot be compared, because that takes the right to change them: %s: %w",
		len(denied), len(plan.Changes), denied[0].Ref, denied[0].Err)
}

// plan makes the plan of an operation with an engine of its own.
func (p *program) plan(ctx context.Context, app access.App, operation syncline.Operation) (syncline.Plan, error) {
	engine, err := p.engine(ctx)
	if err != nil {
		return syncline.Plan{}, err
	}
	defer func() { _ = engine.Close() }() // the plan is made
	return engine.Plan(ctx, app.App, operation)
}

// planDeclared makes the plan that brings the cluster to all that an App declares, or that
// other revisions do.
func (p *program) planDeclared(ctx context.Context, app access.App, asked declare.Revisions) (syncline.Plan, error) {
	revisions, err := asked.Of(app.App)
	if err != nil {
		return syncline.Plan{}, err
	}
	return p.plan(ctx, app, syncline.Operation{Prune: true, Options: app.Policy.Options, Revisions: revisions})
}

func (p *program) printPlan(plan syncline.Plan, question command.Question, f format) error {
	switch f {
	case formatJSON, formatYAML:
		document := view.Document(plan)
		if question.Why != "" {
			document["waitsForApproval"] = question.Why
		}
		return encode(p.out, f, document)
	case formatName:
		for _, change := range plan.Changes {
			if change.Differs() {
				p.printLines([]string{visible.Line(change.Ref.String())})
			}
		}
	default:
		fmt.Fprint(p.out, view.Diff(plan, p.out.Palette()))
	}
	return nil
}
