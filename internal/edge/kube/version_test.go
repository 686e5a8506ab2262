package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// versionCase is an object that goes to another version of its custom kind, without
// any conversion.
type versionCase struct {
	// one and two are the schemas of the spec in either version, before and after the
	// specs that are declared.
	one, two, before, after string
	// want is the spec that is live in the end.
	want string
	// merged says that a plain apply is refused.
	merged bool
}

var versionCases = map[string]versionCase{
	"a new default": {"properties: {size: {type: integer}}", "properties: {size: {type: integer}, d: {type: string, default: x}}",
		"{size: 1}", "{size: 2}", `{"d":"x","size":2}`, true},
	"a new default, and a field less": {"properties: {size: {type: integer}, old: {type: string}}",
		"properties: {size: {type: integer}, old: {type: string}, d: {type: string, default: x}}", "{size: 1, old: a}", "{size: 2}", `{"d":"x","size":2}`, true},
	"a new field": {"properties: {size: {type: integer}}", "properties: {size: {type: integer}, more: {type: string}}",
		"{size: 1}", "{size: 2, more: b}", `{"more":"b","size":2}`, true},
	"another name of what is required": {"properties: {size: {type: integer}}, required: [size]", "properties: {replicas: {type: integer}}, required: [replicas]",
		"{size: 1}", "{replicas: 2}", `{"replicas":2}`, true},
	"another type": {"properties: {size: {type: integer}}", "properties: {size: {type: string}}",
		"{size: 1}", "{size: large}", `{"size":"large"}`, true},
	"a field less": {"properties: {size: {type: integer}, old: {type: string}}", "properties: {size: {type: integer}}",
		"{size: 1, old: a}", "{size: 2}", `{"size":2}`, false},
}

// widgets serves a kind in both versions, and returns an object in either.
func (b *bench) widgets(c versionCase) (one, two syncline.Object) {
	b.t.Helper()
	group := b.namespace + ".example.com"
	crd := kubetest.Parse(b.t, fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.%s},
		spec: {group: %[1]s, names: {kind: Widget, plural: widgets}, scope: Namespaced, versions: [
		{name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, %s}}}}},
		{name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, %s}}}}}]}}`, group, c.one, c.two))
	uid := b.create(crd)
	b.t.Cleanup(func() { b.write(syncline.Write{Action: syncline.Prune, Ref: crd.Ref(), UID: uid}) })
	one = b.parse(`{apiVersion: %s/v1, kind: Widget, metadata: {name: w}, spec: %s}`, group, c.before)
	two = b.parse(`{apiVersion: %s/v2, kind: Widget, metadata: {name: w}, spec: %s}`, group, c.after)
	b.eventually("the kind is served", func() bool {
		_, err := b.try(syncline.Write{Action: syncline.Create, Object: one})
		return err == nil
	})
	return one, two
}

// An object that an apply cannot bring to another version of its kind is merged, as
// client-side apply would; it is ours then, and what others have of it stays.
func TestAnotherVersionOfACustomKind(t *testing.T) {
	for name, test := range versionCases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, two := b.widgets(test)
			live, err := b.Get(context.Background(), two.Ref(), "v2")
			if err != nil {
				t.Fatal(err)
			}
			uid := uidOf(live)
			write := syncline.Write{Action: syncline.Update, Object: two, UID: uid}
			_, err = b.DryRun(context.Background(), two, nil)
			if test.merged && syncline.KindOf(err) != syncline.Invalid || !test.merged && err != nil {
				t.Fatalf("the dry-run of an apply ends with %v (%s)", err, syncline.KindOf(err))
			}
			if test.merged {
				if write.Merged, _, err = b.Merge(context.Background(), two, live, nil); err != nil {
					t.Fatal(err)
				}
			}
			now := b.write(write).Reveal()
			if spec, _ := json.Marshal(now.Object["spec"]); string(spec) != test.want {
				t.Errorf("it is %s, want %s", spec, test.want)
			}
			if owners := managersOf(now); len(owners) != 1 || !strings.HasPrefix(owners[0], "argocd-controller Apply") {
				t.Errorf("its fields are of %v", owners)
			}
			if _, err := b.DryRun(context.Background(), two, nil); err != nil {
				t.Errorf("the next apply: %v", err)
			}
			back, err := b.DryRun(context.Background(), two.WithLabel("a", "b"), nil)
			if err != nil || back.Labels()["a"] != "b" {
				t.Errorf("a change: %v", err)
			}
		})
	}
}
