package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-io/syncline"
)

// addHooks plans one run of the hook for each of its phases. The object of an
// earlier run is applied over, and keeps its UID and what others wrote into it,
// unless the policy BeforeHookCreation deletes it first. Unknown is why the hook's
// kind or place is not known, or nil.
func (b *build) addHooks(object syncline.Object, asks syncline.Directive, index int, unknown error) {
	for _, phase := range asks.Hook.Phases {
		hook := b.stamped(b.uniqueHook(b.named(object, phase, index), phase, object.Ref().Name == "")).
			WithFinalizer(syncline.FinalizerHook)
		if b.Operation != nil {
			hook = hook.WithAnnotation(syncline.AnnotationOperation, RunID(b.App, b.Operation, phase))
		}
		c := b.change(hook, syncline.RoleHook, phase, unknown)
		c.Action, c.Wave, c.Options, c.HookPolicies = syncline.Run, asks.Wave, b.options(asks.Options), asks.Hook.Policies
		live, exists := b.Memory.Get(c.Ref)
		exists = exists && !c.Refused
		if exists && !slices.Contains(c.HookPolicies, syncline.BeforeHookCreation) {
			c.UID = live.UID
		}
		c.Why = cmp.Or(c.Why, whyRun(c, exists))
		b.add(c)
	}
}

// whyRun says that a hook runs, and what of its objects is deleted for it; exists
// says that there is one of an earlier run.
func whyRun(c syncline.Change, exists bool) string {
	parts := []string{string(c.Phase) + " hook"}
	if exists && c.UID == "" {
		parts = append(parts, "the object of the earlier run is deleted first")
	}
	for _, policy := range []struct {
		name syncline.HookPolicy
		when string
	}{{syncline.HookSucceeded, "succeeded"}, {syncline.HookFailed, "failed"}} {
		if slices.Contains(c.HookPolicies, policy.name) {
			parts = append(parts, "its object is deleted when it has "+policy.when)
		}
	}
	return strings.Join(parts, "; ")
}

// uniqueHook gives a hook whose name was generated another one when a hook of
// the same phase has it already, so that both run.
func (b *build) uniqueHook(hook syncline.Object, phase syncline.Phase, generated bool) syncline.Object {
	name := hook.Ref().Name
	for n := 2; generated && b.seen[place{hook.Ref(), phase}] > 0; n++ {
		hook = hook.WithName(fmt.Sprintf("%s-%d", name, n))
	}
	return hook
}

// RunID names one run of a hook, for [syncline.AnnotationOperation]: the App,
// the attempt of the operation, and the phase. A retried operation runs its
// hooks again, hence the count. No two operations of an App begin within one
// second, so that the second tells them apart.
func RunID(app syncline.App, state *syncline.OperationState, phase syncline.Phase) string {
	return strings.Join([]string{
		string(app.UID), state.StartedAt.UTC().Format("20060102T150405Z"),
		strconv.FormatInt(state.RetryCount, 10), string(phase),
	}, ".")
}
