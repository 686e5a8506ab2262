package near_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/near"
)

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"hook", "hook", 0},
		{"hooks", "hook", 1},
		{"sync-opitons", "sync-options", 1},
		{"sync-option", "sync-options", 1},
		{"syncoptions", "sync-options", 1},
		{"sync_option", "sync-options", 2},
		{"ab", "ba", 1},
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
	} {
		if got, back := near.Edits(test.a, test.b), near.Edits(test.b, test.a); got != test.want || back != test.want {
			t.Errorf("between %q and %q are %d and %d edits, want %d", test.a, test.b, got, back, test.want)
		}
	}
}

func FuzzEdits(f *testing.F) {
	f.Add("prod", "production")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = a[:min(len(a), 128)], b[:min(len(b), 128)]
		bound.Limits{}.Run(t, func() {
			if n := near.Edits(a, b); n > max(len(a), len(b)) || (n == 0) != (a == b) {
				t.Errorf("between %q and %q are %d edits", a, b, n)
			}
		})
	})
}

func TestMeaning(t *testing.T) {
	slip := func(key string) string {
		if strings.HasPrefix(key, "opt") {
			return "option"
		}
		return ""
	}
	if got := near.Meaning(map[string]string{"a": "1"}, slip); got != nil {
		t.Errorf("without a slip it is %v", got)
	}
	got := near.Meaning(map[string]string{"a": "1", "opt": "b", "opts": "a", "optoin": "c"}, slip)
	if len(got) != 1 || got[near.Meant+"option"] != "a,b,c" {
		t.Errorf("it is %v", got)
	}
}
