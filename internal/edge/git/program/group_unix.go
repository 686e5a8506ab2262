//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// inOwnGroup makes cancelling end the process and all that it started: git
// leaves the network to children that would go on without it.
func inOwnGroup(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
}
