package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// grown measures by how many MiB the server grows, without its children: "grown mark" begins, and "grown <=N" compares with
// the most that it has taken since. "grown back <=N" waits until it has given back the rest.
func grown(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 2 && args[0] == "back" {
		return s.shrunk(ts, args[1])
	}
	if len(args) != 1 {
		return errUsage
	}
	resident, peak, err := s.server.memory()
	if err != nil {
		return err
	}
	if args[0] == "mark" {
		s.resident = resident
		return s.server.forgetPeak()
	}
	ts.Logf("grown by %d MiB", (peak-s.resident)>>10)
	return compare(args[0], (peak-s.resident)>>10)
}

// shrunk waits until the server takes so much more than when it was marked.
func (s *script) shrunk(ts *testscript.TestScript, bound string) error {
	ctx, cancel := context.WithTimeout(s.ctx, *patience)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		resident, _, err := s.server.memory()
		if err != nil {
			return err
		}
		if err = compare(bound, (resident-s.resident)>>10); err == nil {
			ts.Logf("all but %d MiB is given back", (resident-s.resident)>>10)
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s it has grown: %w", *patience, err)
		}
	}
}

// memory returns how much the process takes now and took at most, in KiB.
func (s *server) memory() (resident, peak int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0, 0, errors.New("the server does not run")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		number, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		switch name {
		case "VmRSS":
			resident = number
		case "VmHWM":
			peak = number
		}
	}
	if resident == 0 || peak == 0 {
		return 0, 0, errors.New("the kernel does not say how much memory the server takes")
	}
	return resident, peak, nil
}

// forgetPeak has the kernel measure anew how much the process takes at most.
func (s *server) forgetPeak() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("the server does not run")
	}
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.process.Process.Pid), []byte("5"), 0)
}
