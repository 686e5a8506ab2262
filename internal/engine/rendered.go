package engine

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// render renders every source.
func (t *turn) render(ctx context.Context) error {
	capabilities, err := t.cluster.Capabilities(ctx)
	if err != nil {
		return err
	}
	trees, refs, err := t.trees(ctx)
	if err != nil {
		return err
	}
	for i, source := range t.sources {
		var made render.Result
		if len(t.sources) > 1 && source.IsOnlyRead() {
			made.Reads = record.New(record.Inputs{}).Reads() // of nothing
		} else if made, err = t.Renderer.Render(ctx, render.Request{
			ID: t.app.ID, App: t.app.ID.Name, Instance: t.app.Instance, Dialect: t.app.Dialect, Project: t.app.Project,
			Namespace: t.app.Destination.Namespace, Source: source, Revision: t.revisions[i],
			Files: syncline.Files{Tree: trees[i], Refs: refs}, Cluster: capabilities,
			Delivered: t.app.Past.Delivered(source, t.revisions[i]),
			At: func(ctx context.Context, revision string) (syncline.Tree, error) {
				return t.Sources.Tree(ctx, t.app, source, revision)
			},
			Fresh: t.app.Refresh == syncline.RefreshHard, Apart: t.apart,
		}); err != nil {
			return err
		}
		t.objects = append(t.objects, made.Objects...)
		t.conditions = append(t.conditions, made.Warnings...)
		t.tools = append(t.tools, made.Tool)
		t.rendered = append(t.rendered, affected.Rendered{Source: source, Revision: t.revisions[i], Reads: made.Reads})
	}
	return nil
}

// trees returns the files of each source, and those that the others of several reach
// by the name of their source.
func (t *turn) trees(ctx context.Context) (trees []syncline.Tree, refs map[string]syncline.Tree, err error) {
	for i, source := range t.sources {
		tree, err := t.Sources.Tree(ctx, t.app, source, t.revisions[i])
		if err != nil {
			return nil, nil, err
		}
		trees = append(trees, tree)
		if source.Ref == "" || len(t.sources) == 1 {
			continue
		}
		if _, taken := refs[source.Ref]; taken {
			return nil, nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "sources[%d].ref is %q, as that of another source", i, source.Ref), "give each its own")
		}
		if refs == nil {
			refs = map[string]syncline.Tree{}
		}
		refs[source.Ref] = tree
	}
	return trees, refs, nil
}
