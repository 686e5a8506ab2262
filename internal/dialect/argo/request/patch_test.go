package request

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// trees draws JSON objects without null, which a merge patch cannot write.
func trees() *rapid.Generator[map[string]any] {
	leaf := rapid.OneOf(
		rapid.Just[any]("a"), rapid.Just[any]("b"), rapid.Just[any](1.0), rapid.Just[any](true),
		rapid.Just[any]([]any{"x"}), rapid.Just[any]([]any{}),
	)
	value := leaf
	for range 3 {
		inner := rapid.MapOfN(rapid.SampledFrom([]string{"p", "q", "r"}), value, 0, 3)
		value = rapid.OneOf(leaf, rapid.Map(inner, func(m map[string]any) any { return m }))
	}
	return rapid.MapOfN(rapid.SampledFrom([]string{"p", "q", "r"}), value, 0, 3)
}

func TestMergePatchMakesOneIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := trees().Draw(t, "from"), trees().Draw(t, "to")
		patch := application.MergePatch(from, to)
		text := func(v any) []byte {
			encoded, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return encoded
		}
		merged, err := jsonpatch.MergePatch(text(from), text(patch))
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(merged, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(to, got); diff != "" {
			t.Fatalf("the patch %v is wrong (-want +got):\n%s", patch, diff)
		}
		if same := cmp.Equal(from, to); same != (len(patch) == 0) {
			t.Fatalf("equal is %v and the patch is %v", same, patch)
		}
	})
}

func TestUpsertPatch(t *testing.T) {
	object := func(metadata, spec map[string]any) map[string]any {
		return map[string]any{"metadata": metadata, "spec": spec, "status": map[string]any{"sync": "Synced"}}
	}
	type m = map[string]any
	for _, c := range []struct {
		name               string
		existing, declared m
		want               m
	}{
		{"nothing to do", object(m{"uid": "1"}, m{"a": "b"}), object(m{}, m{"a": "b"}), m{}},
		{"the spec loses what is gone", object(m{}, m{"a": "b", "c": "d"}), object(m{}, m{"a": "x"}), m{"spec": m{"a": "x", "c": nil}}},
		{
			"labels are added",
			object(m{"labels": m{"a": "1", "b": "2"}}, m{}), object(m{"labels": m{"a": "1", "b": "3", "c": "4"}}, m{}),
			m{"metadata": m{"labels": m{"b": "3", "c": "4"}}},
		},
		{"annotations stay", object(m{"annotations": m{"a": "1"}}, m{}), object(m{}, m{}), m{}},
		{
			"finalizers are added",
			object(m{"finalizers": []any{"x"}}, m{}), object(m{"finalizers": []any{"y", "x"}}, m{}),
			m{"metadata": m{"finalizers": []any{"x", "y"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, upsertPatch(c.existing, c.declared)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
