// Package container says what the container of this process lets it take.
package container

import (
	"math"
	"strconv"
	"strings"
)

// Memory returns the memory limit of this process's control group in bytes, as version 2
// of control groups has it, or version 1. Read reads a file.
func Memory(read func(string) ([]byte, error)) (limit int64, limited bool) {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := read(path)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return limit, err == nil && limit > 0 && limit < math.MaxInt64/2 // version 1 says so when there is none
	}
	return 0, false
}
