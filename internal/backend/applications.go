package backend

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/request"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// manager owns the fields that commands write: what a person asks for is no
// declaration, and an approval of this manager counts.
const manager = "syncline-cli"

// applications are those of a cluster.
type applications struct{ cluster *kube.Client }

var _ request.Applications = applications{}

// Read returns an Application as it is now.
func (a applications) Read(ctx context.Context, id syncline.AppID) (*unstructured.Unstructured, error) {
	return a.cluster.GetObject(ctx, v1alpha1.ApplicationResource(), id.NamespacedName())
}

// Send sends a write.
func (a applications) Send(ctx context.Context, write request.Write) (*unstructured.Unstructured, error) {
	resource, name := v1alpha1.ApplicationResource(), write.App.NamespacedName()
	switch {
	case write.Create != nil:
		return a.cluster.Create(ctx, resource, &unstructured.Unstructured{Object: write.Create})
	case write.Delete != "":
		return nil, a.cluster.Delete(ctx, resource, name, write.Delete)
	}
	patch := kube.Patch{Type: types.MergePatchType, Data: write.Patch, Manager: manager}
	if write.Strict {
		patch.FieldValidation = metav1.FieldValidationStrict
	}
	return a.cluster.Patch(ctx, resource, name, patch)
}
