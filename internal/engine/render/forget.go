package render

import (
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
)

// maxKeys bounds under how many keys something is remembered for one App: those that were
// asked for last.
const maxKeys = 32

// keys are those under which something is remembered for each App, so that it goes with
// the App. It is safe for concurrent use.
type keys struct {
	mu sync.Mutex
	of map[syncline.AppID][]syncline.Digest
}

// note takes note of a key of an App, and returns those that are too many.
func (k *keys) note(id syncline.AppID, key syncline.Digest) (beyond []syncline.Digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.of[id]
	if id == (syncline.AppID{}) || len(all) > 0 && all[len(all)-1] == key {
		return nil
	}
	if k.of == nil {
		k.of = map[syncline.AppID][]syncline.Digest{}
	}
	all = append(slices.DeleteFunc(slices.Clone(all), func(other syncline.Digest) bool { return other == key }), key)
	over := max(0, len(all)-maxKeys)
	k.of[id] = all[over:]
	return all[:over]
}

// take returns the keys of an App, and forgets them.
func (k *keys) take(id syncline.AppID) []syncline.Digest {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.of[id]
	delete(k.of, id)
	return all
}

// Forget drops what is remembered of an App that is gone.
func (r *Renderer) Forget(id syncline.AppID) {
	for _, key := range r.keys.take(id) {
		r.forget(key)
	}
}

func (r *Renderer) forget(key syncline.Digest) {
	r.memo.Forget(key)
	r.gave.forget(key)
}
