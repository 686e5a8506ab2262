package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/front/cli"
)

// limitMemory has garbage collected sooner when the memory of the container gets
// scarce, unless GOMEMLIMIT says otherwise. The processes that the agent starts
// may use their limits all at once; what is left is the agent's.
func limitMemory(options cli.ServerOptions) {
	limit, limited := containerMemory(os.ReadFile)
	if !limited || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	own := ownMemory(limit, options)
	debug.SetMemoryLimit(own)
	slog.Info("memory is limited", "containerMiB", limit>>20, "agentMiB", own>>20)
}

// ownMemory is what is left for the agent in a container, and at least a quarter:
// not all processes use what they may.
func ownMemory(limit int64, options cli.ServerOptions) int64 {
	processes := int64(options.RenderWorkers)*int64(options.RenderMemoryMiB)<<20 + jq.PoolMemory + lua.PoolMemory
	return max(limit/4, (limit-processes)/10*9)
}

// containerMemory returns the memory limit of this process's control group, as
// version 2 of control groups has it, or version 1.
func containerMemory(read func(string) ([]byte, error)) (limit int64, limited bool) {
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
