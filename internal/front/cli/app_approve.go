package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
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
func (p *program) approveWaiting(ctx context.Context, backend Backend, app App) (App, error) {
	shown, waits := goal.Confirming(app.state())
	if !waits {
		return App{}, syncline.WithHint(syncline.Errorf(syncline.Invalid, "app %s waits for no approval of a deletion", app.ID),
			fmt.Sprintf("see what it waits for with: syncline app get %s", app.ID))
	}
	const attempts = 10
	for range attempts {
		written, err := backend.Patch(ctx, app.ID, map[string]any{"metadata": map[string]any{
			"annotations": approvalOf(shown.Digest), "resourceVersion": resourceVersion(app.Manifest),
		}})
		if err == nil {
			for _, ref := range shown.Refs {
				p.notef("approved to delete: %s", ref)
			}
			return written, nil
		}
		if syncline.KindOf(err) != syncline.Conflict {
			return App{}, err
		}
		if app, err = backend.Get(ctx, app.ID); err != nil {
			return App{}, err
		}
		if now, _ := goal.Confirming(app.state()); now.Digest != shown.Digest {
			return App{}, changedMeanwhile(app)
		}
	}
	return App{}, syncline.Errorf(syncline.Conflict, "app %s changes too fast to approve anything", app.ID)
}

// approvalOf is the annotation that approves what has the digest; none when there is
// nothing to approve.
func approvalOf(digest syncline.Digest) map[string]any {
	if digest == "" {
		return nil
	}
	return map[string]any{syncline.AnnotationApprovePrune: string(digest)}
}

// changedMeanwhile says that what a person was shown is not what there is now.
func changedMeanwhile(app App) error {
	return syncline.WithHint(syncline.Errorf(syncline.Stalled, "app %s is another than was shown by now: nothing was done", app.ID),
		"look at it, and ask again")
}

// approve returns what lets the operation prune what its plan says: the digest that
// the person was shown. When that is another, it asks.
func (p *program) approve(app App, part syncline.Plan, partial bool, f *syncFlags) (syncline.Digest, error) {
	digest := part.PruneDigest()
	shown, _ := goal.Asked(app.state())
	switch {
	case digest == "" || partial && !confirms(part):
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

// confirms reports whether something that the plan prunes waits for a person.
func confirms(part syncline.Plan) bool {
	for _, change := range part.Changes {
		if change.Action == syncline.Prune && syncline.KindOf(change.Err) == syncline.Waiting {
			return true
		}
	}
	return false
}

// notePrunes lists what the plan prunes.
func (p *program) notePrunes(part syncline.Plan, title string) {
	for _, change := range part.Changes {
		if change.Action == syncline.Prune && change.Role != syncline.RoleHook {
			p.notef("%s: %s", title, change.Ref)
		}
	}
}
