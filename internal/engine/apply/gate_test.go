package apply

import (
	"context"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// recorder takes every write.
type recorder struct{ writes []syncline.Write }

func (r *recorder) Write(_ context.Context, w syncline.Write) (syncline.Object, error) {
	r.writes = append(r.writes, w)
	return syncline.Object{}, nil
}

func configMap(t *testing.T, name, x string) syncline.Object {
	t.Helper()
	object, err := syncline.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop"},
		"data": map[string]any{"x": x},
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// TestTheGate holds that nothing passes but what was permitted: each thing that
// a Change or a Write says is altered in turn.
func TestTheGate(t *testing.T) {
	object := configMap(t, "a", "1")
	permitted := syncline.Change{
		Ref: object.Ref(), Version: "v1", Role: syncline.RoleResource, Action: syncline.Update, UID: "1", Desired: object,
		Options: option.List{"Validate=false"},
	}
	hook := syncline.Change{Ref: object.Ref(), Version: "v1", Role: syncline.RoleHook, Action: syncline.Run, Desired: object, UID: "1"}
	writeOf := func(c syncline.Change, action syncline.Action) syncline.Write {
		return syncline.Write{
			Action: action, Object: c.Desired, Ref: c.Ref, Version: c.Version, UID: c.UID, Migrate: c.Migrate, Options: c.Options,
		}
	}
	alteredWrite := func(change func(w *syncline.Write)) syncline.Write {
		w := writeOf(permitted, syncline.Update)
		change(&w)
		return w
	}
	altered := func(change func(c *syncline.Change)) syncline.Change {
		c := permitted
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		granted []syncline.Change
		refused map[syncline.Ref]error
		change  syncline.Change
		write   syncline.Write
		passes  bool
	}{
		"as permitted":      {[]syncline.Change{permitted}, nil, permitted, writeOf(permitted, syncline.Update), true},
		"nothing permitted": {nil, nil, permitted, writeOf(permitted, syncline.Update), false},
		"another name": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Ref.Name = "b" }), writeOf(altered(func(c *syncline.Change) { c.Ref.Name = "b" }), syncline.Update), false},
		"another namespace": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Ref.Namespace = "b" }), writeOf(altered(func(c *syncline.Change) { c.Ref.Namespace = "b" }), syncline.Update), false},
		"another kind": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Ref.Kind = "Secret" }), writeOf(altered(func(c *syncline.Change) { c.Ref.Kind = "Secret" }), syncline.Update), false},
		"another UID": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.UID = "2" }), writeOf(altered(func(c *syncline.Change) { c.UID = "2" }), syncline.Update), false},
		"another content": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Desired = configMap(t, "a", "2") }), writeOf(permitted, syncline.Update), false},
		"another action": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Action = syncline.Replace }), writeOf(permitted, syncline.Replace), false},
		"another version": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Version = "v2" }), writeOf(permitted, syncline.Update), false},
		"another version of both": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Version = "v2" }), writeOf(altered(func(c *syncline.Change) { c.Version = "v2" }), syncline.Update), false},
		"another role": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Role = syncline.RoleHook }), writeOf(permitted, syncline.Prune), false},
		"other options": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Options = nil }), writeOf(altered(func(c *syncline.Change) { c.Options = nil }), syncline.Update), false},
		"a migration": {[]syncline.Change{permitted}, nil,
			altered(func(c *syncline.Change) { c.Migrate = true }), writeOf(altered(func(c *syncline.Change) { c.Migrate = true }), syncline.Update), false},
		"a write of another version": {[]syncline.Change{permitted}, nil, permitted, alteredWrite(func(w *syncline.Write) { w.Version = "v2" }), false},
		"a write with other options": {[]syncline.Change{permitted}, nil, permitted, alteredWrite(func(w *syncline.Write) { w.Options = nil }), false},
		"another merge": {[]syncline.Change{permitted}, nil, altered(func(c *syncline.Change) { c.Merged = object }),
			alteredWrite(func(w *syncline.Write) { w.Merged = object }), false},
		"a write that merges":        {[]syncline.Change{permitted}, nil, permitted, alteredWrite(func(w *syncline.Write) { w.Merged = object }), false},
		"a write that migrates":      {[]syncline.Change{permitted}, nil, permitted, alteredWrite(func(w *syncline.Write) { w.Migrate = true }), false},
		"a write of another action":  {[]syncline.Change{permitted}, nil, permitted, writeOf(permitted, syncline.Prune), false},
		"a write of another object":  {[]syncline.Change{permitted}, nil, permitted, syncline.Write{Action: syncline.Update, Version: "v1", Options: permitted.Options, Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "b"}}, false},
		"a write of another content": {[]syncline.Change{permitted}, nil, permitted, syncline.Write{Action: syncline.Update, Version: "v1", Options: permitted.Options, Ref: permitted.Ref, UID: "1", Object: configMap(t, "a", "2")}, false},
		"a write to another UID":     {[]syncline.Change{permitted}, nil, permitted, syncline.Write{Action: syncline.Update, Version: "v1", Options: permitted.Options, Ref: permitted.Ref, UID: "2", Object: object}, false},
		"a release of no hook":       {[]syncline.Change{permitted}, nil, permitted, writeOf(permitted, syncline.Unhold), false},
		"a refused one":              {[]syncline.Change{permitted}, map[syncline.Ref]error{permitted.Ref: syncline.Errorf(syncline.Denied, "no")}, permitted, writeOf(permitted, syncline.Update), false},
		"a hook":                     {[]syncline.Change{hook}, nil, hook, writeOf(hook, syncline.Run), true},
		"the end of a hook":          {[]syncline.Change{hook}, nil, hook, syncline.Write{Action: syncline.Prune, Ref: hook.Ref, Version: "v1", UID: "9"}, true},
		"the release of a hook":      {[]syncline.Change{hook}, nil, hook, syncline.Write{Action: syncline.Unhold, Ref: hook.Ref, Version: "v1", UID: "9"}, true},
		"the end of a hook with other options": {[]syncline.Change{hook}, nil, hook,
			syncline.Write{Action: syncline.Prune, Ref: hook.Ref, Version: "v1", UID: "9", Options: option.List{"PrunePropagationPolicy=orphan"}}, false},
		"an update of a hook": {[]syncline.Change{hook}, nil, hook, writeOf(hook, syncline.Update), false},
	} {
		t.Run(name, func(t *testing.T) {
			grant, _ := syncline.Plan{Changes: test.granted}.Grant(func(syncline.Change) error { return nil })
			writer := &recorder{}
			_, err := gate{writer: writer, grant: grant, refused: test.refused}.write(t.Context(), test.change, test.write)
			if test.passes != (err == nil) || test.passes != (len(writer.writes) == 1) {
				t.Errorf("got %v and the writes %v", err, writer.writes)
			}
			if !test.passes && syncline.KindOf(err) != syncline.Denied {
				t.Errorf("%v is a %s", err, syncline.KindOf(err))
			}
		})
	}
}
