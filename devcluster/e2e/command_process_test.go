package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// terminated CODE ARG... runs the command line and asks it to end, by SIGTERM, when it has a child that computes. It has to
// end with the exit code, and nothing that it started may be left.
func terminated(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return errUsage
	}
	program, output := exec.CommandContext(s.ctx, s.binary, args[1:]...), &bytes.Buffer{}
	program.Dir, program.Stdout, program.Stderr = ts.Getenv("WORK"), output, output
	if err := program.Start(); err != nil {
		return err
	}
	defer func() { _ = program.Process.Kill() }() // which has ended, as a rule
	ended := make(chan struct{})
	go func() {
		_ = program.Wait() // how it ended is judged below
		close(ended)
	}()
	var started []process
	if err := eventually(s.ctx, func() error {
		started = descendants(program.Process.Pid)
		for _, child := range started {
			if child.ticks > 0 {
				return nil
			}
		}
		return errors.New("it has no child that computes")
	}); err != nil {
		return err
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended:
	case <-time.After(stopLimit):
		return fmt.Errorf("it has not ended %s after SIGTERM", stopLimit)
	}
	ts.Logf("%s", output)
	if got := program.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("the exit code is %d, not %d", got, want)
	}
	return eventually(s.ctx, func() error {
		for _, child := range started {
			if left, ok := look(child.pid); ok && left.began == child.began && left.state != "Z" {
				return fmt.Errorf("process %d is left", child.pid)
			}
		}
		return nil
	})
}

// idle waits until the server, with all that it started, computes next to nothing: a twentieth of a processor, for two
// seconds.
func idle(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	const window, most = 2 * time.Second, 10 // ticks, of which a second has 100
	before, at := -1, time.Now()
	return eventually(s.ctx, func() error {
		if before >= 0 && time.Since(at) < window {
			return errors.New("it is measured")
		}
		now, err := s.server.computed()
		if err != nil {
			return err
		}
		spent, first := now-before, before < 0
		before, at = now, time.Now()
		if first || spent > most {
			return fmt.Errorf("it took %d hundredths of a second of a processor within %s", spent, window)
		}
		return nil
	})
}

// computed is how much processor time the server took so far, and what it started, in ticks.
func (s *server) computed() (ticks int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0, errors.New("the server does not run")
	}
	own, ok := look(s.process.Process.Pid)
	if !ok {
		return 0, errors.New("the kernel does not know the server")
	}
	ticks = own.ticks + own.ofEnded
	for _, child := range descendants(own.pid) {
		ticks += child.ticks + child.ofEnded
	}
	return ticks, nil
}

// eventually tries again until there is no error.
func eventually(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, *patience)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", *patience, err)
		}
	}
}

// process is one as the kernel shows it.
type process struct {
	pid, parent int
	state       string
	// began is when it was started, ticks how long it computed, and ofEnded how long those did that it started and that
	// have ended.
	began          string
	ticks, ofEnded int
}

// look returns a process, if there is one.
func look(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return process{}, false
	}
	number := func(field int) int {
		n, _ := strconv.Atoi(fields[field])
		return n
	}
	return process{
		pid: pid, parent: number(1), state: fields[0], began: fields[19],
		ticks: number(11) + number(12), ofEnded: number(13) + number(14),
	}, true
}

// descendants are all processes that one started, and those started.
func descendants(pid int) (found []process) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	children := map[int][]process{}
	for _, folder := range folders {
		number, _ := strconv.Atoi(filepath.Base(folder))
		if p, ok := look(number); ok {
			children[p.parent] = append(children[p.parent], p)
		}
	}
	for next := []int{pid}; len(next) > 0; {
		below := children[next[0]]
		next, found = next[1:], append(found, below...)
		for _, child := range below {
			next = append(next, child.pid)
		}
	}
	return found
}
