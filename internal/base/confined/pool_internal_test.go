package confined

import (
	"os"
	"testing"
)

// A process that ended while it had no job gets none.
func TestNoJobForAProcessThatEnded(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := NewPool(Options{Command: []string{program, "child"}, Size: 1})
	t.Cleanup(pool.Close)
	for range 3 {
		if _, err := Call[string, string](t.Context(), pool, "echo x", Host{}); err != nil {
			t.Fatal(err)
		}
		c := pool.idle[0]
		c.kill()
		<-c.exited
	}
}

// What Go's runtime says when it gets no memory is told from what a fault of the program
// looks like.
func TestCauses(t *testing.T) {
	for printed, want := range map[string]cause{
		"fatal error: runtime: out of memory\n\nruntime stack:":                                                                               causeMemory,
		"SIGSEGV: segmentation violation\nPC=0x42 m=3 sigcode=1 addr=0x0":                                                                     causeMemory,
		"runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow":                                                 causeStack,
		"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0]": "runtime error: invalid memory address or nil pointer dereference",
		"panic: s3cret": "s3cret",
		"killed":        "",
	} {
		if got := causeOf(printed); got != want {
			t.Errorf("%q: %q, want %q", printed, got, want)
		}
	}
}
