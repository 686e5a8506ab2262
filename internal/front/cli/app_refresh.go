package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

func (p *program) newAppRefresh() *cobra.Command {
	var hard, async bool
	var c choice
	cmd := &cobra.Command{
		Use:   "refresh [NAME...]",
		Short: "Look at the source and the cluster again",
		Long: `Look at the source and the cluster again, now, and wait until that is done.

It sets the annotation argocd.argoproj.io/refresh, which the agent removes.`,
		Example: `  syncline app refresh shop
  syncline app refresh shop --hard
  syncline app refresh -l team=web`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.names = args
			return p.refresh(cmd.Context(), c, hard, async)
		},
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&hard, "hard", false, "also forget what was rendered")
	cmd.Flags().BoolVar(&async, "async", false, "do not wait until it is done")
	return cmd
}

func (p *program) refresh(ctx context.Context, c choice, hard, async bool) error {
	backend, err := p.backend(ctx)
	if err != nil {
		return err
	}
	apps, err := p.chosen(ctx, backend, c)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if async {
			if _, err = backend.Do(ctx, app.Asked(command.Refresh{Hard: hard, At: time.Now()})); err != nil {
				return err
			}
			continue
		}
		if app, err = p.refreshApp(ctx, backend, app, hard); err != nil {
			return err
		}
		p.notef("%s is %s and %s%s", app.ID, app.Report.Sync, app.Report.Health.Status, view.At(app.Report.Revisions))
	}
	return nil
}

// refreshing says whether the agent has to look at an App again first.
type refreshing struct{ refresh, hard bool }

func (r *refreshing) add(flags *pflag.FlagSet, usage string) {
	flags.BoolVar(&r.refresh, "refresh", false, usage)
	flags.BoolVar(&r.hard, "hard-refresh", false, "as --refresh, and forget what was rendered")
}

// refreshApp asks for a refresh and waits until the agent has done it, which it has
// not before an operation that goes on has ended. Where that waits for a person, it
// is the error that says so.
func (p *program) refreshApp(ctx context.Context, backend access.Backend, app access.App, hard bool) (access.App, error) {
	if _, err := backend.Do(ctx, app.Asked(command.Refresh{Hard: hard, At: time.Now()})); err != nil {
		return access.App{}, err
	}
	id := app.ID
	var refreshed access.App
	var verdict goal.Verdict
	err := backend.Watch(ctx, access.Query{Namespace: id.Namespace, Name: id.Name}, func(apps []access.App) bool {
		if len(apps) == 0 {
			verdict = goal.Goal{}.Judge(id, nil)
			return true
		}
		refreshed = apps[0]
		state := refreshed.State()
		verdict = goal.Goal{}.Judge(id, &state)
		return verdict.Failed != nil || len(verdict.Blockers) == 0
	})
	switch {
	case verdict.Failed != nil:
		return access.App{}, verdict.Failed
	case endedBy(ctx, err, errTimedOut):
		return access.App{}, &goal.Error{Err: syncline.Errorf(syncline.Waiting, "the refresh of %s is not done yet", id), Details: verdict.Blockers}
	}
	return refreshed, err
}
