package main

import (
	"testing"

	"github.com/syncline-io/syncline/internal/front/cli/access"
)

func TestOwnMemory(t *testing.T) {
	options := access.ServerOptions{RenderWorkers: 4, RenderMemoryMiB: 512} // 2816 MiB with those for jq and Lua
	for limit, want := range map[int64]int64{1 << 30: 256, 4 << 30: 1152, 8 << 30: 4838} {
		if got := ownMemory(limit, options) >> 20; got != want {
			t.Errorf("of %d MiB the agent has %d, want %d", limit>>20, got, want)
		}
	}
}
