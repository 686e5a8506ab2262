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
