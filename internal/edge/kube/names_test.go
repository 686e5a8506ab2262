package kube_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// A name that no request can carry is wrong at once, and nothing is asked.
func TestNamesThatCannotBeAskedFor(t *testing.T) {
	b := newBench(t)
	good := kubetest.Parse(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: shop}}")
	if _, err := b.Scope(context.Background(), good.GroupVersionKind()); err != nil {
		t.Fatal(err)
	}
	b.sent.count(verb(http.MethodGet))
	for _, name := range []string{"..", ".", "a/b", "../../nodes/a", "a%2fb"} {
		for field, object := range map[string]syncline.Object{"metadata.name": good.WithName(name), "metadata.namespace": good.WithNamespace(name)} {
			for _, action := range [...]syncline.Action{
				syncline.Create, syncline.Update, syncline.Replace, syncline.Recreate, syncline.Run, syncline.Prune, syncline.Unhold,
			} {
				if err := b.refusal(syncline.Write{Action: action, Object: object, UID: otherUID}, syncline.Invalid); err != nil && !strings.Contains(err.Error(), field) {
					t.Errorf("the error does not name %s: %v", field, err)
				}
			}
			_, dryRun := b.DryRun(context.Background(), object, nil)
			_, replace := b.DryRunReplace(context.Background(), object, good, nil)
			_, _, merge := b.Merge(context.Background(), object, good, nil)
			_, get := b.Get(context.Background(), object.Ref(), "v1")
			for what, err := range map[string]error{
				"dry-run": dryRun, "replace": replace, "merge": merge, "get": get, "rehearsal": b.Rehearse(context.Background(), object, good, nil),
			} {
				if syncline.KindOf(err) != syncline.Invalid {
					t.Errorf("the %s ends with %v", what, err)
				}
			}
		}
	}
	if n := b.sent.count(func(*http.Request) bool { return true }); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
