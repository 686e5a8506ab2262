package program

import (
	"errors"
	"sync"
	"time"
)

// errHeavy says that git was ended because all that runs of it took more memory than
// it may, and this run most of it.
var errHeavy = errors.New("all processes of git together took more memory than they may, and this one most of it")

// weighing is how often the memory of the processes is looked at, and so how long they
// may take more than they may.
const weighing = 250 * time.Millisecond

// weigher bounds what all runs of git take together: each may take as much alone, and
// a server decides how much that is. Of the host whose runs take most the one that
// takes most is ended, so that nobody's server ends the runs of others.
type weigher struct {
	most int64
	// weigh returns the bytes that groups of processes have to themselves.
	weigh func(groups map[int]*weighed) map[int]int64

	mu   sync.Mutex
	runs map[int]*weighed // by process group
	// looking says that the next look is due.
	looking bool
}

// weighed is a run of git that is weighed.
type weighed struct {
	host  string
	end   func()
	heavy bool
}

// add begins to weigh a group of processes that talks to a host. What it returns ends
// that, and reports whether the group was ended for what it took.
func (w *weigher) add(group int, host string, end func()) (leave func() (heavy bool)) {
	run := &weighed{host: host, end: end}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs[group] = run
	w.lookLater()
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.runs, group)
		return run.heavy
	}
}

// look weighs all runs, and looks again while there are any.
func (w *weigher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looking = false; len(w.runs) == 0 {
		return
	}
	if group, ok := w.heaviest(w.weigh(w.runs)); ok {
		w.runs[group].heavy = true
		w.runs[group].end()
	}
	w.lookLater()
}

func (w *weigher) lookLater() {
	if !w.looking {
		w.looking = true
		time.AfterFunc(weighing, w.look)
	}
}

// heaviest returns which group has to end, if all take too much.
func (w *weigher) heaviest(weights map[int]int64) (heaviest int, ok bool) {
	total, hosts := int64(0), map[string]int64{}
	for group, weight := range weights {
		total += weight
		hosts[w.runs[group].host] += weight
	}
	if total <= w.most {
		return 0, false
	}
	above := func(a, b int) bool {
		x, y := hosts[w.runs[a].host], hosts[w.runs[b].host]
		return x > y || x == y && weights[a] > weights[b]
	}
	for group := range weights {
		if !ok || above(group, heaviest) {
			heaviest, ok = group, true
		}
	}
	return heaviest, ok
}
