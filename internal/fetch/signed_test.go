package fetch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/signed"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/fetch"
)

// scene is a Git server, keys, and a project that demands signatures.
type scene struct {
	t       *testing.T
	server  *testenv.GitServer
	origin  *testenv.GitRepo
	signing *testenv.Signing
	keys    *fetch.Keys
	sources *signed.Sources
	project syncline.Project
	// jane and bob are fingerprints of GPG keys that are known, eve's is not; ssh is a file.
	jane, bob, eve, ssh string
}

// Project satisfies [signed.Projects].
func (s *scene) Project(string) (syncline.Project, error) { return s.project, nil }

// Repository satisfies [source.Credentials].
func (s *scene) Repository(_ string, address upstream.Address) (upstream.Repository, error) {
	return upstream.Repository{Address: address, Where: "the test"}, nil
}

func newScene(t *testing.T, options testenv.GitOptions) *scene {
	t.Helper()
	s := &scene{t: t, keys: &fetch.Keys{}}
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.server, err = testenv.StartGit(t.Context(), options)
	must(err)
	t.Cleanup(func() { _ = s.server.Close() })
	s.origin, err = s.server.Create(t.Context(), "team/app")
	must(err)
	s.signing, err = testenv.NewSigning()
	must(err)
	t.Cleanup(func() { _ = s.signing.Close() })
	for name, key := range map[string]*string{"jane": &s.jane, "bob": &s.bob, "eve": &s.eve} {
		*key, err = s.signing.NewGPGKey(t.Context(), name, "ed25519", "never")
		must(err)
	}
	s.know(s.jane, s.bob)
	var public string
	s.ssh, public, err = s.signing.NewSSHKey(t.Context(), "ssh", "ed25519")
	must(err)
	must(s.keys.SetSSH("jane@example.com "+public, ""))
	stores, err := fetch.Open(git.Options{Dir: t.TempDir()})
	must(err)
	t.Cleanup(func() { _ = stores.Close() })
	resolver := source.NewResolver(stores.Fetchers(), source.Options{})
	t.Cleanup(resolver.Close)
	s.sources = stores.Signed(resolver, s, source.New(resolver, s, nil), s, s.keys)
	s.demand(signing.Head, s.jane, "ssh:jane@example.com")
	return s
}

// know makes these GPG keys the ones that are known.
func (s *scene) know(keys ...string) {
	s.t.Helper()
	armored := map[string]string{}
	for _, key := range keys {
		text, err := s.signing.ExportGPG(s.t.Context(), key)
		if err != nil {
			s.t.Fatal(err)
		}
		armored[key] = text
	}
	if err := s.keys.SetGPG(armored); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) demand(mode signing.Mode, signers ...string) {
	s.project = syncline.Project{Name: "shop", Signatures: []signing.Rule{{
		Repositories: []upstream.Pattern{upstream.PatternOf("*")}, Mode: mode, Signers: signers, Seal: "Seal", Field: "the rule", KeysIn: "the keys",
	}}}
}

// commit makes a commit to main, signed by a GPG key unless that is "".
func (s *scene) commit(key, message string) string {
	s.t.Helper()
	commit, err := s.origin.Commit(s.t.Context(), testenv.GitCommit{Files: map[string]string{"a": time.Now().String()}, Message: message})
	if err == nil && key != "" {
		commit, err = s.origin.Sign(s.t.Context(), s.signing, "refs/heads/main", "user.signingkey="+key)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return commit
}

// wants holds that a target is refused with a text, or is not with "".
func (s *scene) wants(target, fails string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	app, from := syncline.App{Project: "shop"}, syncline.Source{RepoURL: s.origin.URL, TargetRevision: target}
	commit, err := s.sources.Resolve(ctx, app, from, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	tree, err := s.sources.Tree(ctx, app, from, commit)
	switch {
	case fails == "" && err != nil:
		s.t.Errorf("%s: %v", target, err)
	case fails != "" && (err == nil || !strings.Contains(err.Error(), fails) || tree != nil):
		s.t.Errorf("%s: error is %v, want %q", target, err, fails)
	case fails != "" && syncline.KindOf(err) != syncline.Denied && syncline.KindOf(err) != syncline.Invalid:
		s.t.Errorf("%s: kind is %s", target, syncline.KindOf(err))
	}
}

func TestHead(t *testing.T) {
	s := newScene(t, testenv.GitOptions{})
	unsigned := s.commit("", "unsigned")
	s.wants("main", "GIT/GPG: Failed verifying revision "+unsigned+" by 'Syncline <syncline@example.com>': unsigned; the rule demands a signature in mode head")
	s.commit(s.bob, "bob")
	s.wants("main", "signed with unallowed key (key_id="+s.bob+")")
	s.commit(s.eve, "eve")
	s.wants("main", "signed with a key that is not known (key_id="+s.eve[24:]+")")
	s.commit(s.jane, "jane, after commits that are not signed")
	s.wants("main", "")
	s.wants(unsigned, "unsigned")
	s.know(s.bob)
	s.wants("main", "not known")
	s.know(s.jane)
	s.wants("main", "")
	s.demand(signing.None)
	s.wants(unsigned, "")
	s.project.Signatures = append(s.project.Signatures, s.project.Signatures[0])
	s.wants(unsigned, "multiple source integrity policies found")

	s.demand(signing.Head, "ssh:jane@example.com")
	s.commit("", "ssh")
	if _, err := s.origin.Sign(t.Context(), s.signing, "refs/heads/main", "gpg.format=ssh", "user.signingkey="+s.ssh); err != nil {
		t.Fatal(err)
	}
	s.wants("main", "")
	s.demand(signing.Head, "ssh:bob@example.com")
	s.wants("main", "signed with unallowed key (key_id=SHA256:")
}

// TestTags: of an annotated tag its own signature counts, for the commit and by the name
// that were signed.
func TestTags(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := newScene(t, testenv.GitOptions{Legacy: legacy})
		must := func(_ string, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		unsigned := s.commit("", "unsigned")
		must("", s.origin.Tag(t.Context(), "light", unsigned, ""))
		must("", s.origin.Tag(t.Context(), "v1", unsigned, "annotated"))
		s.wants("light", "unsigned")
		s.wants("v1", "Failed verifying tag v1")
		must(s.origin.Sign(t.Context(), s.signing, "refs/tags/v1", "user.signingkey="+s.bob))
		s.wants("v1", "unallowed key")
		must(s.origin.Sign(t.Context(), s.signing, "refs/tags/v1", "user.signingkey="+s.jane))
		s.wants("v1", "")
		s.wants(">=1.0.0 <2.0.0", "")
		s.wants("main", "unsigned")
		must(s.origin.Git(t.Context(), "update-ref", "refs/tags/v2", "refs/tags/v1"))
		s.wants("v2", "it is signed under another name than refs/tags/v2")

		signed := s.commit(s.jane, "signed")
		must("", s.origin.Tag(t.Context(), "v3", signed, "annotated"))
		s.wants("v3", "unsigned")
		must("", s.origin.Tag(t.Context(), "light", signed, ""))
		s.wants("light", "")
		must(s.origin.Sign(t.Context(), s.signing, "refs/tags/v3", "user.signingkey="+s.jane))
		must(s.origin.Git(t.Context(), "-c", "user.name=n", "-c", "user.email=e", "tag", "--annotate", "--message=m", "v4", "refs/tags/v3"))
		s.wants("v4", "it is a tag of a tag and not of a commit")
	}
}

// TestStrict: every commit counts by itself, back to a seal (PR 28196: each that is bad is
// told, also when one of the same key is good).
func TestStrict(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := newScene(t, testenv.GitOptions{Legacy: legacy})
		s.demand(signing.Strict, s.jane)
		first := s.commit("", "unsigned")
		bad := s.commit(s.bob, "bob")
		s.commit(s.jane, "jane")
		s.wants("main", bad)
		s.wants("main", first)
		s.commit(s.bob, "bob seals\n\nSeal: me")
		s.wants("main", first)
		s.commit(s.jane, "jane seals nothing: Seal: x\n\nno trailer")
		s.wants("main", first)
		s.commit(s.jane, "jane seals\n\nSigned-off-by: Jane\nseal: reviewed")
		s.wants("main", "")
		s.commit(s.jane, "more")
		s.wants("main", "")
		s.commit(s.eve, "eve")
		s.wants("main", s.eve[24:])

		// A merge brings what is not signed.
		s.commit(s.jane, "seal\n\nSeal: again")
		main, err := s.origin.Git(t.Context(), "rev-parse", "refs/heads/main")
		if err != nil {
			t.Fatal(err)
		}
		side, err := s.origin.Git(t.Context(), "-c", "user.name=n", "-c", "user.email=e", "commit-tree", "-m", "side", "-p", main, main+"^{tree}")
		if err != nil {
			t.Fatal(err)
		}
		merge, err := s.origin.Git(t.Context(), "-c", "user.name=n", "-c", "user.email=e", "commit-tree", "-m", "merge", "-p", main, "-p", side, main+"^{tree}")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.origin.Branch(t.Context(), "main", merge); err != nil {
			t.Fatal(err)
		}
		if _, err := s.origin.Sign(t.Context(), s.signing, "refs/heads/main", "user.signingkey="+s.jane); err != nil {
			t.Fatal(err)
		}
		s.wants("main", side)
	}
}

// TestVerifiedOnce: what was found good is asked of no server again.
func TestVerifiedOnce(t *testing.T) {
	s := newScene(t, testenv.GitOptions{})
	s.demand(signing.Strict, s.jane)
	s.commit(s.jane, "one")
	s.wants("main", "")
	before := s.server.Count(testenv.GitFetchPack)
	s.wants("main", "")
	if after := s.server.Count(testenv.GitFetchPack); after != before {
		t.Errorf("%d more downloads", after-before)
	}
}
