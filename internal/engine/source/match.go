package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
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
//
// The only error is that of ctx.
func (r *refs) match(ctx context.Context, want Target) (Revision, error) {
	name := want.Revision
	if name == "" {
		name = "HEAD"
	}
	tag, err := r.matchVersion(ctx, Target{Revision: name, TagPrefix: want.TagPrefix})
	if tag != "" || err != nil {
		return r.revisionOf(tag), err
	}
	if want.TagPrefix != "" && isVersion(name) {
		name = want.TagPrefix + name
	}
	for _, ref := range []string{name, "refs/heads/" + name, "refs/tags/" + name, "refs/" + name, "refs/remotes/" + name} {
		if r.Commits[ref] != "" {
			return r.revisionOf(ref), nil
		}
	}
	return r.matchDigits(name), nil
}

func (r *refs) revisionOf(ref string) Revision {
	found := Revision{ID: r.Commits[ref], By: ref}
	if ref == "HEAD" && r.Head != "" && r.Commits[r.Head] == found.ID {
		found.By = r.Head
	}
	return found
}

// matchVersion finds the tag that a constraint, or a name behind a prefix, stands
// for; "" when there is none.
func (r *refs) matchVersion(ctx context.Context, want Target) (string, error) {
	if isVersion(want.Revision) {
		return "", nil
	}
	constraint, err := semver.NewConstraint(want.Revision)
	if err != nil {
		ref := tags + want.TagPrefix + want.Revision
		if want.TagPrefix == "" || r.Commits[ref] == "" {
			return "", nil
		}
		return ref, nil
	}
	versions, err := r.versions(ctx, want.TagPrefix)
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

// matchDigits finds the only commit of a ref that begins with the digits.
func (r *refs) matchDigits(digits string) Revision {
	if !abbreviation.MatchString(digits) {
		return Revision{}
	}
	digits = strings.ToLower(digits)
	var found Revision
	for ref, commit := range r.Commits {
		if !strings.HasPrefix(commit, digits) {
			continue
		}
		if found.ID != "" && found.ID != commit {
			return Revision{}
		}
		if found.By == "" || ref < found.By {
			found = Revision{ID: commit, By: ref}
		}
	}
	return found
}

// noMatch says that nothing is called as the target says.
func (r *refs) noMatch(want Target) error {
	if len(r.Commits) == 0 {
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "repository %s has no commits", r.address), "push a first commit")
	}
	if want.Revision == "" || want.Revision == "HEAD" {
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "repository %s has no default branch: its HEAD names none that is there", r.address),
			"name a branch in targetRevision, or choose a default branch where the repository is hosted")
	}
	name := want.Revision
	if want.TagPrefix != "" {
		name = want.TagPrefix + name
	}
	nor := ""
	if _, err := semver.NewConstraint(want.Revision); err == nil && !isVersion(want.Revision) {
		nor = ", and none of its tags is a version that it means"
	}
	err := syncline.Errorf(syncline.NotFound, "revision %q is not a branch, tag or commit of %s%s", name, r.address, nor)
	if branch, ok := strings.CutPrefix(r.Head, "refs/heads/"); ok {
		return syncline.WithHint(err, fmt.Sprintf("the default branch is %q", branch))
	}
	return err
}
