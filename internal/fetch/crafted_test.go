package fetch_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git/objects"
)

// TestCraftedObjects changes signed commits and tags in every way that is thought of, and
// asks git about each: what it does not verify, or verifies as something else, is not
// verified here (GHSA-389r-gv7p-r3rp, CVE-2026-45022).
func TestCraftedObjects(t *testing.T) {
	s := newScene(t, testenv.GitOptions{})
	commit := s.commit(s.jane, "the message\n\nwith two paragraphs")
	if err := s.origin.Tag(t.Context(), "v1", commit, "annotated"); err != nil {
		t.Fatal(err)
	}
	tag, err := s.origin.Sign(t.Context(), s.signing, "refs/tags/v1", "user.signingkey="+s.jane)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := s.commit("", "unsigned")
	other := s.raw("commit", s.commit(s.bob, "bob"))
	for kind, name := range map[string]string{"commit": commit, "tag": tag} {
		good := s.raw(kind, name)
		said, verified := s.verifies(kind, good)
		for what, crafted := range crafted(kind, good, other, unsigned) {
			// What changes nothing but how the signature is written is signed all the same.
			if says, ours := s.verifies(kind, crafted); ours && (says != said || !s.gitVerifies(kind, crafted)) {
				t.Errorf("%s: a changed %s is verified, by git: %t\n%s", what, kind, s.gitVerifies(kind, crafted), crafted)
			}
		}
		if !verified || !s.gitVerifies(kind, good) {
			t.Errorf("the %s itself is not verified", kind)
		}
	}
}

// crafted returns what somebody might make of a signed object.
func crafted(kind string, good, other []byte, hash string) map[string][]byte {
	made := map[string][]byte{}
	head, body, _ := bytes.Cut(good, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	join := func(lines []string, body string) []byte { return []byte(strings.Join(lines, "\n") + "\n\n" + body) }
	for i, line := range lines {
		without := append(append([]string{}, lines[:i]...), lines[i+1:]...)
		made[fmt.Sprintf("without line %d", i)] = join(without, string(body))
		twice := append(append(append([]string{}, lines[:i]...), line), lines[i:]...)
		made[fmt.Sprintf("line %d twice", i)] = join(twice, string(body))
		made[fmt.Sprintf("line %d last", i)] = join(append(without, line), string(body))
		made[fmt.Sprintf("line %d first", i)] = join(append([]string{line}, without...), string(body))
		for _, more := range []string{"tree " + hash, "parent " + hash, "object " + hash, "gpgsig x", " continued", "x y", "encoding utf-8", "gpgsig-sha256 x", "x\x00 y"} {
			with := append(append(append([]string{}, lines[:i]...), more), lines[i:]...)
			made[fmt.Sprintf("%q before line %d", more, i)] = join(with, string(body))
		}
	}
	for at := range good { // each byte is another one
		if at%11 == 0 {
			flipped := bytes.Clone(good)
			flipped[at] ^= 1
			made[fmt.Sprintf("byte %d", at)] = flipped
		}
	}
	for _, more := range []string{"\n", "x", "\x00", "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\n"} {
		made[fmt.Sprintf("%q at the end", more)] = append(bytes.Clone(good), more...)
	}
	theirs := string(other)
	if at := strings.Index(theirs, "gpgsig "); at >= 0 && kind == "commit" {
		signature := theirs[at : strings.Index(theirs, "-----END PGP SIGNATURE-----")+len("-----END PGP SIGNATURE-----")]
		made["another's signature besides, last"] = join(append(append([]string{}, lines...), signature), string(body))
		made["another's signature besides, first"] = join(append([]string{lines[0], signature}, lines[1:]...), string(body))
	}
	return made
}

func (s *scene) raw(kind, name string) []byte {
	s.t.Helper()
	data, err := s.signing.Run(s.t.Context(), nil, "git", "--git-dir", s.origin.Dir, "cat-file", kind, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// gitVerifies asks git whether an object is signed by a key that it knows.
func (s *scene) gitVerifies(kind string, data []byte) bool {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "object")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	name, err := s.origin.Git(s.t.Context(), "hash-object", "-t", kind, "-w", "--literally", "--", path)
	if err != nil {
		return false
	}
	_, err = s.signing.Run(s.t.Context(), nil, "git", "--git-dir", s.origin.Dir, "verify-"+kind, name)
	return err == nil
}

// verifies reports whether it is one that Jane signed, and what she signed.
func (s *scene) verifies(kind string, data []byte) (payload string, verified bool) {
	read := objects.Commit
	if kind == "tag" {
		read = objects.Tag
	}
	signed, err := read(strings.Repeat("0", 40), data)
	if err != nil || signed.Signature == nil {
		return "", false
	}
	signer, err := s.keys.Verify(signed, []string{s.jane}, time.Now())
	return string(signed.Payload), err == nil && signer.Name == s.jane
}
