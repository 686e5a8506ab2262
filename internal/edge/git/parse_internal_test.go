package git

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
)

func FuzzParseTree(f *testing.F) {
	hash := strings.Repeat("h", 20)
	for _, seed := range []string{
		"", "100644 a\x00" + hash, "40000 d\x00" + hash + "120000 l\x00" + hash, "160000 m\x00" + hash, "100755 x\x00" + hash,
		"100644 caf\xe9\x00" + hash, "100644 a\x00short", "100644 ..\x00" + hash, "100644 \x00" + hash, "100644\x00" + hash, "100644 a/b\x00" + hash,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		bound.Limits{}.Run(t, func() {
			entries, ok := parseTree(data)
			if !ok {
				return
			}
			for i, entry := range entries {
				if entry.Name == "" || entry.Name == "." || entry.Name == ".." || strings.ContainsAny(entry.Name, "/\x00") || len(entry.Hash) != 40 {
					t.Errorf("entry %+v", entry)
				}
				if !utf8.ValidString(entry.Name) {
					t.Errorf("name %q is no text", entry.Name)
				}
				if i > 0 && entries[i-1].Name >= entry.Name {
					t.Errorf("%q stands before %q", entries[i-1].Name, entry.Name)
				}
			}
		})
	})
}

func TestParseTreeRefuses(t *testing.T) {
	hash := strings.Repeat("h", 20)
	for _, bad := range []string{"100644 \x00" + hash, "100644 .\x00" + hash, "100644 a\x00short", "100644 a\x00" + hash + "40000 a\x00" + hash, "100644 a" + hash, "x",
		"100644 a\\351\x00" + hash + "100644 a\xe9\x00" + hash} {
		if entries, ok := parseTree([]byte(bad)); ok {
			t.Errorf("%q gives %v", bad, entries)
		}
	}
}

func FuzzParseRefs(f *testing.F) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	f.Add("ref: refs/heads/main\tHEAD\n" + one + "\tHEAD\n" + one + "\trefs/tags/v1\n" + two + "\trefs/tags/v1^{}\n")
	f.Add("nonsense")
	f.Fuzz(func(t *testing.T, out string) {
		bound.Limits{}.Run(t, func() {
			reader := newRefsReader(1 << 20)
			for line := range strings.Lines(out) {
				if err := reader.read([]byte(strings.TrimSuffix(line, "\n"))); err != nil {
					t.Errorf("%q: %v", line, err)
				}
			}
			for name, commit := range reader.refs.Commits {
				if !fullName.MatchString(commit) || strings.HasSuffix(name, "^{}") && !strings.HasSuffix(name, "^{}^{}") && !strings.Contains(out, name+"^{}") {
					t.Errorf("%q is %q", name, commit)
				}
			}
		})
	})
}

func TestParseCommit(t *testing.T) {
	text := "tree t\nparent p\nauthor A U <a@u> Thor <author@example.com> 1700000000 +0130\ncommitter C <c@example.com> 1800000000 +0000\ngpgsig x\n author y\n\nsubject\n\nbody\n"
	got := parseCommit("hash", text)
	if got.Author != "A U" || got.Message != "subject\n\nbody" || got.Hash != "hash" {
		t.Errorf("parseCommit = %+v", got)
	}
	got = parseCommit("hash", "tree t\nauthor Someone <s@example.com> 1700000000 +0130\n\n")
	if got.Author != "Someone" || got.Email != "s@example.com" || got.Date.Format(time.RFC3339) != "2023-11-14T23:43:20+01:30" {
		t.Errorf("parseCommit = %+v", got)
	}
	for _, odd := range []string{"", "\n\n", "author", "author <", "author a <b> never +0000\n\nm"} {
		if got := parseCommit("hash", odd); !got.Date.IsZero() {
			t.Errorf("parseCommit(%q) = %+v", odd, got)
		}
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	cache := newTreeCache(20)
	for i := range 10 {
		cache.put(objectKey{"a", fmt.Sprint(i)}, make([]syncline.Entry, 4))
		cache.get(objectKey{"a", "0"})
	}
	var kept []string
	for i := range 10 {
		if _, ok := cache.get(objectKey{"a", fmt.Sprint(i)}); ok {
			kept = append(kept, fmt.Sprint(i))
		}
	}
	if want := []string{"0", "7", "8", "9"}; !slices.Equal(kept, want) {
		t.Errorf("kept are %v, want %v", kept, want)
	}
	cache.put(objectKey{"a", "big"}, make([]syncline.Entry, 1000))
	if _, ok := cache.get(objectKey{"a", "big"}); !ok || len(cache.byKey) != 1 {
		t.Errorf("a directory over the bound: %t, %d kept", ok, len(cache.byKey))
	}
}
