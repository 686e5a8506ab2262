package worker

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	// foreignCalls is beyond all calls: the architecture has one interface.
	foreignCalls = 0x40000000
)

// reachingOnce are older forms of the calls in reaching.
var reachingOnce = []uint32{unix.SYS_RENAMEAT}
