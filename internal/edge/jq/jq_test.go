package jq_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/jq"
)

func object() map[string]any {
	return map[string]any{
		"kind": "Deployment",
		"spec": map[string]any{
			"replicas": int64(3),
			"weight":   0.5,
			"containers": []any{
				map[string]any{"name": "web", "image": "web:1"},
				map[string]any{"name": "side", "image": "side:1"},
			},
		},
	}
}

func TestRemove(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		change     func(map[string]any)
	}{
		"a field":               {".spec.replicas", func(spec map[string]any) { delete(spec, "replicas") }},
		"several":               {".spec.replicas, .spec.weight", func(spec map[string]any) { delete(spec, "replicas"); delete(spec, "weight") }},
		"what is not there":     {".spec.paused", func(map[string]any) {}},
		"what is in a list":     {`.spec.containers[] | select(.name == "side")`, func(spec map[string]any) { spec["containers"] = spec["containers"].([]any)[:1] }},
		"a failure":             {".kind.x", func(map[string]any) {}},
		"no path":               {"1", func(map[string]any) {}},
		"the object as a whole": {".", func(map[string]any) {}},
	} {
		t.Run(name, func(t *testing.T) {
			want := object()
			test.change(want["spec"].(map[string]any))
			given := object()
			got, err := jq.Remove(t.Context(), test.expression, given)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(object(), given); diff != "" {
				t.Errorf("what was given has changed: %s", diff)
			}
		})
	}
}

func TestWhatIsNoExpression(t *testing.T) {
	for _, expression := range []string{"(((", ".a b", "nothing_of_that_name"} {
		if _, err := jq.Remove(t.Context(), expression, object()); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestWhatDoesNotEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := jq.Remove(ctx, "last(repeat(.))", object()); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
