//go:build amd64 || arm64

package confined

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canFilter says whether system calls can be forbidden on this architecture.
const canFilter = true

// Where struct seccomp_data holds the number of the call, the architecture, and
// the lower half of the arguments.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16
	sizeOfArg  = 8
)

// ofThread are the flags by which Go and the C library start a thread. Without
// CLONE_THREAD a clone is a process.
const ofThread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
	unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID

// needed lists the system calls that Go's runtime makes once a program runs: to
// read and write what is open, to wait, for memory, for threads and the signals
// between them, and to end. The most frequent ones are first. Everything else is
// refused.
func needed() []permission {
	calls := []uint32{
		unix.SYS_FUTEX, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP, unix.SYS_MADVISE,
		unix.SYS_SCHED_YIELD, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK, unix.SYS_MUNMAP,
		unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY, unix.SYS_GETRANDOM, unix.SYS_RESTART_SYSCALL,
		unix.SYS_BRK, unix.SYS_MINCORE, unix.SYS_RT_SIGACTION, unix.SYS_SIGALTSTACK, unix.SYS_SCHED_GETAFFINITY,
		unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER,
		unix.SYS_CLOSE, unix.SYS_PREAD64, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2,
		unix.SYS_GETRUSAGE, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	}
	permissions := make([]permission, 0, len(calls))
	for _, call := range append(calls, neededOnce...) {
		permissions = append(permissions, permission{call: call})
	}
	return append(permissions,
		permission{unix.SYS_MMAP, lacks(2, unix.PROT_EXEC)},
		permission{unix.SYS_MPROTECT, lacks(2, unix.PROT_EXEC)},
		permission{unix.SYS_CLONE, append(has(0, unix.CLONE_THREAD), lacks(0, ^uint32(ofThread))...)},
		permission{unix.SYS_TGKILL, is(0, uint32(os.Getpid()))},
		permission{unix.SYS_PRLIMIT64, is(0, 0)},
		permission{unix.SYS_PRCTL, is(0, unix.PR_SET_VMA)},
		permission{unix.SYS_FCNTL, is(1, unix.F_GETFL)},
	)
}

// permission lets a call through whose arguments pass the checks.
type permission struct {
	call   uint32
	checks []check
}

// check is a test of an argument's lower half.
type check struct {
	arg int
	// jump is the comparison with value; passes says what has to come of it.
	jump   uint16
	value  uint32
	passes bool
}

func is(arg int, value uint32) []check                { return []check{{arg, unix.BPF_JEQ, value, true}} }
func has(arg int, bits uint32) []check                { return []check{{arg, unix.BPF_JSET, bits, true}} }
func lacks(arg int, bits uint32) []check              { return []check{{arg, unix.BPF_JSET, bits, false}} }
func statement(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

// program returns the instructions that decide about the call, which is loaded.
// They go on behind the last one when it is another call.
func (p permission) program() []unix.SockFilter {
	refuse, allow := answers()
	var decide []unix.SockFilter
	for _, c := range p.checks {
		jump := unix.SockFilter{Code: unix.BPF_JMP | c.jump | unix.BPF_K, K: c.value, Jt: 1}
		if !c.passes {
			jump.Jt, jump.Jf = 0, 1
		}
		decide = append(decide, statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, uint32(offsetArgs+c.arg*sizeOfArg)), jump, refuse)
	}
	decide = append(decide, allow)
	return append([]unix.SockFilter{
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: p.call, Jf: uint8(len(decide))},
	}, decide...)
}

func answers() (refuse, allow unix.SockFilter) {
	return statement(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)),
		statement(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW)
}

// forbid makes every call but the permitted ones fail with EPERM, in all threads
// of this process.
func forbid(permissions []permission) error {
	refuse, _ := answers()
	program := []unix.SockFilter{
		statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offsetArch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: auditArch},
		refuse,
		statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offsetCall),
		// A C library that is told of no clone3 starts its threads by clone, whose
		// arguments can be seen.
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_CLONE3},
		statement(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)),
	}
	for _, p := range permissions {
		program = append(program, p.program()...)
	}
	program = append(program, refuse)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	other, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	switch {
	case errno != 0:
		return errno
	case other != 0:
		return fmt.Errorf("thread %d has another filter", other)
	}
	return nil
}
