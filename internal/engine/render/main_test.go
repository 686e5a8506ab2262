package render_test

import (
	"context"
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/helm"
	"github.com/syncline-io/syncline/internal/edge/jsonnet"
	"github.com/syncline-io/syncline/internal/edge/kustomize"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// workerArgument makes the test program a child of the pool.
const workerArgument = "render-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArgument {
		if err := render.ServeProbed(context.Background(), os.Stdin, os.Stdout, tools()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func tools() render.Tools {
	return render.Tools{
		Helm: helm.Renderer{}, Kustomize: &kustomize.Renderer{}, Jsonnet: jsonnet.Renderer{},
		Dialects: syncline.Dialects{convention.Dialect(), enginetest.Labels()},
	}
}

// inProcess returns a Renderer without child processes.
func inProcess() *render.Renderer { return render.New(tools(), render.Options{}) }

// newPool returns a pool whose children are this program, closed by the test's end.
func newPool(t testing.TB, options confined.Options) *confined.Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Command = []string{program, workerArgument}
	pool := confined.NewPool(options)
	t.Cleanup(pool.Close)
	return pool
}

// memoryTree is a tree of files by path. A directory is there when a file is in it.
type memoryTree map[string]string

func (m memoryTree) Stat(name string) (syncline.Entry, error) {
	if name != "" && (name == "." || !fs.ValidPath(name)) {
		return syncline.Entry{}, syncline.Errorf(syncline.Invalid, "%q is no path", name)
	}
	if text, ok := m[name]; ok {
		return syncline.Entry{Name: path.Base(name), Type: syncline.EntryFile, Hash: hash(text)}, nil
	}
	below := m.below(name)
	if len(below) == 0 && name != "" {
		return syncline.Entry{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	var all strings.Builder
	for _, file := range below {
		fmt.Fprintf(&all, "%s %s\n", file, hash(m[file]))
	}
	entry := syncline.Entry{Type: syncline.EntryDir, Hash: hash(all.String())}
	if name != "" {
		entry.Name = path.Base(name)
	}
	return entry, nil
}

// hash does not copy the text, for tests of how much memory is used.
func hash(text string) string { return fmt.Sprintf("%x", maphash.String(hashSeed, text)) }

var hashSeed = maphash.MakeSeed()

// below returns the paths of all files in a directory, sorted.
func (m memoryTree) below(name string) []string {
	var files []string
	for _, file := range slices.Sorted(maps.Keys(m)) {
		if name == "" || strings.HasPrefix(file, name+"/") {
			files = append(files, file)
		}
	}
	return files
}

func (m memoryTree) ReadFile(name string) ([]byte, error) {
	entry, err := m.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case entry.Type == syncline.EntryDir:
		return nil, syncline.Errorf(syncline.Invalid, "%q is a folder and not a file", name)
	}
	return []byte(m[name]), nil
}

func (m memoryTree) ReadDir(name string) ([]syncline.Entry, error) {
	entry, err := m.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case entry.Type != syncline.EntryDir:
		return nil, syncline.Errorf(syncline.Invalid, "%s is not a folder", name)
	}
	names := map[string]bool{}
	for _, file := range m.below(name) {
		first, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(file, name), "/"), "/")
		names[first] = true
	}
	var entries []syncline.Entry
	for _, child := range slices.Sorted(maps.Keys(names)) {
		entry, err := m.Stat(path.Join(name, child))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// short is a deadline for what must end at once.
func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
