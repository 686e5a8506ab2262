//go:build !linux

package demo

import "syscall"

// apart is a child process that Ctrl-C does not reach: it is for the demo, which stops things in order.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
