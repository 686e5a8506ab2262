package syncline_test

import (
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
