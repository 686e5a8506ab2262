package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

type waitFlags struct {
	choice    choice
	goal      goal.Goal
	resources []string
	output    *formatFlag
}

func (p *program) newAppWait() *cobra.Command {
	f := &waitFlags{}
	cmd := &cobra.Command{
		Use:   "wait [NAME...]",
		Short: "Wait until apps are in a state",
		Long: `Wait until apps are in a state: by default Synced, Healthy and without an
operation in progress. It returns at once when they are already.

When --timeout is over, it lists what blocks and ends with 5. When an operation
failed and nothing will try again, it says why and ends with 6, at once.`,
		Example: `  syncline app wait shop --timeout 300
  syncline app wait shop --health
  syncline app wait -l team=web --sync
  syncline app wait shop --resource apps:Deployment:web --health`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.choice.names = args
			return p.waitCommand(cmd.Context(), f)
		},
	}
	f.choice.flags(cmd)
	f.output = outputFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	flags := cmd.Flags()
	flags.BoolVar(&f.goal.Sync, "sync", false, "wait until Synced")
	flags.BoolVar(&f.goal.Health, "health", false, "wait until Healthy")
	flags.BoolVar(&f.goal.Operation, "operation", false, "wait until no operation is in progress")
	flags.BoolVar(&f.goal.Suspended, "suspended", false, "be content with Suspended")
	flags.BoolVar(&f.goal.Degraded, "degraded", false, "be content with Degraded")
	flags.BoolVar(&f.goal.Deleted, "delete", false, "wait until the app is gone")
	flags.BoolVar(&f.goal.FailDegraded, "fail-on-degraded", false, "end with 6 as soon as an app is Degraded")
	flags.StringArrayVar(&f.resources, "resource", nil, patternHelp)
	return cmd
}

func (p *program) waitCommand(ctx context.Context, f *waitFlags) error {
	wanted, err := f.wanted()
	if err != nil {
		return err
	}
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	apps, err := p.chosen(ctx, backend, f.choice)
	if wanted.Deleted && syncline.KindOf(err) == syncline.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.wait(ctx, backend, apps, wanted); err != nil || wanted.Deleted {
		return err
	}
	return p.printReached(ctx, backend, apps, f.output.value)
}

// wanted is the goal that the flags say; what they leave out has a default.
func (f *waitFlags) wanted() (goal.Goal, error) {
	wanted := f.goal
	var err error
	if wanted.Resources, err = patterns(f.resources); err != nil {
		return wanted, err
	}
	some := len(wanted.Resources) > 0
	switch {
	case wanted.Deleted && (wanted.Judges() || some):
		return wanted, usage.Errorf("--delete cannot be used together with another state")
	case wanted.Deleted || wanted.Judges():
		return wanted, nil
	}
	wanted.Sync, wanted.Health, wanted.Operation = true, true, !some
	return wanted, nil
}

// wait watches Apps until the goal holds for all of them, or fails for one.
func (p *program) wait(ctx context.Context, backend access.Reader, apps []access.App, wanted goal.Goal) error {
	ids := make([]syncline.AppID, 0, len(apps))
	for _, app := range apps {
		ids = append(ids, app.ID)
	}
	waiting := goal.NewWait(wanted, ids)
	err := backend.Watch(ctx, access.QueryFor(apps), func(now []access.App) bool {
		states := map[syncline.AppID]command.State{}
		for _, app := range now {
			states[app.ID] = app.State()
		}
		for _, text := range waiting.Look(states) {
			p.notef("%s", text)
		}
		return waiting.Failed != nil || waiting.Holds()
	})
	switch {
	case waiting.Failed != nil:
		return waiting.Failed
	case endedBy(ctx, err, errTimedOut):
		return waiting.Timeout(p.timeout.String())
	}
	return err
}

// printReached prints the Apps as they are now.
func (p *program) printReached(ctx context.Context, backend access.Reader, apps []access.App, f format) error {
	var reached []access.App
	for _, app := range apps {
		app, err := backend.Get(ctx, app.ID)
		if err != nil {
			return err
		}
		reached = append(reached, app)
	}
	if f == formatTable || f == formatWide {
		for i, app := range reached {
			if i > 0 {
				p.printLines([]string{""})
			}
			p.printLines(view.App(app.App, app.Report, view.Showing{Wide: f == formatWide}, p.out.Palette()))
		}
		return nil
	}
	return p.printApps(reached, f)
}

// patternHelp says what --resource takes.
const patternHelp = "`GROUP:KIND:NAME` or GROUP:KIND:NAMESPACE/NAME; parts may have *, and ! in front excludes; may be repeated"

// patterns reads the values of --resource.
func patterns(values []string) ([]goal.Pattern, error) {
	var read []goal.Pattern
	for _, value := range values {
		p, err := goal.ParsePattern(value)
		if err != nil {
			return nil, usage.Errorf("--resource %w", err)
		}
		read = append(read, p)
	}
	return read, nil
}
