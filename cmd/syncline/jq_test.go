package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
)

func TestJQPool(t *testing.T) {
	program, err := os.Executable() // which TestMain makes a worker
	if err != nil {
		t.Fatal(err)
	}
	pool := newJQPool(program, false)
	t.Cleanup(pool.Close)
	object := map[string]any{"spec": map[string]any{"replicas": int64(3), "weight": 0.5, "big": int64(1) << 60}}
	stripped, err := pool.Remove(t.Context(), ".spec.replicas", object)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"spec": map[string]any{"weight": 0.5, "big": int64(1) << 60}}
	if diff := cmp.Diff(want, stripped); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for expression, why := range map[string]string{
		"(((":                              "it is not valid",
		"last(repeat(.))":                  "longer than 2s",
		".spec[[range(1e12)] | tostring]":  "stopped",
		strings.Repeat("(", 200_000) + ".": "",
		`.spec[[range(1000) | tostring * 1000000] | length]`: "more than 128 MiB of memory",
	} {
		_, err := pool.Remove(t.Context(), expression, object)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40s: got %v, want an Invalid error with %q", expression, err, why)
		}
	}
	if _, err := pool.Remove(t.Context(), ".spec", object); err != nil {
		t.Errorf("after all these: %v", err)
	}
}

func TestATextThatDoublesInJQ(t *testing.T) {
	pool := jqPool{Pool: smallMachine(t, "jq-worker")}
	_, err := pool.Remove(t.Context(), `.spec[reduce range(40) as $i ("x"; . + .)]`, map[string]any{})
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "more than 48 MiB of memory") {
		t.Errorf("got %v", err)
	}
}
