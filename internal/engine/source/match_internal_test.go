package source

import (
	"context"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// commitOf is a commit that can be told by its first digit.
func commitOf(digit string) string { return strings.Repeat(digit, 40) }

func refsOf(head string, names map[string]string) upstream.Refs {
	refs := upstream.Refs{Head: head, Commits: map[string]string{}}
	for name, digit := range names {
		refs.Commits[name] = commitOf(digit)
	}
	if head != "" {
		refs.Commits["HEAD"] = refs.Commits[head]
	}
	return refs
}

// match finds a target among the refs.
func match(listed upstream.Refs, want Target) (Revision, bool) {
	found, err := newRefs(listed, "").match(context.Background(), want)
	return found, err == nil && found.ID != ""
}

func TestMatch(t *testing.T) {
	versions := refsOf("refs/heads/main", map[string]string{
		"refs/heads/main": "1", "refs/heads/1.x": "2", "refs/heads/v9.9.9": "3",
		"refs/tags/v1.0.0": "4", "refs/tags/v1.2.0": "5", "refs/tags/v1.10.0": "6", "refs/tags/v2.0.0-rc.1": "7", "refs/tags/2.0.0": "8",
		"refs/tags/not-a-version": "9",
	})
	prefixed := refsOf("refs/heads/main", map[string]string{
		"refs/heads/main": "1", "refs/heads/1.0.0": "2", "refs/tags/app-a/1.0.0": "3", "refs/tags/app-a/1.1.0": "4", "refs/tags/app-b/1.2.0": "5",
		"refs/tags/app-a/latest": "6", "refs/tags/1.5.0": "7", "refs/heads/latest": "8",
	})
	names := refsOf("refs/heads/main", map[string]string{
		"refs/heads/main": "1", "refs/heads/both": "2", "refs/tags/both": "3", "refs/tags/tag": "4", "refs/pull/7/head": "5",
		"refs/heads/feature/x": "6", "refs/heads/abcdefa": "7", "refs/heads/refs/heads/odd": "8", "refs/remotes/origin/r": "9", "refs/heads/tags/t": "a",
	})
	for _, c := range []struct {
		name             string
		refs             upstream.Refs
		revision, prefix string
		digit, ref       string // "" is no match
	}{
		{"nothing is HEAD", names, "", "", "1", "refs/heads/main"},
		{"HEAD", names, "HEAD", "", "1", "refs/heads/main"},
		{"detached HEAD", upstream.Refs{Commits: map[string]string{"HEAD": commitOf("2")}}, "", "", "2", "HEAD"},
		{"missing HEAD", refsOf("", map[string]string{"refs/heads/x": "1"}), "", "", "", ""},
		{"branch", names, "feature/x", "", "6", "refs/heads/feature/x"},
		{"tag", names, "tag", "", "4", "refs/tags/tag"},
		{"a branch comes before a tag", names, "both", "", "2", "refs/heads/both"},
		{"full name", names, "refs/tags/both", "", "3", "refs/tags/both"},
		{"full name of something else", names, "refs/pull/7/head", "", "5", "refs/pull/7/head"},
		{"name without refs/", names, "pull/7/head", "", "5", "refs/pull/7/head"},
		{"branch that looks like a part", names, "tags/t", "", "a", "refs/heads/tags/t"},
		{"branch that looks like a full name", names, "refs/heads/odd", "", "8", "refs/heads/refs/heads/odd"},
		{"branch that looks like a commit", names, "abcdefa", "", "7", "refs/heads/abcdefa"},
		{"remote", names, "origin/r", "", "9", "refs/remotes/origin/r"},
		{"no such name", names, "none", "", "", ""},
		{"case counts", names, "MAIN", "", "", ""},
		{"option", names, "--upload-pack=x", "", "", ""},

		{"first digits", names, "4444444", "", "4", "refs/tags/tag"},
		{"first digits, capitals", refsOf("", map[string]string{"refs/heads/a": "a"}), "AAAAAAAA", "", "a", "refs/heads/a"},
		{"too few digits", names, "444444", "", "", ""},
		{"digits of one commit under two refs", refsOf("", map[string]string{"refs/heads/b": "c", "refs/heads/a": "c"}), "ccccccc", "", "c", "refs/heads/a"},
		{"digits of two commits", upstream.Refs{Commits: map[string]string{
			"refs/heads/a": "1234567" + strings.Repeat("0", 33), "refs/heads/b": "1234567" + strings.Repeat("1", 33),
		}}, "1234567", "", "", ""},

		{"exact version is no constraint", versions, "v1.2.0", "", "5", "refs/tags/v1.2.0"},
		{"exact short version is no constraint", versions, "v1.2", "", "", ""},
		{"exact version without its v", versions, "1.2.0", "", "", ""},
		{"exact version of a branch", versions, "v9.9.9", "", "3", "refs/heads/v9.9.9"},
		{"wildcard", versions, "1.*", "", "6", "refs/tags/v1.10.0"},
		{"wildcard with v", versions, "v1.2.x", "", "5", "refs/tags/v1.2.0"},
		{"constraint hides a branch", versions, "1.x", "", "6", "refs/tags/v1.10.0"},
		{"range", versions, ">=1.0.0 <1.5.0", "", "5", "refs/tags/v1.2.0"},
		{"caret", versions, "^1.0", "", "6", "refs/tags/v1.10.0"},
		{"tilde", versions, "~1.2.0", "", "5", "refs/tags/v1.2.0"},
		{"alternatives", versions, "<1.0.0 || 2.x", "", "8", "refs/tags/2.0.0"},
		{"any", versions, "*", "", "8", "refs/tags/2.0.0"},
		{"without pre-releases", versions, ">1.10.0 <2.0.0", "", "", ""},
		{"with pre-releases", versions, ">1.10.0-0 <2.0.0-0", "", "6", "refs/tags/v1.10.0"},
		{"a pre-release", versions, "~2.0.0-rc.0 <2.0.0", "", "7", "refs/tags/v2.0.0-rc.1"},
		{"constraint without a tag falls back to a branch", refsOf("", map[string]string{"refs/heads/3.x": "1", "refs/tags/v1.0.0": "2"}), "3.x", "", "1", "refs/heads/3.x"},
		{"constraint without a tag", versions, "9.*", "", "", ""},
		{"equal versions", refsOf("", map[string]string{"refs/tags/v1.0.0": "1", "refs/tags/1.0.0": "2", "refs/tags/v1": "3"}), "1.*", "", "2", "refs/tags/1.0.0"},

		{"prefix with a constraint", prefixed, "1.*", "app-a/", "4", "refs/tags/app-a/1.1.0"},
		{"prefix with a version", prefixed, "1.0.0", "app-a/", "3", "refs/tags/app-a/1.0.0"},
		{"prefix with a version that is not there", prefixed, "1.5.0", "app-a/", "", ""},
		{"prefix with a name", prefixed, "latest", "app-a/", "6", "refs/tags/app-a/latest"},
		{"prefix with a name that is a branch only", prefixed, "main", "app-a/", "1", "refs/heads/main"},
		{"prefix with nothing", prefixed, "", "app-a/", "1", "refs/heads/main"},
		{"prefix that no tag has", prefixed, "1.*", "app-c/", "", ""},
		{"no prefix does not see prefixed tags", prefixed, "1.*", "", "7", "refs/tags/1.5.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := match(c.refs, Target{Revision: c.revision, TagPrefix: c.prefix})
			wanted := Revision{By: c.ref}
			if c.digit != "" {
				wanted.ID = commitOf(c.digit)
			}
			if ok != (c.digit != "") || got != wanted {
				t.Errorf("match(%q, %q) = %+v, %t, want %+v", c.revision, c.prefix, got, ok, wanted)
			}
		})
	}
}

func TestNoMatchSaysWhat(t *testing.T) {
	for _, c := range []struct {
		refs       upstream.Refs
		want       Target
		says, hint string
	}{
		{refsOf("refs/heads/trunk", map[string]string{"refs/heads/trunk": "1"}), Target{Revision: "main", TagPrefix: ""}, `revision "main" is not a branch, tag or commit of https://example.com/a`, `the default branch is "trunk"`},
		{refsOf("", map[string]string{"refs/heads/trunk": "1"}), Target{Revision: "1.*", TagPrefix: "app/"}, `revision "app/1.*" is not a branch, tag or commit of https://example.com/a, and none of its tags is a version that it means`, ""},
		{upstream.Refs{}, Target{Revision: "", TagPrefix: ""}, "repository https://example.com/a has no commits", "push a first commit"},
		{refsOf("", map[string]string{"refs/heads/trunk": "1"}), Target{Revision: "HEAD", TagPrefix: ""}, "repository https://example.com/a has no default branch: its HEAD names none that is there", "name a branch in targetRevision, or choose a default branch where the repository is hosted"},
	} {
		err := newRefs(c.refs, "https://example.com/a").noMatch(c.want)
		if err.Error() != c.says || syncline.HintOf(err) != c.hint || syncline.KindOf(err) != syncline.NotFound {
			t.Errorf("%v: the error is %q (%s), hint %q", c.want, err, syncline.KindOf(err), syncline.HintOf(err))
		}
	}
}

func BenchmarkMatchTenThousand(b *testing.B) {
	names := map[string]string{"refs/heads/main": "1"}
	for i := range 10_000 {
		names["refs/tags/v1."+string(rune('0'+i%10))+"."+strings.Repeat("1", i%7+1)+string(rune('0'+i/1000))] = "2"
	}
	refs := refsOf("refs/heads/main", names)
	for _, revision := range []string{"main", "1.*"} {
		b.Run(revision, func(b *testing.B) {
			for b.Loop() {
				if _, ok := match(refs, Target{Revision: revision, TagPrefix: ""}); !ok {
					b.Fatal("no match")
				}
			}
		})
	}
}
