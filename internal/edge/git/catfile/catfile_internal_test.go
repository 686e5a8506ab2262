package catfile

import (
	"errors"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// slowReader returns a reader of an empty repository. Its processes are started when
// start is closed; each tells begun before.
func slowReader(t *testing.T) (r *Reader, start, begun chan struct{}) {
	t.Helper()
	dir := t.TempDir()
	if err := exec.CommandContext(t.Context(), "git", "init", "-q", "--bare", dir).Run(); err != nil {
		t.Fatal(err)
	}
	start, begun = make(chan struct{}), make(chan struct{}, 100)
	git := program.New(t.Context(), program.Options{Path: "git", Home: t.TempDir(), Dir: dir, MaxMemory: 1 << 40, MaxPack: 1 << 40})
	r = &Reader{Idle: time.Hour, Patience: time.Minute, Start: func() (*program.Process, error) {
		begun <- struct{}{}
		<-start
		return git.Start(program.Command{Args: []string{"cat-file", "--batch-command"}, Dir: dir})
	}}
	t.Cleanup(r.Stop)
	return r, start, begun
}

// While a process is started nobody holds the lock, and all who ask share it.
func TestAReaderIsStartedOnceAndWithoutItsLock(t *testing.T) {
	r, start, begun := slowReader(t)
	var asking sync.WaitGroup
	for range 10 {
		asking.Go(func() {
			if _, err := r.Info("HEAD"); !errors.Is(err, ErrMissing) {
				t.Errorf("got %v, want that it is missing", err)
			}
		})
	}
	<-begun
	r.mu.Lock() // which somebody would hold for ever
	starting := r.starting != nil
	r.mu.Unlock()
	if !starting || r.Free() {
		t.Error("a process that is being started is free to be stopped")
	}
	close(start)
	asking.Wait()
	if more := len(begun); more != 0 {
		t.Errorf("%d more processes were started", more)
	}
	if !r.Free() {
		t.Error("it is not free when nobody asks")
	}
}

// What is stopped while it is started is not asked: the mirror may be another one.
func TestAReaderThatIsStoppedWhileItStarts(t *testing.T) {
	r, start, begun := slowReader(t)
	done := make(chan error, 1)
	go func() {
		_, err := r.Info("HEAD")
		done <- err
	}()
	<-begun
	r.Stop() // which does not wait for the start
	close(start)
	if err := <-done; !errors.Is(err, ErrMissing) {
		t.Errorf("got %v, want that it is missing", err)
	}
	if more := len(begun); more != 1 {
		t.Errorf("%d more processes were started, want one", more)
	}
}
