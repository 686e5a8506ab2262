package demo

import "syscall"

// apart is a child process that Ctrl-C does not reach: it is for the demo, which stops things in order. The child does
// not outlive a demo that is killed.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
