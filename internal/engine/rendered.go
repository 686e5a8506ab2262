package engine

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/gather"
)

// render renders every source.
func (t *turn) render(ctx context.Context) error {
	capabilities, err := t.cluster.Capabilities(ctx)
	if err != nil {
		return err
	}
	var operation time.Time
	if t.running() {
		operation = t.operation.StartedAt
	}
	asked := make([]syncline.Source, len(t.sources))
	for i := range asked {
		asked[i] = t.asked(i)
	}
	made, err := t.gatherer.Render(ctx, gather.Request{
		App: t.app, Project: t.project, Sources: t.sources, Asked: asked, Revisions: t.revisions, Cluster: capabilities,
		Given: t.given, Apart: t.apart, MaxAge: t.maxAge(), Operation: operation,
	})
	t.gathered, t.given = true, made.Given
	if err != nil {
		return err
	}
	t.objects, t.tools, t.rendered = made.Objects, made.Tools, made.Rendered
	t.conditions = append(t.conditions, made.Warnings...)
	return nil
}
