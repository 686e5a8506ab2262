package container_test

import (
	"io/fs"
	"testing"

	"github.com/syncline-io/syncline/internal/base/container"
)

func TestMemory(t *testing.T) {
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
		got, limited := container.Memory(func(path string) ([]byte, error) {
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
