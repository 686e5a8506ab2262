//go:build !linux

package confined

import "syscall"

// canFilter says whether system calls can be forbidden here.
const canFilter = false

// emptyDir is where a child runs: where the parent does.
const emptyDir = ""

// restrict does nothing: the limits here are those that the child keeps to by
// itself, and its parent's deadline.
func restrict(limits) error { return nil }

func limitCPU(uint64) error { return nil }

func isolated(bool) *syscall.SysProcAttr { return nil }
