package drawn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/drawn"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func objects(t *testing.T, values ...string) []syncline.Object {
	var text strings.Builder
	for i, value := range values {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {a: %q}\n", i, value)
	}
	return enginetest.Objects(t, text.String())
}

func ref(name string) syncline.Ref {
	return syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}
}

// planOf has a change of each object, and a prune.
func planOf(names ...string) *syncline.Plan {
	plan := &syncline.Plan{Changes: []syncline.Change{{Ref: ref("left"), Role: syncline.RoleResource, Action: syncline.Prune}}}
	for _, name := range names {
		plan.Changes = append(plan.Changes, syncline.Change{Ref: ref(name), Role: syncline.RoleResource, Action: syncline.Update})
	}
	return plan
}

// What is drawn is found by one more rendering, which is asked for once. What was deployed
// is not looked at again.
func TestMark(t *testing.T) {
	var drawings drawn.Drawings
	app, asked := syncline.App{ID: syncline.AppID{Name: "web"}}, 0
	app.Past.Rendered = "something else"
	for _, test := range []struct {
		rendered, again []string
		deployed        bool
		told            string
		asked           int
	}{
		{rendered: []string{"1", "2", "3"}, again: []string{"1", "x"}, told: ": ConfigMap/shop/left, ConfigMap/shop/c1, ConfigMap/shop/c2;", asked: 1},
		{rendered: []string{"1", "2", "3"}, again: []string{"1", "x"}, told: ": ConfigMap/shop/left, ConfigMap/shop/c1, ConfigMap/shop/c2;", asked: 1},
		{rendered: []string{"4"}, again: []string{"4"}, asked: 2},
		{rendered: []string{"4"}, again: []string{"5"}, asked: 2},
		{rendered: []string{"5"}, again: []string{"6"}, deployed: true, asked: 2},
		{rendered: []string{"6"}, again: []string{"7"}, told: ": ConfigMap/shop/left, ConfigMap/shop/c0;", asked: 3},
	} {
		made, names, app := objects(t, test.rendered...), []string{}, app
		for _, object := range made {
			names = append(names, object.Ref().Name)
		}
		if test.deployed {
			app.Past.Rendered = syncline.DigestOfObjects(made)
		}
		plan := planOf(names...)
		conditions, err := drawings.Mark(plan, app, made, func() ([]syncline.Object, error) {
			asked++
			return objects(t, test.again...), nil
		})
		if told := fmt.Sprint(conditions); err != nil || (len(conditions) > 0) != (test.told != "") || !strings.Contains(told, test.told) || asked != test.asked {
			t.Errorf("%v, then %v: it says %v (%v), after %d questions", test.rendered, test.again, conditions, err, asked)
		}
		for _, c := range plan.Changes {
			if c.Drawn != strings.Contains(test.told, c.Ref.Name) {
				t.Errorf("%v, then %v: %s is drawn: %t", test.rendered, test.again, c.Ref, c.Drawn)
			}
		}
	}
	drawings.Forget(app.ID)
	if _, err := drawings.Mark(planOf(), app, objects(t, "6"), func() ([]syncline.Object, error) { return nil, errors.New("no") }); err == nil {
		t.Error("what was forgotten is known, or a failure is none")
	}
}
