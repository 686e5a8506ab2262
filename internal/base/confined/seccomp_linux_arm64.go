package confined

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// neededOnce lists what only this architecture has: nothing.
var neededOnce []uint32 //nolint:gochecknoglobals // a table
