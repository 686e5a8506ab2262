package main

import (
	"io/fs"
	"testing"

	"github.com/syncline-io/syncline/internal/front/cli"
)

func TestContainerMemory(t *testing.T) {
	const v2, v1 = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
	for name, test := range map[string]struct {
		files   map[string]string
		want    int64
		limited bool
	}{
		"none":         {},
		"no limit":     {files: map[string]string{v2: "max\n"}},
		"version 2":    {files: map[string]string{v2: "1073741824\n"}, want: 1 << 30, limited: true},
		"version 1":    {files: map[string]string{v1: "1073741824\n"}, want: 1 << 30, limited: true},
		"no limit, v1": {files: map[string]string{v1: "9223372036854771712\n"}},
	} {
		got, limited := containerMemory(func(path string) ([]byte, error) {
			text, ok := test.files[path]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		})
		if limited != test.limited || limited && got != test.want {
			t.Errorf("%s: got %d %t", name, got, limited)
		}
	}
}

func TestOwnMemory(t *testing.T) {
	options := cli.ServerOptions{RenderWorkers: 4, RenderMemoryMiB: 512} // 2816 MiB with those for jq and Lua
	for limit, want := range map[int64]int64{1 << 30: 256, 4 << 30: 1152, 8 << 30: 4838} {
		if got := ownMemory(limit, options) >> 20; got != want {
			t.Errorf("of %d MiB the agent has %d, want %d", limit>>20, got, want)
		}
	}
}
