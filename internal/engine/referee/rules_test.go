package referee

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func decoded(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }

// rules are those of Argo CD about what may be pruned, deleted and recreated. They
// look at what is live, as the API server says, and at what is declared, and know
// of no plan.
type rules struct {
	app       syncline.App
	namespace string
	operation syncline.Operation
	// approved is when a person approved deletions; zero when nobody did.
	approved time.Time
	// leaving says that the App is being deleted, and with it what it has.
	leaving  bool
	declared map[syncline.Ref]syncline.Object
	live     map[syncline.Ref]*unstructured.Unstructured
}

// option returns the value of a sync option: the object's own, else the
// operation's, else the App's.
func (r rules) option(annotation, name string) string {
	for _, options := range [][]string{strings.Split(annotation, ","), r.operation.Options, r.app.Policy.Options} {
		for _, option := range options {
			if key, value, ok := strings.Cut(strings.TrimSpace(option), "="); ok && key == name {
				return value
			}
		}
	}
	return ""
}

// keeping is the option that keeps an object.
func (r rules) keeping() string {
	if r.leaving {
		return "Delete"
	}
	return "Prune"
}

// keptFor says why an object that is not declared is not pruned, or "" when it is
// to be: it is a root object that this App tracks under its own name, which nobody
// asked to keep. When the App is deleted, so is what it declares, and its hooks.
func (r rules) keptFor(ref syncline.Ref) string {
	live := r.live[ref]
	annotations := live.GetAnnotations()
	_, declared := r.declared[ref]
	switch {
	case declared && !r.leaving:
		return "it is declared"
	case annotations[convention.Tracking] != tracking(r.app.Instance, r.namespace, ref):
		return "it is not of this App"
	case len(live.GetOwnerReferences()) > 0:
		return "another object owns it"
	case isHook(annotations) && !r.leaving:
		return "it is a hook"
	case r.option(annotations[convention.SyncOptions], r.keeping()) == "false":
		return r.keeping() + "=false"
	case annotations[convention.HelmPolicy] == "keep":
		return "helm.sh/resource-policy: keep"
	case !proven(live) && !r.named(ref):
		return "only its annotation says that it is of this App"
	}
	return ""
}

// isHook reports whether annotations make a hook of an object.
func isHook(annotations map[string]string) bool {
	helm := annotations[convention.HelmHook]
	return annotations[convention.Hook] != "" || helm != "" && helm != "crd-install"
}

// proven reports whether Argo CD or Syncline wrote the tracking annotation.
func proven(live *unstructured.Unstructured) bool {
	for _, entry := range live.GetManagedFields() {
		wrote := entry.Manager == "argocd-controller" || entry.Manager == "argocd-application-controller"
		if wrote && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+convention.Tracking+`"`) {
			return true
		}
	}
	return false
}

// named reports whether a person asked for the object by name.
func (r rules) named(ref syncline.Ref) bool {
	return !r.operation.By.Automated && r.operation.Prune && r.selected(ref) && r.operation.Partial()
}

func (r rules) selected(ref syncline.Ref) bool {
	return !r.operation.Partial() || slices.ContainsFunc(r.operation.Selection, func(s syncline.Selector) bool {
		return s.Group == ref.Group && s.Kind == ref.Kind && s.Name == ref.Name && (s.Namespace == "" || s.Namespace == ref.Namespace)
	})
}

// unconfirmed reports whether a prune waits for a person.
func (r rules) unconfirmed(ref syncline.Ref) bool {
	return r.option(r.live[ref].GetAnnotations()[convention.SyncOptions], r.keeping()) == "confirm" && r.approved.IsZero()
}

// mayPrune says why an object may not be pruned in the operation, or "".
func (r rules) mayPrune(ref syncline.Ref) string {
	switch {
	case r.live[ref] == nil:
		return "it was not there"
	case r.leaving && r.unconfirmed(ref):
		return "Delete=confirm"
	case r.leaving:
		return r.keptFor(ref)
	case !r.operation.Prune:
		return "the operation does not prune"
	case r.operation.DryRun:
		return "the operation is a dry run"
	case !r.selected(ref):
		return "it is not selected"
	case r.unconfirmed(ref):
		return "Prune=confirm"
	}
	return r.keptFor(ref)
}

// phases returns the phases of a hook, and whether the object is one.
func phases(o syncline.Object) ([]string, bool) {
	text, known := o.Annotation(convention.Hook), map[string]string{
		"PreSync": "PreSync", "Sync": "Sync", "PostSync": "PostSync", "SyncFail": "SyncFail",
	}
	if text == "" {
		text, known = o.Annotation(convention.HelmHook), map[string]string{
			"pre-install": "PreSync", "pre-upgrade": "PreSync", "post-install": "PostSync", "post-upgrade": "PostSync",
		}
	}
	if !isHook(o.Annotations()) {
		return nil, false
	}
	var found []string
	for name := range strings.SplitSeq(text, ",") {
		if phase := known[strings.TrimSpace(name)]; phase != "" && !slices.Contains(found, phase) {
			found = append(found, phase)
		}
	}
	return found, true
}

// runs reports whether a declared object is a hook that an operation runs.
func (r rules) runs(ref syncline.Ref) bool {
	o, declared := r.declared[ref]
	if !declared {
		return false
	}
	found, _ := phases(o)
	return len(found) > 0
}

// policies returns the delete policies of a hook.
func policies(o syncline.Object) []string {
	var found []string
	for name := range strings.SplitSeq(o.Annotation(convention.HookDelete), ",") {
		if name = strings.TrimSpace(name); slices.Contains([]string{"BeforeHookCreation", "HookSucceeded", "HookFailed"}, name) {
			found = append(found, name)
		}
	}
	helm := map[string]string{"before-hook-creation": "BeforeHookCreation", "hook-succeeded": "HookSucceeded", "hook-failed": "HookFailed"}
	for name := range strings.SplitSeq(o.Annotation(convention.HelmHookDelete), ",") {
		if policy := helm[strings.TrimSpace(name)]; policy != "" {
			found = append(found, policy)
		}
	}
	if found == nil && o.Annotation(convention.HelmPolicy) != "keep" {
		found = []string{"BeforeHookCreation"}
	}
	return found
}

// mayDeleteHook says why the object of a hook may not be deleted, or "". Earlier
// is one that was there before the operation began; ended is how it ended.
func (r rules) mayDeleteHook(ref syncline.Ref, earlier bool, ended *syncline.OperationState) string {
	o := r.declared[ref]
	found, several := policies(o), func() bool { p, _ := phases(o); return len(p) > 1 }
	has := func(policy string) bool { return slices.Contains(found, policy) }
	fails := o.Annotation(annotationHealth) == "Degraded"
	failed := ended == nil || ended.Phase != syncline.OperationSucceeded || ended.RetryCount > 0
	switch {
	case r.operation.SkipHooks || r.operation.Partial() || r.operation.DryRun:
		return "the operation runs no hooks"
	case earlier && !has("BeforeHookCreation"):
		return "its policies do not delete it before it runs"
	case earlier, has("BeforeHookCreation") && (several() || failed):
		return ""
	case has("HookSucceeded") && !fails, has("HookFailed") && (fails || failed):
		return ""
	case failed && len(found) > 0: // it was terminated
		return ""
	}
	return "its policies do not delete it after it ran"
}

// mayRecreate says why an object may not be deleted to be created anew, or "".
func (r rules) mayRecreate(ref syncline.Ref) string {
	o, declared := r.declared[ref]
	_, hook := phases(o)
	force := r.operation.Force || r.option(o.Annotation(convention.SyncOptions), "Force") == "true"
	switch {
	case !declared || hook:
		return "it is no declared resource"
	case !force:
		return "nobody asked for force"
	case !r.selected(ref):
		return "it is not selected"
	case ref.Kind == "PersistentVolumeClaim" || ref.Kind == "Namespace":
		return "what is in it would be lost"
	}
	return ""
}
