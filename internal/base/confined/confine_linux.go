package confined

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/syncline-io/syncline"
)

// emptyDir is where a child runs.
const emptyDir = "/"

// isolated starts a child in a process group of its own, so that its priority can
// be lowered as a whole and no terminal signals it; and in a network of its own,
// unless shared says that the kernel lets this process make none.
func isolated(shared bool) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if !shared {
		attributes.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET
	}
	return attributes
}

// restrict sets limits that the kernel enforces, and forbids all system calls but
// those that a process needs to compute. A kernel that forbids none is an error,
// unless the bounds say otherwise.
func restrict(bounds limits) error {
	runtime.LockOSThread() // a thread gives up its own privileges only
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	limit := uint64(bounds.Memory)
	for resource, value := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_NOFILE: 32,
		// Private memory. Go maps it in large steps, and threads their stacks,
		// beyond what they use. The address space is not limited, because Go
		// reserves far more of it than it ever uses.
		unix.RLIMIT_DATA: dataInUse() + limit + limit/4 + 256<<20,
	} {
		_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
	}
	if err := forbid(needed()); err != nil && !bounds.Unconfined {
		return syncline.WithHint(
			syncline.Errorf(syncline.Internal, "the kernel does not confine the process that works on what others wrote (seccomp): %w", err),
			"use a kernel and a container runtime that permit seccomp filters, or allow it by --allow-unconfined-workers")
	}
	return nil
}

// limitCPU gives the next job its processor time. It ends a child whose parent
// cannot.
func limitCPU(seconds uint64) error {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return err
	}
	seconds += uint64(used.Utime.Sec + used.Stime.Sec)
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: unix.RLIM_INFINITY})
	return nil
}

// dataInUse returns how much private memory this process has mapped, in bytes,
// and much when that cannot be told.
func dataInUse() uint64 {
	const much = 1 << 30
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 6 {
		return much
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	if err != nil {
		return much
	}
	return pages * uint64(os.Getpagesize())
}
