package failure_test

import (
	"errors"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
)

// A hint names who was denied a right: who asks may be a person.
func TestADenialNamesWhoWasDenied(t *testing.T) {
	for said, hint := range map[string]string{
		`User "eve" cannot patch resource "configmaps" in API group "" in the namespace "shop"`:                               "give this right to the user eve, by RBAC",
		`User "system:serviceaccount:argocd:syncline" cannot list resource "configmaps" in API group "" at the cluster scope`: "give this right to the service account argocd/syncline, by RBAC",
		`cannot list resource "configmaps"`:        "give this right to who asks, by RBAC",
		`exceeded quota: few, requested: pods=1`:   "",
		`unable to create new content in shop yet`: "",
	} {
		kind, got := failure.Classify(apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New(said)))
		if kind != syncline.Denied || got != hint {
			t.Errorf("%s: %s, with the hint %q", said, kind, got)
		}
	}
}

// What is too large is so whoever says it: etcd's answer looks like a failure.
func TestWhatIsTooLargeIsInvalid(t *testing.T) {
	for message, code := range map[string]int32{
		"Request entity too large: limit is 3145728": http.StatusRequestEntityTooLarge,
		"etcdserver: request is too large":           http.StatusInternalServerError,
		"rpc error: code = ResourceExhausted desc = trying to send message larger than max (2193 vs. 2048)": http.StatusInternalServerError,
	} {
		kind, hint := failure.Classify(&apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}})
		if kind != syncline.Invalid || hint == "" {
			t.Errorf("%s: %s, with the hint %q", message, kind, hint)
		}
	}
}
