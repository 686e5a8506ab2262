package application

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// Take writes of a refresh that it is being answered, and returns the App as it is then.
// Who asks once more meanwhile writes what was there before, as argocd and kubectl do,
// which makes another version: the answer is refused, and the next turn gives another.
// An API server takes no notice of a value that is there already.
func (s *Store) Take(ctx context.Context, app syncline.App) (syncline.App, error) {
	entry, _ := s.apps.Entry(app.ID)
	known, ok := entry.Record.(*record)
	if !ok || known.taken || app.Refresh == syncline.NoRefresh || app.Paused || app.Deleting != nil {
		return app, nil
	}
	taken := v1alpha1.RefreshTaken
	if app.Refresh == syncline.RefreshHard {
		taken = v1alpha1.HardRefreshTaken
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": app.Past.ResourceVersion, "annotations": map[string]any{v1alpha1.RefreshAnnotation: taken},
	}})
	if err != nil {
		return app, err
	}
	u, err := s.resources.PatchApplication(ctx, app.ID, patch)
	if err != nil {
		return app, fmt.Errorf("take up the refresh of Application %s: %w", app.ID, err)
	}
	s.keep(u)
	if now, known := s.apps.App(app.ID); known {
		return now, nil
	}
	return app, nil
}

func isTaken(cr *v1alpha1.Application) bool {
	value := cr.Annotations[v1alpha1.RefreshAnnotation]
	return value == v1alpha1.RefreshTaken || value == v1alpha1.HardRefreshTaken
}
