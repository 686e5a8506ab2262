package main

import (
	"testing"

	"github.com/syncline-io/syncline/internal/front/cli/access"
)

func TestOwnMemory(t *testing.T) {
	options := access.ServerOptions{ // 3328 MiB with those for jq and Lua
		RenderWorkers: 4, RenderMemoryMiB: 512, Git: access.GitLimits{MemoryMiB: 512},
	}
	for limit, want := range map[int64]int64{1 << 30: 256, 4 << 30: 1024, 8 << 30: 4377} {
		if got := ownMemory(limit, options) >> 20; got != want {
			t.Errorf("of %d MiB the agent has %d, want %d", limit>>20, got, want)
		}
	}
}
