package program

import (
	"testing"
	"time"
)

// Of the host that takes most goes what takes most, until all take no more than they
// may, and nobody else's.
func TestWhoTakesMostIsEnded(t *testing.T) {
	weights := map[int]int64{1: 700, 2: 30, 3: 400, 4: 500}
	hosts := map[int]string{1: "corporate", 2: "corporate", 3: "hostile", 4: "hostile"}
	ended := make(chan int, len(weights))
	w := &weigher{most: 1000, runs: map[int]*weighed{}}
	leave := map[int]func() bool{}
	w.weigh = func(runs map[int]*weighed) map[int]int64 {
		left := map[int]int64{}
		for group, run := range runs {
			if !run.heavy {
				left[group] = weights[group]
			}
		}
		return left
	}
	for group, host := range hosts {
		leave[group] = w.add(group, host, func() { ended <- group })
	}
	for _, want := range []int{4, 1} { // 1630, then 1130 of which the corporate host has 730
		select {
		case got := <-ended:
			if got != want {
				t.Errorf("%d is ended, not %d", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody is ended")
		}
	}
	for group, want := range map[int]bool{1: true, 2: false, 3: false, 4: true} {
		if leave[group]() != want {
			t.Errorf("%d was ended for what it took: %v", group, !want)
		}
	}
	if w.look(); len(w.runs) != 0 {
		t.Error("something is weighed that is gone")
	}
}
