package render_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

var update = flag.Bool("update", false, "write what is rendered to the stories")

// TestStories renders the stories in testdata. Each holds a request
// (request.yaml), the files of the repository (repo/…), its submodules (submodule/…) and
// links (link/…), the files of other sources (ref/NAME/…) and of what is elsewhere
// (elsewhere/NAME/…, of which elsewhere.yaml says where), and what comes of them (want).
func TestStories(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	check(t, err)
	if len(files) == 0 {
		t.Fatal("there are no stories")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			check(t, err)
			story := readStory(t, archive)
			got := tell(inProcess().Render(short(t), story.request))
			if *update {
				story.write(t, file, got)
				return
			}
			if diff := cmp.Diff(story.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

type story struct {
	archive *txtar.Archive
	request render.Request
	want    string
}

func readStory(t *testing.T, archive *txtar.Archive) story {
	t.Helper()
	s := story{archive: archive}
	repo, refs := typedTree{memoryTree{}, map[string]syncline.EntryType{}}, map[string]memoryTree{}
	elsewhere := map[string]memoryTree{}
	for _, file := range archive.Files {
		switch top, rest, _ := strings.Cut(file.Name, "/"); top {
		case "request.yaml":
			s.request = readRequest(t, file.Data)
		case "repo":
			repo.memoryTree[rest] = string(file.Data)
		case "submodule":
			repo.memoryTree[rest], repo.types[rest] = string(file.Data), syncline.EntrySubmodule
		case "link":
			repo.memoryTree[rest], repo.types[rest] = strings.TrimSpace(string(file.Data)), syncline.EntryLink
		case "elsewhere.yaml":
			s.request.Remote = remotes(t, file.Data, elsewhere)
		case "ref", "elsewhere":
			trees := map[string]map[string]memoryTree{"ref": refs, "elsewhere": elsewhere}[top]
			name, below, _ := strings.Cut(rest, "/")
			if trees[name] == nil {
				trees[name] = memoryTree{}
			}
			trees[name][below] = string(file.Data)
		case "want":
			s.want = string(file.Data)
		default:
			t.Fatalf("unknown file %s", file.Name)
		}
	}
	s.request.Files.Tree = strictTree{t, links.Confine(repo)}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if s.request.Files.Refs == nil {
			s.request.Files.Refs = map[string]syncline.Tree{}
		}
		s.request.Files.Refs[name] = strictTree{t, refs[name]}
	}
	return s
}

// remotes returns what gives files from elsewhere: of what is not listed there is nothing.
func remotes(t *testing.T, text []byte, trees map[string]memoryTree) func(context.Context, upstream.Remote) (syncline.Tree, error) {
	t.Helper()
	var listed map[string]upstream.Remote
	check(t, yaml.UnmarshalStrict(text, &listed))
	return func(_ context.Context, remote upstream.Remote) (syncline.Tree, error) {
		for name, one := range listed {
			if one.Ref() == remote.Ref() {
				return strictTree{t, trees[name]}, nil
			}
		}
		return nil, syncline.Errorf(syncline.Denied, "%s %s %s is not permitted", remote.RepoURL, remote.Chart, remote.TargetRevision)
	}
}

// readRequest reads a request with the source as people write it.
func readRequest(t *testing.T, text []byte) render.Request {
	t.Helper()
	var written struct {
		App, Instance, Project, Namespace, Revision, RepoURL, TargetRevision, Path string
		Cluster                                                                    syncline.Capabilities
		Source                                                                     map[string]any
	}
	check(t, yaml.UnmarshalStrict(text, &written))
	tools, err := yaml.Marshal(written.Source)
	check(t, err)
	source := sourceOf(t, tools)
	source.RepoURL, source.TargetRevision, source.Path = written.RepoURL, written.TargetRevision, written.Path
	return render.Request{
		App: written.App, Dialect: convention.Dialect(), Instance: written.Instance, Project: written.Project, Namespace: written.Namespace,
		Revision: written.Revision, Source: source, Cluster: written.Cluster,
	}
}

// sourceOf reads a source as an Application has it.
func sourceOf(t *testing.T, text []byte) syncline.Source {
	t.Helper()
	var declared v1alpha1.ApplicationSource
	check(t, yaml.UnmarshalStrict(text, &declared))
	return convention.ToSource(declared)
}

// tell writes down what came of a request.
func tell(result render.Result, err error) string {
	var out bytes.Buffer
	if err != nil {
		fmt.Fprintf(&out, "%s: %v\n", syncline.KindOf(err), err)
		if hint := syncline.HintOf(err); hint != "" {
			fmt.Fprintf(&out, "hint: %s\n", hint)
		}
		return out.String()
	}
	fmt.Fprintf(&out, "tool: %s\n", result.Tool)
	for _, warning := range result.Warnings {
		fmt.Fprintf(&out, "%s: %s\n", warning.Type, warning.Message)
	}
	for _, object := range result.Objects {
		fmt.Fprintf(&out, "--- # %s\n", object.Origin())
		if err := render.WriteYAML(&out, []syncline.Object{object}, false); err != nil {
			return err.Error()
		}
	}
	return out.String()
}

// write puts what was rendered into the story's file.
func (s story) write(t *testing.T, file, got string) {
	t.Helper()
	s.archive.Files = slices.DeleteFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	s.archive.Files = append(s.archive.Files, txtar.File{Name: "want", Data: []byte(got)})
	check(t, os.WriteFile(file, txtar.Format(s.archive), 0o644))
}

// strictTree fails the test when it is asked for a path that a tree has not to
// understand.
type strictTree struct {
	t    testing.TB
	tree syncline.Tree
}

func (s strictTree) check(path string) {
	s.t.Helper()
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." || part == "." || part == "" && path != "" {
			s.t.Errorf("the tree is asked for %q", path)
		}
	}
}

func (s strictTree) Stat(path string) (syncline.Entry, error) {
	s.check(path)
	return s.tree.Stat(path)
}

func (s strictTree) ReadFile(path string) ([]byte, error) {
	s.check(path)
	return s.tree.ReadFile(path)
}

func (s strictTree) ReadDir(path string) ([]syncline.Entry, error) {
	s.check(path)
	return s.tree.ReadDir(path)
}
