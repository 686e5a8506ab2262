//go:build amd64 || arm64

package confined_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

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

// A child is in a network of its own where the kernel lets this process make one.
func TestChildrenShareNoNetwork(t *testing.T) {
	pool := newPool(t, confined.Options{})
	confinement, err := pool.Check(t.Context())
	if err != nil || !confinement.Filtered {
		t.Fatalf("got %+v, %v", confinement, err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range children(t) {
		theirs, err := os.Readlink("/proc/" + pid + "/ns/net")
		if err == nil && confinement.Network && theirs == ours {
			t.Errorf("child %s is in this network", pid)
		}
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
