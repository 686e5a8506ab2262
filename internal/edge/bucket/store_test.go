package bucket_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/bucket"
)

// TestOnlyWhatChangedIsFetched, and nothing twice.
func TestOnlyWhatChangedIsFetched(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	large := strings.Repeat("0123456789abcdef", 1<<17) // is not read ahead of its turn
	s.Set("apps", map[string]string{"a": "one", "b/c": "two", "d": large, "e/": "", "f": ""})
	first, tree := fetch(t, store, s.repo("apps"), all)
	if got := files(t, tree); !maps.Equal(got, map[string]string{"a": "one", "b/c": "two", "d": large, "f": ""}) {
		t.Errorf("it has %d files", len(got))
	}
	s.took()
	if err := store.Fetch(t.Context(), s.repo("apps"), all, first); err != nil || len(s.took()) != 0 {
		t.Errorf("what is there is fetched again: %v", err)
	}
	s.Set("apps", map[string]string{"a": "one", "b/c": "three", "d": large, "g": "new"})
	second, tree := fetch(t, store, s.repo("apps"), all)
	if got := files(t, tree); !maps.Equal(got, map[string]string{"a": "one", "b/c": "three", "d": large, "g": "new"}) || second == first {
		t.Errorf("it has %d files, at %s", len(got), second)
	}
	asked := slices.DeleteFunc(s.took(), func(uri string) bool { return strings.Contains(uri, "list-type") })
	if !slices.Equal(asked, []string{"/apps/b/c", "/apps/g"}) {
		t.Errorf("what was fetched is %q", asked)
	}
	if err := store.Fetch(t.Context(), s.repo("apps"), all, first); err != nil {
		t.Errorf("what was fetched before: %v", err)
	}
	s.Set("apps", map[string]string{"a": "one", "d": large})
	if _, tree = fetch(t, store, s.repo("apps"), all); len(files(t, tree)) != 2 {
		t.Errorf("it has %v", files(t, tree))
	}
}

// TestTheRevisionIsThatOfFlux: the digest of a line for each object.
func TestTheRevisionIsThatOfFlux(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"b": "", "a/x": "one", "left.md": "", ".sourceignore": "*.md\n", "image.png": ""})
	revision, tree := fetch(t, store, s.repo("apps"), all)
	lines := "a/x f97c5d29941bfb1b2fdab0874906ab82\nb d41d8cd98f00b204e9800998ecf8427e\nimage.png d41d8cd98f00b204e9800998ecf8427e\n"
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines))); revision != want {
		t.Errorf("it is %s, want %s", revision, want)
	}
	if got := files(t, tree); len(got) != 2 {
		t.Errorf("it has %v: Flux leaves images out", got)
	}
}

// TestWhatIsLeftOut is what patterns and the prefix say.
func TestWhatIsLeftOut(t *testing.T) {
	content := map[string]string{
		".sourceignore": "*.md\n/test/\n", "a.yaml": "", "a.md": "", "test/a.yaml": "", "apps/a.md": "", "apps/web/a.yaml": "", "apps/web/b.yaml": "",
		"apps/web/.sourceignore": "b.yaml\n!keep.md\n", "apps/web/keep.md": "", "apps/.github/a.yaml": "", "b.yaml": "",
	}
	for _, test := range []struct {
		name, prefix, ignore string
		want                 []string
	}{
		{"patterns in the bucket", "", "", []string{"a.yaml", "apps/web/.sourceignore", "apps/web/a.yaml", "apps/web/keep.md", "b.yaml"}},
		{"patterns of the source", "", "!a.md\n/b.yaml\nweb/", []string{"a.md", "a.yaml", "apps/a.md"}},
		{"a prefix", "apps/", "", []string{"apps/web/.sourceignore", "apps/web/a.yaml", "apps/web/keep.md"}},
		{"a part of a name", "a", "/apps", []string{"a.yaml"}},
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		// Patterns below the root cannot bring back what those at the root keep off the listing.
		wanted := maps.Clone(content)
		if test.ignore == "" {
			wanted[".sourceignore"] = "a.md\n/test/\n"
		}
		s.Set("apps", wanted)
		_, tree := fetch(t, store, s.repo("apps"), upstream.Bucket{Provider: upstream.BucketAWS, Prefix: test.prefix, Ignore: test.ignore})
		if got := slices.Sorted(maps.Keys(files(t, tree))); !slices.Equal(got, test.want) {
			t.Errorf("%s: it has %q, want %q", test.name, got, test.want)
		}
	}
}

// TestKeysThatAreNoPaths are refused by name, unless they are left out.
func TestKeysThatAreNoPaths(t *testing.T) {
	for key, says := range map[string]string{
		"/etc/passwd": "begins with /", "../x": ".. as one", "a/../b": ".. as one", "a//b": "an empty part", "./a": ". or .. as one", "..": ".. as one",
		"a\nb": "control characters", "a\x00b": "control characters", "a\xffb": "not UTF-8", `a\b`: "a backslash", strings.Repeat("k", 1025): "1025 bytes",
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", map[string]string{"fine": "", key: ""})
		_, err := store.Revision(t.Context(), s.repo("apps"), all)
		wants(t, fmt.Sprintf("%.20q", key), err, syncline.Invalid, says, ".sourceignore", "/apps")
		if _, err := store.Revision(t.Context(), s.repo("apps"), upstream.Bucket{Provider: upstream.BucketGeneric, Ignore: "/*\n!/fine"}); err != nil {
			t.Errorf("%.20q is left out: %v", key, err)
		}
	}
	for name, test := range map[string]struct {
		content map[string]string
		says    string
	}{
		"a file that is a folder": {map[string]string{"a": "", "a/b": ""}, `entry "a/b" is in, or in the place of, what is no folder`},
		"a name that is too long": {map[string]string{strings.Repeat("n", 256): ""}, "256 bytes"},
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", test.content)
		revision, err := store.Revision(t.Context(), s.repo("apps"), all)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wants(t, name, store.Fetch(t.Context(), s.repo("apps"), all, revision), syncline.Invalid, test.says, "/apps")
	}
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"File": "one", "file": "two", "folder/": "", "folder/x": ""})
	_, tree := fetch(t, store, s.repo("apps"), all)
	if got := files(t, tree); !maps.Equal(got, map[string]string{"File": "one", "file": "two", "folder/x": ""}) {
		t.Errorf("names that differ in case, and a folder: %v", got)
	}
}

// TestBounds of what a bucket may have.
func TestBounds(t *testing.T) {
	content := map[string]string{}
	for i := range 10 {
		content[fmt.Sprintf("object-%d", i)] = "0123456789"
	}
	endless := func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = fmt.Fprintf(w, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x%s</NextContinuationToken></ListBucketResult>", r.URL.Query().Get("continuation-token")[:0])
		return true
	}
	for name, test := range map[string]struct {
		options bucket.Options
		before  func(w http.ResponseWriter, r *http.Request) bool
		says    string
	}{
		"objects":           {bucket.Options{MaxObjects: 9}, nil, "more than 9 objects"},
		"listed":            {bucket.Options{MaxListed: 9}, nil, "more than 9 objects, with those that are left out"},
		"bytes":             {bucket.Options{MaxBytes: 99}, nil, "more than 0 MiB"},
		"pages":             {bucket.Options{MaxPages: 3}, nil, "more than 3 pages"},
		"pages without end": {bucket.Options{MaxPages: 20}, endless, "more than 20 pages"},
		"a page": {bucket.Options{}, func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<ListBucketResult>" + strings.Repeat(" ", 9<<20)))
			return true
		}, "larger than the 8388608 bytes"},
	} {
		s, store := newServer(t), newStore(t, test.options)
		s.Set("apps", content)
		s.answer(test.before)
		_, err := store.Revision(t.Context(), s.repo("apps"), all)
		wants(t, name, err, syncline.Invalid, test.says)
	}
}

// TestAnEmptyBucket is no revision: what was delivered of it stays.
func TestAnEmptyBucket(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"folder/": "", "other": ""})
	_, err := store.Revision(t.Context(), s.repo("apps"), upstream.Bucket{Provider: upstream.BucketGeneric, Prefix: "folder/"})
	wants(t, "nothing but a folder", err, syncline.NotFound, `prefix "folder/"`, "nothing is deleted")
}

// TestRoomIsShared with all archives, by whoever has most.
func TestRoomIsShared(t *testing.T) {
	archives, err := archive.Open(archive.Options{Dir: filepath.Join(t.TempDir(), "archives"), MaxDisk: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	store := bucket.New(bucket.Options{Archives: archives})
	t.Cleanup(func() { _ = store.Close() })
	s := newServer(t)
	s.Set("large", map[string]string{"a": strings.Repeat("x", 600<<10)})
	revision, err := store.Revision(t.Context(), s.repo("large"), all)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "more than there may be", store.Fetch(t.Context(), s.repo("large"), all, revision), syncline.Invalid, "larger than an archive may be")
	s.Set("first", map[string]string{"a": strings.Repeat("x", 400<<10)})
	s.Set("second", map[string]string{"a": strings.Repeat("y", 400<<10)})
	s.Set("third", map[string]string{"a": strings.Repeat("z", 400<<10)})
	revisions := map[string]string{}
	for _, name := range []string{"first", "second", "third", "first"} {
		if revisions[name], err = store.Revision(t.Context(), s.repo(name), all); err != nil {
			t.Fatal(err)
		}
		s.took()
		if err := store.Fetch(t.Context(), s.repo(name), all, revisions[name]); err != nil || len(s.took()) != 1 {
			t.Errorf("%s, for which room was to be made, was not fetched: %v", name, err)
		}
	}
	s.took()
	if err := store.Fetch(t.Context(), s.repo("third"), all, revisions["third"]); err != nil || len(s.took()) != 0 {
		t.Errorf("what there is room for is fetched again: %v", err)
	}
}

// TestWhoDoesNotReadABucket sees nothing of it, whatever revision they name.
func TestWhoDoesNotReadABucket(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"secret": "hunter2"})
	revision, _ := fetch(t, store, s.repo("apps"), all)
	stranger := s.repo("apps")
	stranger.Password = "another"
	_, err := store.Tree(t.Context(), stranger, all, revision)
	wants(t, "Tree", err, syncline.Transient, "not fetched yet")
	wants(t, "Fetch", store.Fetch(t.Context(), stranger, all, revision), syncline.Denied, "the credentials were refused")
	if _, err := store.Tree(t.Context(), stranger, all, revision); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Tree: %v", err)
	}
}

// TestWhatIsRemembered has bounds: of what is forgotten everything is fetched anew.
func TestWhatIsRemembered(t *testing.T) {
	s := newServer(t)
	fetched := func(store *bucket.Store, name string) int {
		fetch(t, store, s.repo(name), all)
		return len(slices.DeleteFunc(s.took(), func(uri string) bool { return strings.Contains(uri, "list-type") }))
	}
	for _, test := range []struct {
		name   string
		most   int
		forget bool
		want   int
	}{{"all", 100, false, 1}, {"as much as there may be", 4, false, 3}, {"what somebody asks for", 100, true, 3}} {
		store := newStore(t, bucket.Options{MaxKept: test.most})
		s.Set("apps", map[string]string{"a": "one", "b": "two", "c": "three"})
		s.Set("other", map[string]string{"a": "one", "b": "two", "c": "three"})
		if first := fetched(store, "apps"); first != 3 {
			t.Errorf("%s: %d objects were fetched at first", test.name, first)
		}
		fetched(store, "other")
		if test.forget {
			store.Forget(s.repo("apps"))
		}
		s.Put("apps", "b", "changed")
		if again := fetched(store, "apps"); again != test.want {
			t.Errorf("%s is remembered: %d objects were fetched, want %d", test.name, again, test.want)
		}
	}
}
