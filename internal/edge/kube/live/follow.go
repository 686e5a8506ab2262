package live

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

// unsure is the state of a followed object that is not known: whatever is told of it
// next counts as a change.
const unsure syncline.Digest = "?"

// Follow has every change told of what an object holds, but for its status, and not
// only of the fields that our manager applied: somebody else has fields that are
// declared, and what they write into them changes none of ours. The object is given as
// it was read; what [syncline.Live.State] is while it stays so is returned. It ends
// with our next write, or when the object goes.
func (c *Cache) Follow(object syncline.Object) (state syncline.Digest) {
	u := object.Reveal()
	state = stateOf(u)
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.kinds[object.Ref().GroupKind()]
	if k == nil {
		return state
	}
	if r := k.objects[keyOf(object.Ref())]; r != nil && r.UID == u.GetUID() {
		if r.State = unsure; r.ResourceVersion == u.GetResourceVersion() {
			r.State = state
		}
	}
	return state
}

// follows reports whether an object is followed.
func (c *Cache) follows(ref syncline.Ref) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k := c.kinds[ref.GroupKind()]
	if k == nil {
		return false
	}
	r := k.objects[keyOf(ref)]
	return r != nil && r.State != ""
}

// stateOf is [syncline.DigestOfState] of an object.
func stateOf(u *unstructured.Unstructured) syncline.Digest {
	state, err := syncline.DigestOfState(u.Object)
	if err != nil { // content came from a JSON parser
		return unsure
	}
	return state
}
