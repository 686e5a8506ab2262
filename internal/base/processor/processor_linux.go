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

// lower is by how much the priority of what gives way is lowered, and lowest the
// lowest that there is.
const (
	lower  = 10
	lowest = 19
)

// GiveWay makes a group of processes give way to whoever else wants the processor,
// for good: only a privileged process could take that back.
func GiveWay(group int) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // which the kernel counts down from 20
	if err != nil {
		own = 20
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, group, min(lowest, 20-own+lower)) // it may have ended
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
