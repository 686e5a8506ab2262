package kustomize

import (
	"strings"

	"sigs.k8s.io/kustomize/api/pkg/util"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/syncline-io/syncline"
)

// parseImage reads IMAGE:TAG, IMAGE@DIGEST or OLD=NEW:TAG@DIGEST.
func parseImage(text string) (types.Image, error) {
	old, replacement, renamed := strings.Cut(text, "=")
	if !renamed {
		replacement = text
	}
	name, tag, digest := util.SplitImageName(replacement)
	if name == text {
		return types.Image{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "kustomize.images: %q changes nothing", text),
			"write IMAGE:TAG, IMAGE@DIGEST or OLD=NEW:TAG")
	}
	if !renamed {
		return types.Image{Name: name, NewTag: tag, Digest: digest}, nil
	}
	return types.Image{Name: old, NewName: name, NewTag: tag, Digest: digest}, nil
}
