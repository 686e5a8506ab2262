package sops_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
)

// A golden has the flags of sops, the keys to decrypt with, a plaintext, what sops
// encrypted it to, and what it decrypted that to again. The keys were made for it.
var (
	program = flag.String("sops", "", "the sops program of tools/sops, to be compared with")
	update  = flag.Bool("update", false, "have the program encrypt the goldens anew")
)

// recipients are the names of public keys in flags and configurations.
func recipients(t testing.TB) map[string]string {
	t.Helper()
	names := map[string]string{
		"OPEN": "12880D86D6BF9D4EF5E0F2A516E70DCDA7B3FB5E", "CURVE": "070D1BF9FE4F8B0DC0B0A503BBE430E975AB5BA6",
		"LOCKED": "4F03410F3B8618AE34B7AB457148E2F8098518C2",
	}
	for name, file := range map[string]string{"AGE": "age.agekey", "SECOND": "age-second.agekey", "PQ": "age-pq.agekey"} {
		_, public, _ := strings.Cut(key(t, file), "public key: ")
		names[name], _, _ = strings.Cut(public, "\n")
	}
	for name, file := range map[string]string{"ED25519": "ssh_ed25519.pub", "RSA": "ssh_rsa.pub"} {
		names[name] = strings.Join(strings.Fields(key(t, file))[:2], " ")
	}
	return names
}

// key returns the text of a file of keys.
func key(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "keys", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keys returns those of some files, for a project.
func keys(t testing.TB, project string, names ...string) sops.Keys {
	t.Helper()
	var ages []sealed.Text
	var pgps []sops.PGPKey
	secrets := map[string]sealed.Text{}
	for _, name := range names {
		text := sealed.Text(key(t, name))
		secrets[name] = text
		if strings.HasSuffix(name, ".asc") {
			pgps = append(pgps, sops.PGPKey{Armored: text, Passphrase: "throw away"})
		} else {
			ages = append(ages, text)
		}
	}
	services := map[sops.Kind]sops.Service{}
	var err error
	if len(ages) > 0 {
		services[sops.Age], err = sops.NewAge(ages...)
		fatal(t, err)
	}
	if len(pgps) > 0 {
		services[sops.PGP], err = sops.NewPGP(pgps...)
		fatal(t, err)
	}
	return sops.NewKeys(project, services, secrets)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// golden is one of the goldens.
type golden struct {
	// name is that of the encrypted file.
	name  string
	flags []string
	keys  []string
	files map[string][]byte
}

func readGolden(t testing.TB, at string) golden {
	t.Helper()
	archive, err := txtar.ParseFile(at)
	fatal(t, err)
	g := golden{name: strings.TrimSuffix(filepath.Base(at), ".txtar"), files: map[string][]byte{}}
	for line := range strings.Lines(string(archive.Comment)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "sops":
			g.flags = strings.Fields(value)
		case "keys":
			g.keys = strings.Fields(value)
		}
	}
	for _, file := range archive.Files {
		g.files[file.Name] = file.Data
	}
	return g
}

func goldens(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "golden", "*.txtar"))
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d goldens, %v", len(paths), err)
	}
	return paths
}

// TestGoldens holds that what sops encrypts is decrypted as sops does, byte for byte.
func TestGoldens(t *testing.T) {
	for _, at := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(at), ".txtar"), func(t *testing.T) {
			if *update {
				newProgram(t).makeGolden(t, at)
			}
			g := readGolden(t, at)
			if !sops.Is(g.files["encrypted"], g.name) {
				t.Errorf("it is not taken for encrypted")
			}
			if sops.Is(g.files["plain"], g.name) || sops.Is(g.files["decrypted"], g.name) {
				t.Errorf("its plaintext is taken for encrypted")
			}
			plain, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", g.keys...), g.name, g.files["encrypted"])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(plain, g.files["decrypted"]) {
				t.Errorf("decrypted:\n%s\nand by sops:\n%s", plain, g.files["decrypted"])
			}
			_, err = sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", "age-stranger.agekey"), g.name, g.files["encrypted"])
			if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), g.name) || !strings.Contains(err.Error(), "encrypted for ") {
				t.Errorf("a stranger gets: %v", err)
			}
		})
	}
}

// runner runs the sops program with all keys there are.
type runner struct {
	dir string
	env []string
}

func newProgram(t testing.TB) *runner {
	t.Helper()
	r := &runner{dir: t.TempDir()}
	home := t.TempDir()
	var ages []string
	for _, name := range []string{"age.agekey", "age-second.agekey", "age-pq.agekey"} {
		ages = append(ages, key(t, name))
	}
	fatal(t, os.WriteFile(filepath.Join(r.dir, "ages"), []byte(strings.Join(ages, "")), 0o600))
	fatal(t, os.WriteFile(filepath.Join(home, "gpg.conf"), []byte("trust-model always\nbatch\npinentry-mode loopback\n"), 0o600))
	r.env = append(os.Environ(), "HOME="+r.dir, "SOPS_AGE_KEY_FILE="+filepath.Join(r.dir, "ages"), "GNUPGHOME="+home)
	t.Cleanup(func() { r.run(t, "gpgconf", nil, "--kill", "all") })
	for _, name := range []string{"pgp-open.asc", "pgp-curve.asc", "pgp-locked.asc"} {
		r.run(t, "gpg", []byte(key(t, name)), "--import", "--quiet", "--passphrase", "throw away")
	}
	return r
}

// run returns what a program prints.
func (r *runner) run(t testing.TB, name string, stdin []byte, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	if t.Context().Err() != nil { // it is the cleanup
		command = exec.Command(name, args...)
	}
	var stderr bytes.Buffer
	command.Dir, command.Env, command.Stdin, command.Stderr = r.dir, r.env, bytes.NewReader(stdin), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.Bytes())
	}
	return out
}

// encrypt returns what sops encrypts a text to, in a file of a name.
func (r *runner) encrypt(t testing.TB, g golden) []byte {
	t.Helper()
	names := recipients(t)
	replaced := func(text string) string {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			text = strings.ReplaceAll(text, name, names[name])
		}
		return text
	}
	fatal(t, os.WriteFile(filepath.Join(r.dir, g.name), g.files["plain"], 0o600))
	fatal(t, os.WriteFile(filepath.Join(r.dir, ".sops.yaml"), []byte(replaced(string(g.files[".sops.yaml"]))), 0o600))
	args := []string{"encrypt"}
	for _, arg := range g.flags {
		args = append(args, replaced(arg))
	}
	return r.run(t, *program, nil, append(args, g.name)...)
}

// decrypt returns what sops decrypts a text to, in a file of a name.
func (r *runner) decrypt(t testing.TB, g golden, text []byte) []byte {
	t.Helper()
	fatal(t, os.WriteFile(filepath.Join(r.dir, g.name), text, 0o600))
	args := []string{"decrypt"}
	for i, arg := range g.flags {
		if strings.HasSuffix(arg, "put-type") {
			args = append(args, arg, g.flags[i+1])
		}
	}
	return r.run(t, *program, nil, append(args, g.name)...)
}

// makeGolden has sops encrypt a golden anew.
func (r *runner) makeGolden(t *testing.T, at string) {
	t.Helper()
	g := readGolden(t, at)
	archive, err := txtar.ParseFile(at)
	fatal(t, err)
	encrypted := r.encrypt(t, g)
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return strings.HasSuffix(f.Name, "crypted") })
	archive.Files = append(archive.Files, txtar.File{Name: "encrypted", Data: encrypted}, txtar.File{Name: "decrypted", Data: r.decrypt(t, g, encrypted)})
	fatal(t, os.WriteFile(at, txtar.Format(archive), 0o600))
}
