package source

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
)

// target is what a Source says of the revision it wants.
type target struct{ revision, tagPrefix string }

func targetOf(source syncline.Source) target {
	return target{revision: source.TargetRevision, tagPrefix: source.TagPrefix}
}

var (
	fullCommit = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	// abbreviation has at least seven digits, as in Argo CD: what is shorter is
	// the name of a branch.
	abbreviation = regexp.MustCompile(`^[0-9a-fA-F]{7,39}$`)
)

// match finds the ref that a target names, and its commit. The rules are Argo
// CD's, in this order:
//
//   - Nothing means HEAD.
//   - A semantic version constraint is the highest tag that fulfils it, compared
//     without the tag prefix. This comes first, so a branch called "1.x" is
//     hidden by the tags of that line. An exact version, such as "v1.2" or
//     "1.2.3", is no constraint.
//   - With a tag prefix, an exact version, or the rest of a tag's name, stands
//     for the tag with the prefix.
//   - Then the full name of a ref, a branch, a tag, and any other ref without
//     its "refs/".
//   - At last the first digits of a commit that a ref points to.
func match(refs syncline.Refs, want target) (Revision, bool) {
	name := want.revision
	if name == "" {
		name = "HEAD"
	}
	if tag, ok := matchVersion(refs, target{name, want.tagPrefix}); ok {
		return revisionOf(refs, tag), true
	}
	if want.tagPrefix != "" && isVersion(name) {
		name = want.tagPrefix + name
	}
	for _, ref := range []string{name, "refs/heads/" + name, "refs/tags/" + name, "refs/" + name, "refs/remotes/" + name} {
		if refs.Commits[ref] != "" {
			return revisionOf(refs, ref), true
		}
	}
	return matchDigits(refs, name)
}

func revisionOf(refs syncline.Refs, ref string) Revision {
	found := Revision{Commit: refs.Commits[ref], Ref: ref}
	if ref == "HEAD" && refs.Head != "" && refs.Commits[refs.Head] == found.Commit {
		found.Ref = refs.Head
	}
	return found
}

// matchVersion finds the tag that a constraint, or a name behind a prefix, stands for.
func matchVersion(refs syncline.Refs, want target) (string, bool) {
	if isVersion(want.revision) {
		return "", false
	}
	const tags = "refs/tags/"
	constraint, err := semver.NewConstraint(want.revision)
	if err != nil {
		ref := tags + want.tagPrefix + want.revision
		return ref, want.tagPrefix != "" && refs.Commits[ref] != ""
	}
	var highest *semver.Version
	var best string
	for _, ref := range slices.Sorted(maps.Keys(refs.Commits)) { // so that equal versions always give the same tag
		name, ok := strings.CutPrefix(ref, tags+want.tagPrefix)
		if !ok {
			continue
		}
		version, err := semver.NewVersion(name)
		if err != nil || !constraint.Check(version) {
			continue
		}
		if highest == nil || version.GreaterThan(highest) {
			highest, best = version, ref
		}
	}
	return best, highest != nil
}

func isVersion(text string) bool {
	_, err := semver.NewVersion(text)
	return err == nil
}

// matchDigits finds the only commit of a ref that begins with the digits.
func matchDigits(refs syncline.Refs, digits string) (Revision, bool) {
	if !abbreviation.MatchString(digits) {
		return Revision{}, false
	}
	digits = strings.ToLower(digits)
	var found Revision
	for ref, commit := range refs.Commits {
		if !strings.HasPrefix(commit, digits) {
			continue
		}
		if found.Commit != "" && found.Commit != commit {
			return Revision{}, false
		}
		if found.Ref == "" || ref < found.Ref {
			found = Revision{Commit: commit, Ref: ref}
		}
	}
	return found, found.Commit != ""
}

// noMatch says that nothing is called as the target says.
func noMatch(head string, empty bool, want target, address string) error {
	if empty {
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "repository %s has no commits", address), "push a first commit")
	}
	name := want.revision
	if want.tagPrefix != "" {
		name = want.tagPrefix + name
	}
	err := syncline.Errorf(syncline.NotFound, "revision %q is not a branch, tag or commit of %s", name, address)
	if branch, ok := strings.CutPrefix(head, "refs/heads/"); ok {
		return syncline.WithHint(err, fmt.Sprintf("the default branch is %q", branch))
	}
	return err
}
