package git

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

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

// spelled returns a name in a tree, or a path of such names, as text: a byte that is not
// of UTF-8 is written as git shows it, such as \351. Paths are texts wherever they are
// told, listed and sent, and the name of one file has to cost no other file anything.
func spelled(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var text strings.Builder
	for len(name) > 0 {
		letter, size := utf8.DecodeRuneInString(name)
		if letter == utf8.RuneError && size == 1 {
			fmt.Fprintf(&text, `\%03o`, name[0])
		} else {
			text.WriteString(name[:size])
		}
		name = name[size:]
	}
	return text.String()
}
