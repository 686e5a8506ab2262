package ignore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/ignore"
)

// TestPatterns has what people write, and the files that it leaves out or not.
func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		name, text   string
		leaves, does string // not
	}{
		{"a name", "*.md", "README.md docs/a.md x.md/y", "a.mdx md"},
		{"a name of a folder", "docs/", "docs/a docs/b/c a/docs/b", "docs a/docs"},
		{"from the root", "/docs", "docs docs/a", "a/docs"},
		{"a path", "apps/test", "apps/test apps/test/a", "a/apps/test apps/tests"},
		{"a folder by a path", "apps/test/", "apps/test/a", "apps/test"},
		{"any folders in front", "**/test", "test a/test a/b/test/c", "tests a/tests"},
		{"any folders between", "a/**/z", "a/z a/b/z a/b/c/z/d", "z b/a/z"},
		{"all that is in one", "a/**", "a/b a/b/c", "a b/a/c"},
		{"all but", "/*\n!/deploy", "a b/c", "deploy deploy/a deploy/b/c"},
		{"kept in what is left out", "deploy/\n!deploy/keep.yaml", "deploy/a", "deploy/keep.yaml"},
		{"the last decides", "!a\na", "a", "b"},
		{"comments, and nothing", "# a\n\n  \r\n", "", "a #"},
		{"escapes", "\\#a\n\\!b\nc\\ ", "#a !b", "a b c"},
		{"the end of a line", "a  \r\nb", "a b", "c"},
		{"what is no pattern", "[", "", "[ a"},
		{"one of many letters", "a?c[0-9]", "abc1", "abc ac1"},
	} {
		rules := ignore.Rules{}.And("", test.text)
		for want, files := range map[bool]string{true: test.leaves, false: test.does} {
			for file := range strings.FieldsSeq(files) {
				if rules.Leaves(file) != want {
					t.Errorf("%s: %q leaves %s out: %t, want %t", test.name, test.text, file, !want, want)
				}
			}
		}
	}
}

// TestPatternsOfAFolder hold there, behind those before.
func TestPatternsOfAFolder(t *testing.T) {
	first := ignore.Rules{}.And("", "*.md")
	both := first.And("apps/web", "!keep.md\n/top")
	for file, want := range map[string]bool{
		"a.md": true, "keep.md": true, "apps/web/keep.md": false, "apps/web/b/keep.md": false, "apps/web/top": true, "apps/web/b/top": false, "top": false, "apps/web": false,
	} {
		if both.Leaves(file) != want {
			t.Errorf("%s is left out: %t, want %t", file, !want, want)
		}
	}
	if !first.Leaves("apps/web/keep.md") {
		t.Error("rules changed by what was added to them")
	}
}

// FuzzRules has texts and paths of whoever writes to a bucket.
func FuzzRules(f *testing.F) {
	f.Add("/*\n!/deploy\n**/a/**/b/", "deploy/a/x/b/c")
	f.Add("["+strings.Repeat("**/", 100)+"*", strings.Repeat("a/", 100)+"b")
	f.Fuzz(func(t *testing.T, text, file string) {
		bound.Limits{Time: 10 * time.Second}.Run(t, func() {
			rules := ignore.Rules{}.And("", text)
			if before := rules.Leaves(file); rules.And("", "!**").Leaves(file) && before {
				t.Errorf("%q is left out by what keeps all", file)
			}
		})
	})
}
