package signed

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// inRegistry returns why a source that demands a signature of an artifact has none, or nil.
func inRegistry(from syncline.Source) error {
	kind, err := from.Kind()
	if err != nil || from.Signed == nil || kind == syncline.SourceOCI {
		return err
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "%s demands a signature of what is in no registry: %s", from.Signed.Field, from.Address()),
		"name an address that begins with oci://, or demand none")
}

// judgeArtifact returns why an artifact is not signed as its source demands, or nil.
func (s *Sources) judgeArtifact(ctx context.Context, rule signing.Artifact, repo upstream.Repository, from syncline.Source, revision string) error {
	digest := revision
	if _, content := upstream.CutChart(revision); content != "" {
		digest = content
	}
	repo.Address = repo.Address.Below(from.Chart)
	about := verdict{place: repo.Address.Key(), commit: digest, mode: ofArtifact, signers: rule.Digest()}
	if _, known := s.recall(about); known {
		return nil
	}
	signers, err := s.Artifacts.Signers(rule)
	if err != nil {
		return err
	}
	beside, err := s.Artifacts.Signatures(ctx, repo, digest)
	if err != nil {
		return err
	}
	if err := signers.Verify(digest, beside); err != nil {
		return syncline.WithHint(
			syncline.Errorf(syncline.Denied, "artifact %s of %s: %w; %s demands a signature", digest, repo.Address, err, rule.Field),
			"sign it by cosign with a key or an identity that "+rule.Field+" names")
	}
	s.remember(about, time.Time{})
	return nil
}

// ofArtifact tells verdicts about artifacts from those about commits.
const ofArtifact signing.Mode = "artifact"
