package render_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

// typedTree is a tree in which some files are links to what they hold, or submodules.
type typedTree struct {
	memoryTree
	types map[string]syncline.EntryType
}

func (t typedTree) Stat(name string) (syncline.Entry, error) {
	entry, err := t.memoryTree.Stat(name)
	if kind, ok := t.types[name]; ok {
		entry.Type = kind
	}
	return entry, err
}

func (t typedTree) ReadFile(name string) ([]byte, error) {
	if t.types[name] == syncline.EntrySubmodule {
		return nil, syncline.Errorf(syncline.Invalid, "%s is a submodule, which is not fetched", name)
	}
	return t.memoryTree.ReadFile(name)
}

func (t typedTree) ReadDir(name string) ([]syncline.Entry, error) {
	if t.types[name] == syncline.EntrySubmodule {
		return nil, syncline.Errorf(syncline.Invalid, "%s is a submodule, which is not fetched", name)
	}
	entries, err := t.memoryTree.ReadDir(name)
	for i := range entries {
		if kind, ok := t.types[path.Join(name, entries[i].Name)]; ok {
			entries[i].Type = kind
		}
	}
	return entries, err
}

// TestLinksThatLeave names a link that leads out of the repository in every
// field that names a file.
func TestLinksThatLeave(t *testing.T) {
	for field, source := range reaching {
		for _, target := range []string{"/etc/passwd", "../../../../../../../etc/passwd", "/proc/self/environ"} {
			t.Run(field+target, func(t *testing.T) {
				request := source.aim(t, "link")
				request.Files.Tree = withLink(t, request, "app/link", target)
				result, err := inProcess().Render(short(t), request)
				if err == nil && !source.absent {
					t.Errorf("it renders: %v", result.Objects)
				}
				if kind := syncline.KindOf(err); err != nil && kind != syncline.Invalid && kind != syncline.Denied {
					t.Errorf("%s: %v", kind, err)
				}
				if seen := tell(result, err) + reveal(result); strings.Contains(seen, "root:") || strings.Contains(seen, "PATH=") {
					t.Errorf("it was read:\n%s", seen)
				}
			})
		}
	}
}

// withLink returns the confined tree of a request with a link in it.
func withLink(t *testing.T, request render.Request, name, target string) syncline.Tree {
	t.Helper()
	files := request.Files.Tree.(strictTree).tree.(memoryTree)
	files[name] = target
	return strictTree{t, links.Confine(typedTree{files, map[string]syncline.EntryType{name: syncline.EntryLink}})}
}

// TestLinksWithin follows links, and renders again when what they lead to changes.
func TestLinksWithin(t *testing.T) {
	renderer := inProcess()
	files := memoryTree{"app/a.yaml": "../shared/a.yaml", "app/notes.txt": "nowhere", "shared/a.yaml": configMap}
	pointing := map[string]syncline.EntryType{"app/a.yaml": syncline.EntryLink, "app/notes.txt": syncline.EntryLink}
	seen := map[syncline.Digest]bool{}
	for _, data := range []string{"", "data: {a: b}\n"} {
		files["shared/a.yaml"] = configMap + data
		request := request(nil)
		request.Files.Tree = links.Confine(typedTree{files, pointing})
		result, err := renderer.Render(short(t), request)
		if err != nil || len(result.Objects) != 1 {
			t.Fatalf("%v, %v", result.Objects, err)
		}
		if !touched(t, result, files, files) {
			t.Error("the same files count as the same, though links lead elsewhere")
		}
		seen[digest(result)] = true
	}
	if len(seen) != 2 {
		t.Error("a change behind a link is not seen")
	}
}

// TestLinksInACircle wants folders that hold themselves to be an error soon.
func TestLinksInACircle(t *testing.T) {
	for name, files := range map[string]memoryTree{
		"directory": {"app/a.yaml": configMap, "app/loop": "."},
		"helm":      {"app/Chart.yaml": chartYAML, "app/loop": "."},
		"kustomize": {"app/kustomization.yaml": "resources: [loop]", "app/loop": "."},
	} {
		t.Run(name, func(t *testing.T) {
			request := request(nil)
			request.Files.Tree = links.Confine(typedTree{files, map[string]syncline.EntryType{"app/loop": syncline.EntryLink}})
			if name == "directory" {
				request.Source.Directory = &tool.Directory{Recurse: true}
			}
			result, err := inProcess().Render(short(t), request)
			if syncline.KindOf(err) != syncline.Invalid {
				t.Errorf("%v, %v", result.Objects, err)
			}
		})
	}
}

// TestArchivedDependency renders a dependency that is vendored as an archive.
func TestArchivedDependency(t *testing.T) {
	tree := memoryTree{
		"app/Chart.yaml":          "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x.x}]\n",
		"app/values.yaml":         "db: {size: 3}\n",
		"app/charts/db-1.0.0.tgz": archiveOf(t, "db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n", "db/templates/a.yaml", configMap+"data: {size: {{ .Values.size | quote }}}\n"),
	}
	result, err := inProcess().Render(short(t), request(tree))
	check(t, err)
	if len(result.Objects) != 1 || result.Objects[0].Origin() != "app/charts/db/templates/a.yaml" {
		t.Fatalf("%v", result.Objects)
	}
	if size, _ := result.Objects[0].Field("data", "size"); size != "3" {
		t.Errorf("size %v", size)
	}
	for name, archive := range map[string]string{
		"leaves":  archiveOf(t, "db/../../evil", "x"),
		"garbage": "not an archive",
	} {
		tree["app/charts/db-1.0.0.tgz"] = archive
		if _, err := inProcess().Render(short(t), request(tree)); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// archiveOf returns a chart's archive of the given names and contents.
func archiveOf(t *testing.T, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for i := 0; i+1 < len(files); i += 2 {
		check(t, archive.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}))
		_, err := archive.Write([]byte(files[i+1]))
		check(t, err)
	}
	check(t, archive.Close())
	check(t, zipped.Close())
	return out.String()
}
