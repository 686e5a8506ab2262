package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/front/cli"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// hostile is a text that steers a terminal in every way that we know: it writes
// to the clipboard, sets the title, paints, hides and turns around text, moves
// and clears, forges lines, and imitates what stands for an escape elsewhere.
const hostile = "evil\x1b]52;c;ZXZpbA==\a\x1b]0;title\x1b\\\x1b[31mred\x1b[0m\x1b[8mhidden\u202e\u2066\u200b" +
	"\ufdd0[32mforged\ufdd0[0m\u0085\u009b2J\u009d8;;https://evil.example.com\u009c\x7f\b\r\x00\U000e0041\u3164\ufeff" +
	"\nError: forged\n\tHint: forged\x1b[1;32mgreen e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\x1b"

// tame is about as long a text that does none of that.
var tame = "evil" + strings.Repeat(", tame", len(hostile)/6)

// writeWorld writes a world in which everybody says text wherever one may.
func writeWorld(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	object := map[string]any{"group": text, "kind": text, "namespace": text, "name": text, "version": text, "status": text}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, from := range []map[string]any{object, more} {
			maps.Copy(all, from)
		}
		return all
	}
	source := map[string]any{
		"repoURL": text, "path": text, "targetRevision": text,
		"helm": map[string]any{"parameters": []any{map[string]any{"name": text, "value": text}}, "valueFiles": []any{text}},
	}
	app := map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": map[string]any{
			"name": "shop", "namespace": "argocd", "uid": "u", "resourceVersion": "7",
			"labels": map[string]any{"team": "web"}, "annotations": map[string]any{"note": text, text: text},
		},
		"spec": map[string]any{
			"project": text, "source": source, "destination": map[string]any{"name": text, "namespace": text},
			"syncPolicy": map[string]any{"syncOptions": []any{text}},
		},
		"status": map[string]any{
			"sync": map[string]any{"status": text, "revision": text}, "health": map[string]any{"status": text, "message": text},
			"conditions": []any{map[string]any{"type": text, "message": text}, map[string]any{"type": "PruneApprovalRequired", "message": text}},
			"resources": []any{
				with(map[string]any{"health": map[string]any{"status": text, "message": text}}),
				with(map[string]any{"name": "b", "requiresPruning": true, "status": "OutOfSync"}),
			},
			"history": []any{map[string]any{
				"id": 1, "revision": text, "deployedAt": "2026-01-02T03:04:09Z", "source": source,
				"initiatedBy": map[string]any{"username": text},
			}},
			"summary":  map[string]any{"images": []any{text}, "externalURLs": []any{text}},
			"syncline": map[string]any{"waiting": []any{with(map[string]any{"why": text})}},
			"operationState": map[string]any{
				"phase": "Failed", "message": text, "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:09Z",
				"operation": map[string]any{"sync": map[string]any{}, "initiatedBy": map[string]any{"username": text}},
				"syncResult": map[string]any{"revision": text, "resources": []any{
					with(map[string]any{"message": text, "hookType": text, "hookPhase": "Running", "syncPhase": text}),
					with(map[string]any{"name": "b", "message": text, "status": "SyncFailed", "hookPhase": text}),
				}},
			},
		},
	}
	busy := map[string]any{"app": "argocd/shop", "patch": map[string]any{"operation": nil, "status": map[string]any{
		"operationState": map[string]any{"phase": "Running", "message": text + " going on"},
	}}}
	done := map[string]any{"app": "argocd/shop", "patch": map[string]any{"status": map[string]any{
		"operationState": map[string]any{"phase": "Failed", "message": text + " failed"},
	}}}
	end := map[string]any{"then": "fail"} // so that nothing waits for ever
	declared := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "annotations": map[string]any{"note": text}},
		"data": map[string]any{"text": text, text: "key"},
	}
	ref := map[string]any{"Group": text, "Kind": text, "Namespace": text, "Name": text}
	files := map[string]any{
		"apps/argocd.shop.yaml": app, "events/1.yaml": busy, "events/2.yaml": done, "events/3.yaml": end, "live.yaml": declared, "source/c.yaml": declared,
		"plan.yaml": []any{
			map[string]any{"action": "create", "why": text, "desired": declared},
			map[string]any{"action": "prune", "why": text, "uid": "u", "ref": ref},
			map[string]any{"action": "keep", "error": text, "ref": ref},
			map[string]any{"action": "run", "role": "hook", "ref": ref, "why": text},
			map[string]any{"action": "update", "ref": ref, "fields": []any{
				map[string]any{"Path": text, "Live": "a" + text, "Desired": map[string]any{text: text}},
				map[string]any{"Path": text, "Live": "\x1b[31m", "Desired": "\u202e"},
			}},
		},
		"created.yaml": map[string]any{
			"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": map[string]any{"name": "shop", "namespace": "argocd"},
			"spec": map[string]any{"project": text},
		},
		"wrong.yaml": map[string]any{"apiVersion": text, "kind": text, "metadata": map[string]any{"name": text}},
	}
	for name, content := range files {
		encoded, err := visible.YAML(content)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), string(encoded))
	}
	return dir
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown are commands by which people look at what others wrote.
func shown() [][]string {
	var commands [][]string
	add := func(args ...string) { commands = append(commands, args) }
	for _, format := range []string{"table", "wide", "json", "yaml", "name"} {
		for _, command := range []string{"app list", "app get shop", "app history shop", "app resources shop"} {
			add(append(strings.Fields(command), "-o", format)...)
		}
		add("app", "get", "shop", "--watch", "-o", format)
		add("app", "sync", "shop", "-o", format)
		add("app", "wait", "shop", "--health", "-o", format)
		if format != "wide" {
			add("app", "diff", "shop", "-o", format)
		}
		if format != "wide" && format != "table" {
			add("app", "manifests", "shop", "-o", format)
			add("app", "manifests", "shop", "--source", "live", "-o", format)
			add("render", "SOURCE", "-o", format)
		}
	}
	add("app", "get", "shop", "--show-operation", "--show-params", "-o", "wide")
	add("app", "list", "--watch")
	add("app", "resources", "shop", "--watch")
	add("app", "sync", "shop", "--preview-changes", "--assumeYes", "--async")
	add("app", "sync", "shop", "--approve-prune")
	add("app", "confirm-deletion", "shop")
	add("app", "sync", "shop", "--resource", hostile)
	add("app", "sync", "shop", "--resource", "a:b:"+hostile)
	add("app", "wait", "shop")
	add("app", "wait", "shop", "--delete")
	add("app", "refresh", "shop")
	add("app", "create", "-f", "FOLDER/created.yaml")
	add("app", "create", "-f", "FOLDER/created.yaml", "--upsert", "-o", "yaml")
	add("app", "create", "-f", "FOLDER/wrong.yaml")
	add("app", "create", "new", "--repo", hostile, "--path", hostile, "--dest-name", hostile, "-o", "json")
	add("app", "delete", "shop")
	add("app", "delete", "shop", "--yes", "--wait")
	add("app", "get", hostile)
	add("app", "get", "shop", "--"+hostile)
	add("app", "get", "shop", "-o", hostile)
	add("app", hostile)
	add("help", hostile)
	add("completion", hostile)
	add("completion", "bash")
	add("render", hostile)
	add("server", "--log-level", hostile)
	add("__complete", "app", "get", "")
	add("version")
	add("exit-codes")
	return commands
}

// colours are the escapes that Syncline paints with.
var colours = regexp.MustCompile(`\x1b\[(0|1|2|31|32|33|36)m`)

// printed runs a command in a world, and returns what it printed on each stream.
func printed(t *testing.T, text string, args []string) (out, err string) {
	t.Helper()
	dir := writeWorld(t, text)
	var stdout, stderr bytes.Buffer
	runCommand(t, dir, args, cli.Streams{In: strings.NewReader("n\n"), Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String()
}

func runCommand(t *testing.T, dir string, args []string, streams cli.Streams) {
	t.Helper()
	adapted := make([]string, 0, len(args))
	for _, arg := range args {
		arg = strings.Replace(arg, "FOLDER", dir, 1)
		adapted = append(adapted, strings.Replace(arg, "SOURCE", filepath.Join(dir, "source"), 1))
	}
	deps := dependencies(dir)
	deps.Getenv = nil
	deps.Server = func(context.Context, access.ServerOptions) error { return nil }
	cli.Main(t.Context(), adapted, deps, streams)
}

func TestNothingThatOthersWroteSteersTheTerminal(t *testing.T) {
	for _, args := range shown() {
		for _, color := range []string{"never", "always"} {
			name := strings.Join(args, " ") + " --color " + color
			out, errs := printed(t, hostile, append([]string{"--color", color}, args...))
			for stream, text := range map[string]string{"stdout": out, "stderr": errs} {
				if color == "always" {
					text = colours.ReplaceAllString(text, "")
				}
				if !visible.IsSafe(text) {
					t.Errorf("%q prints on %s %q", name, stream, text)
				}
			}
			if color == "always" {
				calmOut, calmErrs := printed(t, tame, append([]string{"--color", color}, args...))
				if got, want := len(colours.FindAllString(out, -1)), len(colours.FindAllString(calmOut, -1)); got > want {
					t.Errorf("%q paints %d times on stdout, and for harmless texts %d times:\n%q", name, got, want, out)
				}
				if got, want := len(colours.FindAllString(errs, -1)), len(colours.FindAllString(calmErrs, -1)); got > want {
					t.Errorf("%q paints %d times on stderr, and for harmless texts %d times:\n%q", name, got, want, errs)
				}
			}
			for line := range strings.SplitSeq(errs, "\n") {
				if strings.HasPrefix(line, "Error: forged") || strings.HasPrefix(line, "Hint: forged") {
					t.Errorf("%q lets a text pass for a message of its own: %q", name, errs)
				}
			}
		}
	}
}

func TestWhatOthersWroteIsStillTold(t *testing.T) {
	for _, command := range []string{
		"app list", "app get shop", "app diff shop", "app history shop", "app resources shop", "app sync shop",
		"app manifests shop", "app manifests shop --source live", "app wait shop", "render SOURCE", "__complete app get ",
	} {
		out, errs := printed(t, hostile, strings.Split(command, " "))
		if !strings.Contains(out+errs, "evil") {
			t.Errorf("%q does not tell what others wrote: %q %q", command, out, errs)
		}
	}
}

func TestErrorsOfOthersDoNotSteerTheTerminal(t *testing.T) {
	for _, kind := range []string{"denied", "invalid", "transient", "internal", "stalled"} {
		for _, command := range []string{"app list", "app get shop", "app sync shop", "app wait shop", "app diff shop", "app delete shop --yes"} {
			dir := writeWorld(t, hostile)
			writeFile(t, filepath.Join(dir, "fail"), kind+": "+hostile)
			var stdout, stderr bytes.Buffer
			runCommand(t, dir, strings.Fields(command), cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
			if !visible.IsSafe(stdout.String()) || !visible.IsSafe(stderr.String()) || !strings.Contains(stderr.String(), "evil") {
				t.Errorf("%q prints %q and %q", command, stdout.String(), stderr.String())
			}
			if lines := strings.Split(stderr.String(), "\n"); len(lines) > 1 && strings.HasPrefix(lines[1], "Error") {
				t.Errorf("%q lets a text pass for an error: %q", command, lines)
			}
		}
	}
}

// TestDataIsWhole reads back what was printed for programs.
func TestDataIsWhole(t *testing.T) {
	for format, read := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(text []byte, into any) error { return yaml.Unmarshal(text, into) },
	} {
		out, _ := printed(t, hostile, []string{"app", "get", "shop", "-o", format})
		var app struct {
			Metadata struct{ Annotations map[string]string }
			Status   struct{ Health struct{ Message string } }
		}
		if err := read([]byte(out), &app); err != nil {
			t.Fatalf("%s: %v in %q", format, err, out)
		}
		if app.Metadata.Annotations[hostile] != hostile || app.Status.Health.Message != hostile {
			t.Errorf("%s is read back as %+v", format, app)
		}
		out, _ = printed(t, hostile, []string{"render", "SOURCE", "-o", format})
		if format == "json" {
			out = strings.TrimSuffix(strings.TrimPrefix(out, "[\n"), "]\n")
		}
		var object struct{ Data map[string]string }
		if err := read([]byte(out), &object); err != nil || object.Data["text"] != hostile || object.Data[hostile] != "key" {
			t.Errorf("the rendered object is read back as %q: %v", object, err)
		}
	}
}

// TestEveryCommandIsLookedAt fails for a command that is not in the list above.
func TestEveryCommandIsLookedAt(t *testing.T) {
	var missing func(*cobra.Command)
	missing = func(command *cobra.Command) {
		for _, child := range command.Commands() {
			missing(child)
		}
		path := strings.Fields(command.CommandPath())[1:]
		if command.HasSubCommands() || command.Hidden || len(path) == 0 {
			return // a worker talks to the agent
		}
		for _, args := range shown() {
			if len(args) >= len(path) && strings.Join(args[:len(path)], " ") == strings.Join(path, " ") {
				return
			}
		}
		t.Errorf("%s is not among the commands that are looked at", command.CommandPath())
	}
	missing(cli.New(dependencies(t.TempDir())))
}
