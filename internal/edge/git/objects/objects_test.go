package objects_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/git/objects"
)

const (
	tree   = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	other  = "1111111111111111111111111111111111111111"
	people = "author A <a@example.com> 1700000000 +0100\ncommitter C <c@example.com> 1700000001 +0100\n"
	armor  = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
	inside = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n"
)

func TestCommit(t *testing.T) {
	plain := "tree " + tree + "\nparent " + other + "\nparent " + tree + "\n" + people + "\nmessage\n"
	signed := "tree " + tree + "\nparent " + other + "\nparent " + tree + "\n" + people + inside + "\nmessage\n"
	c, err := objects.Commit(other, []byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Payload) != plain || string(c.Signature) != armor {
		t.Errorf("payload %q, signature %q", c.Payload, c.Signature)
	}
	if c.Who != "C <c@example.com>" || c.At.Unix() != 1700000001 || len(c.Parents) != 2 || c.Message != "message\n" {
		t.Errorf("got %+v", c)
	}
	if c, err := objects.Commit(other, []byte(plain)); err != nil || c.Signature != nil || string(c.Payload) != plain {
		t.Errorf("unsigned: %q, %v", c.Signature, err)
	}
}

// TestCommitsThatAreRefused: what git would not write, or two programs would read
// differently (GHSA-389r-gv7p-r3rp, CVE-2026-45022).
func TestCommitsThatAreRefused(t *testing.T) {
	head := "tree " + tree + "\n"
	for name, text := range map[string]string{
		"empty":                     "",
		"no end":                    head + people,
		"no tree":                   "parent " + other + "\n" + people + "\nm",
		"tree twice":                head + head + people + "\nm",
		"tree later":                head + people + head + "\nm",
		"parent after the author":   head + people + "parent " + other + "\n\nm",
		"parent that is a name":     head + "parent refs/heads/main\n" + people + "\nm",
		"short tree":                "tree 4b825dc\n" + people + "\nm",
		"upper case":                "tree " + strings.ToUpper(tree) + "\n" + people + "\nm",
		"two signatures":            head + people + inside + inside + "\nm",
		"two signatures apart":      head + people + inside + "encoding x\n" + inside + "\nm",
		"committer twice":           head + people + "committer B <b> 1 +0000\n\nm",
		"NUL in a header":           head + people + "x y\x00z\n\nm",
		"a line without a value":    head + people + "gpgsig\n\nm",
		"first line continues":      " x\n" + head + people + "\nm",
		"signature of SHA-256":      head + people + strings.Replace(inside, "gpgsig", "gpgsig-sha256", 1) + "\nm",
		"signature without measure": head + people + "gpgsig " + strings.Repeat("x", objects.MaxSignature+1) + "\n\nm",
	} {
		if _, err := objects.Commit(other, []byte(text)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestTag(t *testing.T) {
	head := "object " + other + "\ntype commit\ntag v1\ntagger T <t@example.com> 1700000002 +0000\n\n"
	got, err := objects.Tag(tree, []byte(head+"first\n"+armor))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Payload) != head+"first\n" || string(got.Signature) != armor || got.Target != other || got.Name != "v1" || got.Kind != signing.Tag {
		t.Errorf("got %+v", got)
	}
	quoted, err := objects.Tag(tree, []byte(head+armor+"and this was said after it\n"+armor))
	if err != nil || string(quoted.Payload) != head+armor+"and this was said after it\n" || string(quoted.Signature) != armor {
		t.Errorf("the last signature counts, as for git: %q, %v", quoted.Payload, err)
	}
	for name, text := range map[string]string{
		"of a tag":       strings.Replace(head, "type commit", "type tag", 1),
		"of a tree":      strings.Replace(head, "type commit", "type tree", 1),
		"target twice":   "object " + tree + "\n" + head,
		"no tagger":      strings.Replace(head, "tagger T <t@example.com> 1700000002 +0000\n", "", 1),
		"another header": strings.Replace(head, "\n\n", "\ngpgsig x\n\n", 1),
		"no target":      strings.Replace(head, other, "HEAD", 1),
	} {
		if _, err := objects.Tag(tree, []byte(text+"m\n"+armor)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// What is read of an object is in it, and the payload with the signature put back is
// the object.
func FuzzObject(f *testing.F) {
	f.Add([]byte("tree " + tree + "\nparent " + other + "\n" + people + inside + "\nmessage\n"))
	f.Add([]byte("object " + other + "\ntype commit\ntag v1\ntagger T <t> 1 +0\n\nfirst\n" + armor))
	f.Fuzz(func(t *testing.T, data []byte) {
		bound.Limits{}.Run(t, func() {
			if c, err := objects.Commit(other, data); err == nil && c.Signature != nil {
				lines := strings.ReplaceAll(strings.TrimSuffix(string(c.Signature), "\n"), "\n", "\n ")
				if !strings.Contains(string(data), "\ngpgsig "+lines+"\n") || len(c.Payload)+len(lines)+len("gpgsig \n") != len(data) {
					t.Errorf("payload %q, signature %q", c.Payload, c.Signature)
				}
			}
			if g, err := objects.Tag(other, data); err == nil && string(g.Payload)+string(g.Signature) != string(data) {
				t.Errorf("payload %q, signature %q", g.Payload, g.Signature)
			}
		})
	})
}
