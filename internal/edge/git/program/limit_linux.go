package program

import "golang.org/x/sys/unix"

// limit bounds what a process and its children may take: a small pack can unfold
// to gigabytes.
func limit(pid int, memory, file int64) error {
	for resource, most := range map[int]int64{unix.RLIMIT_AS: memory, unix.RLIMIT_FSIZE: file, unix.RLIMIT_CORE: 0} {
		value := unix.Rlimit{Cur: uint64(most), Max: uint64(most)} //nolint:gosec // options are not negative
		if err := unix.Prlimit(pid, resource, &value, nil); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
