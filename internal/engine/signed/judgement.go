package signed

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// judgement finds out whether a commit is signed as a rule demands.
type judgement struct {
	*Sources
	ctx   context.Context //nolint:containedctx // it is that of one call
	rule  signing.Rule
	repo  upstream.Repository
	about verdict
	// problems are what is wrong, the newest first, and until is when what is good has to
	// be looked at again.
	problems []problem
	until    time.Time
}

// The bounds of a judgement. An App's history has fewer commits, or one that is sealed.
const (
	maxProblems = 10
	maxHistory  = 50_000
)

// run looks at all that has to be signed. An error says that it could not.
func (j *judgement) run() error {
	if j.about.tag != "" {
		annotated, err := j.tag()
		if err != nil || annotated && j.rule.Mode == signing.Head {
			return err
		}
	}
	if j.rule.Mode == signing.Strict {
		return j.history()
	}
	commit, err := j.Repositories.SignedCommit(j.ctx, j.repo, j.about.commit)
	if err == nil {
		j.check(commit)
	}
	return err
}

// tag checks the tag that led to the commit, and reports whether it is annotated. A tag
// that was signed under another name, or of another commit, is not that one.
func (j *judgement) tag() (annotated bool, err error) {
	tag, err := j.Repositories.SignedTag(j.ctx, j.repo, j.about.tag)
	if err != nil || tag.Hash == "" {
		return false, err
	}
	switch {
	case tag.Target != j.about.commit:
		return false, syncline.Errorf(syncline.Transient, "repository %s: %s is of commit %s by now, and not of %s any more", j.repo.Address, j.about.tag, tag.Target, j.about.commit)
	case "refs/tags/"+tag.Name != j.about.tag:
		j.problems = append(j.problems, problem{tag, signing.Signer{}, errors.New("it is signed under another name than " + j.about.tag)})
	default:
		j.check(tag)
	}
	return true, nil
}

// history checks the commit and all before it, back to those that are sealed or were
// found good before.
func (j *judgement) history() error {
	read, err := j.Repositories.History(j.ctx, j.repo, j.about.commit, j.about.tag)
	if err != nil {
		return err
	}
	seen := map[string]bool{j.about.commit: true}
	for next := []string{j.about.commit}; len(next) > 0 && len(j.problems) < maxProblems; next = next[1:] {
		known := j.about
		known.commit, known.tag = next[0], ""
		if until, good := j.recall(known); good {
			j.expires(until)
			continue
		}
		commit, err := read(next[0])
		if err != nil {
			return err
		}
		if j.check(commit) && sealed(commit.Message, j.rule.Seal) {
			continue
		}
		for _, parent := range commit.Parents {
			if !seen[parent] {
				seen[parent] = true
				next = append(next, parent)
			}
		}
		if len(seen) > maxHistory {
			return syncline.WithHint(
				syncline.Errorf(syncline.Denied, "repository %s: %s demands that all commits before %s are signed: there are more than %d",
					j.repo.Address, j.rule.Field, j.about.commit, maxHistory),
				"seal the history by a signed commit with the trailer \""+j.rule.Seal+": why\"")
		}
	}
	if len(j.problems) == 0 {
		known := j.about
		known.tag = ""
		j.remember(known, j.until)
	}
	return nil
}

// sealed reports whether the trailers of a message have the seal, with a reason.
func sealed(message, seal string) bool {
	paragraphs := strings.Split(strings.TrimSpace(message), "\n\n")
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		key, value, found := strings.Cut(line, ":")
		if found && seal != "" && strings.EqualFold(key, seal) && strings.TrimSpace(value) != "" {
			return true
		}
	}
	return false
}

// check notes what is wrong with the signature of an object, and reports whether it is
// good. Every object counts by itself, whoever signed another one.
func (j *judgement) check(of signing.Object) bool {
	if of.Signature == nil {
		j.problems = append(j.problems, problem{of, signing.Signer{}, errUnsigned})
		return false
	}
	signer, err := j.Keys.Verify(of, j.rule.Signers, time.Now())
	if err == nil && signer.Name == "" {
		err = errors.New("signed with unallowed key")
	}
	if err != nil {
		j.problems = append(j.problems, problem{of, signer, err})
		return false
	}
	j.expires(signer.Until)
	return true
}

func (j *judgement) expires(until time.Time) {
	if !until.IsZero() && (j.until.IsZero() || until.Before(j.until)) {
		j.until = until
	}
}

// refusal is the error that names what is wrong, and the rule.
func (j *judgement) refusal() error {
	texts := make([]string, 0, maxProblems)
	for _, p := range j.problems {
		texts = append(texts, "GIT/GPG: "+p.String())
	}
	if len(j.problems) >= maxProblems {
		texts = append(texts, "there may be more")
	}
	hint := "sign with a key that " + j.rule.Field + " of the AppProject names and " + j.rule.KeysIn + " has"
	if j.rule.Mode == signing.Strict && j.rule.Seal != "" {
		hint += "; or vouch for everything before by a signed commit with the trailer \"" + j.rule.Seal + ": why\""
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "%s; %s demands a signature in mode %s", strings.Join(texts, "; "), j.rule.Field, j.rule.Mode), hint)
}
