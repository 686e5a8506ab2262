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
	"github.com/syncline-io/syncline/internal/front/cli/await"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type syncFlags struct {
	choice       choice
	operation    declare.Operation
	resources    []string
	patterns     []await.Pattern
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
the sync.`,
		Example: `  syncline app sync shop
  syncline app sync shop --prune --preview-changes
  syncline app sync shop --revision v1.2.3 --async
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
	flags.BoolVar(&f.preview, "preview-changes", false, "show the difference and ask first")
	flags.BoolVar(&f.yes, "assumeYes", false, "answer yes to every question")
	flags.BoolVar(&f.approvePrune, "approve-prune", false, "prune, and approve what the plan deletes where that waits for a person")
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
		return asUsage(err)
	}
	if _, err := declare.Pairs("label", f.labels); err != nil {
		return asUsage(err)
	}
	f.operation.Prune = f.operation.Prune || f.approvePrune
	var err error
	f.patterns, err = patterns(f.resources)
	return err
}

func (p *program) syncOne(cmd *cobra.Command, backend Backend, app App, f *syncFlags) error {
	ctx := cmd.Context()
	if err := await.InProgress(app.state()); err != nil {
		return err
	}
	plan, err := p.planFor(ctx, app, f)
	if err != nil {
		return err
	}
	selection, err := f.selection(app, plan)
	if err != nil {
		return err
	}
	annotations := map[string]any{}
	if digest := plan.PruneDigest(); f.approvePrune && digest != "" {
		p.notePrunes(plan)
		annotations[syncline.AnnotationApprovePrune] = string(digest)
	}
	operation := f.operation.Manifest(cmd.Flags(), app.Policy.Options, selection)
	app, err = requestOperation(ctx, backend, app, operation, annotations)
	if err != nil {
		return err
	}
	if f.async {
		p.notef("sync of %s asked for", app.ID)
		return p.printApps([]App{app}, f.output.value)
	}
	return p.followSync(ctx, backend, app, f.output.value)
}

// planFor makes the plan that the flags need, and shows it where they say so.
func (p *program) planFor(ctx context.Context, app App, f *syncFlags) (syncline.Plan, error) {
	if !f.preview && !f.approvePrune && len(f.labels) == 0 {
		return syncline.Plan{}, nil
	}
	plan, err := p.plan(ctx, app, f.operation.Revision)
	if err == nil && f.preview {
		err = p.preview(plan, f.yes)
	}
	return plan, err
}

// preview shows the difference and asks whether to go on.
func (p *program) preview(plan syncline.Plan, yes bool) error {
	text := view.Diff(plan, p.err.palette())
	if text == "" {
		text = "nothing differs\n"
	}
	fmt.Fprint(p.err, text)
	if yes {
		return nil
	}
	return p.confirm("Sync this?")
}

// notePrunes says what is approved.
func (p *program) notePrunes(plan syncline.Plan) {
	for _, change := range plan.Changes {
		if change.Action == syncline.Prune {
			p.notef("approved to delete: %s", change.Ref)
		}
	}
}

// selection returns the objects that --resource and --label choose.
func (f *syncFlags) selection(app App, plan syncline.Plan) ([]syncline.Selector, error) {
	if len(f.patterns) == 0 && len(f.labels) == 0 {
		return nil, nil
	}
	selectors := await.Selectors(f.patterns, app.Report.Objects)
	if len(f.labels) == 0 && len(selectors) == 0 {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "No matching app resources found for resource filter: %s", strings.Join(f.resources, ", ")),
			fmt.Sprintf("see which there are with: syncline app resources %s", app.ID))
	}
	if len(f.labels) > 0 {
		labels, err := declare.Pairs("label", f.labels)
		if err != nil {
			return nil, asUsage(err)
		}
		selectors = labelled(plan, labels, f.patterns)
	}
	if len(selectors) == 0 {
		return nil, syncline.Errorf(syncline.NotFound, "No matching resources found for labels: %s", strings.Join(f.labels, ", "))
	}
	return selectors, nil
}

// labelled returns the planned objects with the labels that the patterns allow.
func labelled(plan syncline.Plan, labels map[string]string, patterns []await.Pattern) []syncline.Selector {
	var selectors []syncline.Selector
	for _, change := range plan.Changes {
		if change.Desired.IsZero() || change.Role != syncline.RoleResource || !await.Matches(patterns, change.Ref) {
			continue
		}
		has := change.Desired.Labels()
		all := true
		for name, value := range labels {
			all = all && has[name] == value
		}
		if all {
			selectors = append(selectors, await.SelectorOf(change.Ref))
		}
	}
	return selectors
}

// followSync shows the sync that was just asked for until it is over.
func (p *program) followSync(ctx context.Context, backend Reader, app App, f format) error {
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
	if err := p.printApps([]App{last}, f); err != nil {
		return err
	}
	drawn := !p.quiet && p.err.isTerminal() && p.out.isTerminal()
	if f == formatWide || f == formatTable && !drawn {
		p.printLines(view.Results(last.Report, p.out.palette()))
	}
	if err := await.Failure(last.state()); err != nil {
		return cmp.Or(await.Blocked(last.state()), err)
	}
	return await.Unpruned(last.state())
}

// syncTimeout lists what the sync still waits for.
func syncTimeout(app App) error {
	return &await.Error{
		Err: syncline.WithHint(
			syncline.Errorf(syncline.Waiting, "the sync of %s is not over yet", app.ID),
			fmt.Sprintf("it goes on; follow it with: syncline app wait %s", app.ID)),
		Details: await.OperationBlockers(app.state()),
	}
}
