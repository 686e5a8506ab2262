package clustertest

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// remembering are the facts about what is known without asking.
func remembering() []fact {
	return []fact{
		{"a write is known when it is answered", func(b *bench) {
			object := b.config("a", "color: blue")
			if _, known := b.Cluster.Get(object.Ref()); known {
				b.Error("it is known before it is there")
			}
			after := b.write(syncline.Write{Action: syncline.Create, Object: object})
			live := b.live(object.Ref())
			if live.Ref != object.Ref() || live.Version != "v1" || live.UID != after.Reveal().GetUID() ||
				live.ResourceVersion != after.Reveal().GetResourceVersion() || live.Terminating || live.Controlled {
				b.Errorf("it is known as %+v", live)
			}
		}},
		{"what others do is known soon", func(b *bench) {
			object := b.config("a", "color: blue")
			b.Others.Create(b, object, "somebody")
			b.eventually("it is known", func() bool { _, known := b.Cluster.Get(object.Ref()); return known })
			b.Others.Delete(b, object.Ref())
			b.eventually("it is known to be gone", func() bool { _, known := b.Cluster.Get(object.Ref()); return !known })
		}},
		{"what is applied has the digest of what was declared", digests},
		{"the digest tells that others took a field over, and not what they make of it", takenOver},
		{"what somebody else made has no digest", func(b *bench) {
			object := b.config("a", "color: blue")
			b.Others.Create(b, object, "somebody")
			b.eventually("it is known", func() bool { _, known := b.Cluster.Get(object.Ref()); return known })
			if live := b.live(object.Ref()); live.Applied != "" || live.Migrate {
				b.Errorf("it is known as %+v", live)
			}
		}},
		{"the annotations that steer are marks, and no others", func(b *bench) {
			object := b.config("a", "color: blue").
				WithAnnotation(b.Steers, "3").WithAnnotation("example.com/note", "x")
			b.create(object)
			if marks := b.live(object.Ref()).Marks; len(marks) != 1 || marks[b.Steers] != "3" {
				b.Errorf("the marks are %v", marks)
			}
		}},
	}
}

// owning are the facts about whose an object is.
func owning() []fact {
	return []fact{
		{"an instance owns what its annotation is about, and no copy of that", owns},
		{"made is what our manager made, whatever the annotation says", func(b *bench) {
			for manager, want := range map[string]bool{"somebody": false, b.Dialect.Former[0]: true} {
				object := b.tracked(b.config(manager, "color: blue"))
				b.Others.Create(b, object, manager)
				b.eventually("it is known", func() bool { _, known := b.Cluster.Get(object.Ref()); return known })
				if live := b.live(object.Ref()); live.Made != want || live.Owner == "" {
					b.Errorf("what %s made: made is %t", manager, live.Made)
				}
			}
			ours := b.tracked(b.config("ours", "color: blue"))
			b.create(ours)
			if !b.live(ours.Ref()).Made {
				b.Error("what we made is not known as made")
			}
		}},
		{"who has something in a namespace is known", func(b *bench) {
			container := syncline.Ref{Kind: "Namespace", Name: b.namespace}
			if inside := b.Cluster.Inside(container); len(inside) != 0 {
				b.Errorf("inside is %v", inside)
			}
			b.Others.Create(b, b.tracked(b.config("theirs", "")), "somebody")
			object := b.tracked(b.config("ours", "color: blue"))
			uid := b.create(object)
			if inside := b.Cluster.Inside(container); !slices.Equal(inside, []string{b.instance()}) {
				b.Errorf("inside is %v", inside)
			}
			b.held(object.Ref())
			b.eventually("it is known to be held", func() bool {
				return b.live(object.Ref()).ResourceVersion == b.read(object.Ref()).Reveal().GetResourceVersion()
			})
			b.write(syncline.Write{
				Action: syncline.Prune, Ref: object.Ref(), UID: uid, Steering: b.live(object.Ref()).Steering(),
				Options: option.List{background},
			})
			if inside := b.Cluster.Inside(container); len(inside) != 0 {
				b.Errorf("inside is %v, of what is being deleted", inside)
			}
		}},
		{"a kind that is not there holds nothing up", func(b *bench) {
			b.watched(configMaps, schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Nothing"})
		}},
		{"a kind that is watched stays so", func(b *bench) {
			for range 3 {
				if pending, err := b.Cluster.Watch([]schema.GroupVersionKind{configMaps}); len(pending) > 0 || err != nil {
					b.Errorf("pending are %v, %v", pending, err)
				}
			}
		}},
	}
}

func digests(b *bench) {
	object := b.tracked(b.config("a", "color: blue, size: big")).WithLabel("team", "red")
	uid := b.create(object)
	if applied := b.live(object.Ref()).Applied; applied != object.Digest() {
		b.Errorf("it is %q, want %q", applied, object.Digest())
	}
	b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}, "metadata": {"labels": {"theirs": "1"}}}`)
	b.eventually("what others added is known", func() bool {
		return b.live(object.Ref()).ResourceVersion == b.read(object.Ref()).Reveal().GetResourceVersion()
	})
	if applied := b.live(object.Ref()).Applied; applied != object.Digest() {
		b.Errorf("what others added makes it %q", applied)
	}
	b.Others.Patch(b, object.Ref(), `{"data": {"color": "red"}}`)
	b.eventually("drift is known", func() bool { return b.live(object.Ref()).Applied != object.Digest() })
	b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid})
	if applied := b.live(object.Ref()).Applied; applied != object.Digest() {
		b.Errorf("after it was put back it is %q", applied)
	}
	secret := b.parse("{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: hidden}}").Desired()
	b.watched(schema.GroupVersionKind{Version: "v1", Kind: "Secret"})
	b.create(secret)
	if applied := b.live(secret.Ref()).Applied; applied != secret.Digest() {
		b.Errorf("of a Secret it is %q, want %q", applied, secret.Digest())
	}
}

func takenOver(b *bench) {
	object := b.config("a", "color: blue")
	b.create(object)
	taken := syncline.Digest("")
	for _, color := range []string{"red", "green", "blue"} {
		b.Others.Patch(b, object.Ref(), `{"data": {"color": "`+color+`"}}`)
		b.eventually("the color is known", func() bool {
			return b.live(object.Ref()).ResourceVersion == b.read(object.Ref()).Reveal().GetResourceVersion()
		})
		applied := b.live(object.Ref()).Applied
		if taken == "" {
			taken = applied
		}
		if applied == object.Digest() || applied != taken {
			b.Errorf("when it is %s the digest is %q, and was %q", color, applied, taken)
		}
	}
}

func owns(b *bench) {
	object := b.tracked(b.config("a", "color: blue"))
	b.create(object)
	copied := b.config("copy", "color: blue")
	for key, value := range object.Annotations() {
		copied = copied.WithAnnotation(key, value)
	}
	b.Others.Create(b, copied, "somebody")
	b.Others.Create(b, b.tracked(b.config("theirs", "")), "somebody")
	b.Others.Create(b, b.config("nobody", ""), "somebody")
	b.eventually("all are known", func() bool {
		_, copied := b.Cluster.Get(copied.Ref())
		_, nobody := b.Cluster.Get(b.config("nobody", "").Ref())
		return copied && nobody
	})
	b.eventually("the cluster is searched", func() bool { _, err := b.Cluster.Owned(b.instance()); return err == nil })
	owned, _ := b.Cluster.Owned(b.instance())
	var names []string
	for _, live := range owned {
		names = append(names, live.Ref.Name)
	}
	if want := []string{"a", "theirs"}; !slices.Equal(names, want) {
		b.Errorf("it owns %q, want %q", names, want)
	}
	if others, _ := b.Cluster.Owned(b.instance()[:len(b.instance())-1]); len(others) > 0 {
		b.Errorf("one whose name is shorter owns %v", others)
	}
}
