package jq_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
	"github.com/syncline-io/syncline/internal/edge/jq"
)

// workerArgument makes the test program a child of the pool.
const workerArgument = "jq-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArgument {
		if err := jq.ServeProbed(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func newPool(t testing.TB, options confined.Options) jq.Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Command = []string{program, workerArgument}
	pool := jq.NewPool(options)
	t.Cleanup(pool.Close)
	return pool
}

func TestPoolIsConfined(t *testing.T) {
	given := map[string]any{
		"spec": map[string]any{"replicas": int64(3), "weight": 0.5, "whole": 1e21, "big": int64(1) << 60, "none": nil, "list": []any{"a", true}},
	}
	told := func(object map[string]any, err error) (string, error) {
		return fmt.Sprintf("%#v", object), err
	}
	confinedtest.Run(t, confinedtest.Kind{
		Argument: workerArgument,
		Start: func(t testing.TB, options confined.Options) confinedtest.Do {
			pool := newPool(t, options)
			return func(ctx context.Context, owner, job string) (string, error) {
				return told(pool.Remove(ctx, owner, job, given))
			}
		},
		Here: func(ctx context.Context, _, job string) (string, error) { return told(jq.Remove(ctx, job, given)) },
		Jobs: []string{".spec.replicas", ".spec.list[0]", ".", ".missing", ".spec[1]", `empty`},
		Faulty: []string{
			"(((", "nothing_of_that_name", `import "a" as a; .`,
		},
		Leaving: []string{`def length: 7; .spec`, `$__loc__ | .spec`, `.spec[$ENV | keys[]]`, "last(repeat(.))"},
		Looking: `.spec.list[.spec.list | length | . - 1]`,
	})
}

func TestPool(t *testing.T) {
	pool := newPool(t, confined.Options{})
	object := map[string]any{"spec": map[string]any{"replicas": int64(3), "weight": 0.5, "big": int64(1) << 60}}
	stripped, err := pool.Remove(t.Context(), "", ".spec.replicas", object)
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
		_, err := pool.Remove(t.Context(), "", expression, object)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40s: got %v, want an Invalid error with %q", expression, err, why)
		}
	}
	if _, err := pool.Remove(t.Context(), "", ".spec", object); err != nil {
		t.Errorf("after all these: %v", err)
	}
}

// The processes may take so little memory that this, and not the time that a slow
// machine needs to give it to them, is what ends a text that doubles.
func TestATextThatDoubles(t *testing.T) {
	pool := newPool(t, confined.Options{Memory: 48 << 20, Timeout: 3 * time.Second})
	_, err := pool.Remove(t.Context(), "", `.spec[reduce range(40) as $i ("x"; . + .)]`, map[string]any{})
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "more than 48 MiB of memory") {
		t.Errorf("got %v", err)
	}
}

// An object of any depth that an API server takes comes back.
func TestADeepObject(t *testing.T) {
	const depth = 400
	var object map[string]any
	text := strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	stripped, err := newPool(t, confined.Options{}).Remove(t.Context(), "", ".b", object)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(stripped); err != nil || string(got) != text {
		t.Errorf("got %.60s…, %v", got, err)
	}
}
