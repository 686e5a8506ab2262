package upstream_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

var (
	first  = "1.2.3@sha256:" + strings.Repeat("0123456789abcdef", 4)
	second = "1.2.3@entry:" + strings.Repeat("fedcba9876543210", 4)
)

func TestCutChart(t *testing.T) {
	commit := strings.Repeat("0123456789", 4)
	for revision, want := range map[string][2]string{
		first: {"1.2.3", first[len("1.2.3@"):]}, second: {"1.2.3", second[len("1.2.3@"):]},
		"1.2.3": {"1.2.3"}, commit: {commit}, "": {""}, "sha256:" + commit: {"sha256:" + commit},
		"1.2.3@sha256:12": {"1.2.3@sha256:12"}, "a b" + first[5:]: {"a b" + first[5:]}, first + "\n": {first + "\n"},
	} {
		if version, content := upstream.CutChart(revision); version != want[0] || content != want[1] {
			t.Errorf("%q is %q of %q", revision, version, content)
		}
	}
	given := []string{first, commit}
	if got := upstream.Versions(given); !slices.Equal(got, []string{"1.2.3", commit}) || given[0] != first {
		t.Errorf("got %q of %q", got, given)
	}
}

func TestSameRevisions(t *testing.T) {
	for _, test := range []struct {
		a, b []string
		want bool
	}{
		{nil, nil, true},
		{nil, []string{"c1"}, false},
		{[]string{"c1"}, []string{"c1"}, true},
		{[]string{"c1"}, []string{"c2"}, false},
		{[]string{first}, []string{first}, true},
		{[]string{first}, []string{second}, false}, // pushed anew
		{[]string{first}, []string{"1.2.3"}, true}, // of which Argo CD wrote one
		{[]string{first}, []string{"1.2.4"}, false},
		{[]string{"c1", first}, []string{"c1", "1.2.3"}, true},
		{[]string{"c1", first}, []string{"c2", "1.2.3"}, false},
		{[]string{first, "c1"}, []string{"1.2.3"}, false},
	} {
		if upstream.SameRevisions(test.a, test.b) != test.want || upstream.SameRevisions(test.b, test.a) != test.want {
			t.Errorf("%q and %q are the same: want %v", test.a, test.b, test.want)
		}
	}
}
