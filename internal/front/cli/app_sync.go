package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type syncFlags struct {
	choice       choice
	operation    declare.Operation
	resources    []string
	patterns     []goal.Pattern
	labels       []string
	async        bool
	preview      bool
	yes          bool
	approvePrune bool
	output       *formatFlag
}

func (p *program) newAppSync() *cobra.Command {
	f := &syncFlags{}
	cmd := &cobra.Command{
		Use:   "sync [NAME...]",
		Short: "Make the cluster as the source says, now",
		Long: `Make the cluster as the source says, now, and follow until that is done.

It writes .operation into the Application, as a "kubectl patch" would, which is
refused while another operation is in progress. Ctrl-C ends the following, not
the sync.

With --approve-prune it approves the deletions that the app waits with, as its
status shows them, or those that --preview-changes shows. When the sync would
delete something else by then, it asks; without a yes nothing is done, and it
ends with 7. While an operation waits for an approval, it is that operation which
goes on. What was shown is what is delivered: the sync keeps to that revision.
A dry run approves nothing.`,
		Example: `  syncline app sync shop
  syncline app sync shop --prune --preview-changes
  syncline app sync shop --revision v1.2.3 --async
  syncline app sync shop --revisions v1.2.3 --source-positions 2
  syncline app sync shop --resource apps:Deployment:web
  syncline app sync shop --approve-prune`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.choice.names = args
			return p.sync(cmd, f)
		},
	}
	f.choice.flags(cmd)
	f.bind(cmd.Flags())
	f.output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	_ = cmd.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions([]string{"apply", "hook"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *syncFlags) bind(flags *pflag.FlagSet) {
	f.operation.Bind(flags)
	flags.StringArrayVar(&f.resources, "resource", nil, "sync only "+patternHelp)
	flags.StringArrayVar(&f.labels, "label", nil, "sync only objects with the label `NAME=VALUE`; may be repeated")
	flags.BoolVar(&f.async, "async", false, "ask for the sync and do not follow it")
	flags.BoolVar(&f.preview, "preview-changes", false, "show what the sync would do, hooks and deletions included, and ask first")
	flags.BoolVar(&f.yes, "assumeYes", false, "answer yes to every question")
	flags.BoolVar(&f.approvePrune, "approve-prune", false, "prune, and approve the deletions that were shown: those that the app waits with, or those of the preview")
}

func (p *program) sync(cmd *cobra.Command, f *syncFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	apps, err := p.chosen(ctx, backend, f.choice)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err := p.syncOne(cmd, backend, app, f); err != nil {
			return err
		}
	}
	return nil
}

// check reads the flags that need reading.
func (f *syncFlags) check() error {
	if err := f.operation.Check(); err != nil {
		return usage.Of(err)
	}
	if _, err := declare.Pairs("label", f.labels); err != nil {
		return usage.Of(err)
	}
	f.operation.Prune = f.operation.Prune || f.approvePrune
	var err error
	f.patterns, err = patterns(f.resources)
	return err
}

func (p *program) syncOne(cmd *cobra.Command, backend access.Backend, app access.App, f *syncFlags) error {
	ctx := cmd.Context()
	if f.approvesWaiting(app) {
		app, err := p.approveWaiting(ctx, backend, app)
		if err != nil {
			return err
		}
		return p.syncAsked(ctx, backend, app, f)
	}
	if err := command.InProgress(app.State()); err != nil {
		return err
	}
	asked, err := p.prepare(cmd, app, f)
	if err != nil {
		return err
	}
	sync := app.Asked(command.Sync{Operation: asked.operation, Approve: asked.approved, Notes: f.operation.Notes()})
	sync.Declared = command.Declared(app.App) // of which the operation was made, and its plan
	done, err := backend.Do(ctx, sync)
	if err != nil {
		return err
	}
	return p.syncAsked(ctx, backend, done.App, f)
}

// syncAsked follows the sync that was asked for, unless that is not wanted.
func (p *program) syncAsked(ctx context.Context, backend access.Backend, app access.App, f *syncFlags) error {
	if f.async {
		p.notef("sync of %s asked for", app.ID)
		return p.printApps([]access.App{app}, f.output.value)
	}
	return p.followSync(ctx, backend, app, f.output.value)
}

// approvesWaiting reports whether nothing is asked for but to approve what the
// operation of an App waits with.
func (f *syncFlags) approvesWaiting(app access.App) bool {
	_, waits := command.Confirming(app.State())
	another := f.operation.DryRun || !f.operation.Revisions.IsEmpty() || len(f.patterns) > 0 || len(f.labels) > 0
	return waits && f.approvePrune && !another
}

// request is a sync that is about to be asked for.
type request struct {
	operation syncline.Operation
	// approved identifies what a person lets it prune; "" when nothing was approved.
	approved syncline.Digest
}

// prepare makes the operation that is asked for, and shows the plan of that very
// operation to the person and has it approved where the flags say so. It delivers
// the revisions that were shown.
func (p *program) prepare(cmd *cobra.Command, app access.App, f *syncFlags) (request, error) {
	ctx := cmd.Context()
	operation, err := f.operation.Operation(cmd.Flags(), app.App)
	if err != nil {
		return request{}, err
	}
	r := request{operation: operation}
	if r.operation.Selection, err = p.selection(ctx, app, r.operation, f); err != nil {
		return request{}, err
	}
	_, waits := command.Asked(app.State())
	approve := f.approvePrune && !f.operation.DryRun && (waits || f.preview)
	if !f.preview && !approve {
		return r, nil
	}
	plan, err := p.plan(ctx, app, r.operation)
	if err != nil {
		return request{}, err
	}
	r.operation.Revisions = plan.Revisions
	if f.preview {
		if err := p.preview(plan, r.operation, f.yes); err != nil {
			return request{}, err
		}
	}
	if approve {
		r.approved, err = p.approve(app, plan.Of(r.operation), r.operation.Partial(), f)
	}
	return r, err
}

// preview shows what the operation would do and asks whether to go on.
func (p *program) preview(plan syncline.Plan, operation syncline.Operation, yes bool) error {
	text := view.Preview(plan, operation, p.err.Palette())
	if text == "" {
		text = "nothing differs\n"
	}
	fmt.Fprint(p.err, text)
	if yes {
		return nil
	}
	return p.confirm("Sync this?", "assumeYes")
}

// selection returns the objects that --resource and --label choose. Labels are
// those of the plan of the whole operation.
func (p *program) selection(ctx context.Context, app access.App, whole syncline.Operation, f *syncFlags) ([]syncline.Selector, error) {
	if len(f.labels) > 0 {
		labels, err := declare.Pairs("label", f.labels)
		if err != nil {
			return nil, usage.Of(err)
		}
		plan, err := p.plan(ctx, app, whole)
		if err != nil {
			return nil, err
		}
		selectors := goal.Labelled(plan, labels, f.patterns)
		if len(selectors) == 0 {
			return nil, syncline.Errorf(syncline.NotFound, "No matching resources found for labels: %s", strings.Join(f.labels, ", "))
		}
		return selectors, nil
	}
	if len(f.patterns) == 0 {
		return nil, nil
	}
	selectors := goal.Selectors(f.patterns, app.Report.Objects)
	if len(selectors) == 0 {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "No matching app resources found for resource filter: %s", strings.Join(f.resources, ", ")),
			fmt.Sprintf("see which there are with: syncline app resources %s", app.ID))
	}
	return selectors, nil
}

// followSync shows the sync that was just asked for until it is over.
func (p *program) followSync(ctx context.Context, backend access.Reader, app access.App, f format) error {
	last, err := p.follow(ctx, backend, app)
	switch {
	case endedBy(ctx, err, errTimedOut):
		return syncTimeout(last)
	case endedBy(ctx, err, context.Canceled) || errors.Is(err, context.Canceled):
		p.notef("the sync goes on; follow it with: syncline app wait %s", app.ID)
		return err
	case err != nil:
		return err
	}
	if err := p.printApps([]access.App{last}, f); err != nil {
		return err
	}
	drawn := !p.quiet && p.err.IsTerminal() && p.out.IsTerminal()
	if f == formatWide || f == formatTable && !drawn {
		p.printLines(view.Results(last.Report, p.out.Palette()))
	}
	if err := goal.Failure(last.State()); err != nil {
		return cmp.Or(goal.Blocked(last.State()), err)
	}
	return goal.Unpruned(last.State())
}

// syncTimeout lists what the sync still waits for.
func syncTimeout(app access.App) error {
	return &goal.Error{
		Err: syncline.WithHint(
			syncline.Errorf(syncline.Waiting, "the sync of %s is not over yet", app.ID),
			fmt.Sprintf("it goes on; follow it with: syncline app wait %s", app.ID)),
		Details: goal.OperationBlockers(app.State()),
	}
}
