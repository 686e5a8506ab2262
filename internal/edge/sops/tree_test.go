package sops_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// memory is a Tree of files, by path.
type memory map[string]string

func (m memory) Stat(at string) (syncline.Entry, error) {
	sum := sha256.Sum256([]byte(m[at]))
	return syncline.Entry{Name: path.Base(at), Type: syncline.EntryFile, Hash: hex.EncodeToString(sum[:])}, nil
}

func (m memory) ReadFile(at string) ([]byte, error) { return []byte(m[at]), nil }

func (m memory) ReadDir(string) ([]syncline.Entry, error) { return nil, nil }

// TestTreeIsLikeEveryTree has each content in a folder, beside nothing encrypted.
func TestTreeIsLikeEveryTree(t *testing.T) {
	decrypter, keys := sops.New(sops.Options{}), keys(t, "shop", "age.agekey")
	treetest.Run(t, treetest.Lacks{Submodules: true}, func(t testing.TB, content treetest.Content) syncline.Tree {
		dir := t.TempDir()
		put := func(name string, write func(at string) error) {
			at := filepath.Join(dir, filepath.FromSlash(name))
			fatal(t, os.MkdirAll(filepath.Dir(at), 0o755))
			fatal(t, write(at))
		}
		for name, text := range content.Files {
			put(name, func(at string) error { return os.WriteFile(at, []byte(text), 0o600) })
		}
		for name, text := range content.Executables {
			put(name, func(at string) error { return os.WriteFile(at, []byte(text), 0o755) })
		}
		for name, target := range content.Links {
			put(name, func(at string) error { return os.Symlink(target, at) })
		}
		files, err := folder.Open(dir)
		fatal(t, err)
		t.Cleanup(func() { _ = files.Close() })
		return decrypter.Tree(t.Context(), files, keys)
	})
}

// TestTreeDecrypts every golden, wherever it is, one by one and all at once.
func TestTreeDecrypts(t *testing.T) {
	files := memory{"app/plain.yaml": "a: b # sops ENC[AES256_GCM,\n"}
	want := map[string][]byte{"app/plain.yaml": []byte(files["app/plain.yaml"])}
	for _, at := range goldens(t) {
		g := readGolden(t, at)
		files["app/"+g.name], want["app/"+g.name] = string(g.files["encrypted"]), g.files["decrypted"]
	}
	all := keys(t, "shop", "age.agekey", "age-second.agekey", "age-pq.agekey", "ssh_ed25519", "ssh_rsa", "pgp-open.asc", "pgp-curve.asc", "pgp-locked.asc")
	tree := sops.New(sops.Options{}).Tree(t.Context(), files, all)
	var paths []string
	for at := range want {
		paths = append(paths, at)
		if got, err := tree.ReadFile(at); err != nil || !bytes.Equal(got, want[at]) {
			t.Errorf("%s: %q, %v", at, got, err)
		}
	}
	for i, read := range syncline.ReadFiles(tree, paths) {
		if read.Err != nil || !bytes.Equal(read.Data, want[paths[i]]) {
			t.Errorf("%s: %q, %v", paths[i], read.Data, read.Err)
		}
	}
}

// TestTreeHashesTellOfKeys: what is read depends on them, and on the format.
func TestTreeHashesTellOfKeys(t *testing.T) {
	files := memory{"a.yaml": "text", "same.yml": "text", "a.bin": "text", "b.yaml": "other"}
	decrypter := sops.New(sops.Options{})
	hash := func(tree syncline.Tree, at string) string {
		entry, err := tree.Stat(at)
		fatal(t, err)
		return entry.Hash
	}
	shop := decrypter.Tree(t.Context(), files, keys(t, "shop", "age.agekey"))
	for name, test := range map[string]struct {
		tree syncline.Tree
		at   string
		same bool
	}{
		"again":           {decrypter.Tree(t.Context(), files, keys(t, "shop", "age.agekey")), "a.yaml", true},
		"the same bytes":  {shop, "same.yml", true},
		"other bytes":     {shop, "b.yaml", false},
		"another format":  {shop, "a.bin", false},
		"other keys":      {decrypter.Tree(t.Context(), files, keys(t, "shop", "age.agekey", "age-second.agekey")), "a.yaml", false},
		"another project": {decrypter.Tree(t.Context(), files, keys(t, "other", "age.agekey")), "a.yaml", false},
		"no keys":         {decrypter.Tree(t.Context(), files, sops.Keys{}), "a.yaml", false},
	} {
		if same := hash(test.tree, test.at) == hash(shop, "a.yaml"); same != test.same {
			t.Errorf("%s: the hashes are the same: %t", name, same)
		}
	}
}

// TestTreeDoesNotPassCiphertextOff: what cannot be decrypted cannot be read, and what is
// told with the error is no plaintext.
func TestTreeDoesNotPassCiphertextOff(t *testing.T) {
	text := goldenNamed(t, "manifest.yml").files["encrypted"]
	files := memory{"app/secret.yaml": string(text)}
	for name, test := range map[string]struct {
		keys sops.Keys
		want string
	}{
		"others":   {keys(t, "shop", "age-stranger.agekey"), `no key of project "shop" opens it: no key fits; it is encrypted for age1`},
		"none":     {sops.Join("shop"), `there are no keys of project "shop"; it is encrypted for age1`},
		"broken":   {sops.Join("shop", sops.Unreadable(errors.New("it is no key"), nil)), `no key of project "shop" opens it: age1`},
		"nobody's": {sops.Keys{}, `no key of yours opens it: no key fits; it is encrypted for age1`},
	} {
		t.Run(name, func(t *testing.T) {
			tree := sops.New(sops.Options{}).Tree(t.Context(), files, test.keys)
			one, err := tree.ReadFile("app/secret.yaml")
			for _, read := range append(syncline.ReadFiles(tree, []string{"app/secret.yaml"}), syncline.FileRead{Data: one, Err: err}) {
				if !errors.Is(read.Err, syncline.ErrLocked) || !bytes.Equal(read.Data, text) || syncline.HintOf(read.Err) == "" ||
					!strings.HasPrefix(read.Err.Error(), "app/secret.yaml is encrypted by sops, and cannot be decrypted: "+test.want) {
					t.Errorf("%q, %v", read.Data, read.Err)
				}
			}
		})
	}
}

// TestJoin decrypts by the keys of several Secrets, whichever it takes.
func TestJoin(t *testing.T) {
	stranger, own := keys(t, "", "age-stranger.agekey"), keys(t, "", "age.agekey")
	broken := sops.Unreadable(errors.New("it is no key"), nil)
	files := memory{"a.yaml": string(goldenNamed(t, "manifest.yml").files["encrypted"])}
	hashes := map[string]bool{}
	for _, all := range [][]sops.Keys{{own}, {stranger, own}, {own, stranger}, {broken, own}, {own, broken}} {
		tree := sops.New(sops.Options{}).Tree(t.Context(), files, sops.Join("shop", all...))
		if text, err := tree.ReadFile("a.yaml"); err != nil || bytes.Contains(text, []byte("ENC[")) {
			t.Errorf("%q, %v", text, err)
		}
		entry, err := tree.Stat("a.yaml")
		fatal(t, err)
		hashes[entry.Hash] = true
	}
	if len(hashes) != 5 {
		t.Errorf("%d hashes tell 5 lists of keys apart", len(hashes))
	}
}
