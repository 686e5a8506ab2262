package plugin_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/edge/plugin"
	"github.com/syncline-io/syncline/internal/edge/plugin/plugintest"
)

// serve serves a plugin until the test ends.
func serve(t testing.TB, dir, name string, p plugintest.Plugin) {
	t.Helper()
	closing, err := plugintest.Serve(dir, name, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
}

// files returns a tree of these files.
func files(t testing.TB, texts map[string]string) syncline.Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		mode := os.FileMode(0o600)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o700
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// A plugin gets all files with their modes, the folder and the variables, and what it
// makes comes back as it is.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	var asked []plugintest.Request
	serve(t, dir, "cue-v1.0", plugintest.Plugin{Generate: func(_ context.Context, r plugintest.Request) ([]string, error) {
		asked = append(asked, r)
		return []string{configMap, "{}"}, nil
	}})
	large := strings.Repeat("0123456789", 100_000)
	tree := files(t, map[string]string{"apps/web/main.cue": "a: 1", "apps/web/run.sh": "#!", "lib/large": large})
	got, err := plugin.Folder{Path: dir}.Generate(t.Context(), tool.PluginCall{Name: "cue-v1.0", Environ: []string{"A=b=c", "EMPTY="}}, tree, "apps/web")
	if err != nil {
		t.Fatal(err)
	}
	want := []syncline.Manifest{{Origin: "plugin cue-v1.0", Text: []byte(configMap)}, {Origin: "plugin cue-v1.0", Text: []byte("{}")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	given := []plugintest.Request{{Name: "web", Folder: "apps/web", Environ: []string{"A=b=c", "EMPTY="}, Files: map[string]plugintest.File{
		"apps/": {Mode: 0o755}, "apps/web/": {Mode: 0o755}, "apps/web/main.cue": {Mode: 0o644, Text: "a: 1"},
		"apps/web/run.sh": {Mode: 0o755, Text: "#!"}, "lib/": {Mode: 0o755}, "lib/large": {Mode: 0o644, Text: large},
	}}}
	if diff := cmp.Diff(given, asked); diff != "" {
		t.Error(diff)
	}
}

// The first plugin that looks at the files and supports them is theirs. It is shown their
// folder alone, and one that does not look supports none that does not name it.
func TestMatch(t *testing.T) {
	dir := t.TempDir()
	var shown []string
	supports := func(suffix string) func(context.Context, plugintest.Request) (bool, error) {
		return func(_ context.Context, r plugintest.Request) (bool, error) {
			for name := range r.Files {
				shown = append(shown, name)
			}
			_, found := r.Files["apps/web/"+suffix]
			return found, nil
		}
	}
	all := plugin.Folder{Path: dir}
	tree := files(t, map[string]string{"apps/web/main.cue": "", "secret/a": ""})
	if discovers, err := all.Discover(t.Context()); discovers || err != nil {
		t.Errorf("without plugins one looks: %t, %v", discovers, err)
	}
	serve(t, dir, "a-quiet", plugintest.Plugin{})
	if discovers, err := all.Discover(t.Context()); discovers || err != nil {
		t.Errorf("a plugin that does not look looks: %t, %v", discovers, err)
	}
	serve(t, dir, "b-helmfile", plugintest.Plugin{Supports: supports("Helmfile")})
	serve(t, dir, "c-cue", plugintest.Plugin{Supports: supports("main.cue")})
	if discovers, err := all.Discover(t.Context()); !discovers || err != nil {
		t.Errorf("no plugin looks: %t, %v", discovers, err)
	}
	if name, err := all.Match(t.Context(), tool.PluginCall{}, tree, "apps/web"); name != "c-cue" || err != nil {
		t.Errorf("it is for %q, %v; want c-cue", name, err)
	}
	if name, err := all.Match(t.Context(), tool.PluginCall{}, files(t, map[string]string{"apps/web/a": ""}), "apps/web"); name != "" || err != nil {
		t.Errorf("it is for %q, %v; want none", name, err)
	}
	if slices.ContainsFunc(shown, func(name string) bool { return strings.HasPrefix(name, "secret") }) {
		t.Errorf("they were shown %q", shown)
	}
	_, err := all.Generate(t.Context(), tool.PluginCall{Name: "b-helmfile"}, tree, "apps/web")
	if err == nil || !strings.Contains(err.Error(), "does not support") {
		t.Errorf("a plugin that is named renders what it does not support: %v", err)
	}
}

// What a plugin fails at is told, and tried again.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	defer close(release)
	for name, generate := range map[string]func() ([]string, error){
		"fails": func() ([]string, error) { return nil, errors.New("`cue` failed exit status 1: no such field") },
		"talks": func() ([]string, error) {
			return nil, errors.New("no such field" + strings.Repeat(" and again", 1000))
		},
		"large": func() ([]string, error) { return []string{strings.Repeat("a", 2<<20)}, nil },
		"hangs": func() ([]string, error) { <-release; return nil, nil },
	} {
		serve(t, dir, name, plugintest.Plugin{Generate: func(context.Context, plugintest.Request) ([]string, error) { return generate() }})
	}
	gone, err := net.Listen("unix", filepath.Join(dir, "gone.sock"))
	if err != nil {
		t.Fatal(err)
	}
	gone.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = gone.Close()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.sock")); err != nil {
		t.Fatal(err)
	}
	tree := files(t, map[string]string{"a": "12345"})
	for _, c := range []struct {
		name, want string
		folder     plugin.Folder
	}{
		{"fails", "no such field", plugin.Folder{Path: dir}},
		{"talks", "no such field", plugin.Folder{Path: dir}},
		{"large", "answers more than is taken", plugin.Folder{Path: dir, MaxOutput: 1 << 20}},
		{"hangs", "took too long", plugin.Folder{Path: dir, Timeout: 100 * time.Millisecond}},
		{"gone", "is not answering", plugin.Folder{Path: dir}},
		{"link", "is not there", plugin.Folder{Path: dir}},
		{"../" + filepath.Base(dir) + "/fails", "is not there", plugin.Folder{Path: dir}},
		{"none", "is not there", plugin.Folder{}},
	} {
		_, err := c.folder.Generate(t.Context(), tool.PluginCall{Name: c.name}, tree, "")
		if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%v); want %q, to be tried again", c.name, err, syncline.KindOf(err), c.want)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("%s: the message has %d bytes", c.name, len(err.Error()))
		}
	}
	if _, err := (plugin.Folder{Path: dir}).Discover(t.Context()); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("what a plugin that does not answer supports is known: %v", err)
	}
	if _, err := (plugin.Folder{Path: t.TempDir(), Expected: []string{"late"}}).Discover(t.Context()); err == nil || !strings.Contains(err.Error(), `"late" is not there`) {
		t.Errorf("what a plugin that is not there yet supports is known: %v", err)
	}
	if _, err := (plugin.Folder{Path: dir, MaxFiles: 4}).Generate(t.Context(), tool.PluginCall{Name: "fails"}, tree, ""); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("it is given more than is allowed: %v", err)
	}
}
