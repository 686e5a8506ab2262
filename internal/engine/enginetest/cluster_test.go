package enginetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/clustertest"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// The cluster in memory is what an API server is, as far as the engine can tell.
func TestCluster(t *testing.T) {
	cluster := enginetest.New(convention.Dialect())
	cluster.Merges = true
	cluster.Default = func(content map[string]any) {
		if spec, ok := content["spec"].(map[string]any); ok && content["kind"] == "Service" && spec["sessionAffinity"] == nil {
			spec["sessionAffinity"] = "None"
		}
	}
	others := others{cluster, &atomic.Int32{}}
	clustertest.Run(t, clustertest.World{
		Dialect: convention.Dialect(), Steers: convention.Wave, Keeps: [2]string{convention.SyncOptions, "Prune=false"},
		Cluster: capable{cluster}, Writer: cluster, Others: others,
		Deny: func(_ testing.TB, namespace string) {
			cluster.Answer = func(r enginetest.Request) error {
				if r.Ref.Namespace == namespace && r.Object.Labels()["denied"] != "" {
					return syncline.Errorf(syncline.Denied, "a policy denies %s", r.Ref)
				}
				return nil
			}
		},
	})
}

// capable tells nothing of itself to templates.
type capable struct{ *enginetest.Cluster }

func (capable) Capabilities(context.Context) (syncline.Capabilities, error) {
	return syncline.Capabilities{}, nil
}

// others are the other clients of a cluster in memory.
type others struct {
	cluster *enginetest.Cluster
	made    *atomic.Int32
}

func (o others) Namespace(testing.TB) string {
	name := fmt.Sprintf("test-%d", o.made.Add(1))
	o.cluster.Add(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	return name
}

func (o others) Create(t testing.TB, object syncline.Object, manager string) *unstructured.Unstructured {
	t.Helper()
	o.cluster.AddAs(manager, object.Reveal().Object)
	return o.Get(t, object.Ref())
}

func (o others) Patch(t testing.TB, ref syncline.Ref, change string, _ ...string) {
	t.Helper()
	o.cluster.Edit(t, ref, func(u *unstructured.Unstructured) {
		before, err := json.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		after, err := jsonpatch.MergePatch(before, []byte(change))
		if err != nil {
			t.Fatal(err)
		}
		clear(u.Object)
		var content unstructured.Unstructured
		if err := content.UnmarshalJSON(after); err != nil {
			t.Fatal(err)
		}
		maps.Copy(u.Object, content.Object)
	})
}

func (o others) Delete(_ testing.TB, ref syncline.Ref) { o.cluster.Delete(ref) }

func (o others) Get(t testing.TB, ref syncline.Ref) *unstructured.Unstructured {
	t.Helper()
	object, err := o.cluster.Read(t.Context(), ref, "")
	if err != nil {
		return nil
	}
	return object.Reveal()
}
