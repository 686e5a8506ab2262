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
