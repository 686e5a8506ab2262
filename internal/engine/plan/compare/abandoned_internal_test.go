package compare

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// TestWithoutAbandoned holds what goes with an apply that takes over the fields of
// client-side apply: what is owned by that alone and not desired. The objects have
// their managedFields as the API server writes them.
func TestWithoutAbandoned(t *testing.T) {
	for name, test := range map[string]struct{ live, desired, want string }{
		"what was created under our name, such as a hook's object": {
			`{data: {a: x, b: x}, metadata: {name: o, annotations: {hook: Sync}, managedFields: [{manager: argocd-controller, operation: Update,
				fieldsV1: {"f:data": {".": {}, "f:a": {}, "f:b": {}}, "f:metadata": {"f:annotations": {".": {}, "f:hook": {}}}}}]}}`,
			`{data: {a: "y"}, metadata: {name: o}}`,
			`{data: {a: x}, metadata: {name: o}}`,
		},
		"not what others own too": {
			`{data: {a: x, b: x}, metadata: {name: o, managedFields: [
				{manager: kubectl-client-side-apply, operation: Update, fieldsV1: {"f:data": {"f:a": {}, "f:b": {}}}},
				{manager: scaler, operation: Update, fieldsV1: {"f:data": {"f:b": {}}}}]}}`,
			`{data: {}, metadata: {name: o}}`,
			`{data: {b: x}, metadata: {name: o}}`,
		},
		"not what we apply ourselves, which an apply drops": {
			`{data: {a: x}, metadata: {name: o, managedFields: [{manager: argocd-controller, operation: Apply, fieldsV1: {"f:data": {"f:a": {}}}}]}}`,
			`{metadata: {name: o}}`,
			`{data: {a: x}, metadata: {name: o}}`,
		},
		"not defaults, where it is written down what was applied": {
			`{spec: {mode: x, deadline: 600}, metadata: {name: o,
				annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"mode":"x"}}'},
				managedFields: [{manager: kubectl-client-side-apply, operation: Update, fieldsV1: {"f:spec": {"f:mode": {}, "f:deadline": {}}}}]}}`,
			`{metadata: {name: o}}`,
			`{spec: {deadline: 600}, metadata: {name: o}}`,
		},
		"what Argo CD wrote under its former name, whatever else was applied": {
			`{spec: {mode: x, deadline: 600}, metadata: {name: o,
				annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"mode":"x"}}'},
				managedFields: [{manager: argocd-application-controller, operation: Update, fieldsV1: {"f:spec": {"f:mode": {}, "f:deadline": {}}}}]}}`,
			`{spec: {mode: x}, metadata: {name: o}}`,
			`{spec: {mode: x}, metadata: {name: o}}`,
		},
		"items of a set": {
			`{spec: {tags: [s, t, u]}, metadata: {name: o, managedFields: [
				{manager: argocd-controller, operation: Update, fieldsV1: {"f:spec": {"f:tags": {".": {}, 'v:"s"': {}, 'v:"t"': {}}}}}]}}`,
			`{spec: {tags: [t]}, metadata: {name: o}}`,
			`{spec: {tags: [t, u]}, metadata: {name: o}}`,
		},
		"items of a list with keys": {
			`{spec: {ports: [{port: 80, protocol: TCP, name: a}, {port: 81, protocol: TCP, name: b}]}, metadata: {name: o, managedFields: [
				{manager: argocd-controller, operation: Update, fieldsV1: {"f:spec": {"f:ports": {".": {},
					'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}, 'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}}}}}]}}`,
			`{spec: {ports: [{port: 81}]}, metadata: {name: o}}`,
			`{spec: {ports: [{port: 81, protocol: TCP}]}, metadata: {name: o}}`,
		},
		"not what others own in an item, a default of which is part of its key": {
			`{spec: {ports: [{port: 80, protocol: TCP, name: a}]}, metadata: {name: o, managedFields: [
				{manager: kubectl-client-side-apply, operation: Update, fieldsV1: {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}}}}},
				{manager: somebody, operation: Update, fieldsV1: {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}}}}}]}}`,
			`{metadata: {name: o}}`,
			`{spec: {ports: [{port: 80, protocol: TCP, name: a}]}, metadata: {name: o}}`,
		},
		"a list as a whole": {
			`{rules: [{verbs: [get]}], metadata: {name: o, managedFields: [{manager: argocd-controller, operation: Update, fieldsV1: {"f:rules": {}}}]}}`,
			`{metadata: {name: o}}`,
			`{metadata: {name: o}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			live, desired := objectOf(t, test.live), objectOf(t, test.desired)
			got := withoutEmpty(withoutServerFields(withoutAbandoned(live.Reveal().Object, live, desired, convention.Dialect())))
			if diff := cmp.Diff(withoutEmpty(objectOf(t, test.want).Reveal().Object), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func objectOf(t *testing.T, text string) syncline.Object {
	t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	content["apiVersion"], content["kind"] = "v1", "Thing"
	object, err := syncline.NewObject(content, "test")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// withoutEmpty removes maps that are empty from an object and from its metadata.
func withoutEmpty(content map[string]any) map[string]any {
	for _, of := range []any{content, content["metadata"]} {
		fields, _ := of.(map[string]any)
		for key, value := range fields {
			if isEmpty(value) {
				delete(fields, key)
			}
		}
	}
	return content
}
