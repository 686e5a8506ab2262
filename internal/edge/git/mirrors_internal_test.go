package git

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestMirrorsThatNobodyUsesAreForgotten has many addresses, of which one is in hand.
func TestMirrorsThatNobodyUsesAreForgotten(t *testing.T) {
	s := &Store{}
	first, made := s.mirrors.get("first", s)
	if s.mirrors.use(first); !made {
		t.Error("it was known")
	}
	for i := range 3 * maxRecent {
		m, _ := s.mirrors.get(fmt.Sprint(i), s)
		s.mirrors.use(m)
	}
	known := func() int {
		runtime.GC()
		s.mirrors.mu.Lock()
		defer s.mirrors.mu.Unlock()
		return len(s.mirrors.known)
	}
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); known() > maxRecent+1; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d mirrors are known", known())
		}
	}
	if again, made := s.mirrors.get("first", s); made || again != first {
		t.Error("what somebody has in hand is there twice")
	}
	runtime.KeepAlive(first)
}
