package few_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline/internal/base/few"
)

// It is a map, whatever is done with it.
func TestItIsAMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var m few.Map[int, int]
		want := map[int]int{}
		r.Repeat(map[string]func(*rapid.T){
			"set": func(r *rapid.T) {
				key, value := rapid.IntRange(0, 3).Draw(r, "key"), rapid.Int().Draw(r, "value")
				m.Set(key, value)
				want[key] = value
			},
			"delete": func(r *rapid.T) {
				key := rapid.IntRange(0, 3).Draw(r, "key")
				m.Delete(key)
				delete(want, key)
			},
			"": func(r *rapid.T) {
				if got := maps.Collect(m.All()); !maps.Equal(got, want) || m.Len() != len(want) {
					r.Fatalf("it holds %v, want %v", got, want)
				}
				for key := range 4 {
					got, has := m.Get(key)
					if value, ok := want[key]; got != value || has != ok {
						r.Fatalf("%d is %d, %v", key, got, has)
					}
				}
				for range m.Keys() {
					break
				}
			},
		})
	})
}

func TestOneEntryTakesNoMemory(t *testing.T) {
	if allocations := testing.AllocsPerRun(100, func() {
		var m few.Map[string, bool]
		m.Set("a", true)
		m.Delete("a")
	}); allocations != 0 {
		t.Errorf("%.0f allocations", allocations)
	}
}
