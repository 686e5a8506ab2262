package contender

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// Floor applies every object once, server-side, by 16 workers in the driver. It
// reads no Git, renders, compares and reports nothing: nobody can be faster who
// delivers the same objects one by one.
type Floor struct{}

// Name returns "floor".
func (Floor) Name() string { return NameFloor }

// Version is that of Go, of which the floor is made.
func (Floor) Version() string { return runtime.Version() }

// Flags returns none.
func (Floor) Flags() []string { return nil }

// Start connects to the API server.
func (Floor) Start(_ context.Context, s *stage.Stage) (Session, error) {
	const agent = "bench-floor"
	api, err := s.Connect(agent)
	return &floor{api: api, agent: agent}, err
}

type floor struct {
	api   *kube.Client
	agent string
}

func (f *floor) Agents() []string         { return []string{f.agent} }
func (f *floor) Processes() procfs.Forest { return nil }
func (f *floor) Stop() error              { f.api.Close(); return nil }

// Declare applies the objects and returns when that is done.
func (f *floor) Declare(ctx context.Context, apps []input.App) error {
	var objects []*unstructured.Unstructured
	for _, app := range apps {
		objects = append(objects, app.Objects...)
	}
	return stage.Each(ctx, objects, f.apply)
}

func (f *floor) apply(ctx context.Context, u *unstructured.Unstructured) error {
	resource, err := resourceOf(u.GroupVersionKind())
	if err != nil {
		return err
	}
	body, err := json.Marshal(u.Object)
	if err != nil {
		return err
	}
	_, err = f.api.Patch(ctx, resource, types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()},
		kube.Patch{Type: types.ApplyPatchType, Data: body, Manager: f.agent})
	return err
}

func resourceOf(kind schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	switch kind.Kind {
	case "ConfigMap":
		return stage.ConfigMaps(), nil
	case "Service":
		return stage.Services(), nil
	case "Deployment":
		return stage.Deployments(), nil
	}
	return schema.GroupVersionResource{}, fmt.Errorf("the floor does not know the kind %s", kind.Kind)
}

// Synced returns at once: what Declare applied is as declared.
func (f *floor) Synced(context.Context, []input.App) (time.Time, error) { return time.Now(), nil }

// Settled returns at once.
func (f *floor) Settled(context.Context, []input.App) error { return nil }
