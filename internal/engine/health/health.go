// Package health judges objects: is one as it should be, on its way, or broken?
// It reads nothing but the object, and remembers nothing. It does not wait but for
// the rules that it is given.
package health

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

// Rules judge objects by what is written down elsewhere.
type Rules interface {
	// Applies reports whether there is a rule for the object's kind which may see
	// the object. It does not wait.
	Applies(u *unstructured.Unstructured) bool
	// Judge returns what that rule says of it; false where none applies. It may take
	// seconds.
	Judge(ctx context.Context, u *unstructured.Unstructured) (syncline.Health, bool)
}

// Checks are what objects are judged by. The zero value has those of this
// package only.
type Checks struct {
	// Own are the rules of whoever runs Syncline. They come before the checks here.
	Own Rules
	// Library are rules for kinds that have no check here.
	Library Rules
	// Dialects read what objects say of how they are judged. Default: none.
	Dialects syncline.Dialects
}

// Slow reports whether one of the rules judges a live object, which takes long. It
// is cheap enough to be called for every event of a watch.
func (c Checks) Slow(u *unstructured.Unstructured) bool {
	o := object(u.Object)
	_, deleting := deletion(o)
	return !deleting && (applies(c.Own, u) || c.checkFor(o) == nil && applies(c.Library, u))
}

// Quick judges a live object as Of does where it is not Slow. It does not copy or
// change the object, and is cheap enough to be called for every event of a watch.
func (c Checks) Quick(u *unstructured.Unstructured) syncline.Health {
	o := object(u.Object)
	if health, deleting := deletion(o); deleting {
		return health
	}
	if check := c.checkFor(o); check != nil {
		return check(o)
	}
	return byConditions(u)
}

// Of judges a live object: by a rule of Own, else as Argo CD's built-in checks
// do, else by a rule of Library. A kind that has none of these is judged by the
// conditions Ready, Reconciling and Stalled and by status.observedGeneration,
// where it has them; any other has no health, and does not count. An object that
// is being deleted is Progressing.
//
// It does not copy or change the object.
func (c Checks) Of(ctx context.Context, u *unstructured.Unstructured) syncline.Health {
	o := object(u.Object)
	if health, deleting := deletion(o); deleting {
		return health
	}
	if health, ok := judge(ctx, c.Own, u); ok {
		return health
	}
	if check := c.checkFor(o); check != nil {
		return check(o)
	}
	if health, ok := judge(ctx, c.Library, u); ok {
		return health
	}
	return byConditions(u)
}

func applies(rules Rules, u *unstructured.Unstructured) bool { return rules != nil && rules.Applies(u) }

func judge(ctx context.Context, rules Rules, u *unstructured.Unstructured) (syncline.Health, bool) {
	if rules == nil {
		return syncline.Health{}, false
	}
	return rules.Judge(ctx, u)
}

// deletion judges an object that is being deleted, unless only our own hold of a
// hook keeps it for what it came to.
func deletion(o object) (health syncline.Health, deleting bool) {
	if o.text("metadata", "deletionTimestamp") == "" {
		return syncline.Health{}, false
	}
	finalizers := o.texts("metadata", "finalizers")
	if slices.Contains(finalizers, syncline.FinalizerHook) {
		return syncline.Health{}, false
	}
	return pendingDeletion(finalizers), true
}

func pendingDeletion(finalizers []string) syncline.Health {
	if len(finalizers) == 0 {
		return progressing("Pending deletion")
	}
	return progressing("Pending deletion, held by the finalizers %s", strings.Join(finalizers, ", "))
}

// checkFor returns the check of the object's kind, or nil. The version does not
// matter: the fields that the checks read are the same in all of them.
func (c Checks) checkFor(o object) func(object) syncline.Health {
	group, _, grouped := strings.Cut(o.text("apiVersion"), "/")
	if !grouped {
		group = ""
	}
	switch group {
	case "":
		return c.coreCheck(o.text("kind"))
	case "apps":
		return workloadCheck(o.text("kind"))
	}
	switch group + "/" + o.text("kind") {
	case "batch/Job":
		return job
	case "batch/CronJob":
		return cronJob
	case "networking.k8s.io/Ingress", "extensions/Ingress":
		return ingress
	case "autoscaling/HorizontalPodAutoscaler":
		return autoscaler
	case "apiregistration.k8s.io/APIService":
		return apiService
	case "apiextensions.k8s.io/CustomResourceDefinition":
		return definition
	case "argoproj.io/Workflow":
		return workflow
	case "argoproj.io/Application":
		return none
	}
	return nil
}

func (c Checks) coreCheck(kind string) func(object) syncline.Health {
	switch kind {
	case "Pod":
		return c.pod
	case "Service":
		return service
	case "PersistentVolumeClaim":
		return volumeClaim
	case "Namespace":
		return namespace
	}
	return nil
}

func workloadCheck(kind string) func(object) syncline.Health {
	switch kind {
	case "Deployment":
		return deployment
	case "StatefulSet":
		return statefulSet
	case "DaemonSet":
		return daemonSet
	case "ReplicaSet":
		return replicaSet
	}
	return nil
}

// none is the check of a kind which has a status but, as in Argo CD, no health.
func none(object) syncline.Health { return syncline.Health{} }
