package confined

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The second of an owner's jobs gives way long before the first one does, and so
// leaves a processor to others.
func TestTheSecondJobOfAnOwnerGivesWaySooner(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := NewPool(Options{Command: []string{program, "child"}, Size: 4, Patience: time.Hour})
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var jobs sync.WaitGroup
	defer jobs.Wait()
	defer cancel()
	first, second := startChild(t, pool), startChild(t, pool)
	for _, c := range []*child{first, second} {
		pool.running.Take("hostile")
		patience := pool.patience("hostile")
		jobs.Go(func() { _, _ = c.do(ctx, []byte(`"loop"`), Host{}, patience); c.discard() })
	}
	usual := nicenessOf(t, os.Getpid())
	for end := time.Now().Add(20 * time.Second); nicenessOf(t, second.cmd.Process.Pid) <= usual; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the second job does not give way")
		}
	}
	if nicenessOf(t, first.cmd.Process.Pid) != usual {
		t.Error("the first job gives way at once")
	}
	if other := pool.patience("other"); other != time.Hour {
		t.Errorf("the job of another owner gives way after %s", other)
	}
}

func startChild(t *testing.T, pool *Pool) *child {
	c, err := pool.take()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nicenessOf(t *testing.T, pid int) int {
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - nice
}
