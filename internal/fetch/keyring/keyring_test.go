package keyring_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
)

// testdata is where files are that the sops program has encrypted, and their keys.
var testdata = filepath.Join("..", "..", "edge", "sops", "testdata")

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{testdata}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// oneFile is a Tree of one file, which is encrypted.
type oneFile struct{ text string }

func encrypted(t *testing.T) oneFile {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join(testdata, "golden", "manifest.yml.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		if file.Name == "encrypted" {
			return oneFile{string(file.Data)}
		}
	}
	t.Fatal("nothing is encrypted")
	return oneFile{}
}

func (f oneFile) Stat(string) (syncline.Entry, error) {
	return syncline.Entry{Name: "secret.yml", Type: syncline.EntryFile, Hash: "1"}, nil
}
func (f oneFile) ReadFile(string) ([]byte, error)          { return []byte(f.text), nil }
func (f oneFile) ReadDir(string) ([]syncline.Entry, error) { return nil, nil }

func secret(name string, entries map[string]string) *unstructured.Unstructured {
	data := map[string]any{}
	for entry, text := range entries {
		data[entry] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": "argocd", "name": name}, "data": data,
	}}
}

// TestKeysAreThoseOfAProject has one Secret say one thing after the other: who can read the
// file then, and who is told.
func TestKeysAreThoseOfAProject(t *testing.T) {
	right, wrong := read(t, "keys", "age.agekey"), read(t, "keys", "age-stranger.agekey")
	var told []string
	ring := keyring.New(keyring.Options{Changed: func(project string) { told = append(told, project) }})
	put := func(entries map[string]string) func() error {
		return func() error { return ring.Put(secret("s", entries)) }
	}
	for _, step := range []struct {
		name    string
		do      func() error
		fails   string
		readers []string
		told    []string
	}{
		{name: "for one", do: put(map[string]string{"project": "shop\n", "a.agekey": right}), readers: []string{"shop"}, told: []string{"shop"}},
		{name: "as it was", do: put(map[string]string{"project": "shop\n", "a.agekey": right}), readers: []string{"shop"}},
		{name: "for another", do: put(map[string]string{"project": "bank", "a.agekey": right}), readers: []string{"bank"}, told: []string{"shop", "bank"}},
		{name: "another key", do: put(map[string]string{"project": "bank", "a.agekey": wrong}), told: []string{"bank"}},
		{name: "for nobody", do: put(map[string]string{"a.agekey": right}), fails: "it names no project", told: []string{"bank"}},
		{name: "for all", do: put(map[string]string{"project": "*", "a.agekey": right}), readers: []string{"shop", "bank"}, told: []string{""}},
		{name: "no key", do: put(map[string]string{"project": "shop", "a.agekey": "AGE-SECRET-KEY-1CANARY"}), fails: "age identity 1", told: []string{""}},
		{name: "nothing", do: put(map[string]string{"project": "shop"}), fails: "has no key", told: []string{"shop"}},
		{name: "gone", do: func() error { ring.Delete(types.NamespacedName{Namespace: "argocd", Name: "s"}); return nil }, told: []string{"shop"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			told = nil
			err := step.do()
			if (err == nil) != (step.fails == "") || err != nil && (!strings.Contains(err.Error(), step.fails) || strings.Contains(err.Error(), "CANARY")) {
				t.Errorf("it says %v, want %q", err, step.fails)
			}
			if !slices.Equal(told, step.told) {
				t.Errorf("told are %q, want %q", told, step.told)
			}
			var readers []string
			for _, project := range []string{"shop", "bank", ""} {
				switch _, err := ring.Open(t.Context(), project, encrypted(t)).ReadFile("secret.yml"); {
				case err == nil:
					readers = append(readers, project)
				case !errors.Is(err, syncline.ErrLocked) || strings.Contains(err.Error(), "CANARY"):
					t.Error(err)
				}
			}
			want := step.readers
			if step.name == "for all" {
				want = append(want, "")
			}
			if !slices.Equal(readers, want) {
				t.Errorf("%q can read it, want %q", readers, want)
			}
		})
	}
}

// TestABrokenSecretIsNamed where its keys are missed, and keeps nobody from the others.
func TestABrokenSecretIsNamed(t *testing.T) {
	ring := keyring.New(keyring.Options{})
	_ = ring.Put(secret("broken", map[string]string{"project": "shop", "a.agekey": "none"}))
	_, err := ring.Open(t.Context(), "shop", encrypted(t)).ReadFile("secret.yml")
	if err == nil || !strings.Contains(err.Error(), "Secret argocd/broken cannot be read: age identity 1") {
		t.Error(err)
	}
	if err := ring.Put(secret("right", map[string]string{"project": "*", "a.agekey": read(t, "keys", "age.agekey")})); err != nil {
		t.Error(err)
	}
	if _, err := ring.Open(t.Context(), "shop", encrypted(t)).ReadFile("secret.yml"); err != nil {
		t.Error(err)
	}
}

// TestOwnKeysAreFound where the sops program finds them.
func TestOwnKeysAreFound(t *testing.T) {
	folder := t.TempDir()
	right, err := filepath.Abs(filepath.Join(testdata, "keys", "age.agekey"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "sops", "age"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sops", "age", "keys.txt"), []byte(read(t, "keys", "age.agekey")), 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere := t.TempDir()
	for name, test := range map[string]struct {
		environment map[string]string
		fails       string
	}{
		"a variable":      {environment: map[string]string{"SOPS_AGE_KEY": read(t, "keys", "age.agekey")}},
		"a file":          {environment: map[string]string{"SOPS_AGE_KEY_FILE": right}},
		"the usual place": {environment: map[string]string{"XDG_CONFIG_HOME": folder}},
		"something else is broken": {environment: map[string]string{
			"SOPS_AGE_KEY_FILE": right, "GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(nowhere, "none"), "AWS_ACCESS_KEY_ID": "a",
		}},
		"none":               {fails: "no key of yours opens it: no key fits"},
		"another":            {environment: map[string]string{"SOPS_AGE_KEY": read(t, "keys", "age-stranger.agekey")}, fails: "no key of yours opens it: no key fits"},
		"one that is none":   {environment: map[string]string{"SOPS_AGE_KEY": "CANARY"}, fails: "age identity 1"},
		"no such file":       {environment: map[string]string{"SOPS_AGE_KEY_FILE": filepath.Join(nowhere, "none")}, fails: filepath.Join(nowhere, "none")},
		"a Vault, not asked": {environment: map[string]string{"VAULT_ADDR": "https://vault.example", "VAULT_TOKEN": "CANARY"}, fails: "no key fits"},
	} {
		t.Run(name, func(t *testing.T) {
			own := keyring.NewOwn(func(name string) string {
				if value, set := test.environment[name]; set || name != "XDG_CONFIG_HOME" {
					return value
				}
				return nowhere
			})
			_, err := own.Open(t.Context(), "shop", encrypted(t)).ReadFile("secret.yml")
			switch {
			case test.fails == "" && err != nil:
				t.Error(err)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails) || strings.Contains(err.Error(), "CANARY") || !strings.Contains(syncline.HintOf(err), "SOPS_AGE_KEY_FILE")):
				t.Errorf("%v (%s), want %q", err, syncline.HintOf(err), test.fails)
			}
		})
	}
}
