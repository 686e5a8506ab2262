// Package profile writes profiles of this process into a folder.
package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// Start begins to profile this process into a folder. The returned
// function ends that: it writes cpu-PID.pprof, heap-PID.pprof, which is what is
// in use then, and allocs-PID.pprof. Without a folder both do nothing.
func Start(folder string) (stop func() error, err error) {
	if folder == "" {
		return func() error { return nil }, nil
	}
	cpu, err := create(folder, "cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		runtime.GC() // the profiles of memory are as of the last collection
		return errors.Join(cpu.Close(), write(folder, "heap"), write(folder, "allocs"))
	}, nil
}

func write(folder, name string) error {
	file, err := create(folder, name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(file, 0), file.Close())
}

func create(folder, name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s-%d.pprof", name, os.Getpid())))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return file, nil
}
