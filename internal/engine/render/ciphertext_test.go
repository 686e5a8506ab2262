package render_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// TestCiphertextIsRefused has an object refused in which something is still encrypted, the
// first time and when only its file has changed.
func TestCiphertextIsRefused(t *testing.T) {
	renderer := render.New(tools(), render.Options{Ciphertext: func(content map[string]any) (string, bool) {
		data, _ := content["data"].(map[string]any)
		return "data.password", data["password"] == "ENC"
	}})
	request := func(password string) render.Request {
		return render.Request{App: "web", Files: syncline.Files{Tree: memoryTree{
			"other.yaml":  "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}",
			"secret.yaml": "{apiVersion: v1, kind: Secret, metadata: {name: web}, data: {password: " + password + "}}",
		}}}
	}
	refused := func(step string) {
		t.Helper()
		_, err := renderer.Render(t.Context(), request("ENC"))
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "secret.yaml: Secret/web is encrypted by sops in its data.password") ||
			!strings.Contains(syncline.HintOf(err), "Secret for the project") {
			t.Errorf("%s: %v", step, err)
		}
	}
	refused("at first")
	if made, err := renderer.Render(t.Context(), request("cGxhaW4=")); err != nil || len(made.Objects) != 2 {
		t.Fatal(made.Objects, err)
	}
	refused("changed to it")
}
