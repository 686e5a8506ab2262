package plan

import (
	"context"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// longest is how much of an annotation a message repeats.
const longest = 60

// noteHook takes note of what a hook asks for besides the phases of an operation.
func (b *build) noteHook(object syncline.Object, hook *syncline.Hook) {
	ref := object.Ref()
	if ref.Name == "" {
		ref.Name = object.GenerateName()
	}
	if hook.PreDelete {
		b.preDelete = append(b.preDelete, ref)
	}
	if hook.PostDelete {
		b.postDelete = append(b.postDelete, ref)
	}
	if hook.Unknown != nil {
		b.misspelt = append(b.misspelt, fmt.Sprintf("%s (%s: %s)", ref, hook.Key, visible.Clip(strings.Join(hook.Unknown, ", "), longest)))
	}
	if hook.Phases == nil {
		b.idle = append(b.idle, idleHook{object, hook})
	}
}

// idleHook is an object that is a hook of no phase of an operation.
type idleHook struct {
	object syncline.Object
	hook   *syncline.Hook
}

// addIdle shows the live objects of the App that its source declares as hooks of no
// phase of an operation: they are neither applied nor pruned.
func (b *build) addIdle(context.Context) error {
	for _, idle := range b.idle {
		c := b.change(idle.object, syncline.RoleResource, syncline.Sync, nil)
		if c.Refused || c.Ref.Name == "" || b.seen[placeOf(c)] > 0 { // of which the last counts
			continue
		}
		live, exists := b.Memory.Get(c.Ref)
		if !exists || live.Owner != b.App.Instance || b.read(live.Marks).Hook != nil || live.Controlled {
			continue
		}
		c.Action, c.Extraneous, c.UID, c.Desired = syncline.Retain, true, live.UID, syncline.Object{}
		c.Why = fmt.Sprintf("the source declares it as a hook that no operation runs (%s: %s): it is neither applied nor pruned", idle.hook.Key, visible.Clip(idle.hook.Value, longest))
		b.add(c)
	}
	return nil
}

// warnHooks warns of what hooks ask for and Syncline does not do.
func (b *build) warnHooks(context.Context) error {
	if len(b.misspelt) > 0 {
		b.warn(syncline.HookWarning, "hooks that name a phase which there is not, for which they are not run: "+firstFew(b.misspelt)+
			"; the phases are "+b.App.Dialect.Words.HookPhases)
	}
	if len(b.preDelete) > 0 {
		b.warn(syncline.HookWarning, "hooks of PreDelete are not supported yet: "+firstFew(texts(b.preDelete))+
			"; a deletion of the application waits until a person has done what they do and removes the finalizer "+b.App.Dialect.Words.PreDelete)
	}
	if len(b.postDelete) > 0 {
		b.warn(syncline.HookWarning, "hooks of PostDelete are not supported yet: "+firstFew(texts(b.postDelete))+
			"; a deletion of the application does not run them")
	}
	return nil
}

func texts(refs []syncline.Ref) []string {
	texts := make([]string, 0, len(refs))
	for _, ref := range refs {
		texts = append(texts, ref.String())
	}
	return texts
}

// firstFew lists at most some of the texts, and how many there are besides.
func firstFew(texts []string) string {
	if len(texts) <= explained {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:explained], ", "), len(texts)-explained)
}
