package processor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Own tells how long this process has computed. What the kernel takes to give it
// memory, which differs a lot between machines, does not count, here and in [Of]:
// that is bounded by a limit of memory.
func Own() (time.Duration, bool) {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0, false
	}
	return time.Duration(used.Utime.Nano()), true
}

// ticks is how many there are in a second of a process's times.
const ticks = 100

// Of tells how long a process has computed.
func Of(pid int) Used {
	return func() (time.Duration, bool) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, false
		}
		const user = 11 // behind the name, which may have spaces
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) <= user {
			return 0, false
		}
		used, err := strconv.ParseInt(fields[user], 10, 64)
		return time.Duration(used) * time.Second / ticks, err == nil
	}
}
