package demo

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// given reports whether the cluster is one that the environment names, and not the demo's own.
func (s *stage) given() bool {
	return s.cluster.Kubeconfig == os.Getenv("KUBECONFIG") || s.cluster.Kubeconfig == os.Getenv("SYNCLINE_TEST_KUBECONFIG")
}

// mayUse refuses a given cluster in which the demo could do harm.
func (s *stage) mayUse(ctx context.Context) error {
	if !s.given() {
		return nil
	}
	if !s.options.Remote && !loopback(s.cluster.Server) {
		return fmt.Errorf("KUBECONFIG names the cluster at %s, and the demo would install cert-manager and more in it: "+
			"unset KUBECONFIG to use a cluster of the demo's own, or run make demo ARGS=--remote", s.cluster.Server)
	}
	found, err := s.api.ListObjects(ctx, applications(), kube.WatchOptions{})
	switch {
	case syncline.KindOf(err) == syncline.NotFound: // the API server does not know the kind
		return nil
	case err != nil:
		return err
	case len(found) > 0:
		return fmt.Errorf("the cluster at %s has Applications, such as %s/%s, which the demo's Syncline would deliver, too: "+
			"unset KUBECONFIG to use a cluster of the demo's own", s.cluster.Server, found[0].GetNamespace(), found[0].GetName())
	}
	return nil
}

// loopback reports whether the server is on this machine.
func loopback(server string) bool {
	u, err := url.Parse(server)
	return err == nil && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
}

// uninstall lets Syncline delete what it delivered to a given cluster, and deletes what it keeps when an Application is
// deleted: namespaces and definitions of kinds.
func (s *stage) uninstall(ctx context.Context) error {
	s.say.sayf("removing what was delivered to %s", s.cluster.Server)
	root := types.NamespacedName{Namespace: controlNamespace, Name: rootApp}
	if err := s.api.Delete(ctx, applications(), root, ""); err != nil && syncline.KindOf(err) != syncline.NotFound {
		return err
	}
	var gone []condition
	for _, name := range append(s.names(), visitor) {
		gone = append(gone, absent(applications(), controlNamespace, name))
	}
	if err := s.eyes.await(ctx, deliverLimit, all(gone...)); err != nil {
		return fmt.Errorf("removing the Applications: %w", err)
	}
	seen, _ := s.eyes.now()
	left := view{}
	for object, u := range seen {
		if s.before[object] == nil && s.leftBehind(object) {
			left[object] = u
		}
	}
	return s.remove(ctx, left)
}

// leftBehind reports whether a new object is there because of a deleted Application of the demo.
func (s *stage) leftBehind(object key) bool {
	switch object.resource {
	case namespaces():
		return slices.Contains(append(destinations(s.apps), visitor), object.name.Name)
	case definitions():
		return strings.HasSuffix(object.name.Name, "."+v1alpha1.Group) || strings.HasSuffix(object.name.Name, ".cert-manager.io")
	}
	return false
}

// remove deletes objects, and waits until those are gone whose resource is watched.
func (s *stage) remove(ctx context.Context, objects view) error {
	var gone []condition
	for object, u := range objects {
		if err := s.api.Delete(ctx, object.resource, object.name, u.GetUID()); err != nil && syncline.KindOf(err) != syncline.NotFound {
			return err
		}
		gone = append(gone, absent(object.resource, object.name.Namespace, object.name.Name))
	}
	return s.eyes.await(ctx, deliverLimit, all(gone...))
}
