package git_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// glob returns the files of the only mirror that match a pattern.
func (s *scene) glob(pattern string) []string {
	s.t.Helper()
	mirrors, err := os.ReadDir(filepath.Join(s.dir, "mirrors"))
	if err != nil {
		s.t.Fatal(err)
	}
	var found []string
	for _, mirror := range mirrors {
		parts, _ := filepath.Glob(filepath.Join(strings.NewReplacer("[", `\[`, "*", `\*`).Replace(s.dir), "mirrors", mirror.Name(), pattern))
		found = append(found, parts...)
	}
	return found
}

func (s *scene) packBytes() (sum int64) {
	for _, path := range s.glob("objects/pack/*.pack") {
		if info, err := os.Stat(path); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// readers returns the processes that read the scene's mirrors.
func (s *scene) readers() (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), s.dir) && strings.Contains(string(line), "cat-file") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestKilledReaderIsStartedAgain(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{CachedBytes: 1}) // so that the other file is read anew
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1", "d/b": "2"}}))
	for range 3 {
		pids := s.readers()
		if len(pids) != 1 {
			t.Fatalf("readers are %v, want one", pids)
		}
		if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantFile(t, tree, "a", "1")
		wantFile(t, tree, "d/b", "2")
	}
}

// TestAFileIsReadOnce wants a file that many read to be read from the mirror once.
func TestAFileIsReadOnce(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}}))
	wantFile(t, tree, "a", "1")
	for _, pid := range s.readers() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	wantFile(t, tree, "a", "1")
	eventually(t, "the reader is gone", func() bool { return len(s.readers()) == 0 })
}

func TestIdleReaderIsStopped(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{IdleReader: 20 * time.Millisecond, CachedBytes: 1})
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1", "b": "2"}}))
	for range 2 {
		wantFile(t, tree, "a", "1")
		wantFile(t, tree, "b", "2")
		eventually(t, "the reader stops", func() bool { return len(s.readers()) == 0 })
	}
}

func TestCloseStopsReaders(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}}))
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if pids := s.readers(); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	if _, err := tree.ReadFile("a"); err == nil {
		t.Error("a closed store reads")
	}
	if pids := s.readers(); len(pids) > 0 {
		t.Errorf("processes %v were started by a closed store", pids)
	}
}

// TestDamagedMirrorIsMadeAnew damages a mirror in every way that a full disk, a
// lost power or a person can, and wants the commit all the same: at once, or
// after one failure that says that it passes.
func TestDamagedMirrorIsMadeAnew(t *testing.T) {
	content := strings.Repeat("content", 1000)
	for name, damage := range map[string]func(s *scene){
		"truncated pack": func(s *scene) {
			for _, path := range s.glob("objects/pack/*.pack") {
				s.change(path, func(data []byte) []byte { return data[:len(data)/2] })
			}
		},
		"flipped bits": func(s *scene) {
			for _, path := range s.glob("objects/pack/*.pack") {
				s.change(path, func(data []byte) []byte {
					for i := 20; i < len(data)-20; i++ {
						data[i] ^= 0x55
					}
					return data
				})
			}
		},
		"no index":   func(s *scene) { s.remove("objects/pack/*.idx") },
		"no packs":   func(s *scene) { s.remove("objects/pack/*") },
		"no objects": func(s *scene) { s.remove("objects") },
		"no HEAD":    func(s *scene) { s.remove("HEAD") },
		"no refs":    func(s *scene) { s.remove("refs") },
		"bad config": func(s *scene) {
			s.change(s.glob("config")[0], func([]byte) []byte { return []byte("[core\nrepositoryformatversion = 99\n") })
		},
		"bad shallow": func(s *scene) { s.change(s.glob("shallow")[0], func([]byte) []byte { return []byte("nonsense\n") }) },
		"bad refs": func(s *scene) {
			for _, path := range s.glob("refs/syncline/one/*") {
				s.change(path, func([]byte) []byte { return []byte(strings.Repeat("1", 40) + "\n") })
			}
		},
		"empty": func(s *scene) { s.remove("*") },
		"a file": func(s *scene) {
			for _, path := range s.glob("") {
				_ = os.RemoveAll(path)
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					s.t.Fatal(err)
				}
			}
		},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restart=%t", name, restart), func(t *testing.T) {
				s := newScene(t, testenv.GitOptions{}, git.Options{})
				first := s.commit(testenv.GitCommit{Files: map[string]string{"a": content, "b": "1"}})
				wantFile(t, s.tree(first), "b", "1")
				if restart {
					_ = s.store.Close()
				}
				damage(s)
				if restart {
					s.open(git.Options{})
				}
				next := s.commit(testenv.GitCommit{Files: map[string]string{"b": "2"}})
				for _, commit := range []string{next, first} {
					s.readsWithin(3, commit, content)
				}
			})
		}
	}
}

// readsWithin wants a commit to be readable within so many attempts, and every
// failure before to be one that is tried again.
func (s *scene) readsWithin(attempts int, commit, content string) {
	s.t.Helper()
	var err error
	for range attempts {
		if err = s.reads(commit, content); err == nil {
			return
		}
		if kind := syncline.KindOf(err); kind != syncline.Transient {
			s.t.Errorf("the failure is %s: %v", kind, err)
		}
	}
	s.t.Errorf("after %d attempts: %v", attempts, err)
}

func (s *scene) reads(commit, content string) error {
	if err := s.store.Fetch(s.t.Context(), s.repo, commit, "refs/heads/main"); err != nil {
		return err
	}
	tree, err := s.store.Tree(s.t.Context(), s.repo, commit)
	if err != nil {
		return err
	}
	data, err := tree.ReadFile("a")
	if err == nil && string(data) != content {
		return fmt.Errorf("the content is wrong")
	}
	return err
}

func (s *scene) change(path string, change func([]byte) []byte) {
	s.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600) // packs are read-only
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) remove(pattern string) {
	s.t.Helper()
	found := s.glob(pattern)
	if len(found) == 0 {
		s.t.Fatalf("nothing is called %s", pattern)
	}
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestKillMidFetch ends a process with SIGKILL while it fetches, with all that
// it started, and wants its successor to fetch.
func TestKillMidFetch(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "first"}})
	s.tree(first)
	_ = s.store.Close()
	var next string
	for i, fault := range []testenv.GitFault{{Request: testenv.GitFetchPack, Hang: true}, {Request: testenv.GitInfoRefs, Hang: true}} {
		// What the last child started may live on, and fetch when it can.
		next = s.commit(testenv.GitCommit{Files: map[string]string{"a": fmt.Sprint(i)}})
		s.server.Fail(fault)
		before := s.server.Count(fault.Request)
		child := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestFetchAsAChild$")
		child.Env = append(os.Environ(), "SYNCLINE_FETCH="+strings.Join([]string{s.dir, s.repo.Address.URL(), next}, "\n"))
		child.Stdout, child.Stderr = t.Output(), t.Output()
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		s.await(fault.Request, before+1)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
	}
	// What dies with the machine leaves its locks.
	for _, name := range []string{"shallow.lock", "config.lock", "packed-refs.lock", "HEAD.lock", "refs/syncline/one/x.lock", "objects/pack/tmp_pack_x"} {
		mirror := filepath.Dir(s.glob("HEAD")[0])
		if err := os.WriteFile(filepath.Join(mirror, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range s.glob("refs/syncline/one/*") {
		if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.server.Fail(testenv.GitFault{})
	s.open(git.Options{})
	s.readsWithin(3, next, "1") // what was started by the dead may be at it still
	s.readsWithin(3, first, "first")
	// What the dead started may still write, until it has ended by itself.
	eventually(t, "nothing is left behind", func() bool { return len(s.glob("*.lock"))+len(s.glob("objects/pack/tmp_*")) == 0 })
}

// TestFetchAsAChild is no test but the process that TestKillMidFetch kills.
func TestFetchAsAChild(t *testing.T) {
	parts := strings.Split(os.Getenv("SYNCLINE_FETCH"), "\n")
	if len(parts) != 3 {
		return
	}
	store, err := git.Open(git.Options{Dir: parts[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal("not killed: ", store.Fetch(t.Context(), upstream.Repository{Address: upstream.AddressOf(parts[1])}, parts[2], "refs/heads/main"))
}

func TestTwoRevisionsAtOnce(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{CachedEntries: 10})
	var trees []syncline.Tree
	for i := range 4 {
		files := map[string]string{}
		for j := range 30 {
			files[fmt.Sprintf("d%d/f%d", j%5, j)] = fmt.Sprintf("%d-%d", i, j)
		}
		trees = append(trees, s.tree(s.commit(testenv.GitCommit{Files: files})))
	}
	var group sync.WaitGroup
	for i, tree := range trees {
		for range 2 {
			group.Go(func() {
				for j := range 30 {
					wantFile(t, tree, fmt.Sprintf("d%d/f%d", j%5, j), fmt.Sprintf("%d-%d", i, j))
				}
			})
		}
	}
	group.Go(func() { s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"new": "x"}})) })
	group.Wait()
}
