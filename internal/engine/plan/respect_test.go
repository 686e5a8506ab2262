package plan_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// TestRespectIgnoreDifferences holds what is live after a sync of an object of
// which something differs that is not ignored.
func TestRespectIgnoreDifferences(t *testing.T) {
	for name, test := range map[string]struct {
		rule syncline.IgnoreRule
		// before is what was synced, drift what others make of it, and after what is
		// declared then.
		before, drift, after string
		want                 string
	}{
		"the live value where there is one": {pointer("/data/a"), "{a: x, b: x}", "{a: live, b: x}", "{a: y, b: y}", "{a: live, b: y}"},
		"the declared one where there is none": {
			pointer("/data/a"), "{a: x, b: x}", "{b: x}", "{a: y, b: y}", "{a: y, b: y}"},
		"what is declared no more": {pointer("/data/a"), "{a: x, b: x}", "{a: live, b: x}", "{b: y}", "{a: live, b: y}"},
		"a whole map":              {pointer("/data"), "{a: x}", "{a: live, c: others}", "{a: y, b: y}", "{a: live, c: others}"},
		"a jq expression": {syncline.IgnoreRule{Group: glob.Compile("*"), Kind: glob.Compile("*"), JQPathExpressions: []string{`.data | to_entries[] | select(.value == "live")`, ".data.a"}},
			"{a: x, b: x}", "{a: live, b: x}", "{a: y, b: y}", "{a: live, b: y}"},
		"an item of a list": {pointer("/data/list/0/v"), "{list: [{name: p, v: x}, {name: q, v: x}], b: x}",
			"{list: [{name: p, v: live}, {name: q, v: x}], b: x}", "{list: [{name: p, v: y}, {name: q, v: y}], b: y}",
			"{list: [{name: p, v: live}, {name: q, v: y}], b: y}"},
		"items in another order": {jq(`.data.list[] | select(.name == "q") | .v`), "{list: [{name: p, v: x}, {name: q, v: x}]}",
			"{list: [{name: p, v: x}, {name: q, v: live}]}", "{list: [{name: q, v: y}, {name: p, v: y}]}",
			"{list: [{name: q, v: live}, {name: p, v: y}]}"},
		"a whole item": {jq(`.data.list[] | select(.name == "q")`), "{list: [{name: p, v: x}, {name: q, v: x}]}",
			"{list: [{name: p, v: x}, {name: q, v: live}]}", "{list: [{name: p, v: y}]}", "{list: [{name: p, v: y}, {name: q, v: live}]}"},
		"not an item that goes": {jq(`.data.list[].v`), "{list: [{name: p, v: x}, {name: q, v: x}]}",
			"{list: [{name: p, v: live}, {name: q, v: live}]}", "{list: [{name: p, v: y}], b: y}", "{list: [{name: p, v: live}], b: y}"},
		"an item that comes first": {jq(".data.list[].v"), "{list: [{k: p, v: x}, {k: q, v: x}]}", "{list: [{k: p, v: live}, {k: q, v: other}]}",
			"{list: [{k: o, v: y}, {k: p, v: y}, {k: q, v: y}]}", "{list: [{k: o, v: y}, {k: p, v: live}, {k: q, v: other}]}"},
		"an item that goes": {jq(".data.list[].v"), "{list: [{k: p, v: x}, {k: q, v: x}]}", "{list: [{k: p, v: live}, {k: q, v: other}]}",
			"{list: [{k: q, v: y}]}", "{list: [{k: q, v: other}]}"},
		"items that change places": {jq(".data.list[].v"), "{list: [{k: p, v: x}, {k: q, v: x}]}", "{list: [{k: p, v: live}, {k: q, v: other}]}",
			"{list: [{k: q, v: y}, {k: p, v: y}]}", "{list: [{k: q, v: other}, {k: p, v: live}]}"},
		"an item that changes between others": {jq(".data.list[].v"), "{list: [{k: p, v: x}, {k: q, v: x}, {k: r, v: x}]}",
			"{list: [{k: p, v: a}, {k: q, v: b}, {k: r, v: c}]}", "{list: [{k: p, v: y}, {k: Q, v: y}, {k: r, v: y}]}",
			"{list: [{k: p, v: a}, {k: Q, v: b}, {k: r, v: c}]}"},
		"an item in place of two": {jq(".data.list[].v"), "{list: [{k: p, v: x}, {k: q, v: x}, {k: r, v: x}]}",
			"{list: [{k: p, v: a}, {k: q, v: b}, {k: r, v: c}]}", "{list: [{k: o, v: y}, {k: r, v: y}]}", "{list: [{k: o, v: y}, {k: r, v: c}]}"},
		"items with defaults": {jq(".data.list[].v"), "{list: [{k: p, v: x}], b: x}", "{list: [{k: p, d: default, v: live}], b: x}",
			"{list: [{k: o, v: y}, {k: p, d: default, v: y}], b: y}", "{list: [{k: o, v: y}, {k: p, d: default, v: live}], b: y}"},
		"a plain list": {pointer("/data/list"), "{list: [1, 2], b: x}", "{list: [3], b: x}", "{list: [1, 2], b: y}", "{list: [3], b: y}"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.sync(t, dataOf(test.before))
			f.app.Ignore = []syncline.IgnoreRule{test.rule}
			f.app.Policy.Options = option.List{"RespectIgnoreDifferences=true"}
			ref := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
			f.Mutate(t, ref, func(u metadata) { u.Object["data"] = parsed(t, test.drift)["data"] })
			f.sync(t, dataOf(test.after))
			if got, want := f.Live(t, ref).Object["data"], parsed(t, test.want)["data"]; !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if c := change(t, f.plan(t, dataOf(test.after)), "a"); c.Action != syncline.Keep {
				t.Errorf("afterwards it is to be %s: %v", c.Action, c.Fields)
			}
		})
	}
}

func pointer(pointers ...string) syncline.IgnoreRule {
	return syncline.IgnoreRule{Group: glob.Compile("*"), Kind: glob.Compile("*"), JSONPointers: pointers}
}

func jq(expressions ...string) syncline.IgnoreRule {
	return syncline.IgnoreRule{Group: glob.Compile("*"), Kind: glob.Compile("*"), JQPathExpressions: expressions}
}

func dataOf(data string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: %s", data)
}

func parsed(t *testing.T, data string) map[string]any {
	t.Helper()
	return enginetest.Objects(t, dataOf(data))[0].Reveal().Object
}

// TestNothingIsWrittenThatIsNotShown holds, for random objects, rules and drift,
// that a sync changes nothing but the fields which the plan lists, and no ignored
// one that is live.
func TestNothingIsWrittenThatIsNotShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, planner, app := enginetest.New(convention.Dialect()), plan.New(plan.InProcess{}), shop()
		pointers := rapid.SliceOfDistinct(rapid.SampledFrom([]string{
			"/data", "/data/a", "/data/m", "/data/m/a", "/data/list", "/data/list/0", "/data/list/0/v", "/data/list/1/w", "/data/plain", "/data/plain/0",
		}), rapid.ID).Draw(t, "ignored")
		app.Ignore = []syncline.IgnoreRule{pointer(pointers...)}
		app.Policy.Options = option.List{"RespectIgnoreDifferences=true"}
		draw := func(label string) []syncline.Object {
			o, err := syncline.NewObject(map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": drawData(t, label),
			}, "drawn")
			if err != nil {
				t.Fatal(err)
			}
			return []syncline.Object{o}
		}
		perform(t, c, buildOf(t, c, planner, app, draw("before")))
		ref := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
		drift := drawData(t, "drift")
		c.Change(ref, func(u metadata) { u.Object["data"] = drift })
		before := c.Live(t, ref)
		made := buildOf(t, c, planner, app, draw("after"))
		perform(t, c, made)
		after := c.Live(t, ref)
		change := made.Changes[slices.IndexFunc(made.Changes, func(c syncline.Change) bool { return c.Ref == ref })]
		changed := !reflect.DeepEqual(before.Object["data"], after.Object["data"])
		if changed && len(change.Fields) == 0 {
			t.Fatalf("%s shows nothing; it was\n%v and is\n%v", change.Action, before.Object["data"], after.Object["data"])
		}
		for _, p := range [][]string{{"data", "a"}, {"data", "m"}, {"data", "m", "a"}, {"data", "list"}, {"data", "plain"}} {
			was, existed, _ := unstructured.NestedFieldNoCopy(before.Object, p...)
			is, _, _ := unstructured.NestedFieldNoCopy(after.Object, p...)
			if slices.ContainsFunc(pointers, func(pointer string) bool { return covers(pointer, p) }) && existed && !reflect.DeepEqual(unordered(was), unordered(is)) {
				t.Fatalf("the ignored %v was %v and is %v", p, was, is)
			}
		}
	})
}

// unordered makes a map of a list of named items, whose order is not theirs.
func unordered(value any) any {
	list, _ := value.([]any)
	items := map[string]any{}
	for _, item := range list {
		if content, ok := item.(map[string]any); ok {
			items[fmt.Sprint(content["name"])] = content
		}
	}
	if len(items) > 0 {
		return items
	}
	return value
}

// covers reports whether a pointer names a path, or something above it.
func covers(pointer string, path []string) bool {
	for end := range path {
		if text := "/" + join(path[:end+1]); text == pointer {
			return true
		}
	}
	return false
}

func join(path []string) string {
	text := path[0]
	for _, part := range path[1:] {
		text += "/" + part
	}
	return text
}

func drawData(t *rapid.T, label string) map[string]any {
	scalar := rapid.SampledFrom([]string{"x", "y", "z"})
	data := map[string]any{"always": scalar.Draw(t, label)}
	maybe := func(key string, value any) {
		if rapid.Bool().Draw(t, label+" has "+key) {
			data[key] = value
		}
	}
	maybe("a", scalar.Draw(t, label+" a"))
	maybe("m", map[string]any{"a": scalar.Draw(t, label+" m.a"), "b": scalar.Draw(t, label+" m.b")})
	list := []any{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r"}), 1, 3, rapid.ID).Draw(t, label+" list") {
		list = append(list, map[string]any{"name": name, "v": scalar.Draw(t, label+" v"), "w": scalar.Draw(t, label+" w")})
	}
	maybe("list", list)
	maybe("plain", []any{scalar.Draw(t, label+" plain"), scalar.Draw(t, label+" plain 2")})
	return data
}
