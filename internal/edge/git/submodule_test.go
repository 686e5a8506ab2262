package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
)

// nesting is a scene of repositories that have each other as submodules.
type nesting struct {
	*scene
	// permits is asked about each repository that another one names.
	permits func(address upstream.Address) error
	asked   []string
}

func newNesting(t *testing.T, options git.Options) *nesting {
	t.Helper()
	n := &nesting{scene: newScene(t, testenv.GitOptions{}, options), permits: func(upstream.Address) error { return nil }}
	n.repo.Others = n.others
	return n
}

// others reaches repositories without the credentials of whoever names them.
func (n *nesting) others(address upstream.Address) (upstream.Repository, error) {
	n.asked = append(n.asked, address.String())
	return upstream.Repository{Address: address, Others: n.others}, n.permits(address)
}

// library makes a repository of a name, and returns its commit.
func (n *nesting) library(name string, change testenv.GitCommit) string {
	n.t.Helper()
	repo, err := n.server.Create(n.t.Context(), name)
	if err != nil {
		n.t.Fatal(err)
	}
	commit, err := repo.Commit(n.t.Context(), change)
	if err != nil {
		n.t.Fatal(err)
	}
	return commit
}

// listed is a file .gitmodules of paths and URLs.
func listed(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "[submodule \"s%d\"]\n\tpath = %s\n\turl = %s\n", i, pairs[i], pairs[i+1])
	}
	return b.String()
}

func TestSubmodules(t *testing.T) {
	n := newNesting(t, git.Options{})
	leaf := n.library("deep/leaf", testenv.GitCommit{Files: map[string]string{"leaf.yaml": "leaf"}})
	lib := n.library("team/lib", testenv.GitCommit{
		Files:      map[string]string{"lib.yaml": "lib", ".gitmodules": listed("sub/leaf", "../../deep/leaf.git")},
		Submodules: map[string]string{"sub/leaf": leaf},
	})
	commit := n.commit(testenv.GitCommit{
		Files:      map[string]string{"a": "1", ".gitmodules": listed("vendor/lib", n.server.URL("team/lib"), "a", "../lib", "gone", "../lib")},
		Submodules: map[string]string{"vendor/lib": lib, "unlisted": lib},
	})
	tree := n.tree(commit)
	for path, text := range map[string]string{"a": "1", "vendor/lib/lib.yaml": "lib", "vendor/lib/sub/leaf/leaf.yaml": "leaf"} {
		wantFile(t, tree, path, text)
	}
	entry, err := tree.Stat("vendor/lib")
	if err != nil || entry.Type != syncline.EntryDir || entry.Hash != lib || entry.Name != "lib" {
		t.Errorf("vendor/lib is %+v, %v", entry, err)
	}
	if entries, err := tree.ReadDir("vendor"); err != nil || len(entries) != 1 || entries[0] != entry {
		t.Errorf("vendor has %+v, %v", entries, err)
	}
	if entries, err := tree.ReadDir("vendor/lib/sub/leaf"); err != nil || len(entries) != 1 {
		t.Errorf("the leaf has %+v, %v", entries, err)
	}
	if _, err := tree.Stat("vendor/lib/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	_, err = tree.ReadFile("vendor/lib")
	want(t, err, syncline.Invalid, "is a folder")
	_, err = tree.ReadDir("unlisted")
	want(t, err, syncline.Invalid, "unlisted is a submodule, which is not fetched")

	// The next commit of a submodule is another tree, and nothing else is.
	next := n.library("team/lib", testenv.GitCommit{Files: map[string]string{"lib.yaml": "new"}})
	after := n.tree(n.commit(testenv.GitCommit{Submodules: map[string]string{"vendor/lib": next}}))
	if changed, err := difference.Files(tree, after); err != nil || strings.Join(changed, " ") != "vendor/lib/lib.yaml" {
		t.Errorf("changed %v, %v", changed, err)
	}
	n.server.Fail(testenv.GitFault{Status: http.StatusInternalServerError})
	wantFile(t, n.tree(commit), "vendor/lib/lib.yaml", "lib") // they are there
}

// What is wrong with a submodule is an error of those who read there.
func TestSubmodulesThatCannotBeHad(t *testing.T) {
	n := newNesting(t, git.Options{})
	lib := n.library("team/lib", testenv.GitCommit{Files: map[string]string{"lib.yaml": "lib"}})
	secret := n.library("team/secret", testenv.GitCommit{Files: map[string]string{"lib.yaml": "secret"}})
	missing := strings.Repeat("1", 40)
	commit := n.commit(testenv.GitCommit{
		Files:      map[string]string{"a": "1", ".gitmodules": listed("denied", "../secret", "local", "/etc", "missing", "../lib", "nowhere", "../none", "good", "../lib", "out", "../../../x")},
		Submodules: map[string]string{"denied": secret, "local": lib, "missing": missing, "nowhere": lib, "good": lib, "out": lib},
	})
	n.permits = func(address upstream.Address) error {
		if strings.Contains(address.Path(), "secret") {
			return syncline.WithHint(syncline.Errorf(syncline.Denied, "it is not permitted"), "permit it")
		}
		return nil
	}
	tree := n.tree(commit)
	wantFile(t, tree, "a", "1")
	wantFile(t, tree, "good/lib.yaml", "lib")
	for path, says := range map[string][]string{
		"denied": {"submodule denied of repository", "team/secret", "it is not permitted"}, "local": {"submodule local", "only https, http and ssh"},
		"missing": {"submodule missing", "team/lib", missing}, "nowhere": {"submodule nowhere", "team/none"}, "out": {"submodule out", "leaves the server"},
	} {
		for _, read := range []func() error{
			func() error { _, err := tree.ReadFile(path + "/lib.yaml"); return err },
			func() error { _, err := tree.Stat(path + "/lib.yaml"); return err },
			func() error { _, err := tree.ReadDir(path); return err },
		} {
			err := read()
			for _, text := range says {
				if err == nil || !strings.Contains(err.Error(), text) || errors.Is(err, fs.ErrNotExist) || syncline.KindOf(err) == syncline.NotFound {
					t.Errorf("%s: got %v, want %q", path, err, text)
				}
			}
		}
	}
	if n.server.CountOf("team/secret") != 0 {
		t.Error("what is not permitted was asked for")
	}

	// Nothing that holds what could not be had is equal to what holds it.
	denied := tree
	n.permits = func(upstream.Address) error { return nil }
	tree = n.tree(commit)
	wantFile(t, tree, "denied/lib.yaml", "secret")
	for _, path := range []string{"", "denied"} {
		before, err := denied.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := tree.Stat(path); err != nil || now.Hash == before.Hash {
			t.Errorf("%q is %+v, %v", path, now, err)
		}
	}
	n.open(git.Options{NoSubmodules: true})
	_, err := n.tree(commit).ReadDir("good")
	want(t, err, syncline.Invalid, "is a submodule, which is not fetched")
}

// Submodules are few, and not deep.
func TestSubmodulesAreBounded(t *testing.T) {
	n := newNesting(t, git.Options{})
	below := n.library("team/bottom", testenv.GitCommit{Files: map[string]string{"a": "bottom"}})
	url := "../bottom"
	for i := range 12 {
		name := fmt.Sprintf("team/level%d", i)
		below = n.library(name, testenv.GitCommit{Files: map[string]string{"a": "1", ".gitmodules": listed("s", url)}, Submodules: map[string]string{"s": below}})
		url = "../level" + fmt.Sprint(i)
	}
	deep := n.tree(n.commit(testenv.GitCommit{Files: map[string]string{".gitmodules": listed("s", url)}, Submodules: map[string]string{"s": below}}))
	wantFile(t, deep, strings.Repeat("s/", 10)+"a", "1")
	_, err := deep.ReadFile(strings.Repeat("s/", 11) + "a")
	want(t, err, syncline.Invalid, "nested deeper than 10")

	lib := n.library("team/many", testenv.GitCommit{Files: map[string]string{"a": "many"}})
	var pairs []string
	modules := map[string]string{}
	for i := range 101 {
		path := fmt.Sprintf("m/%03d", i)
		pairs, modules[path] = append(pairs, path, "../many"), lib
	}
	wide := n.tree(n.commit(testenv.GitCommit{Files: map[string]string{".gitmodules": listed(pairs...)}, Submodules: modules}))
	wantFile(t, wide, "m/099/a", "many")
	_, err = wide.ReadFile("m/100/a")
	want(t, err, syncline.Invalid, "more than 100 submodules")
}

// A submodule of another server, and of the same one, gets no credentials of its parent.
func TestSubmodulesGetNoCredentials(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	other, err := testenv.StartGit(t.Context(), testenv.GitOptions{Admits: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	lib, err := other.Create(t.Context(), "team/lib")
	if err != nil {
		t.Fatal(err)
	}
	module, err := lib.Commit(t.Context(), testenv.GitCommit{Files: map[string]string{"a": "lib"}})
	if err != nil {
		t.Fatal(err)
	}
	n := &nesting{scene: newScene(t, testenv.GitOptions{Username: "joe", Password: "canary"}, git.Options{}), permits: func(upstream.Address) error { return nil }}
	n.repo.Others = n.others
	commit := n.commit(testenv.GitCommit{
		Files: map[string]string{".gitmodules": listed("lib", lib.URL, "own", "../app")}, Submodules: map[string]string{"lib": module, "own": module},
	})
	tree := n.tree(commit)
	wantFile(t, tree, "lib/a", "lib")
	_, err = tree.ReadFile("own/a")
	want(t, err, syncline.Transient, "submodule own", "access was refused")
	mu.Lock()
	defer mu.Unlock()
	if text := strings.Join(seen, ""); text != "" || len(seen) == 0 {
		t.Errorf("the other server got %q", seen)
	}
}

// What is lacking deep down is seen from the root, and by who may have it nothing is.
func TestSubmodulesLackingDeepDown(t *testing.T) {
	n := newNesting(t, git.Options{})
	leaf := n.library("deep/leaf", testenv.GitCommit{Files: map[string]string{"leaf.yaml": "leaf"}})
	lib := n.library("team/lib", testenv.GitCommit{
		Files: map[string]string{".gitmodules": listed("sub/leaf", "../../deep/leaf")}, Submodules: map[string]string{"sub/leaf": leaf},
	})
	commit := n.commit(testenv.GitCommit{
		Files: map[string]string{"other/a": "1", ".gitmodules": listed("vendor/lib", "../lib")}, Submodules: map[string]string{"vendor/lib": lib},
	})
	whole := n.tree(commit)
	n.permits = func(address upstream.Address) error {
		if strings.HasPrefix(address.Path(), "/deep/") {
			return syncline.Errorf(syncline.Denied, "it is not permitted")
		}
		return nil
	}
	lacking := n.tree(commit)
	for path, equal := range map[string]bool{"": false, "vendor": false, "vendor/lib": false, "vendor/lib/sub": false, "vendor/lib/sub/leaf": false, "other": true} {
		a, err := whole.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := lacking.Stat(path)
		if err != nil || (a.Hash == b.Hash) != equal {
			t.Errorf("%q: %s and %s, %v", path, a.Hash, b.Hash, err)
		}
	}
	if _, err := lacking.ReadFile("vendor/lib/sub/leaf/leaf.yaml"); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("the leaf: %v", err)
	}
}
