package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-io/syncline"
)

// hookPhases returns the phases in which a hook runs, and nil for an object
// that is no hook. A hook with no phase, such as Skip or a Helm test, yields an
// empty list and is left out of the plan, as in Argo CD.
func hookPhases(object syncline.Object) []syncline.Phase {
	if text := object.Annotation(syncline.AnnotationHook); text != "" {
		return phasesOf(text, argoPhase)
	}
	text := object.Annotation(syncline.AnnotationHelmHook)
	if text == "" || text == "crd-install" {
		return nil
	}
	return phasesOf(text, helmPhase)
}

func phasesOf(text string, phaseOf func(string) syncline.Phase) []syncline.Phase {
	phases := []syncline.Phase{}
	for name := range strings.SplitSeq(text, ",") {
		phase := phaseOf(strings.TrimSpace(name))
		if phase != "" && !slices.Contains(phases, phase) {
			phases = append(phases, phase)
		}
	}
	return phases
}

func argoPhase(name string) syncline.Phase {
	switch phase := syncline.Phase(name); phase {
	case syncline.PreSync, syncline.Sync, syncline.PostSync, syncline.SyncFail:
		return phase
	}
	return ""
}

func helmPhase(name string) syncline.Phase {
	switch name {
	case "pre-install", "pre-upgrade":
		return syncline.PreSync
	case "post-install", "post-upgrade":
		return syncline.PostSync
	}
	return ""
}

// hookPolicies reads when a hook's object is deleted. None, or none that is
// known, means BeforeHookCreation, but for an object that Helm is to keep: it is
// deleted only by a policy that says so.
func hookPolicies(object syncline.Object) []syncline.HookPolicy {
	var policies []syncline.HookPolicy
	for name := range strings.SplitSeq(object.Annotation(syncline.AnnotationHookDelete), ",") {
		switch policy := syncline.HookPolicy(strings.TrimSpace(name)); policy {
		case syncline.BeforeHookCreation, syncline.HookSucceeded, syncline.HookFailed:
			policies = append(policies, policy)
		}
	}
	helm := map[string]syncline.HookPolicy{
		"before-hook-creation": syncline.BeforeHookCreation,
		"hook-succeeded":       syncline.HookSucceeded,
		"hook-failed":          syncline.HookFailed,
	}
	for name := range strings.SplitSeq(object.Annotation(syncline.AnnotationHelmHookDelete), ",") {
		if policy, ok := helm[strings.TrimSpace(name)]; ok && !slices.Contains(policies, policy) {
			policies = append(policies, policy)
		}
	}
	if policies == nil && !isKept(object.Annotation(syncline.AnnotationHelmPolicy)) {
		policies = []syncline.HookPolicy{syncline.BeforeHookCreation}
	}
	return policies
}

// addHooks plans one run of the hook for each of its phases. The object of an
// earlier run is applied over, and keeps its UID and what others wrote into it,
// unless the policy BeforeHookCreation deletes it first. Unknown is why the hook's
// kind or place is not known, or nil.
func (b *build) addHooks(object syncline.Object, phases []syncline.Phase, index int, unknown error) {
	for _, phase := range phases {
		hook := b.tracked(b.uniqueHook(b.named(object, phase, index), phase, object.Ref().Name == "")).
			WithFinalizer(syncline.FinalizerHook)
		if b.Operation != nil {
			hook = hook.WithAnnotation(syncline.AnnotationOperation, RunID(b.App, b.Operation, phase))
		}
		c := b.change(hook, syncline.RoleHook, phase, unknown)
		c.Action = syncline.Run
		c.HookPolicies = hookPolicies(hook)
		c.Options = b.options(hook.Annotation(syncline.AnnotationSyncOptions))
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

// isHook reports whether a live object is a hook's, by its marks.
func isHook(live syncline.Live) bool {
	helm := live.Marks[syncline.AnnotationHelmHook]
	return live.Marks[syncline.AnnotationHook] != "" || helm != "" && helm != "crd-install"
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
