package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/container"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// limitMemory has garbage collected sooner when the memory of the container gets scarce, unless GOMEMLIMIT
// says otherwise. The processes that the agent starts may use their limits all at once; the rest is the agent's.
func limitMemory(options access.ServerOptions) {
	limit, limited := container.Memory(os.ReadFile)
	if !limited || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	own := ownMemory(limit, options)
	debug.SetMemoryLimit(own)
	slog.Info("memory is limited", "containerMiB", limit>>20, "agentMiB", own>>20)
}

// ownMemory is what is left for the agent, at least a quarter: not all processes use what they may.
func ownMemory(limit int64, options access.ServerOptions) int64 {
	processes := int64(options.RenderWorkers)*int64(options.RenderMemoryMiB)<<20 + 2*confined.QuickMemory + int64(options.Git.MemoryMiB)<<20 // and those for jq, Lua and git
	return max(limit/4, (limit-processes)/10*9)
}
