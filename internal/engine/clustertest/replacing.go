package clustertest

import (
	"slices"

	"github.com/syncline-io/syncline"
)

// replacing are the facts about Replace.
func replacing() []fact {
	return []fact{
		{"a Replace leaves what is declared, and who holds or owns the object", replaces},
		{"a Replace is of the planned object only", func(b *bench) {
			object := b.config("a", "color: blue")
			b.refused(syncline.Write{Action: syncline.Replace, Object: object, UID: otherUID}, syncline.NotFound)
			b.create(object)
			b.refused(syncline.Write{Action: syncline.Replace, Object: b.config("a", "color: red"), UID: otherUID}, syncline.Conflict)
			b.has(object.Ref(), map[string]any{"color": "blue"})
		}},
		{"a dry-run of a Replace tells what it makes, and changes nothing", func(b *bench) {
			object := b.config("a", "color: blue")
			b.create(object)
			b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}}`)
			after, err := b.Cluster.DryRunReplace(b.Context(), b.config("a", "color: red"), b.read(object.Ref()), nil)
			if err != nil {
				b.Fatal(err)
			}
			color, _ := after.Field("data", "color")
			shape, _ := after.Field("data", "shape")
			if color != "red" || shape != nil {
				b.Errorf("it makes the color %v and the shape %v", color, shape)
			}
			b.has(object.Ref(), map[string]any{"color": "blue", "shape": "round"})
		}},
		{"a dry-run of a Replace of another state is a Conflict", func(b *bench) {
			object := b.config("a", "color: blue")
			b.create(object)
			seen := b.read(object.Ref())
			b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}}`)
			_, err := b.Cluster.DryRunReplace(b.Context(), object, seen, nil)
			b.is(err, syncline.Conflict, "a dry-run")
		}},
	}
}

// recreating are the facts about Recreate and Merge.
func recreating() []fact {
	return []fact{
		{"a Recreate puts another object in its place", func(b *bench) {
			old := b.create(b.parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {color: blue}, immutable: true}"))
			after := b.write(syncline.Write{Action: syncline.Recreate, Object: b.config("a", "color: red"), UID: old})
			b.has(after.Ref(), map[string]any{"color": "red"})
			if uid := b.live(after.Ref()).UID; uid == old || uid != after.Reveal().GetUID() {
				b.Errorf("the UID was %s and is %s", old, uid)
			}
		}},
		{"a Recreate of what is gone creates it", func(b *bench) {
			object := b.config("a", "color: blue")
			b.write(syncline.Write{Action: syncline.Recreate, Object: object, UID: otherUID})
			b.has(object.Ref(), map[string]any{"color": "blue"})
		}},
		{"a Recreate of another object is a Conflict", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.refused(syncline.Write{Action: syncline.Recreate, Object: object, UID: otherUID}, syncline.Conflict)
			if b.live(object.Ref()).UID != uid {
				b.Error("it was recreated")
			}
		}},
		{"a Recreate of what somebody holds waits", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.held(object.Ref())
			b.refused(syncline.Write{Action: syncline.Recreate, Object: object, UID: uid}, syncline.Waiting)
			if live := b.live(object.Ref()); !live.Terminating || live.UID != uid {
				b.Errorf("it is %+v", live)
			}
		}},
		{"a namespace is never recreated", func(b *bench) {
			object := b.parse("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", b.namespace)
			uid := b.read(object.Ref()).Reveal().GetUID()
			b.refused(syncline.Write{Action: syncline.Recreate, Object: object, UID: uid}, syncline.Denied)
		}},
		{"a Merge keeps what others have, is for one state, and changes nothing", merges},
	}
}

func replaces(b *bench) {
	object := b.config("a", "color: blue")
	owner := b.config("owner", "")
	owning := b.create(owner)
	uid := b.create(object)
	b.held(object.Ref())
	b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}, "metadata": {"labels": {"theirs": "1"}, "ownerReferences": [
		{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "`+string(owning)+`"}]}}`)
	b.write(syncline.Write{Action: syncline.Replace, Object: b.config("a", "color: red"), UID: uid})
	b.has(object.Ref(), map[string]any{"color": "red"})
	live := b.Others.Get(b, object.Ref())
	if len(live.GetLabels()) != 0 {
		b.Errorf("the labels are %v", live.GetLabels())
	}
	if live.GetUID() != uid || !slices.Contains(live.GetFinalizers(), hold) || len(live.GetOwnerReferences()) != 1 {
		b.Errorf("it is %v, held by %v and owned by %v", live.GetUID(), live.GetFinalizers(), live.GetOwnerReferences())
	}
	if !b.live(object.Ref()).Controlled {
		b.Error("it is not known that another object owns it")
	}
}

func merges(b *bench) {
	object := b.config("a", "color: blue, size: big")
	uid := b.create(object)
	b.Others.Patch(b, object.Ref(), `{"data": {"color": "red", "shape": "round"}}`)
	desired, live := b.config("a", "color: blue"), b.read(object.Ref())
	merged, after, err := b.Cluster.Merge(b.Context(), desired, live, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, made := range []syncline.Object{merged, after} {
		color, _ := made.Field("data", "color")
		shape, _ := made.Field("data", "shape")
		size, _ := made.Field("data", "size")
		if color != "blue" || shape != "round" || size != nil {
			b.Errorf("the color is %v, the shape %v and the size %v", color, shape, size)
		}
	}
	b.has(object.Ref(), map[string]any{"color": "red", "shape": "round", "size": "big"})
	b.write(syncline.Write{Action: syncline.Update, Object: desired, Merged: merged, UID: uid})
	b.has(object.Ref(), map[string]any{"color": "blue", "shape": "round"})
	if applied := b.live(object.Ref()).Applied; applied != desired.Digest() {
		b.Errorf("its fields are not ours: %q", applied)
	}
	b.refused(syncline.Write{Action: syncline.Update, Object: desired, Merged: merged, UID: uid}, syncline.Conflict)
	_, _, err = b.Cluster.Merge(b.Context(), desired, live, nil)
	b.is(err, syncline.Conflict, "a merge with what was")
}
