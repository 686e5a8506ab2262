//go:build amd64 || arm64

package confined_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// Calls beyond this number there are none. The two of probes never reach a filter:
// the kernel ends a process that makes them by itself.
const (
	calls     = 1000
	uretprobe = 335
	uprobe    = 336
)

// attempts makes system calls in a child, and returns those that are not refused.
func attempts() string {
	var works []string
	try := func(name string, number uintptr, args ...uintptr) {
		var all [6]uintptr
		copy(all[:], args)
		_, _, errno := unix.Syscall6(number, all[0], all[1], all[2], all[3], all[4], all[5])
		if errno != unix.EPERM && !(number == unix.SYS_CLONE3 && errno == unix.ENOSYS) {
			works = append(works, fmt.Sprintf("%s: %v", name, errors.Join(errno)))
		}
	}
	permitted := confined.Permitted()
	const nowhere = ^uintptr(0)
	for number := range uintptr(calls) {
		if !permitted[number] && number != uretprobe && number != uprobe {
			try(fmt.Sprint("call ", number), number, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere)
		}
	}
	path := []byte("/tmp/syncline-reach\x00")
	at, here := uintptr(unsafe.Pointer(&path[0])), int64(unix.AT_FDCWD)
	try("open for writing", unix.SYS_OPENAT, uintptr(here), at, unix.O_WRONLY|unix.O_CREAT, 0o600)
	try("a socket", unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM)
	try("a packet socket", unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW)
	try("run a program", unix.SYS_EXECVE, at)
	try("a process", unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	try("a namespace", unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_THREAD|unix.CLONE_VM|unix.CLONE_SIGHAND)
	try("a signal to init", unix.SYS_TGKILL, 1, 1, uintptr(unix.SIGTERM))
	try("limits of init", unix.SYS_PRLIMIT64, 1, unix.RLIMIT_CORE)
	try("code in memory", unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE, nowhere)
	try("a secret of the process", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1)
	try("another descriptor", unix.SYS_FCNTL, 0, unix.F_DUPFD)
	return strings.Join(works, ", ")
}

func TestEveryOtherSystemCallIsRefused(t *testing.T) {
	got, err := do(t, newPool(t, confined.Options{}), "attempts")
	if err != nil || got != "" {
		t.Errorf("a child can %s, %v", got, err)
	}
}

// refuseFilters makes the kernel answer this process as one that permits no filters.
func refuseFilters() {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SECCOMP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	if err != nil || errno != 0 {
		panic(fmt.Sprint(err, errno))
	}
}

// TestWithoutAFilterNoJobIsDone unless the operator allowed that.
func TestWithoutAFilterNoJobIsDone(t *testing.T) {
	pool := newPoolOf(t, unfilteredArgument, confined.Options{})
	for what, err := range map[string]error{
		"the check":        second(pool.Check(t.Context())),
		"the announcement": pool.Announce(t.Context()),
		"a job":            second(do(t, pool, "echo done")),
	} {
		if syncline.KindOf(err) != syncline.Internal || !strings.Contains(err.Error(), "does not confine") ||
			!strings.Contains(syncline.HintOf(err), "--allow-unconfined-workers") {
			t.Errorf("%s: got %v, hint %q", what, err, syncline.HintOf(err))
		}
	}
	allowed := newPoolOf(t, unfilteredArgument, confined.Options{Unconfined: true})
	if got, err := do(t, allowed, "echo done"); got != "done" || err != nil {
		t.Errorf("where it is allowed: got %q, %v", got, err)
	}
	confinement, err := allowed.Check(t.Context())
	if err != nil || confinement.Filtered {
		t.Errorf("where it is allowed, it is said to be %+v, %v", confinement, err)
	}
	if err := allowed.Announce(t.Context()); err != nil {
		t.Error(err)
	}
}

// second is the error of what returns something besides.
func second[T any](_ T, err error) error { return err }

// canIsolate reports whether the kernel lets this process make a network.
func canIsolate(t *testing.T) bool {
	t.Helper()
	program := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^$")
	program.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET}
	return program.Run() == nil
}

// A child is in a network of its own where the kernel lets this process make one.
func TestChildrenShareNoNetwork(t *testing.T) {
	pool := newPool(t, confined.Options{})
	confinement, err := pool.Check(t.Context())
	if err != nil || !confinement.Filtered || confinement.Network != canIsolate(t) {
		t.Fatalf("got %+v, %v", confinement, err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, pid := range children(t) {
		theirs, err := os.Readlink("/proc/" + pid + "/ns/net")
		if err != nil {
			continue // it is another test's, and ended
		}
		if seen++; confinement.Network && theirs == ours {
			t.Errorf("child %s is in this network", pid)
		}
	}
	if seen == 0 {
		t.Error("no child is seen")
	}
}

// children returns the processes that this one has started.
func children(t *testing.T) []string {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, task := range tasks {
		text, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err == nil {
			found = append(found, strings.Fields(string(text))...)
		}
	}
	return found
}
