// Package v1alpha1 holds the resources of the API group argoproj.io as Syncline
// reads and writes them: Application and AppProject, with the field names of
// Argo CD. It holds data only: what the fields mean to Syncline is decided in
// internal/dialect/argo, and nothing here talks to a cluster.
//
// The types are for reading. A resource may hold fields that they do not know,
// so nothing is ever written back by marshalling one of them whole.
//
// +kubebuilder:object:generate=true
// +groupName=argoproj.io
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object paths=. crd:crdVersions=v1 output:crd:dir=../../../deploy/crds
