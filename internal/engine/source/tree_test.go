package source_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

// origin is a real repository behind a real server, and a store that reads it.
type origin struct {
	*testenv.GitRepo
	t      testing.TB
	server *testenv.GitServer
	store  *git.Store
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	server, err := testenv.StartGit(t.Context(), testenv.GitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	repo, err := server.Create(t.Context(), "team/app")
	if err != nil {
		t.Fatal(err)
	}
	store, err := git.Open(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &origin{GitRepo: repo, t: t, server: server, store: store}
}

func (o *origin) commit(change testenv.GitCommit) string {
	o.t.Helper()
	hash, err := o.Commit(o.t.Context(), change)
	if err != nil {
		o.t.Fatal(err)
	}
	return hash
}

// files commits a change and returns the whole tree, as it is.
func (o *origin) files(change testenv.GitCommit) syncline.Tree {
	o.t.Helper()
	hash := o.commit(change)
	repo := upstream.Repository{Address: upstream.AddressOf(o.URL)}
	if err := o.store.Fetch(o.t.Context(), repo, hash, ""); err != nil {
		o.t.Fatal(err)
	}
	tree, err := o.store.Tree(o.t.Context(), repo, hash)
	if err != nil {
		o.t.Fatal(err)
	}
	return tree
}

// linked is a repository with every kind of link.
func linked(t *testing.T) syncline.Tree {
	chain := map[string]string{
		"to-file": "dir/file", "to-dir": "dir", "dir/up": "../top", "dir/self": ".", "dir/sub/upup": "../../top", "to-root": ".", "dir/to-root": "..",
		"two": "to-file", "through": "to-dir/sub/deep", "back": "to-sub/../file", "to-sub": "dir/sub", "slashes": ".//dir///file", "trailing": "dir/",
		"dangling": "nowhere", "dir/dangling": "../nowhere/at/all", "below-file": "top/x", "module-link": "module", "run-link": "run",
		"absolute": "/etc/passwd", "absolute-secret": "/s3cr3t-canary/x", "above": "../s3cr3t-canary", "dir/above": "../../s3cr3t-canary", "above-and-back": "../app/top",
		"deep-above": "dir/../../s3cr3t-canary", "through-above": "above/x", "loop": "loop", "ping": "pong", "pong": "ping", "loop-dir": "loop-dir/x",
		"in-dir-above": "to-dir/above",
	}
	for i := range 45 {
		chain[fmt.Sprintf("chain%d", i+1)] = fmt.Sprintf("chain%d", i)
	}
	chain["chain0"] = "top"
	return links.Confine(newOrigin(t).files(testenv.GitCommit{
		Files:       map[string]string{"top": "top", "dir/file": "file", "dir/sub/deep": "deep"},
		Executables: map[string]string{"run": "run"},
		Submodules:  map[string]string{"module": strings.Repeat("1", 40)},
		Links:       chain,
	}))
}

func TestConfineFollowsLinksInside(t *testing.T) {
	tree := linked(t)
	for path, want := range map[string]string{
		"top": "top", "dir/file": "file", "to-file": "file", "to-dir/file": "file", "to-dir/sub/deep": "deep", "dir/up": "top", "to-dir/up": "top",
		"dir/self/file": "file", "dir/self/self/self/file": "file", "dir/sub/upup": "top", "to-root/top": "top", "to-root/to-root/dir/to-root/top": "top",
		"two": "file", "through": "deep", "back": "file", "slashes": "file", "trailing/file": "file", "chain39": "top", "run-link": "run",
	} {
		data, err := tree.ReadFile(path)
		if err != nil || string(data) != want {
			t.Errorf("%s is %q, %v, want %q", path, data, err, want)
		}
		entry, err := tree.Stat(path)
		if name := path[strings.LastIndex(path, "/")+1:]; err != nil || entry.Type != syncline.EntryFile || entry.Name != name {
			t.Errorf("Stat(%s) = %+v, %v", path, entry, err)
		}
	}
	if entry, err := tree.Stat("run-link"); err != nil || !entry.Executable {
		t.Errorf("Stat(run-link) = %+v, %v", entry, err)
	}
	for _, path := range []string{"", "to-root", "dir/to-root", "to-root/to-root"} {
		if entry, err := tree.Stat(path); err != nil || entry.Type != syncline.EntryDir {
			t.Errorf("Stat(%q) = %+v, %v", path, entry, err)
		}
		if entries, err := tree.ReadDir(path); err != nil || len(entries) < 60 {
			t.Errorf("ReadDir(%q) has %d entries, %v", path, len(entries), err)
		}
	}
}

func TestConfineRefusesLinksThatLeave(t *testing.T) {
	tree := linked(t)
	for path, link := range map[string]string{
		"absolute": "absolute", "absolute-secret": "absolute-secret", "above": "above", "dir/above": "dir/above", "above-and-back": "above-and-back",
		"deep-above": "deep-above", "through-above": "above", "absolute/below": "absolute", "to-dir/above": "dir/above", "in-dir-above": "dir/above",
		"loop": "loop", "ping": "ping", "loop-dir": "loop-dir", "chain40": "chain40", "loop/below": "loop/below",
		"dangling": "dangling", "dir/dangling": "dir/dangling", "to-dir/dangling": "dir/dangling", "dangling/x": "dangling", "below-file": "below-file",
		"module/x": "module is a submodule", "module-link/x": "module is a submodule", "module/a/b": "module is a submodule",
	} {
		_, statErr := tree.Stat(path)
		_, fileErr := tree.ReadFile(path)
		_, dirErr := tree.ReadDir(path)
		for _, err := range []error{statErr, fileErr, dirErr} {
			if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), link) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the error is %v (%s)", path, err, syncline.KindOf(err))
				continue
			}
			if text := err.Error() + syncline.HintOf(err); strings.Contains(text, "canary") || strings.Contains(text, "passwd") {
				t.Errorf("%s: the error shows where the link leads: %s", path, text)
			}
		}
	}
}

// TestConfineHasBounds lists links of which each costs more than all may.
func TestConfineHasBounds(t *testing.T) {
	for name, target := range map[string]string{"large": strings.Repeat("a/", 2<<20), "long": strings.Repeat("dir/../", 500) + "top"} {
		files := hostileLinks{target: target, links: 2000}
		_, err := links.Confine(&files).ReadDir("")
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "too many, or too long") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if files.asked > 300_000 {
			t.Errorf("%s: %d questions", name, files.asked)
		}
		if _, err := links.Confine(&files).ReadFile("link7"); name == "large" && (syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "link7 points at a path of more than 4096 bytes")) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// hostileLinks is a folder of links beside a folder "dir".
type hostileLinks struct {
	target       string
	links, asked int
}

func (h *hostileLinks) Stat(path string) (syncline.Entry, error) {
	h.asked++
	entry := syncline.Entry{Name: path, Type: syncline.EntryDir}
	if strings.HasPrefix(path, "link") {
		entry.Type = syncline.EntryLink
	}
	return entry, nil
}

func (h *hostileLinks) ReadFile(string) ([]byte, error) {
	h.asked++
	return []byte(h.target), nil
}

func (h *hostileLinks) ReadDir(string) ([]syncline.Entry, error) {
	entries := make([]syncline.Entry, h.links)
	for i := range entries {
		entries[i] = syncline.Entry{Name: fmt.Sprintf("link%d", i), Type: syncline.EntryLink}
	}
	return entries, nil
}

func TestConfineMissesWhatIsNotThere(t *testing.T) {
	tree := linked(t)
	for _, path := range []string{"none", "dir/none", "to-dir/none", "top/x", "to-file/x"} {
		_, statErr := tree.Stat(path)
		_, fileErr := tree.ReadFile(path)
		_, dirErr := tree.ReadDir(path)
		for _, err := range []error{statErr, fileErr, dirErr} {
			if !errors.Is(err, fs.ErrNotExist) || syncline.KindOf(err) != syncline.NotFound {
				t.Errorf("%s: the error is %v (%s)", path, err, syncline.KindOf(err))
			}
		}
	}
	for _, path := range []string{"..", "../x", "/top", "dir/../top", "dir//file", "."} {
		if _, err := tree.Stat(path); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("Stat(%s): %v", path, err)
		}
	}
}

func TestConfineListsWhatLinksLeadTo(t *testing.T) {
	tree := linked(t)
	entries, err := tree.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]syncline.EntryType{}
	for _, entry := range entries {
		types[entry.Name] = entry.Type
		found, err := tree.Stat(entry.Name)
		if (err != nil) != (entry.Type == syncline.EntryLink) || err == nil && found != entry {
			t.Errorf("ReadDir has %+v, Stat %+v, %v", entry, found, err)
		}
	}
	for name, want := range map[string]syncline.EntryType{
		"top": 'f', "dir": 'd', "to-file": 'f', "to-dir": 'd', "module": 'm', "module-link": 'm', "to-root": 'd',
		"dangling": 'l', "absolute": 'l', "above": 'l', "loop": 'l', "ping": 'l', "chain39": 'f', "chain40": 'l',
	} {
		if types[name] != want {
			t.Errorf("%s is a %c, want %c", name, types[name], want)
		}
	}
}

func TestFolder(t *testing.T) {
	tree := links.Confine(newOrigin(t).files(testenv.GitCommit{
		Files:      map[string]string{"apps/shop/a.yaml": "", "apps/shop-api/a.yaml": "", "apps/blog/a.yaml": "", "file": "", "deep/er/x": ""},
		Links:      map[string]string{"current": "apps/shop", "gone": "apps/gone", "out": "../x"},
		Submodules: map[string]string{"module": strings.Repeat("1", 40)},
	}))
	for _, c := range []struct {
		path, want string
		kind       syncline.Kind
		says       string
	}{
		{path: "", want: ""},
		{path: ".", want: ""},
		{path: "./", want: ""},
		{path: "apps/shop", want: "apps/shop"},
		{path: "./apps//shop/", want: "apps/shop"},
		{path: "apps/x/../shop", want: "apps/shop"},
		{path: "current", want: "current"},
		{path: "/apps/shop", kind: syncline.Invalid, says: "/apps/shop: app path is absolute |"},
		{path: "/", kind: syncline.Invalid, says: "/: app path is absolute |"},
		{path: "..", kind: syncline.Invalid, says: "..: app path outside root |"},
		{path: "apps/../../x", kind: syncline.Invalid, says: "app path outside root | it leaves the repository"},
		{path: "file", kind: syncline.Invalid, says: "file: app path is not a directory | name the folder"},
		{path: "module", kind: syncline.Invalid, says: "submodule"},
		{path: "out", kind: syncline.Invalid, says: "out leads out of the repository"},
		{path: "gone", kind: syncline.Invalid, says: "gone leads nowhere"},
		{path: "module/apps", kind: syncline.Invalid, says: "module is a submodule, which is not fetched"},
		{path: strings.Repeat("x/", 350_000), kind: syncline.Invalid, says: "longer than 4096 bytes"},
		{path: strings.Repeat("x", 4000), kind: syncline.NotFound, says: "the root of the repository has"},
		{path: "apps/shpo", kind: syncline.NotFound, says: "apps/shpo: app path does not exist | folder apps has shop, blog, shop-api"},
		{path: "aps/shop/x", kind: syncline.NotFound, says: "the root of the repository has apps"},
		{path: "deep/er/none", kind: syncline.NotFound, says: "folder deep/er has no folders"},
	} {
		got, err := source.Folder(tree, c.path)
		if c.kind == "" {
			if err != nil || got != c.want {
				t.Errorf("Folder(%q) = %q, %v, want %q", c.path, got, err, c.want)
			}
			continue
		}
		if err == nil || syncline.KindOf(err) != c.kind || !strings.Contains(err.Error()+" | "+syncline.HintOf(err), c.says) {
			t.Errorf("Folder(%q): the error is %v (%s), hint %q, want %q", c.path, err, syncline.KindOf(err), syncline.HintOf(err), c.says)
		}
	}
}

func TestChanged(t *testing.T) {
	o := newOrigin(t)
	before := o.files(testenv.GitCommit{
		Files: map[string]string{"same/a": "1", "same/b": "2", "d/changed": "1", "d/gone": "1", "d/kept": "1", "folder-to-file/x": "1", "file-to-folder": "1", "mode": "1", "d-e": "1"},
		Links: map[string]string{"link": "same"},
	})
	after := o.files(testenv.GitCommit{
		Delete:      []string{"d/gone", "folder-to-file", "file-to-folder", "mode"},
		Files:       map[string]string{"d/changed": "2", "d/new": "1", "folder-to-file": "1", "file-to-folder/y": "1", "d-e": "2", "z/new/deep": "1"},
		Executables: map[string]string{"mode": "1"},
		Links:       map[string]string{"link": "d"},
		Submodules:  map[string]string{"module": strings.Repeat("1", 40)},
	})
	want := []string{"d-e", "d/changed", "d/gone", "d/new", "file-to-folder", "file-to-folder/y", "folder-to-file", "folder-to-file/x", "link", "mode", "module", "z/new/deep"}
	for _, trees := range [][2]syncline.Tree{{before, after}, {after, before}} {
		got, err := difference.Files(trees[0], trees[1])
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Changed = %q, %v, want %q", got, err, want)
		}
	}
	if got, err := difference.Files(before, before); err != nil || len(got) > 0 {
		t.Errorf("Changed of the same = %q, %v", got, err)
	}
}

// TestChangedAgainstReading compares random trees by their hashes, and by all they hold.
func TestChangedAgainstReading(t *testing.T) {
	o := newOrigin(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // it has to be the same each time
	held := map[string]string{}
	tree := o.files(testenv.GitCommit{Files: map[string]string{"keep": "1"}})
	for range 30 {
		change, next := testenv.GitCommit{Files: map[string]string{}}, maps.Clone(held)
		for range 1 + random.IntN(6) {
			path := fmt.Sprintf("d%d/e%d/f%d", random.IntN(3), random.IntN(3), random.IntN(3))
			if random.IntN(3) == 0 && next[path] != "" && change.Files[path] == "" {
				change.Delete = append(change.Delete, path)
				delete(next, path)
			} else if !slices.Contains(change.Delete, path) {
				change.Files[path] = fmt.Sprint(random.IntN(3) + 1)
				next[path] = change.Files[path]
			}
		}
		var want []string
		for path := range union(held, next) {
			if held[path] != next[path] {
				want = append(want, path)
			}
		}
		slices.Sort(want)
		after := o.files(change)
		got, err := difference.Files(tree, after)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("Changed = %q, %v, want %q", got, err, want)
		}
		tree, held = after, next
	}
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
