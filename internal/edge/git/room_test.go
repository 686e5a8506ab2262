package git_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// noise is a file of so many bytes that no compression makes small.
func noise(size int) string {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32()) //nolint:gosec // it is noise
	}
	return string(data)
}

// onDisk is how much all mirrors take.
func (s *scene) onDisk() (sum int64) {
	_ = filepath.WalkDir(filepath.Join(s.dir, "mirrors"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}

// other makes another repository the scene's.
func (s *scene) other(name string) {
	s.t.Helper()
	origin, err := s.server.Create(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.origin, s.repo = origin, upstream.Repository{Address: upstream.AddressOf(origin.URL)}
}

func (s *scene) fetchFor(ctx context.Context, commit string) error {
	return s.store.Fetch(ctx, s.repo, commit, "refs/heads/main")
}

// TestAMirrorTakesNoMoreThanItsShare has a repository that outgrows it with every
// third commit. All can be read when they come, and the first again.
func TestAMirrorTakesNoMoreThanItsShare(t *testing.T) {
	const most = 1 << 20
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxDisk: most})
	victim, first := s.repo, s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	if err := s.fetchFor(forProject(t.Context(), "victim"), first); err != nil {
		t.Fatal(err)
	}
	s.other("team/hostile")
	for i := range 12 {
		commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": fmt.Sprint(i), "noise": noise(200_000)}})
		if err := s.fetchFor(forProject(t.Context(), "hostile"), commit); err != nil {
			t.Fatal(err)
		}
		wantFile(t, s.tree(commit), "a", fmt.Sprint(i))
		if taken := s.onDisk(); taken > most*3/4 {
			t.Errorf("after %d commits the mirrors take %d bytes", i+1, taken)
		}
	}
	before := s.fetches()
	s.repo = victim
	wantFile(t, s.tree(first), "a", "1")
	if n := s.fetches() - before; n != 0 {
		t.Errorf("the other project's mirror was fetched again, %d times", n)
	}
}

// TestACommitThatAloneTakesTooMuch is an error of whoever asks for it.
func TestACommitThatAloneTakesTooMuch(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxDisk: 1 << 20})
	victim, first := s.repo, s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.tree(first)
	s.other("team/hostile")
	files := map[string]string{}
	for i := range 8 {
		files[fmt.Sprint("noise-", i)] = noise(100_000)
	}
	commit := s.commit(testenv.GitCommit{Files: files})
	for range 2 {
		want(t, s.fetchFor(forProject(t.Context(), "hostile"), commit), syncline.Invalid, "team/hostile", "take")
		if taken := s.onDisk(); taken > 100_000 {
			t.Errorf("the mirrors take %d bytes", taken)
		}
	}
	s.repo = victim
	s.wantStillThere(first)
}

// TestRoomIsMadeByWhoTakesMost has a project with one small mirror, which it used long
// ago, and another one with many.
func TestRoomIsMadeByWhoTakesMost(t *testing.T) {
	const most = 1 << 20
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxDisk: most})
	victim, first := s.repo, s.commit(testenv.GitCommit{Files: map[string]string{"a": "1", "noise": noise(100_000)}})
	for _, project := range []string{"victim", "hostile"} { // who reads it too
		if err := s.fetchFor(forProject(t.Context(), project), first); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		s.other(fmt.Sprint("hostile/", i))
		commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": fmt.Sprint(i), "noise": noise(200_000)}})
		if err := s.fetchFor(forProject(t.Context(), "hostile"), commit); err != nil {
			t.Fatal(err)
		}
	}
	if taken := s.onDisk(); taken > most || taken < most/2 {
		t.Errorf("the mirrors take %d bytes", taken)
	}
	s.repo = victim
	s.wantStillThere(first)
}

// wantStillThere wants a commit to be read without being fetched again, whose file "a"
// holds "1".
func (s *scene) wantStillThere(commit string) {
	s.t.Helper()
	before := s.fetches()
	wantFile(s.t, s.tree(commit), "a", "1")
	if n := s.fetches() - before; n != 0 {
		s.t.Errorf("the other project's mirror was fetched again, %d times", n)
	}
}
