package result

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// ThisMachine describes the machine, as it is now.
func ThisMachine() Machine {
	return Machine{
		CPUs:      runtime.NumCPU(),
		Model:     firstValue("/proc/cpuinfo", "model name"),
		MemoryMiB: kilobytes(firstValue("/proc/meminfo", "MemTotal")) >> 10,
		OS:        strings.TrimSpace(read("/proc/sys/kernel/ostype") + " " + read("/proc/sys/kernel/osrelease")),
		Go:        runtime.Version(),
		Load:      load(),
	}
}

func read(path string) string {
	text, _ := os.ReadFile(path) // what a machine does not tell stays empty
	return strings.TrimSpace(string(text))
}

// firstValue returns what a file says first under a name.
func firstValue(path, name string) string {
	for line := range strings.Lines(read(path)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func kilobytes(text string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(text, " kB"))
	return n
}

// load is the load average of the last minute.
func load() float64 {
	first, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	value, _ := strconv.ParseFloat(first, 64)
	return value
}
