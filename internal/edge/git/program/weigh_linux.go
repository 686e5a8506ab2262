package program

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ownMemory returns the bytes that groups of processes have to themselves: what is
// mapped from files is not counted.
func ownMemory(groups map[int]*weighed) map[int]int64 {
	found := map[int]int64{}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		stat, err := os.ReadFile(filepath.Join(process, "stat"))
		if err != nil {
			continue // it has ended
		}
		const ofGroup = 2 // behind the name, which may have spaces
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) <= ofGroup {
			continue
		}
		group, _ := strconv.Atoi(fields[ofGroup])
		if groups[group] == nil {
			continue
		}
		pages, err := os.ReadFile(filepath.Join(process, "statm"))
		if sizes := strings.Fields(string(pages)); err == nil && len(sizes) > 2 {
			resident, _ := strconv.ParseInt(sizes[1], 10, 64)
			shared, _ := strconv.ParseInt(sizes[2], 10, 64)
			found[group] += (resident - shared) * int64(os.Getpagesize())
		}
	}
	return found
}
