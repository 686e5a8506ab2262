//go:build unix

package bound

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is how long the threads of this process have run.
func processorTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
