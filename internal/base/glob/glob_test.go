package glob_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/glob"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
)

func TestPatternMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, value string
		separators     []rune
		want           bool
	}{
		{"", "", nil, true},
		{"", "a", nil, false},
		{"*", "", nil, true},
		{"*", "a/b", nil, true},
		{"*", "a/b", []rune{'/'}, false},
		{"**", "a/b", []rune{'/'}, true},
		{"team-*", "team-a", nil, true},
		{"team-*", "steam-a", nil, false},
		{"a?c", "abc", nil, true},
		{"a?c", "a/c", []rune{'/'}, false},
		{"[!a]b", "/b", []rune{'/'}, true},
		{"[a-c]", "b", nil, true},
		{"[a-c]", "d", nil, false},
		{"{a,b{c,d}}e", "bde", nil, true},
		{"{a,b{c,d}}e", "be", nil, false},
		{"{a,}", "", nil, true},
		{`\*`, "*", nil, true},
		{`\*`, "a", nil, false},
		{"a}", "a}", nil, true},
		{"ü*", "über", nil, true},
	} {
		p := glob.Compile(test.pattern, test.separators...)
		if err := p.Err(); err != nil || p.Matches(test.value) != test.want {
			t.Errorf("%q on %q: want %v (%v)", test.pattern, test.value, test.want, err)
		}
	}
}

func TestPatternThatCannotBeRead(t *testing.T) {
	for _, text := range []string{
		"[", "[a", "[]", "[!]", "[b-a]", "{a", "{a,b", "{{a}", `a\`, "[a\\", "\xff", "[a-", "[a-b", "[a-bc]",
		strings.Repeat("a", glob.MaxBytes+1), strings.Repeat("{a,", 17) + strings.Repeat("}", 17),
	} {
		p := glob.Compile(text)
		if err := p.Err(); syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) == "" {
			t.Errorf("%.40q: got %v", text, err)
		}
		if p.Matches(text) || p.Matches("") {
			t.Errorf("%.40q matches", text)
		}
	}
}

func TestPatternIsWrittenAsText(t *testing.T) {
	text, err := json.Marshal(glob.Compile("a*"))
	if err != nil || string(text) != `"a*"` {
		t.Errorf("got %s, %v", text, err)
	}
}

// TestPatternEqualsArgos holds patterns against the library that Argo CD uses,
// on patterns that it can match in a short time.
func TestPatternEqualsArgos(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"a", "b", "/", ".", "*", "**", "?", "[ab]", "[!a]", "[a-c]", "[", "]", "{", "}", ",", `\`, "-", "!", "{a,b}", "{a,}", "{*b,a?}", "é", "***", "[]a]", "[--a]",
	})
	letter := rapid.SampledFrom([]string{"a", "b", "c", "/", ".", "é", "*", "{", "]", ",", "-", "!", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pattern"), "")
		value := strings.Join(rapid.SliceOfN(letter, 0, 8).Draw(t, "value"), "")
		for _, separators := range [][]rune{nil, {'/'}} {
			compare(t, text, value, separators)
		}
	})
}

// fataler is what a test and a check have in common.
type fataler interface {
	Fatalf(format string, args ...any)
}

func compare(t fataler, text, value string, separators []rune) {
	want, err := gobwas.Compile(text, separators...)
	got := glob.Compile(text, separators...)
	if (err == nil) != (got.Err() == nil) {
		t.Fatalf("%q: %v, and there %v", text, got.Err(), err)
	}
	if err == nil && want.Match(value) != got.Matches(value) {
		t.Fatalf("%q on %q: %v", text, value, got.Matches(value))
	}
}

// FuzzPattern has an oracle for time and memory: whatever the pattern and the
// value, both are in proportion to their lengths.
func FuzzPattern(f *testing.F) {
	f.Add("team-{a,b*}/[!x]?", "team-b1/yz")
	f.Add(strings.Repeat("{a*,", 14)+strings.Repeat("}", 14), strings.Repeat("a", 200))
	f.Add(strings.Repeat("*a", 100), strings.Repeat("a", 4000)+"b")
	f.Add(strings.Repeat("{,", 16)+strings.Repeat("}", 16), "")
	f.Fuzz(func(t *testing.T, text, value string) {
		value = value[:min(len(value), 4096)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		p := glob.Compile(text)
		p.Matches(value)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
		runtime.ReadMemStats(&after)
		if grew := after.TotalAlloc - before.TotalAlloc; grew > 4<<20 {
			t.Errorf("it took %d bytes", grew)
		}
	})
}

// TestPatternsThatNeverEnded are matched in no time.
func TestPatternsThatNeverEnded(t *testing.T) {
	began := time.Now()
	for _, text := range []string{
		strings.Repeat("{a*,", 16) + strings.Repeat("}", 16) + "b",
		strings.Repeat("{a,*a*}", 33) + "b",
		strings.Repeat("*{a,aa}", 33) + "b",
		strings.Repeat("*a", 500) + "b",
		"{" + strings.Repeat("{a,b}*", 39) + "}",
	} {
		p := glob.Compile(text)
		if p.Err() != nil || p.Matches(strings.Repeat("a", 4096)+"c") && !strings.HasSuffix(text, "*}") {
			t.Errorf("%.30q: %v", text, p.Err())
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("they took %s", took)
	}
}
