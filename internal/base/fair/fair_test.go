package fair_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline/internal/base/fair"
)

func TestOwnersGetTheirShares(t *testing.T) {
	for _, test := range []struct {
		size int
		want [4]int
	}{
		{1, [4]int{1, 0, 0, 0}},
		{2, [4]int{1, 1, 0, 0}},
		{3, [4]int{2, 1, 0, 0}},
		{4, [4]int{3, 1, 0, 0}},
		{16, [4]int{12, 3, 1, 0}},
	} {
		places := fair.New(test.size)
		var got [4]int
		for i, owner := range []string{"a", "b", "c", "d"} {
			for places.May(owner) {
				places.Take(owner)
				got[i]++
			}
		}
		if got != test.want {
			t.Errorf("of %d places the owners got %v, want %v", test.size, got, test.want)
		}
	}
}

// Whatever came before: where there are two places or more, one owner alone
// never has all, and as soon as nobody has any everybody may have one.
func TestNobodyHasAllPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 20).Draw(t, "size")
		places, held := fair.New(size), map[string]int{}
		owners := rapid.SampledFrom([]string{"a", "b", "c"})
		taken := 0
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			owner := owners.Draw(t, "owner")
			switch take := rapid.Bool().Draw(t, "take"); {
			case take && places.May(owner):
				places.Take(owner)
				held[owner]++
				taken++
			case !take && held[owner] > 0:
				places.Leave(owner)
				held[owner]--
				taken--
			}
			if held[owner] == size || taken > size || places.Held(owner) != held[owner] {
				t.Fatalf("of %d places %s holds %d, all %d", size, owner, held[owner], taken)
			}
			if taken == 0 && !places.May(owner) {
				t.Fatal("nobody may have a place")
			}
		}
	})
}
