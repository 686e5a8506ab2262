package source

import (
	"context"
	"fmt"
	"regexp"
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

// longestTarget is how long a target revision and a tag prefix may be, in bytes: a
// constraint takes as much longer as it is longer, for every tag.
const longestTarget = 512

// check refuses a target that is too long to be looked for.
func (t target) check() error {
	for _, field := range []struct{ name, value string }{{"targetRevision", t.revision}, {"tagPrefix", t.tagPrefix}} {
		if len(field.value) > longestTarget {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s has %d bytes: more than %d are not looked for", field.name, len(field.value), longestTarget),
				"name a branch, a tag, a commit or a shorter constraint")
		}
	}
	return nil
}

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
//
// The only error is that of ctx.
func (l *listed) match(ctx context.Context, want target) (Revision, error) {
	name := want.revision
	if name == "" {
		name = "HEAD"
	}
	tag, err := l.matchVersion(ctx, target{name, want.tagPrefix})
	if tag != "" || err != nil {
		return revisionOf(l.refs, tag), err
	}
	if want.tagPrefix != "" && isVersion(name) {
		name = want.tagPrefix + name
	}
	for _, ref := range []string{name, "refs/heads/" + name, "refs/tags/" + name, "refs/" + name, "refs/remotes/" + name} {
		if l.refs.Commits[ref] != "" {
			return revisionOf(l.refs, ref), nil
		}
	}
	return matchDigits(l.refs, name), nil
}

func revisionOf(refs syncline.Refs, ref string) Revision {
	found := Revision{Commit: refs.Commits[ref], Ref: ref}
	if ref == "HEAD" && refs.Head != "" && refs.Commits[refs.Head] == found.Commit {
		found.Ref = refs.Head
	}
	return found
}

// isConstraint reports whether a target is compared with all versions there are.
func isConstraint(want target) bool {
	if want.revision == "" || isVersion(want.revision) {
		return false
	}
	_, err := semver.NewConstraint(want.revision)
	return err == nil
}

// matchVersion finds the tag that a constraint, or a name behind a prefix, stands
// for; "" when there is none.
func (l *listed) matchVersion(ctx context.Context, want target) (string, error) {
	if isVersion(want.revision) {
		return "", nil
	}
	constraint, err := semver.NewConstraint(want.revision)
	if err != nil {
		ref := tags + want.tagPrefix + want.revision
		if want.tagPrefix == "" || l.refs.Commits[ref] == "" {
			return "", nil
		}
		return ref, nil
	}
	versions, err := l.versions(ctx, want.tagPrefix)
	for i, v := range versions { // the highest first
		if i%1000 == 0 && ctx.Err() != nil {
			return "", ctx.Err()
		}
		if constraint.Check(v.version) {
			return v.ref, nil
		}
	}
	return "", err
}

func isVersion(text string) bool {
	_, err := semver.NewVersion(text)
	return err == nil
}

// matchDigits finds the only commit of a ref that begins with the digits.
func matchDigits(refs syncline.Refs, digits string) Revision {
	if !abbreviation.MatchString(digits) {
		return Revision{}
	}
	digits = strings.ToLower(digits)
	var found Revision
	for ref, commit := range refs.Commits {
		if !strings.HasPrefix(commit, digits) {
			continue
		}
		if found.Commit != "" && found.Commit != commit {
			return Revision{}
		}
		if found.Ref == "" || ref < found.Ref {
			found = Revision{Commit: commit, Ref: ref}
		}
	}
	return found
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
