package live

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// watchDefinitions follows what adds kinds to a cluster. When it changes, the
// kinds have to be found out again, and those that failed are tried at once. An
// identity that may not watch definitions does without: then kinds are found
// out when one is missing, and a failed kind is tried from time to time.
func (c *Cache) watchDefinitions() {
	for _, gvk := range []schema.GroupVersionKind{
		{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"},
	} {
		open := func(ctx context.Context) (stream.Source, error) {
			resource, err := c.api.Resource(ctx, gvk)
			return resource.Metadata, err
		}
		complete := false
		c.running.Go(func() {
			stream.Run(c.ctx, stream.Options{Open: open, Handle: func(event stream.Event) {
				switch event.Type {
				case stream.Begin:
					complete = false
				case stream.Complete:
					complete = true
					c.definitionsChanged()
				case stream.Set, stream.Gone:
					if complete {
						c.definitionsChanged()
					}
				}
			}})
		})
	}
}

func (c *Cache) definitionsChanged() {
	c.api.Outdated()
	ask(c.definitions)
	ask(c.scout)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, k := range c.kinds {
		if k.err != nil {
			k.tryAgain()
		}
	}
}
