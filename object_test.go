package syncline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
)

func TestTextsOfASecretAreFoldedIntoItsData(t *testing.T) {
	secret, err := syncline.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"},
		"data":       map[string]any{"kept": "eA==", "password": "eA=="},
		"stringData": map[string]any{"password": "new", "port": int64(8080), "host": nil},
	}, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := secret.Desired().Reveal().Object
	if diff := cmp.Diff(map[string]any{"kept": "eA==", "password": "bmV3"}, got["data"]); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	// What is no text must not vanish: the API server refuses it.
	if diff := cmp.Diff(map[string]any{"port": int64(8080), "host": nil}, got["stringData"]); diff != "" {
		t.Errorf("stringData (-want +got):\n%s", diff)
	}
}

func TestRefsThatNoAPIServerCanBeAskedFor(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "../b", "a%2fb", "%"} {
		if err := (syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}).Check(); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "metadata.name") {
			t.Errorf("the name %q: %v", name, err)
		}
		if err := (syncline.Ref{Kind: "ConfigMap", Namespace: name, Name: "a"}).Check(); name != "" && (syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "metadata.namespace")) {
			t.Errorf("the namespace %q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "a.b", "...", "system:admin", "A_b c?#"} {
		if err := (syncline.Ref{Kind: "ClusterRole", Name: name}).Check(); err != nil {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

// A packed object is the object: with the same content, digests and copies, whether it is
// large or small, whatever of it is asked for.
func TestPacked(t *testing.T) {
	for what, content := range map[string]map[string]any{
		"small":       {"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "labels": map[string]any{"a": "b"}}, "data": map[string]any{"x": "<1>"}},
		"numbers":     {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"replicas": int64(3), "ratio": 1.5, "list": []any{nil, true}}},
		"with status": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "a", "uid": "u"}, "spec": map[string]any{}, "status": map[string]any{"replicas": int64(3)}},
		"Secret":      {"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "stringData": map[string]any{"x": "1"}},
		"large":       {"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"x": strings.Repeat("x", 1<<20)}},
		"bare":        {"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "a"}},
	} {
		t.Run(what, func(t *testing.T) {
			object, err := syncline.NewObject(content, "file.yaml")
			if err != nil {
				t.Fatal(err)
			}
			packed := object.Packed().Packed()
			for of, both := range map[string][2]syncline.Object{
				"itself":   {object, packed},
				"Desired":  {object.Desired(), packed.Desired()},
				"stamped":  {object.WithAnnotation("a", "b").WithNamespace("c"), packed.WithAnnotation("a", "b").WithNamespace("c")},
				"repacked": {object.Desired(), packed.Desired().Packed()},
			} {
				if diff := cmp.Diff(both[0].Reveal().Object, both[1].Reveal().Object); diff != "" {
					t.Errorf("%s: (-object +packed):\n%s", of, diff)
				}
				if diff := cmp.Diff(both[0].Redacted(), both[1].Redacted()); diff != "" {
					t.Errorf("%s, redacted: (-object +packed):\n%s", of, diff)
				}
				if both[0].Digest() != both[1].Digest() || both[0].Digest() == "" {
					t.Errorf("%s: the digests are %s and %s", of, both[0].Digest(), both[1].Digest())
				}
				if both[0].Sensitive() != both[1].Sensitive() || both[0].Ref() != both[1].Ref() || both[0].Origin() != both[1].Origin() {
					t.Errorf("%s is told to be another: %v, %v", of, both[0], both[1])
				}
			}
			packed.Reveal().Object["data"] = "changed"
			if !packed.Equal(object) {
				t.Error("what was revealed was not a copy")
			}
		})
	}
	if !(syncline.Object{}).Packed().IsZero() {
		t.Error("of no object there is one")
	}
}
