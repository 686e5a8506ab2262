// Package convention is what Argo CD's annotations mean, and Helm's where Argo CD
// obeys them: how an object says whose it is, when it is applied, whether it is a hook
// and what may be done with it; and how sources are written, in Applications and in the
// files that override them. Names and meaning are Argo CD's; see docs/spec.
package convention

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/base/option"
)

// The annotations of Argo CD and Helm that steer how an object is delivered.
const (
	Tracking    = v1alpha1.TrackingAnnotation
	Wave        = "argocd.argoproj.io/sync-wave"
	Hook        = "argocd.argoproj.io/hook"
	HookDelete  = "argocd.argoproj.io/hook-delete-policy"
	SyncOptions = "argocd.argoproj.io/sync-options"
	Compare     = "argocd.argoproj.io/compare-options"
	NoHealth    = "argocd.argoproj.io/ignore-healthcheck"
	NoRestart   = "argocd.argoproj.io/ignore-restart-policy"

	HelmHook       = "helm.sh/hook"
	HelmWeight     = "helm.sh/hook-weight"
	HelmHookDelete = "helm.sh/hook-delete-policy"
	HelmPolicy     = "helm.sh/resource-policy"
)

// The names on the resource that declares an App.
const (
	// DeletionApproved is the time when a person approved the deletions that were
	// asked for before, as in RFC 3339.
	DeletionApproved = "argocd.argoproj.io/deletion-approved"

	// PreDeleteFinalizer and PostDeleteFinalizer stand for hooks that run when the App
	// is deleted: before anything else goes, and at the end. With "/cleanup" they stand
	// for what such hooks left.
	PreDeleteFinalizer  = "pre-delete-finalizer.argocd.argoproj.io"
	PostDeleteFinalizer = "post-delete-finalizer.argocd.argoproj.io"
)

// FormerManager is the field manager under which Argo CD wrote before it named its
// own, and under which it creates and replaces.
const FormerManager = "argocd-application-controller"

// Dialect returns how Applications deliver. The field manager is Argo CD's own, so
// that adopting its Applications changes no ownership.
func Dialect() *syncline.Dialect {
	return &syncline.Dialect{
		Name: "argo", Manager: syncline.FieldManager, Former: []string{FormerManager},
		Apps:      []schema.GroupKind{{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind}},
		Serving:   []schema.GroupKind{{Group: v1alpha1.Group, Kind: v1alpha1.AppProjectKind}},
		Ownership: tracking{}, Conventions: annotations{}, Rendering: rendering(),
		Words: syncline.Words{
			Approval:   DeletionApproved + ` with the time of the approval, as in "2006-01-02T15:04:05Z"`,
			HookDelete: "the annotation " + HookDelete + ": " + string(syncline.BeforeHookCreation),
			HookPhases: "PreSync, Sync, PostSync, SyncFail, PreDelete and PostDelete, and Skip is for what is not to be applied",
			PreDelete:  PreDeleteFinalizer,
		},
	}
}

// Labelling returns how Applications deliver where Argo CD is to track objects by a label
// too: they are given that label, when it is not "", besides the annotation by which they are
// tracked here.
func Labelling(label func() string) *syncline.Dialect {
	dialect := Dialect()
	dialect.Ownership = labelling{label: label}
	return dialect
}

// labelling tracks as tracking does, and writes a label besides.
type labelling struct {
	tracking
	label func() string
}

// longestLabel is how long the value of a label is at most.
const longestLabel = 63

// Stamp annotates the object, and labels it.
func (l labelling) Stamp(object syncline.Object, app syncline.App) syncline.Object {
	stamped := l.tracking.Stamp(object, app)
	if label := l.label(); label != "" && stamped.Annotation(Tracking) != "" {
		stamped = stamped.WithLabel(label, strings.TrimRight(app.Instance[:min(longestLabel, len(app.Instance))], "-_."))
	}
	return stamped
}

// tracking says whose an object is by one annotation, which names the object too.
type tracking struct{}

// Named returns what the label says of an object without an annotation. Charts set it too,
// and people: it proves nothing.
func (tracking) Named(object syncline.Marked) string {
	if object.Annotation(Tracking) != "" {
		return ""
	}
	return object.Label(v1alpha1.InstanceLabel)
}

// Stamp annotates the object. One of a cluster-scoped kind carries the destination's
// namespace in it. Definitions of kinds are nobody's, as in Argo CD.
func (tracking) Stamp(object syncline.Object, app syncline.App) syncline.Object {
	ref := object.Ref()
	if ref.Kind == "CustomResourceDefinition" && ref.Group == "apiextensions.k8s.io" {
		return object
	}
	if ref.Namespace == "" {
		ref.Namespace = app.Destination.Namespace
	}
	return object.WithAnnotation(Tracking, fmt.Sprintf("%s:%s/%s:%s/%s", app.Instance, ref.Group, ref.Kind, ref.Namespace, ref.Name))
}

// longest is how long the annotation may be; a longer one is nobody's.
const longest = 2048

// Owner reads the annotation. One that names another object was copied from it and
// says nothing; that of an object without a namespace has the namespace of the App.
func (tracking) Owner(ref syncline.Ref, object syncline.Marked) string {
	text := object.Annotation(Tracking)
	if len(text) > longest {
		return ""
	}
	instance, about, _ := strings.Cut(text, ":")
	kind, name, _ := strings.Cut(about, ":")
	namespace, name, _ := strings.Cut(name, "/")
	group, kind, slashed := strings.Cut(kind, "/")
	if !slashed || group != ref.Group || kind != ref.Kind || name != ref.Name || ref.Namespace != "" && namespace != ref.Namespace {
		return ""
	}
	return instance
}

// Proof is the annotation.
func (tracking) Proof() []string { return []string{"f:metadata", "f:annotations", "f:" + Tracking} }

// annotations reads Argo CD's annotations, and Helm's where there is none of those.
type annotations struct{}

// Steers reports whether it is one of the annotations above, a slip of one that keeps an
// object, or the label.
func (annotations) Steers(key string, label bool) bool {
	switch key {
	case Wave, Hook, HookDelete, SyncOptions, Compare, NoHealth, NoRestart, HelmHook, HelmWeight, HelmHookDelete, HelmPolicy,
		near.Meant + SyncOptions, near.Meant + HelmPolicy:
		return !label
	case v1alpha1.InstanceLabel:
		return label
	}
	return false
}

// Beyond forbids to delete an object whose options are not known.
func (annotations) Beyond(key string) string {
	if key == SyncOptions || key == near.Meant+SyncOptions {
		return "Prune=false,Delete=false"
	}
	return ""
}

// Read reads the annotations.
func (annotations) Read(object syncline.Marked) syncline.Directive {
	directive := syncline.Directive{
		Wave:             waveOf(object),
		Hook:             hookOf(object),
		Options:          option.Parse(object.Annotation(SyncOptions)),
		IgnoreExtraneous: option.Parse(object.Annotation(Compare)).Has("IgnoreExtraneous"),
		IgnoreHealth:     object.Annotation(NoHealth) == "true",
		RunsOn:           object.Annotation(NoRestart) == "true",
	}
	if directive.Keep = keptBySlip(object); isKept(object) {
		directive.Keep = HelmPolicy + ": keep"
	}
	return directive
}

// isKept reports whether Helm is to keep the object, as Helm reads it.
func isKept(object syncline.Marked) bool {
	return strings.EqualFold(strings.TrimSpace(object.Annotation(HelmPolicy)), "keep")
}

// waveOf reads the wave; what is not a number is 0.
func waveOf(object syncline.Marked) int {
	text := object.Annotation(Wave)
	if text == "" {
		text = object.Annotation(HelmWeight)
	}
	wave, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return wave
}

// hookOf returns what a hook asks for, nil for an object that is none. A hook of no
// phase, such as Skip or a Helm test, is one that no operation runs.
func hookOf(object syncline.Marked) *syncline.Hook {
	key, meaning := Hook, argoPhase
	if object.Annotation(key) == "" {
		key, meaning = HelmHook, helmPhase
	}
	text := object.Annotation(key)
	if text == "" || key == HelmHook && text == "crd-install" {
		return nil
	}
	hook := &syncline.Hook{Key: key, Value: text, Policies: policiesOf(object)}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			ask(hook, name, meaning(name))
		}
	}
	slices.Sort(hook.Unknown)
	return hook
}

// ask adds to what a hook asks for what one name of a phase means.
func ask(hook *syncline.Hook, name, means string) {
	switch means {
	case unknown:
		if !slices.Contains(hook.Unknown, name) {
			hook.Unknown = append(hook.Unknown, name)
		}
	case never:
	case preDelete:
		hook.PreDelete = true
	case postDelete:
		hook.PostDelete = true
	default:
		if phase := syncline.Phase(means); !slices.Contains(hook.Phases, phase) {
			hook.Phases = append(hook.Phases, phase)
		}
	}
}

// What the name of a phase asks for besides a [syncline.Phase].
const (
	unknown    = ""
	never      = "never"
	preDelete  = "PreDelete"
	postDelete = "PostDelete"
)

func argoPhase(name string) string {
	switch phase := syncline.Phase(name); phase {
	case syncline.PreSync, syncline.Sync, syncline.PostSync, syncline.SyncFail, preDelete, postDelete:
		return name
	case "Skip":
		return never
	}
	return unknown
}

func helmPhase(name string) string {
	switch name {
	case "pre-install", "pre-upgrade":
		return string(syncline.PreSync)
	case "post-install", "post-upgrade":
		return string(syncline.PostSync)
	case "crd-install", "pre-rollback", "post-rollback", "test", "test-success", "test-failure":
		return never
	case "pre-delete":
		return preDelete
	case "post-delete":
		return postDelete
	}
	return unknown
}

// policiesOf reads when a hook's object is deleted, also where a slip says so. None, or none that is known, means
// BeforeHookCreation, but for an object that Helm is to keep: it is deleted only by a
// policy that says so.
func policiesOf(object syncline.Marked) []syncline.HookPolicy {
	var policies []syncline.HookPolicy
	for name := range strings.SplitSeq(object.Annotation(HookDelete)+","+object.Annotation(near.Meant+HookDelete), ",") {
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
	for name := range strings.SplitSeq(object.Annotation(HelmHookDelete)+","+object.Annotation(near.Meant+HelmHookDelete), ",") {
		if policy, ok := helm[strings.TrimSpace(name)]; ok && !slices.Contains(policies, policy) {
			policies = append(policies, policy)
		}
	}
	if policies == nil && !isKept(object) {
		policies = []syncline.HookPolicy{syncline.BeforeHookCreation}
	}
	return policies
}
