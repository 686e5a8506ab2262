package project

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// Held reports whether an AppProject is being deleted and Argo CD's finalizer
// keeps it: it stays while Applications name it, because without it not even
// their objects can be deleted.
func Held(u *unstructured.Unstructured) bool {
	return u.GetDeletionTimestamp() != nil && slices.Contains(u.GetFinalizers(), v1alpha1.ResourcesFinalizer)
}

// Release returns the JSON merge patch that takes that finalizer away, and leaves
// those of others. It names the resource version, so that the API server refuses
// it with a conflict when the finalizers have changed since.
func Release(u *unstructured.Unstructured) ([]byte, error) {
	others := slices.DeleteFunc(slices.Clone(u.GetFinalizers()), func(f string) bool { return f == v1alpha1.ResourcesFinalizer })
	return json.Marshal(map[string]any{"metadata": map[string]any{
		"finalizers": others, "resourceVersion": u.GetResourceVersion(),
	}})
}
