package lua

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is how long this process has computed. What the kernel takes to
// give it memory, which differs a lot between machines, does not count: that is
// bounded by the limit of memory.
func processorTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return time.Duration(time.Now().UnixNano()) // then it counts as busy all the time
	}
	return time.Duration(used.Utime.Nano())
}
