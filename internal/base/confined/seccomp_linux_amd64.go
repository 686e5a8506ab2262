package confined

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// neededOnce lists what only this architecture has. The calls of its x32 interface
// have other numbers, and are refused.
var neededOnce = []uint32{unix.SYS_TIME, unix.SYS_EPOLL_WAIT, unix.SYS_ARCH_PRCTL} //nolint:gochecknoglobals // a table
