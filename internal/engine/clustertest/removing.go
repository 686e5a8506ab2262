package clustertest

import (
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// background lets an object go before what it owns.
const background = "PrunePropagationPolicy=background"

// removing are the facts about Prune.
func removing() []fact {
	return []fact{
		{"a Prune is of the planned object only", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.refused(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: otherUID}, syncline.Conflict)
			b.has(object.Ref(), map[string]any{"color": "blue"})
			after := b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid, Options: option.List{background}})
			if _, known := b.Cluster.Get(object.Ref()); !after.IsZero() || known || b.Others.Get(b, object.Ref()) != nil {
				b.Errorf("%v is left, and it is known: %t", after, known)
			}
		}},
		{"a Prune of what is gone is nothing", func(b *bench) {
			after := b.write(syncline.Write{Action: syncline.Prune, Ref: b.config("a", "").Ref(), UID: otherUID})
			if !after.IsZero() {
				b.Errorf("%v is left", after)
			}
		}},
		{"a Prune of what is marked otherwise by now is a Conflict", func(b *bench) {
			object := b.tracked(b.config("a", "color: blue"))
			uid := b.create(object)
			planned := b.live(object.Ref()).Steering()
			b.Others.Patch(b, object.Ref(), fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, b.Keeps[0], b.Keeps[1]))
			w := syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid, Steering: planned, Options: option.List{background}}
			b.refused(w, syncline.Conflict)
			b.has(object.Ref(), map[string]any{"color": "blue"})
			b.eventually("the mark is known", func() bool { return b.live(object.Ref()).Steering() != planned })
			w.Steering = b.live(object.Ref()).Steering()
			b.write(w)
			b.has(object.Ref(), nil)
		}},
		{"a Prune of what changed otherwise does not care", func(b *bench) {
			object := b.tracked(b.config("a", "color: blue"))
			uid := b.create(object)
			planned := b.live(object.Ref()).Steering()
			b.Others.Patch(b, object.Ref(), `{"data": {"color": "red"}, "metadata": {"annotations": {"example.com/note": "x"}}}`)
			b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid, Steering: planned, Options: option.List{background}})
			b.has(object.Ref(), nil)
		}},
		{"a Prune returns what is held", func(b *bench) {
			object := b.config("a", "color: blue")
			uid := b.create(object)
			b.held(object.Ref())
			w := syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid, Options: option.List{background}}
			for range 2 { // the second finds it being deleted
				if after := b.write(w); after.IsZero() || after.Reveal().GetDeletionTimestamp() == nil {
					b.Errorf("%v is left", after)
				}
			}
			live := b.live(object.Ref())
			if !live.Terminating || !slices.Equal(live.Finalizers, []string{hold}) {
				b.Errorf("it is known as being deleted: %t, and held by %v", live.Terminating, live.Finalizers)
			}
		}},
	}
}

// unholding are the facts about Unhold.
func unholding() []fact {
	return []fact{
		{"an Unhold removes the finalizer of hooks and no other", func(b *bench) {
			object := b.config("a", "color: blue").WithFinalizer(syncline.FinalizerHook)
			uid := b.create(object)
			b.Others.Patch(b, object.Ref(), `{"metadata": {"finalizers": ["`+syncline.FinalizerHook+`", "`+hold+`"]}}`)
			b.write(syncline.Write{Action: syncline.Unhold, Ref: object.Ref(), UID: uid})
			left := b.Others.Get(b, object.Ref())
			if !slices.Equal(left.GetFinalizers(), []string{hold}) {
				b.Errorf("it is held by %v", left.GetFinalizers())
			}
			b.has(object.Ref(), map[string]any{"color": "blue"})
			b.Others.Patch(b, object.Ref(), `{"metadata": {"finalizers": null}}`)
		}},
		{"an Unhold lets go what is being deleted", func(b *bench) {
			object := b.config("a", "color: blue").WithFinalizer(syncline.FinalizerHook)
			uid := b.create(object)
			b.Others.Delete(b, object.Ref())
			after := b.write(syncline.Write{Action: syncline.Unhold, Ref: object.Ref(), UID: uid})
			if _, known := b.Cluster.Get(object.Ref()); !after.IsZero() || known {
				b.Errorf("%v is left, and it is known: %t", after, known)
			}
		}},
		{"an Unhold is of the planned object only, and of what is gone nothing", func(b *bench) {
			object := b.config("a", "color: blue").WithFinalizer(syncline.FinalizerHook)
			b.write(syncline.Write{Action: syncline.Unhold, Ref: object.Ref(), UID: otherUID})
			uid := b.create(object)
			b.refused(syncline.Write{Action: syncline.Unhold, Ref: object.Ref(), UID: otherUID}, syncline.Conflict)
			b.write(syncline.Write{Action: syncline.Unhold, Ref: object.Ref(), UID: uid})
		}},
	}
}
