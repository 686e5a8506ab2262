package cli

import (
	"context"
	"reflect"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
)

// requestOperation writes .operation, unless one is in progress. It is what a
// "kubectl patch" would do, with the precondition that nothing came in between.
func requestOperation(ctx context.Context, backend Backend, app App, operation, annotations map[string]any) (App, error) {
	const attempts = 10
	declared := app.Manifest["spec"]
	for range attempts {
		if err := goal.InProgress(app.state()); err != nil {
			return App{}, err
		}
		metadata := declare.Fields{"resourceVersion": resourceVersion(app.Manifest)}
		metadata.Set("annotations", annotations)
		written, err := backend.Patch(ctx, app.ID, map[string]any{"operation": operation, "metadata": metadata.JSON()})
		if syncline.KindOf(err) != syncline.Conflict {
			return written, err
		}
		if app, err = backend.Get(ctx, app.ID); err != nil {
			return App{}, err
		}
		if !reflect.DeepEqual(declared, app.Manifest["spec"]) { // of which the operation was made, and its plan
			return App{}, changedMeanwhile(app)
		}
	}
	return App{}, syncline.Errorf(syncline.Conflict, "app %s changes too fast to ask for a sync", app.ID)
}
