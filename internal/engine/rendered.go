package engine

import (
	"context"
	"path"

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
			App: t.app.ID.Name, Instance: t.app.Instance, Project: t.app.Project,
			Namespace: t.app.Destination.Namespace, Source: source, Revision: t.revisions[i],
			Files: syncline.Files{Tree: trees[i], Refs: refs}, Cluster: capabilities,
			Delivered: func(ctx context.Context) ([]render.Delivered, error) { return t.delivered(ctx, source, t.revisions[i]) },
			Fresh:     t.app.Refresh == syncline.RefreshHard,
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

// maxDelivered is of how many revisions the files are looked at again. There are hardly
// three, but the status is what anybody may have written.
const maxDelivered = 8

// delivered returns the files of a source as they were when they gave what is live: at
// the revisions that the App was last compared with; and unless it was in sync with
// them, at those of its last deployment and of its last operation, which may have ended
// halfway. Only what differs from the given revision is returned.
func (t *turn) delivered(ctx context.Context, source syncline.Source, revision string) ([]render.Delivered, error) {
	past := t.app.Past
	was := []syncline.Deployment{{Sources: past.Sources, Revisions: past.Revisions}}
	if past.Sync != syncline.Synced {
		if last := len(past.History) - 1; last >= 0 {
			was = append(was, past.History[last])
		}
		if past.Operation != nil {
			was = append(was, syncline.Deployment{Sources: past.Operation.Sources, Revisions: past.Operation.Revisions})
		}
	}
	var found []render.Delivered
	seen := map[string]bool{revision: true, "": true}
	for _, deployment := range was {
		for i, former := range deployment.Sources[:min(len(deployment.Sources), len(deployment.Revisions))] {
			id := deployment.Revisions[i]
			if seen[id] || len(found) == maxDelivered || former.Key() != source.Key() || path.Clean(former.Path) != path.Clean(source.Path) {
				continue
			}
			seen[id] = true
			tree, err := t.Sources.Tree(ctx, t.app, source, id)
			if err != nil {
				return nil, err
			}
			found = append(found, render.Delivered{Revision: id, Tree: tree})
		}
	}
	return found, nil
}
