package contender

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// declareApplications creates the apps' Applications.
func declareApplications(ctx context.Context, on *stage.Stage, apps []input.App) error {
	return stage.Each(ctx, apps, func(ctx context.Context, app input.App) error {
		_, err := on.API.Create(ctx, stage.Applications(), input.Application(app, on.Addresses()))
		return err
	})
}

// refreshApplication sets the annotation that makes an Application be looked at.
func refreshApplication(ctx context.Context, on *stage.Stage, app input.App) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"normal"}}}`, v1alpha1.RefreshAnnotation)
	_, err := on.API.Patch(ctx, stage.Applications(), app.ID(), kube.Patch{Type: types.MergePatchType, Data: patch})
	return err
}

func isSynced(u *unstructured.Unstructured) bool {
	return field(u, "status", "sync", "status") == "Synced"
}

func isSettled(u *unstructured.Unstructured) bool {
	return isSynced(u) && field(u, "status", "health", "status") == "Healthy" &&
		field(u, "status", "operationState", "phase") == "Succeeded"
}

func isAt(commit string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool { return field(u, "status", "sync", "revision") == commit }
}

// awaitApps waits until what declares each app satisfies the condition, and
// returns when the last did.
func awaitApps(ctx context.Context, watch *stage.Watch, apps []input.App, holds func(*unstructured.Unstructured) bool) (time.Time, error) {
	names := make([]types.NamespacedName, len(apps))
	for i, app := range apps {
		names[i] = app.ID()
	}
	held, err := watch.Await(ctx, names, holds)
	return stage.Last(held), err
}

func field(u *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(u.Object, path...)
	return value
}
