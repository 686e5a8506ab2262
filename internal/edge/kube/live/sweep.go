package live

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// unswept are kinds that change all the time, are made by controllers and are
// not delivered. They are what Argo CD excludes by default, and events.
var unswept = map[schema.GroupKind]bool{
	{Kind: "Endpoints"}:                                               true,
	{Kind: "Event"}:                                                   true,
	{Group: "events.k8s.io", Kind: "Event"}:                           true,
	{Group: "discovery.k8s.io", Kind: "EndpointSlice"}:                true,
	{Group: "coordination.k8s.io", Kind: "Lease"}:                     true,
	{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: true,
	{Group: "cert-manager.io", Kind: "CertificateRequest"}:            true,
	{Group: "wgpolicyk8s.io", Kind: "PolicyReport"}:                   true,
	{Group: "wgpolicyk8s.io", Kind: "ClusterPolicyReport"}:            true,
	{Group: "kyverno.io", Kind: "AdmissionReport"}:                    true,
	{Group: "kyverno.io", Kind: "ClusterAdmissionReport"}:             true,
	{Group: "kyverno.io", Kind: "BackgroundScanReport"}:               true,
	{Group: "kyverno.io", Kind: "ClusterBackgroundScanReport"}:        true,
	{Group: "kyverno.io", Kind: "UpdateRequest"}:                      true,
	{Group: "reports.kyverno.io", Kind: "EphemeralReport"}:            true,
	{Group: "reports.kyverno.io", Kind: "ClusterEphemeralReport"}:     true,
	{Group: "cilium.io", Kind: "CiliumIdentity"}:                      true,
	{Group: "cilium.io", Kind: "CiliumEndpoint"}:                      true,
	{Group: "cilium.io", Kind: "CiliumEndpointSlice"}:                 true,
}

// Sweep looks once through the metadata of all kinds that are not watched, but
// those that change all the time, and returns those that have objects with a
// tracking annotation, to be given to Need. The error joins those of the kinds
// that could not be looked through; the others are returned all the same.
func (c *Cache) Sweep(ctx context.Context) ([]schema.GroupVersionKind, error) {
	kinds, err := c.api.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	var found []schema.GroupVersionKind
	var failures []error
	for _, gvk := range kinds {
		if unswept[gvk.GroupKind()] || c.watches(gvk.GroupKind()) {
			continue
		}
		tracked, err := c.hasTracked(ctx, gvk)
		switch {
		case syncline.KindOf(err) == syncline.NotFound: // it went since the kinds were found out
		case err != nil:
			failures = append(failures, fmt.Errorf("look for tracked objects of %s: %w", gvk.GroupKind(), err))
		case tracked:
			found = append(found, gvk)
		}
	}
	return found, errors.Join(failures...)
}

func (c *Cache) watches(gk schema.GroupKind) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.kinds[gk] != nil
}

// sweepPage is how many objects one answer holds.
const sweepPage = 500

// hasTracked reports whether any object of a kind has a tracking annotation.
func (c *Cache) hasTracked(ctx context.Context, gvk schema.GroupVersionKind) (bool, error) {
	resource, err := c.api.Resource(ctx, gvk)
	if err != nil {
		return false, err
	}
	options := metav1.ListOptions{Limit: sweepPage}
	for {
		page, err := resource.Metadata.List(ctx, options)
		if err != nil {
			return false, resource.Classify(err)
		}
		for i := range page.Items {
			if page.Items[i].Annotations[syncline.AnnotationTracking] != "" {
				return true, nil
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return false, nil
		}
	}
}
