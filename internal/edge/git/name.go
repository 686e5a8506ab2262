package git

import (
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
)

var (
	fullName = regexp.MustCompile(`^[0-9a-f]{40}$`)
	abridged = regexp.MustCompile(`^[0-9a-f]{4,39}$`)
	refName  = regexp.MustCompile(`^refs/[^\x00-\x20\x7f~^:?*\[\\]+$`)
)

// checkCommit refuses what is not the full name of a commit.
func checkCommit(commit string) error {
	if !fullName.MatchString(commit) {
		return syncline.Errorf(syncline.Invalid, "%q is not the full name of a commit", commit)
	}
	return nil
}

// checkRef refuses what is not "", "HEAD" or the full name of a ref.
func checkRef(ref string) error {
	if ref == "" || ref == "HEAD" {
		return nil
	}
	bad := !refName.MatchString(ref) || strings.Contains(ref, "..") || strings.Contains(ref, "@{") ||
		strings.Contains(ref, "//") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".")
	for part := range strings.SplitSeq(ref, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return syncline.Errorf(syncline.Invalid, "%q is not the full name of a ref", ref)
	}
	return nil
}
