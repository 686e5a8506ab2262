package compare

import (
	"slices"
	"testing"
	"time"
)

func TestAlike(t *testing.T) {
	item := func(name string, more ...any) any {
		content := map[string]any{"name": name}
		for i := 0; i < len(more); i += 2 {
			content[more[i].(string)] = more[i+1]
		}
		return content
	}
	for name, test := range map[string]struct {
		declared, live []any
		want           []int
	}{
		"one in front":         {[]any{item("new"), item("a"), item("b")}, []any{item("a"), item("b")}, []int{-1, 0, 1}},
		"one left":             {[]any{item("b")}, []any{item("a"), item("b")}, []int{1}},
		"defaults":             {[]any{item("b"), item("a")}, []any{item("a", "x", 1), item("b", "x", 1)}, []int{1, 0}},
		"changed in its place": {[]any{item("a"), item("c"), item("d")}, []any{item("a"), item("b"), item("d")}, []int{0, 1, 2}},
		"each once":            {[]any{item("a"), item("a")}, []any{item("a")}, []int{0, -1}},
	} {
		if got := alike(test.declared, test.live); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// Lists of an object may be as long as an object may be large.
func TestLongListsAreAlikeInTime(t *testing.T) {
	declared, live := make([]any, 200_000), make([]any, 200_000)
	for i := range declared {
		declared[i], live[i] = int64(-i-1), int64(i)
	}
	began := time.Now()
	if got := alike(declared, live); got[0] != 0 || got[len(got)-1] != len(got)-1 {
		t.Errorf("they are not paired by their places: %v", got[:3])
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
