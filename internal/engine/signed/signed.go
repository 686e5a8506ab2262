// Package signed judges who signed what an App is about to be rendered from, by the rules
// of its project for Git, and by those of its sources for registries: no file of a
// revision is shown before. What was found good is remembered by commit or digest, and by
// rule and keys. It knows no format of signatures, and no key.
package signed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// Projects knows the projects.
type Projects interface {
	Project(name string) (syncline.Project, error)
}

// Repositories show what people sign, as it is stored.
type Repositories interface {
	// SignedCommit returns a commit whose files are there.
	SignedCommit(ctx context.Context, repo upstream.Repository, commit string) (signing.Object, error)
	// SignedTag returns the annotated tag that a ref is now, without a Hash when the ref
	// is a commit itself.
	SignedTag(ctx context.Context, repo upstream.Repository, ref string) (signing.Object, error)
	// History makes a commit and all before it present, and returns what reads them. Ref
	// is what led to the commit, or "".
	History(ctx context.Context, repo upstream.Repository, commit, ref string) (func(commit string) (signing.Object, error), error)
}

// Keys verify signatures by what is trusted now.
type Keys interface {
	// Verify returns who signed an object, and which of the names that is. Errors say what
	// is wrong with the signature.
	Verify(of signing.Object, names []string, now time.Time) (signing.Signer, error)
	// Generation is another one when what is trusted is.
	Generation() uint64
}

// Artifacts show what people sign in registries, and know who that may be.
type Artifacts interface {
	// Signatures returns what lies beside an artifact. Nothing of it is verified.
	Signatures(ctx context.Context, repo upstream.Repository, digest string) ([]signing.Beside, error)
	// Signers returns who may sign by a rule, or an Invalid error.
	Signers(rule signing.Artifact) (Signers, error)
}

// Signers are who may sign an artifact.
type Signers interface {
	// Verify returns nil when one of them signed the artifact of a digest. Errors say of
	// what lies beside it why it does not count, and by whom it is.
	Verify(digest string, beside []signing.Beside) error
}

// Sources yields what the sources of a Stage hold, once it is signed as the App's project
// and the sources themselves demand. Files that were not are refused: a Denied error that
// names commit or digest, signer and rule. It is safe for concurrent use.
type Sources struct {
	*source.Stage
	// Resolver knows what led to a commit, and Credentials how its repository is reached.
	Resolver     *source.Resolver
	Credentials  source.Credentials
	Projects     Projects
	Repositories Repositories
	Keys         Keys
	Artifacts    Artifacts

	mu   sync.Mutex
	good map[verdict]time.Time
}

// verdict is what was found good: it is so until a time, or for ever.
type verdict struct {
	// place is the repository by its key, commit a commit or the digest of an artifact,
	// and tag a ref that is an annotated tag of the commit.
	place, commit, tag string
	mode               signing.Mode
	signers, seal      string
	keys               uint64
}

// maxGood is how many verdicts are remembered.
const maxGood = 4096

// Tree returns the files of a revision, as those of [source.Stage.Tree], when they are
// signed as they have to be.
func (s *Sources) Tree(ctx context.Context, app syncline.App, from syncline.Source, revision string) (syncline.Tree, error) {
	rule, err := s.rule(app, from)
	if err == nil {
		err = inRegistry(from)
	}
	if err != nil {
		return nil, err
	}
	tree, err := s.Stage.Tree(ctx, app, from, revision)
	if err != nil || rule == nil && from.Signed == nil {
		return tree, err
	}
	ctx = demand.New(app.Project).In(ctx)
	repo, err := s.Credentials.Repository(app.Project, from.Address())
	if err != nil {
		return nil, err
	}
	if from.Signed != nil {
		err = s.judgeArtifact(ctx, *from.Signed, repo, from, revision)
	} else {
		err = s.judge(ctx, *rule, repo, from, revision)
	}
	if err != nil {
		return nil, err
	}
	return tree, nil
}

// rule returns the rule of the App's project about a source, nil when it demands nothing.
// Only of Git sources anything is demanded. Where several rules are about one, it is not
// known what was meant.
func (s *Sources) rule(app syncline.App, from syncline.Source) (*signing.Rule, error) {
	project, err := s.Projects.Project(app.Project)
	if err != nil {
		return nil, err
	}
	if kind, err := from.Kind(); err != nil || kind != syncline.SourceGit {
		return nil, err
	}
	var found *signing.Rule
	for i, rule := range project.Signatures {
		if !rule.Concerns(from.Address()) {
			continue
		}
		if found != nil {
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "multiple source integrity policies found for repo URL: %s: both %s and %s of project '%s' are about it",
					from.Address(), found.Field, rule.Field, project.Name),
				"except the repository from one of them, by a pattern that begins with \"!\"")
		}
		found = &project.Signatures[i]
	}
	if found == nil || found.Mode == signing.None {
		return nil, nil //nolint:nilnil // nothing is demanded
	}
	return found, nil
}

// judge returns why a commit is not signed as a rule demands, or nil.
func (s *Sources) judge(ctx context.Context, rule signing.Rule, repo upstream.Repository, from syncline.Source, commit string) error {
	led := s.ledTo(ctx, repo, from, commit)
	j := judgement{
		ctx: ctx, Sources: s, rule: rule, repo: repo,
		about: verdict{
			place: repo.Address.Key(), commit: commit, tag: led, mode: rule.Mode,
			signers: strings.Join(rule.Signers, " "), seal: rule.Seal, keys: s.Keys.Generation(),
		},
	}
	if _, known := s.recall(j.about); known {
		return nil
	}
	if err := j.run(); err != nil {
		return err
	}
	if len(j.problems) > 0 {
		return j.refusal()
	}
	s.remember(j.about, j.until)
	return nil
}

// ledTo returns the full name of the tag by which a source names a commit now, or "" when
// it names it otherwise.
func (s *Sources) ledTo(ctx context.Context, repo upstream.Repository, from syncline.Source, commit string) string {
	led, known := s.Resolver.Remembered(from, repo)
	if !known {
		const everything = 365 * 24 * time.Hour
		led, _ = s.Resolver.Resolve(ctx, from, repo, everything) // else its own signature counts
	}
	if led.ID != commit || !strings.HasPrefix(led.By, "refs/tags/") {
		return ""
	}
	return led.By
}

// recall reports whether something was found good and is so still.
func (s *Sources) recall(about verdict) (until time.Time, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known = s.good[about]
	if known && !until.IsZero() && !time.Now().Before(until) {
		delete(s.good, about)
		return until, false
	}
	return until, known
}

func (s *Sources) remember(about verdict, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.good == nil {
		s.good = map[verdict]time.Time{}
	}
	for other := range s.good {
		if len(s.good) < maxGood {
			break
		}
		delete(s.good, other) // any: it is verified again if need be
	}
	s.good[about] = until
}

// errUnsigned is what is wrong with an object without a signature.
var errUnsigned = errors.New("unsigned")

// problem is an object that is not signed as it has to be.
type problem struct {
	of     signing.Object
	signer signing.Signer
	err    error
}

func (p problem) String() string {
	text := fmt.Sprintf("Failed verifying revision %s by '%s': %s", p.of.Hash, p.of.Who, p.err)
	if p.of.Kind == signing.Tag {
		text = fmt.Sprintf("Failed verifying tag %s (%s) by '%s': %s", p.of.Name, p.of.Hash, p.of.Who, p.err)
	}
	if p.signer.Key != "" {
		text += " (key_id=" + p.signer.Key + ")"
	}
	return text
}
