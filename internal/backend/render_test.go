package backend_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/backend"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// serveReaching is the render worker of these tests: its jsonnet tells what it can reach.
func serveReaching() error {
	return render.Serve(context.Background(), os.Stdin, os.Stdout, render.Tools{Jsonnet: reaching{}, Dialects: syncline.Dialects{convention.Dialect()}})
}

type reaching struct{}

func (reaching) Evaluate(context.Context, syncline.Tree, string, string, tool.Jsonnet) ([]byte, error) {
	var works []string
	try := func(what string, err error) {
		if err == nil {
			works = append(works, what)
		}
	}
	_, err := os.ReadFile("/etc/hostname")
	try("read a file", err)
	try("write a file", os.WriteFile(filepath.Join(os.TempDir(), "syncline-reach"), nil, 0o600))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	try("run a program", exec.Command("/bin/true").Run())
	return fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "reach"}, "data": {"works": %q}}`, strings.Join(works, ", ")), nil
}

// TestRenderOfAPrivateRepository says how credentials are given where there are no Secrets.
func TestRenderOfAPrivateRepository(t *testing.T) {
	server, err := testenv.StartGit(t.Context(), testenv.GitOptions{Username: "user", Password: "right"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	origin, err := server.Create(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	_, err = backend.Renderer{Program: "none", Getenv: func(string) string { return "" }}.Render(t.Context(), access.RenderRequest{
		AppName: "web", Source: syncline.Source{RepoURL: origin.URL, Path: "."},
	})
	if want := "as https://NAME:TOKEN@host/path, or render a folder of a clone"; syncline.KindOf(err) != syncline.Denied || !strings.Contains(syncline.HintOf(err), want) {
		t.Errorf("%v, with the hint %q, want %q", err, syncline.HintOf(err), want)
	}
}

// TestRenderIsConfined has a tool that reaches for what is around it, on a person's
// machine as in the agent.
func TestRenderIsConfined(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.jsonnet"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := backend.Renderer{Program: program, Getenv: func(string) string { return "" }}.Render(t.Context(), access.RenderRequest{AppName: "web", Root: folder})
	if err != nil || len(objects) != 1 {
		t.Fatalf("got %v, %v", objects, err)
	}
	if works, _ := objects[0].Field("data", "works"); runtime.GOOS == "linux" && works != "" {
		t.Errorf("what is rendered can %v", works)
	}
}
