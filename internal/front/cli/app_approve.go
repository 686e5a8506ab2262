package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newAppConfirmDeletion() *cobra.Command {
	return &cobra.Command{
		Use:   "confirm-deletion NAME",
		Short: "Approve the deletions that an app waits with",
		Long: `Approve the deletions that an app waits with: of objects with the sync option
Prune=confirm or Delete=confirm, while the sync or the deletion of the app waits.

It approves exactly what is asked for now, by the annotation syncline.io/approve-prune.
Argo CD's annotation argocd.argoproj.io/deletion-approved does the same for all
that was asked for before the time that it gives, as in "2006-01-02T15:04:05Z".`,
		Example:           `  syncline app confirm-deletion shop`,
		Args:              usage.Names("the NAME of an app", 1, 1),
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			backend, app, err := p.open(ctx, args[0], refreshing{})
			if err == nil {
				_, err = p.approveWaiting(ctx, backend, app)
			}
			return err
		},
	}
}

// approveWaiting approves the deletions that the operation or the deletion of an
// App waits with: those that its status shows.
func (p *program) approveWaiting(ctx context.Context, backend access.Backend, app access.App) (access.App, error) {
	shown, waits := command.Confirming(app.State())
	if !waits {
		return access.App{}, syncline.WithHint(syncline.Errorf(syncline.Invalid, "app %s waits for no approval of a deletion", app.ID),
			fmt.Sprintf("see what it waits for with: syncline app get %s", app.ID))
	}
	done, err := backend.Do(ctx, app.Asked(command.Approve{Digest: shown.Digest}))
	if err != nil {
		return access.App{}, err
	}
	for _, ref := range shown.Refs {
		p.notef("approved to delete: %s", ref)
	}
	return done.App, nil
}

// approve returns what lets the operation prune what its plan says: the digest that
// the person was shown. When that is another, it asks.
func (p *program) approve(app access.App, part syncline.Plan, partial bool, f *syncFlags) (syncline.Digest, error) {
	digest := part.PruneDigest()
	shown, _ := command.Asked(app.State())
	switch {
	case digest == "" || partial && !goal.Confirms(part):
		return "", nil // what is asked for by name needs no approval
	case f.preview || digest == shown.Digest:
		p.notePrunes(part, "approved to delete")
		return digest, nil
	}
	p.notef("the sync would delete something else than app %s asked about", app.ID)
	p.notePrunes(part, "would be deleted")
	if !f.yes {
		if err := p.confirm("Delete this?", "assumeYes"); err != nil {
			return "", syncline.WithHint(
				syncline.Errorf(syncline.Stalled, "app %s waits for a person: what is to be deleted is not what was shown: %w", app.ID, err),
				fmt.Sprintf("look with: syncline app diff %[1]s; approve with: syncline app sync %[1]s --approve-prune --preview-changes", app.ID))
		}
	}
	return digest, nil
}

// notePrunes lists what the plan prunes.
func (p *program) notePrunes(part syncline.Plan, title string) {
	for _, change := range part.Changes {
		if change.Action == syncline.Prune && change.Role != syncline.RoleHook {
			p.notef("%s: %s", title, change.Ref)
		}
	}
}
