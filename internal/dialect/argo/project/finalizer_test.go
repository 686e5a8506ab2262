package project_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

func TestHeldAndRelease(t *testing.T) {
	const ours = "resources-finalizer.argocd.argoproj.io"
	for name, test := range map[string]struct {
		finalizers []string
		deleting   bool
		held       bool
		patch      string
	}{
		"being deleted":      {[]string{ours}, true, true, `{"metadata":{"finalizers":[],"resourceVersion":"7"}}`},
		"with another's":     {[]string{"a/b", ours}, true, true, `{"metadata":{"finalizers":["a/b"],"resourceVersion":"7"}}`},
		"held by another":    {[]string{"a/b"}, true, false, ""},
		"not being deleted":  {[]string{ours}, false, false, ""},
		"without finalizers": {nil, true, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := &unstructured.Unstructured{Object: map[string]any{}}
			u.SetResourceVersion("7")
			u.SetFinalizers(test.finalizers)
			if test.deleting {
				u.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
			}
			if got := project.Held(u); got != test.held {
				t.Fatalf("held: %t, want %t", got, test.held)
			}
			if !test.held {
				return
			}
			if patch, err := project.Release(u); err != nil || string(patch) != test.patch {
				t.Errorf("the patch is %s (%v), want %s", patch, err, test.patch)
			}
		})
	}
}
