package failure_test

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
)

// A hint names who was denied a right: who asks may be a person.
func TestADenialNamesWhoWasDenied(t *testing.T) {
	for said, hint := range map[string]string{
		`User "eve" cannot patch resource "configmaps" in API group "" in the namespace "shop"`:                               "give this right to the user eve, by RBAC",
		`User "system:serviceaccount:argocd:syncline" cannot list resource "configmaps" in API group "" at the cluster scope`: "give this right to the service account argocd/syncline, by RBAC",
		`cannot list resource "configmaps"`: "give this right to who asks, by RBAC",
		`ValidatingAdmissionPolicy 'a' with binding 'b' denied request: User "eve" cannot patch resource "configmaps"`: "",
		`exceeded quota: few, requested: pods=1`:   "",
		`unable to create new content in shop yet`: "",
	} {
		kind, got := failure.Classify(apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New(said)))
		if kind != syncline.Denied || got != hint {
			t.Errorf("%s: %s, with the hint %q", said, kind, got)
		}
		for _, kind := range []string{"ConfigMap", "Secret"} { // of which nothing is quoted
			err := failure.Of(syncline.Ref{Kind: kind, Name: "a"}, "apply", apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New(said)))
			if errors.Is(err, fs.ErrPermission) != (hint != "") {
				t.Errorf("%s: of a %s it is %t that a right is lacking", said, kind, hint == "")
			}
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

// Where a patch sets a field that there is not, the API server quotes the whole object.
func TestAWholeObjectIsNotQuoted(t *testing.T) {
	said := apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{
		field.Invalid(field.NewPath("patch"), `{"spec":{"values":"s3cret: \"a\""}}`, `strict decoding error: unknown field "spec.valuess"`),
	})
	err := failure.Of(syncline.Ref{Group: "argoproj.io", Kind: "applications", Name: "a"}, "patch", said)
	if want := `argoproj.io/applications/a patch failed: strict decoding error: unknown field "spec.valuess"`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) == "" {
		t.Errorf("it is %s, with the hint %q", syncline.KindOf(err), syncline.HintOf(err))
	}
}
