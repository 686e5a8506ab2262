package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine leaves this process, and everything that it will start, so many of the
// processors that it may use; 0 leaves it all. Figures of memory are comparable
// only where there are as many processors: for each there is a render worker.
// It does not return where there are more: the program begins anew.
func confine(processors int) error {
	var may unix.CPUSet
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return fmt.Errorf("asking for the processors: %w", err)
	}
	if processors <= 0 || may.Count() <= processors {
		return nil
	}
	var left unix.CPUSet
	for i := 0; left.Count() < processors; i++ {
		if may.IsSet(i) {
			left.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &left); err != nil {
		return fmt.Errorf("choosing %d processors: %w", processors, err)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return fmt.Errorf("starting again on %d processors: %w", processors, syscall.Exec(program, os.Args, os.Environ()))
}
