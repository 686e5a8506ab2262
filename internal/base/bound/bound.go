// Package bound is the oracle of fuzz targets: a function that works on what
// somebody else wrote ends soon, with little memory, and without a panic. It
// judges no result; the target does.
//
//	f.Fuzz(func(t *testing.T, text string) {
//		bound.Limits{}.Run(t, func() { parse(text) })
//	})
package bound

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// Limits are what a function may take for one input. The zero value works.
type Limits struct {
	// Time is of the processor, default 2 s, so that a machine with much else to do
	// fails nothing. What takes ten times as long by the clock is not waited for.
	Time time.Duration
	// Bytes is how much may be allocated in all, freed or not, default 64 MiB.
	Bytes uint64
	// Stack is how large the stack may get, in bytes, default 64 MiB. Beyond it the
	// process ends, and the input is kept as one that did it.
	Stack int
}

// patience is how many times as long as its processor time a function may take.
const patience = 10

// Run calls do and fails the test when it takes more than it may, or panics. Do
// may fail the test by itself. It runs in another goroutine, which is left behind
// when it does not end.
func (l Limits) Run(t testing.TB, do func()) {
	t.Helper()
	if l.Time == 0 {
		l.Time = 2 * time.Second
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.Stack == 0 {
		l.Stack = 64 << 20
	}
	defer debug.SetMaxStack(debug.SetMaxStack(l.Stack))
	allocated, used := allocations(), processorTime()
	ended := make(chan struct{})
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				t.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
			close(ended)
		}()
		do()
	}()
	timer := time.NewTimer(patience * l.Time)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		t.Fatalf("it did not end in %s", patience*l.Time)
	}
	if took := processorTime() - used; took > l.Time {
		t.Errorf("it took %s of processor time, and may take %s", took.Round(time.Millisecond), l.Time)
	}
	if bytes := allocations() - allocated; bytes > l.Bytes {
		t.Errorf("it allocated %d KiB, and may allocate %d", bytes>>10, l.Bytes>>10)
	}
}

// allocations is how many bytes this process has allocated so far.
func allocations() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}
