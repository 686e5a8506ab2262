package git_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// What git takes long for gives way to whoever else wants the processor, with all
// that it started.
func TestLongRunsOfGitGiveWay(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	own := gitsOf(os.Getpid())
	s.server.Fail(testenv.GitFault{Hang: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.store.Refs(t.Context(), s.repo) // fails when the server gives up
	}()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		polite, all := 0, 0
		for pid := range gitsOf(os.Getpid()) {
			if nice, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err == nil && !own[pid] {
				all++
				if 20-nice > nicenessOf(t) {
					polite++
				}
			}
		}
		if all > 1 && polite == all {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d processes give way", polite, all)
		}
	}
	s.server.Fail(testenv.GitFault{})
	<-done
}

func nicenessOf(t *testing.T) int {
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - nice
}

// gitsOf returns the processes that a process started, and those that they did.
func gitsOf(pid int) map[int]bool {
	parents := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		parents[parent] = append(parents[parent], child)
	}
	found := map[int]bool{}
	var walk func(int)
	walk = func(parent int) {
		for _, child := range parents[parent] {
			found[child] = true
			walk(child)
		}
	}
	walk(pid)
	return found
}
