package clustertest

import (
	"reflect"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
)

// creating are the facts about Create.
func creating() []fact {
	return []fact{
		{"a Create may be repeated", func(b *bench) {
			object := b.config("a", "color: blue")
			if uid := b.create(object); b.create(object) != uid {
				b.Error("the second one made another object")
			}
		}},
		{"a Create takes over what somebody made meanwhile", func(b *bench) {
			uid := b.Others.Create(b, b.config("a", "color: red, shape: round"), "somebody").GetUID()
			if b.create(b.config("a", "color: blue")) != uid {
				b.Error("it made another object")
			}
			b.has(b.config("a", "").Ref(), map[string]any{"color": "blue", "shape": "round"})
		}},
		{"a Create of what is being deleted waits", func(b *bench) {
			object := b.config("a", "color: blue")
			b.create(object)
			b.held(object.Ref())
			b.Others.Delete(b, object.Ref())
			b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.Waiting)
		}},
		{"a Create in a namespace that is missing is NotFound", func(b *bench) {
			b.refused(syncline.Write{Action: syncline.Create, Object: b.config("a", "").WithNamespace(b.namespace + "-missing")}, syncline.NotFound)
		}},
		{"a Create of an unknown kind is NotFound", func(b *bench) {
			object := b.parse("{apiVersion: example.com/v1, kind: Nothing, metadata: {name: a}}")
			b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.NotFound)
		}},
		{"a Create of a known kind in an unknown version is NotFound", func(b *bench) {
			object := b.parse("{apiVersion: apps/v1beta7, kind: Deployment, metadata: {name: a}}")
			b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.NotFound)
		}},
		{"a Create under a name that none can have is Invalid", func(b *bench) {
			b.refused(syncline.Write{Action: syncline.Create, Object: b.config("a/b", "")}, syncline.Invalid)
		}},
		{"a Create beyond the scope that was permitted is a Conflict", func(b *bench) {
			object := b.parse("{apiVersion: v1, kind: Namespace, metadata: {name: a}}").WithNamespace(b.namespace)
			b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.Conflict)
		}},
		{"what a policy refuses is Denied", func(b *bench) {
			b.Deny(b, b.namespace)
			object := b.config("a", "color: blue").WithLabel("denied", "yes")
			b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.Denied)
			_, err := b.Cluster.DryRun(b.Context(), object, nil)
			b.is(err, syncline.Denied, "a dry-run")
			b.is(b.Cluster.Rehearse(b.Context(), object, object, nil), syncline.Denied, "a rehearsal")
		}},
	}
}

// updating are the facts about Update and Run.
func updating() []fact {
	return []fact{
		{"an Update changes the planned object only", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			changed := b.config("a", "color: red")
			b.refused(syncline.Write{Action: syncline.Update, Object: changed, UID: otherUID}, syncline.Conflict)
			b.has(object.Ref(), map[string]any{"color": "blue"})
			b.write(syncline.Write{Action: syncline.Update, Object: changed, UID: uid})
			b.has(object.Ref(), map[string]any{"color": "red"})
		}},
		{"an Update of what is gone makes nothing", func(b *bench) {
			object := b.config("a", "color: blue")
			b.refused(syncline.Write{Action: syncline.Update, Object: object, UID: otherUID}, syncline.Conflict)
			b.refused(syncline.Write{Action: syncline.Update, Object: object, UID: otherUID, Migrate: true}, syncline.NotFound)
			b.has(object.Ref(), nil)
		}},
		{"an Update of what says that it cannot be changed is Invalid", func(b *bench) {
			uid := b.create(b.parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {color: blue}, immutable: true}"))
			object := b.parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {color: red}, immutable: true}")
			b.refused(syncline.Write{Action: syncline.Update, Object: object, UID: uid}, syncline.Invalid)
			_, err := b.Cluster.DryRun(b.Context(), object, nil)
			b.is(err, syncline.Invalid, "a dry-run")
			b.has(object.Ref(), map[string]any{"color": "blue"})
		}},
		{"an action that was planned against nothing is Internal", func(b *bench) {
			for _, action := range []syncline.Action{
				syncline.Update, syncline.Replace, syncline.Recreate, syncline.Prune, syncline.Unhold, syncline.Keep,
			} {
				b.refused(syncline.Write{Action: action, Object: b.config("a", "color: blue")}, syncline.Internal)
			}
		}},
		{"a Run makes an object and changes none", func(b *bench) {
			object := b.config("a", "color: blue")
			b.write(syncline.Write{Action: syncline.Run, Object: object})
			b.refused(syncline.Write{Action: syncline.Run, Object: b.config("a", "color: red")}, syncline.Conflict)
			b.has(object.Ref(), map[string]any{"color": "blue"})
		}},
		{"a Run of an earlier object is an Update of it", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.write(syncline.Write{Action: syncline.Run, Object: b.config("a", "color: red"), UID: uid})
			b.has(object.Ref(), map[string]any{"color": "red"})
		}},
	}
}

// sharing are the facts about whose fields are whose.
func sharing() []fact {
	return []fact{
		{"what is declared is put back, and what others have stays", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.Others.Patch(b, object.Ref(), `{"data": {"color": "red", "shape": "round"}, "metadata": {"labels": {"theirs": "1"}}}`)
			b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid})
			b.has(object.Ref(), map[string]any{"color": "blue", "shape": "round"})
			if labels := b.Others.Get(b, object.Ref()).GetLabels(); labels["theirs"] != "1" {
				b.Errorf("the labels are %v", labels)
			}
		}},
		{"what is no longer declared goes", func(b *bench) {
			object := b.config("a", "color: blue, size: big")
			uid := b.create(object)
			b.write(syncline.Write{Action: syncline.Update, Object: b.config("a", "color: blue"), UID: uid})
			b.has(object.Ref(), map[string]any{"color": "blue"})
		}},
		{"what is no longer declared and somebody changed stays", func(b *bench) {
			object := b.config("a", "color: blue, size: big")
			uid := b.create(object)
			b.Others.Patch(b, object.Ref(), `{"data": {"size": "small"}}`)
			b.write(syncline.Write{Action: syncline.Update, Object: b.config("a", "color: blue"), UID: uid})
			b.has(object.Ref(), map[string]any{"color": "blue", "size": "small"})
		}},
		{"what somebody made with the same value stays when it is no longer declared", func(b *bench) {
			object := b.config("a", "color: blue, size: big")
			uid := b.Others.Create(b, object, "somebody").GetUID()
			b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid})
			b.write(syncline.Write{Action: syncline.Update, Object: b.config("a", "color: blue"), UID: uid})
			b.has(object.Ref(), map[string]any{"color": "blue", "size": "big"})
		}},
		{"the fields of client-side apply go with Migrate, and not without", migrates},
		{"what was restored with our annotation is ours with Adopt", adopts},
		{"the named items of a list are owned one by one", mergesItems},
		{"what an App wants of its namespace is its own", besides},
	}
}

func migrates(b *bench) {
	for _, manager := range []string{syncline.KubectlManager, syncline.FieldManager} {
		object := b.config("old-"+map[bool]string{true: "ours", false: "kubectl"}[manager == syncline.FieldManager], "color: blue")
		name := object.Ref().Name
		uid := b.Others.Create(b, b.config(name, "color: blue, removed: x"), manager).GetUID()
		b.eventually("it is known to be applied client-side", func() bool {
			live, known := b.Cluster.Get(object.Ref())
			return known && live.Migrate
		})
		b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid})
		b.has(object.Ref(), map[string]any{"color": "blue", "removed": "x"})
		b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid, Migrate: true})
		b.has(object.Ref(), map[string]any{"color": "blue"})
		if b.live(object.Ref()).Migrate {
			b.Error("there is still something to migrate")
		}
		b.refused(syncline.Write{Action: syncline.Update, Object: object, UID: otherUID, Migrate: true}, syncline.Conflict)
	}
}

func adopts(b *bench) {
	object := b.tracked(b.config("a", "color: blue, size: big"))
	uid := b.Others.Create(b, object, "backup").GetUID()
	b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid, Adopt: true})
	if !b.live(object.Ref()).Made {
		b.Error("it is not ours")
	}
	b.write(syncline.Write{Action: syncline.Update, Object: b.tracked(b.config("a", "color: blue")), UID: uid})
	b.has(object.Ref(), map[string]any{"color": "blue"})
}

const service = `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [%s]}}`

func mergesItems(b *bench) {
	account := func(names string) syncline.Object {
		return b.parse("{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, imagePullSecrets: [%s]}", names)
	}
	object := account("{name: one}, {name: two}")
	uid := b.create(object)
	b.write(syncline.Write{Action: syncline.Update, Object: account("{name: two}"), UID: uid})
	after := b.Others.Get(b, object.Ref())
	if want := []any{map[string]any{"name": "two"}}; !reflect.DeepEqual(after.Object["imagePullSecrets"], want) {
		b.Errorf("the items are %v, want %v", after.Object["imagePullSecrets"], want)
	}
}

func besides(b *bench) {
	wanted := b.parse("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {team: red}}}", b.namespace)
	ours := wanted.WithManager(fieldmanager.Namespace(b.instance()))
	uid := b.read(wanted.Ref()).Reveal().GetUID()
	b.write(syncline.Write{Action: syncline.Update, Object: ours, UID: uid})
	live := b.live(wanted.Ref())
	if live.Applied != "" || live.To(ours.Manager()).Applied != ours.Digest() {
		b.Errorf("applied is %q of ours and %q of the App, want %q of the App alone", live.Applied, live.Beside, ours.Digest())
	}
	other := wanted.WithLabel("team", "red").WithManager(fieldmanager.Namespace("other"))
	b.write(syncline.Write{Action: syncline.Update, Object: other, UID: uid})
	nothing := b.parse("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {more: green}}}", b.namespace)
	b.write(syncline.Write{Action: syncline.Update, Object: nothing.WithManager(ours.Manager()), UID: uid})
	if labels := b.Others.Get(b, wanted.Ref()).GetLabels(); labels["team"] != "red" || labels["more"] != "green" {
		b.Errorf("the labels are %v: what one App drops and another wants stays", labels)
	}
}
