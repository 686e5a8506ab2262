package engine

import (
	"context"

	"github.com/syncline-io/syncline"
)

// fetch finds out what the sources of an App hold that is only fetched.
func (t *turn) fetch(ctx context.Context) error {
	artifacts := make([]syncline.Artifact, 0, len(t.sources))
	for i, source := range t.sources {
		tree, err := t.Sources.Tree(ctx, t.app, source, t.revisions[i])
		if err != nil {
			return err
		}
		content, err := tree.Stat(source.Path) // a folder, which Sources has looked for
		if err != nil {
			return err
		}
		artifacts = append(artifacts, syncline.Artifact{Revision: t.revisions[i], Digest: syncline.Digest(content.Hash)})
	}
	t.artifacts = artifacts
	return nil
}

// reportArtifacts reports what is known of the sources by now, or was last. An App that
// is only fetched is healthy when all of them were.
func (t *turn) reportArtifacts(report *syncline.Report) {
	report.Artifacts = t.app.Past.Artifacts
	if t.artifacts != nil {
		report.Artifacts, report.Health.Status = t.artifacts, syncline.Healthy
	}
}
