package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// grown measures by how many MiB the server grows, without its children: "grown mark" begins, and "grown <=N" compares with
// the most that it has taken since.
func grown(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	resident, peak, err := s.server.memory()
	if err != nil {
		return err
	}
	if args[0] == "mark" {
		s.resident = max(resident, s.usualPeak)
		return s.server.forgetPeak()
	}
	return compare(args[0], (peak-s.resident)>>10)
}

// delivered FOLDER APP CONFIGMAP usual|timely commits a change of FOLDER/APP/stamp.yaml, asks for a refresh, and waits until
// the ConfigMap has it. With "usual" it does so five times, and remembers how long the slowest took; with "timely" it has to
// be there within twice that time.
func delivered(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 4 {
		return errUsage
	}
	switch args[3] {
	case "usual":
		if err := s.server.forgetPeak(); err != nil {
			return err
		}
		for range 5 {
			took, err := s.deliver(ts, args)
			if err != nil {
				return err
			}
			s.usual = max(s.usual, took)
		}
		var err error
		_, s.usualPeak, err = s.server.memory()
		return err
	case "timely":
		took, err := s.deliver(ts, args)
		if err == nil && took > 2*s.usual {
			err = fmt.Errorf("it took %s, and usually it takes %s", took, s.usual)
		}
		return err
	}
	return errUsage
}

// deliver has a commit delivered, and returns how long that took.
func (s *script) deliver(ts *testscript.TestScript, args []string) (time.Duration, error) {
	folder, app, where := args[0], args[1], s.where("configmap", args[2])
	s.stamps++
	stamp := strconv.Itoa(s.stamps)
	file := filepath.Join(ts.MkAbs(folder), app, "stamp.yaml")
	text := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {stamp: %q}\n", where.name, stamp)
	if err := writeFile(file, text); err != nil {
		return 0, err
	}
	if err := commit(s, ts, []string{folder}); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := refresh(s, ts, []string{app}); err != nil {
		return 0, err
	}
	err := s.cluster.api.await(s.ctx, where, []condition{{".data.stamp", stamp}})
	return time.Since(began), err
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
