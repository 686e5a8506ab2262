package worker

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// emptyDir is where a child runs.
const emptyDir = "/"

// restrict sets limits that the kernel enforces, and forbids the system calls
// by which a process reaches beyond itself. Both are second lines of defence: a
// kernel that does not know one of them is no error.
func restrict(bounds limits) error {
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
	_ = forbid(reaching)
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
