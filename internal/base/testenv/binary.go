package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// progressInterval is how often a running build says that it still runs.
	progressInterval = 30 * time.Second
	// keepUnused is how long a cached binary of another version of the sources is kept after its last use.
	keepUnused = 14 * 24 * time.Hour
)

// devclusterBinary is the path of a syncline-devcluster that was built from the sources above the current folder:
// syncline/devcluster-HASH in the user's cache folder, where HASH is of the sources. It is built when missing.
func devclusterBinary(ctx context.Context, progress io.Writer) (string, error) {
	sources, err := devclusterSources()
	if err != nil {
		return "", err
	}
	hash, err := hashSources(sources)
	if err != nil {
		return "", fmt.Errorf("hashing the sources of the devcluster: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache folder for the devcluster: %w", err)
	}
	cache = filepath.Join(cache, "syncline")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making the devcluster's cache folder: %w", err)
	}
	binary := filepath.Join(cache, "devcluster-"+hash)
	unlock, err := lock(binary+".lock", progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if now := time.Now(); os.Chtimes(binary, now, now) == nil { // it exists, and says when it was used
		return binary, nil
	}
	removeUnused(cache)
	return binary, build(ctx, sources, binary, progress)
}

// devclusterSources is the folder of the devcluster's module, found from the current folder upwards.
func devclusterSources() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		sources := filepath.Join(folder, "devcluster")
		if _, err := os.Stat(filepath.Join(sources, "go.mod")); err == nil {
			return sources, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no devcluster/go.mod in %s or above: run this inside Syncline's source tree, or set KUBECONFIG to use a cluster of yours", start)
		}
	}
}

// hashSources covers all that the binary is built from: the toolchain, the module's requirements, its own sources.
func hashSources(folder string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "e2e" || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !isSource(entry.Name()) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", strings.TrimPrefix(path, folder), len(content))
		sum.Write(content)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func isSource(name string) bool {
	switch filepath.Ext(name) {
	case ".go":
		return !strings.HasSuffix(name, "_test.go")
	case ".mod", ".sum", ".yaml":
		return true
	}
	return false
}

// lock keeps two processes from building the same binary; the second waits and finds it built.
func lock(path string, progress io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the devcluster's cache: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		fmt.Fprintln(progress, "waiting for another process that builds the devcluster")
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// build makes the binary appear whole or not at all.
func build(ctx context.Context, sources, binary string, progress io.Writer) error {
	fmt.Fprintln(progress, "building the devcluster from the sources of Kubernetes; this takes minutes, and happens once")
	began := time.Now()
	unfinished := binary + ".new"
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", unfinished, "./cmd/syncline-devcluster")
	command.Dir = sources
	command.Env = append(os.Environ(), "GOWORK=off")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	stop := every(progressInterval, func() {
		fmt.Fprintf(progress, "still building the devcluster (%s)\n", time.Since(began).Round(time.Second))
	})
	err := command.Run()
	stop()
	if err != nil {
		return fmt.Errorf("building the devcluster in %s: %w\n%s", sources, err, output.Bytes())
	}
	fmt.Fprintf(progress, "built the devcluster in %s\n", time.Since(began).Round(time.Second))
	return os.Rename(unfinished, binary)
}

// every calls f at each interval until stop is called.
func every(interval time.Duration, f func()) (stop func()) {
	ticker := time.NewTicker(interval)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}

// removeUnused deletes what older sources left in the cache. What cannot be deleted is tried again the next time.
func removeUnused(cache string) {
	files, err := filepath.Glob(filepath.Join(cache, "devcluster-*"))
	if err != nil {
		return
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > keepUnused {
			_ = os.Remove(file)
		}
	}
}
