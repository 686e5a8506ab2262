package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// longest is how much of an annotation a message repeats.
const longest = 60

// purpose is what the name of a phase in a hook annotation asks for.
type purpose int

const (
	// unknownPurpose is that of a name which is none, such as a misspelt one.
	unknownPurpose purpose = iota
	// ofOperation is for a phase of an operation, and none for what never runs.
	ofOperation
	none
	beforeDeletion
	afterDeletion
)

// purposes returns what a hook's annotation asks for, name by name.
func purposes(object syncline.Object) (key string, names map[string]purpose) {
	key, of := syncline.AnnotationHook, argoPurpose
	if object.Annotation(key) == "" {
		key, of = syncline.AnnotationHelmHook, helmPurpose
	}
	names = map[string]purpose{}
	for name := range strings.SplitSeq(object.Annotation(key), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names[name] = of(name)
		}
	}
	return key, names
}

func argoPurpose(name string) purpose {
	switch {
	case argoPhase(name) != "":
		return ofOperation
	case name == "Skip":
		return none
	case name == "PreDelete":
		return beforeDeletion
	case name == "PostDelete":
		return afterDeletion
	}
	return unknownPurpose
}

func helmPurpose(name string) purpose {
	switch name {
	case "pre-install", "pre-upgrade", "post-install", "post-upgrade", "crd-install":
		return ofOperation
	case "pre-rollback", "post-rollback", "test", "test-success", "test-failure":
		return none
	case "pre-delete":
		return beforeDeletion
	case "post-delete":
		return afterDeletion
	}
	return unknownPurpose
}

// noteHook takes note of what a hook asks for besides the phases of an operation.
// Idle says that it has none of those.
func (b *build) noteHook(object syncline.Object, idle bool) {
	ref := object.Ref()
	if ref.Name == "" {
		ref.Name = object.GenerateName()
	}
	key, names := purposes(object)
	var unknown []string
	for name, purpose := range names {
		switch purpose {
		case beforeDeletion:
			b.preDelete = append(b.preDelete, ref)
		case afterDeletion:
			b.postDelete = append(b.postDelete, ref)
		case unknownPurpose:
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		b.misspelt = append(b.misspelt, fmt.Sprintf("%s (%s: %s)", ref, key, visible.Clip(strings.Join(unknown, ", "), longest)))
	}
	if idle {
		b.idle = append(b.idle, object)
	}
}

// addIdle shows the live objects of the App that its source declares as hooks of no
// phase of an operation: they are neither applied nor pruned.
func (b *build) addIdle(context.Context) error {
	for _, object := range b.idle {
		c := b.change(object, syncline.RoleResource, syncline.Sync, nil)
		if c.Refused || c.Ref.Name == "" || b.seen[placeOf(c)] > 0 { // of which the last counts
			continue
		}
		live, exists := b.Memory.Get(c.Ref)
		if !exists || ownerOf(live) != b.App.Instance || isHook(live) || live.Controlled {
			continue
		}
		key, _ := purposes(object)
		c.Action, c.Extraneous, c.UID, c.Desired = syncline.Retain, true, live.UID, syncline.Object{}
		c.Why = fmt.Sprintf("the source declares it as a hook that no operation runs (%s: %s): it is neither applied nor pruned", key, visible.Clip(object.Annotation(key), longest))
		b.add(c)
	}
	return nil
}

// warnHooks warns of what hooks ask for and Syncline does not do.
func (b *build) warnHooks(context.Context) error {
	if len(b.misspelt) > 0 {
		b.warn(syncline.HookWarning, "hooks that name a phase which there is not, for which they are not run: "+firstFew(b.misspelt)+
			"; the phases are PreSync, Sync, PostSync, SyncFail, PreDelete and PostDelete, and Skip is for what is not to be applied")
	}
	if len(b.preDelete) > 0 {
		b.warn(syncline.HookWarning, "hooks of PreDelete are not supported yet: "+firstFew(texts(b.preDelete))+
			"; a deletion of the application waits until a person has done what they do and removes the finalizer "+syncline.FinalizerPreDelete)
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
