package sops_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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

// TestTreeNeverYieldsCiphertext: what cannot be decrypted cannot be read.
func TestTreeNeverYieldsCiphertext(t *testing.T) {
	files := memory{"app/secret.yaml": string(goldenNamed(t, "manifest.yml").files["encrypted"])}
	tree := sops.New(sops.Options{}).Tree(t.Context(), files, keys(t, "shop", "age-stranger.agekey"))
	got, err := tree.ReadFile("app/secret.yaml")
	if got != nil || err == nil || !strings.HasPrefix(err.Error(), "app/secret.yaml is encrypted by sops, and no key of project \"shop\" opens it") {
		t.Errorf("%q, %v", got, err)
	}
	for _, read := range syncline.ReadFiles(tree, []string{"app/secret.yaml"}) {
		if read.Data != nil || read.Err == nil {
			t.Errorf("%q, %v", read.Data, read.Err)
		}
	}
}
