package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
)

// Teardown plans the deletion of everything that an App has, hooks included,
// the last wave first. Left out are what is kept by Delete=false or by Helm's
// resource policy, and definitions of kinds, with which all of the kind would go.
// The error says why the App may have more; it is that of [Memory.Owned].
func Teardown(app syncline.App, memory Memory) (syncline.Plan, error) {
	owned, err := memory.Owned(app.Instance)
	var changes []syncline.Change
	for _, live := range owned {
		options := syncline.ParseSyncOptions(live.Marks[syncline.AnnotationSyncOptions]).Over(app.Policy.Options)
		kept := options.Has("Delete=false") || live.Marks[syncline.AnnotationHelmPolicy] == "keep" ||
			live.Ref.Kind == "CustomResourceDefinition"
		itself := live.Ref.Kind == "Application" && live.Ref.Name == app.ID.Name && live.Ref.Namespace == app.ID.Namespace
		if live.Controlled || kept || itself {
			continue
		}
		changes = append(changes, teardown(app, live, options))
	}
	slices.SortStableFunc(changes, func(a, b syncline.Change) int {
		return cmp.Or(cmp.Compare(b.Wave, a.Wave), a.Ref.Compare(b.Ref))
	})
	return syncline.Plan{App: app.ID, Changes: changes}, err
}

func teardown(app syncline.App, live syncline.Live, options syncline.SyncOptions) syncline.Change {
	c := syncline.Change{
		Ref: live.Ref, Version: live.Version, Role: syncline.RoleResource, Action: syncline.Prune,
		Phase: syncline.Sync, UID: live.UID, Why: "the application is being deleted",
		Wave:    waveOf(func(key string) string { return live.Marks[key] }),
		Options: options,
	}
	if app.Deleting != nil && app.Deleting.Propagation != "" {
		c.Options = syncline.SyncOptions{"PrunePropagationPolicy=" + app.Deleting.Propagation}.Over(options)
	}
	if isHook(live) {
		c.Role = syncline.RoleHook
	}
	if options.Has("Delete=confirm") && app.ApprovedPrune != "true" {
		c.Err = syncline.WithHint(syncline.Errorf(syncline.Stalled, "%s is kept by Delete=confirm until its deletion is approved", live.Ref),
			fmt.Sprintf("approve the deletion with the annotation %s: \"true\"", syncline.AnnotationApprovePrune))
	}
	if live.Terminating {
		c.Err = syncline.Errorf(syncline.Waiting, "%s is being deleted%s", live.Ref, heldBy(live))
	}
	return c
}
