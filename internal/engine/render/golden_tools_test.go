package render_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// programs are the reference programs, of the same versions as the libraries.
// tools/golden pins them.
var programs = map[string]string{
	"helm":      "helm.sh/helm/v4/cmd/helm",
	"kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
}

// reference runs the reference programs and remembers what they print in the
// user's cache, since building and running them takes minutes.
type reference struct {
	cache string
	// tools identifies the programs' versions.
	tools string
	bin   map[string]string
}

func newReference(t *testing.T) *reference {
	t.Helper()
	base, err := os.UserCacheDir()
	check(t, err)
	module := filepath.Join("..", "..", "..", "tools", "golden")
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		check(t, err)
		sum.Write(text)
	}
	r := &reference{
		cache: filepath.Join(base, "syncline", "golden"),
		tools: hex.EncodeToString(sum.Sum(nil))[:16],
		bin:   map[string]string{},
	}
	for name, pkg := range programs {
		r.bin[name] = filepath.Join(r.cache, "bin", r.tools, name)
		if _, err := os.Stat(r.bin[name]); err == nil {
			continue
		}
		t.Logf("build %s", pkg)
		build := exec.Command("go", "build", "-o", r.bin[name]+".new", pkg)
		build.Dir = module
		run(t, build)
		check(t, os.Rename(r.bin[name]+".new", r.bin[name]))
	}
	return r
}

// module returns the folder of a module's files.
func (r *reference) module(t *testing.T, version string) string {
	t.Helper()
	download := exec.Command("go", "mod", "download", "-json", version)
	download.Dir = t.TempDir() // outside any module
	text, err := download.Output()
	var module struct{ Dir, Zip, Error string }
	if jsonErr := json.Unmarshal(text, &module); jsonErr != nil {
		t.Fatalf("go mod download %s: %v, %v", version, err, jsonErr)
	}
	switch {
	case module.Dir != "":
		return module.Dir
	case module.Zip != "": // it asks for a newer Go, which its files do not
		return r.unpack(t, version, module.Zip)
	}
	t.Fatalf("go mod download %s: %s", version, module.Error)
	return ""
}

// unpack unpacks a module's archive once.
func (r *reference) unpack(t *testing.T, version, archive string) string {
	t.Helper()
	into := filepath.Join(r.cache, "src", filepath.FromSlash(version))
	if _, err := os.Stat(into); err == nil {
		return into
	}
	files, err := zip.OpenReader(archive)
	check(t, err)
	defer files.Close()
	temporary := into + ".new"
	check(t, os.RemoveAll(temporary))
	for _, file := range files.File {
		name, ok := strings.CutPrefix(file.Name, version+"/")
		if !ok || !filepath.IsLocal(name) || strings.HasSuffix(name, "/") {
			continue
		}
		check(t, unpackFile(file, filepath.Join(temporary, name)))
	}
	check(t, os.Rename(temporary, into))
	return into
}

func unpackFile(file *zip.File, into string) error {
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(into), 0o755), os.WriteFile(into, text, 0o644))
}

// printed is what a program prints in two runs; fields that differ between them
// are random.
type printed struct {
	Runs  [2]string
	Error string
}

// run returns what a program prints. Key identifies the files that it reads.
func (r *reference) run(t *testing.T, key, program string, args ...string) printed {
	t.Helper()
	sum := sha256.Sum256(fmt.Append(nil, r.tools, key, program, args))
	cached := filepath.Join(r.cache, "out", hex.EncodeToString(sum[:])+".json")
	var known printed
	if text, err := os.ReadFile(cached); err == nil && json.Unmarshal(text, &known) == nil {
		return known
	}
	for i := range known.Runs {
		cmd := exec.Command(r.bin[program], args...)
		// Nothing is fetched: there is no git, and the proxy does not answer.
		home := t.TempDir()
		cmd.Env = []string{"HOME=" + home, "PATH=", "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}
		var out, problem bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problem
		if err := cmd.Run(); err != nil {
			known.Error = err.Error() + ": " + problem.String()
		}
		known.Runs[i] = out.String()
	}
	text, err := json.Marshal(known)
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(cached), 0o755))
	check(t, os.WriteFile(cached, text, 0o644))
	return known
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, text)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// diskTree is a folder as a tree. It follows links: use it for trusted folders.
type diskTree string

func (d diskTree) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d diskTree) Stat(name string) (syncline.Entry, error) {
	info, err := os.Stat(d.path(name))
	if err != nil {
		return syncline.Entry{}, err
	}
	return d.entry(name, info), nil
}

func (d diskTree) entry(name string, info fs.FileInfo) syncline.Entry {
	entry := syncline.Entry{Name: info.Name(), Type: syncline.EntryFile}
	if info.IsDir() {
		entry.Type = syncline.EntryDir
	}
	// Good enough while nobody writes there.
	entry.Hash = fmt.Sprintf("%s %d %s", name, info.Size(), info.ModTime())
	return entry
}

func (d diskTree) ReadFile(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d diskTree) ReadDir(name string) ([]syncline.Entry, error) {
	infos, err := os.ReadDir(d.path(name))
	if err != nil {
		return nil, err
	}
	var entries []syncline.Entry
	for _, info := range infos {
		entry, err := d.Stat(filepath.ToSlash(filepath.Join(name, info.Name())))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
