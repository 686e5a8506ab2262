package rules

import (
	"context"
	"maps"
	"time"

	"github.com/syncline-io/syncline"
)

// How long a script that was stopped is not run again: the first time, and at
// most, after one stop upon another.
const (
	firstWait = 30 * time.Second
	lastWait  = 30 * time.Minute
)

// maxInRow is how many Apps of one owner may make a script be stopped, while it
// ends for none of them, before it is not run for the owner's others either.
const maxInRow = 3

// scope is whom a stop concerns: an App, or all of an owner's where none is named.
type scope struct{ owner, app string }

// guard keeps one script from taking its limit again and again. It lets the
// script run for one object at a time, so that one that does not end never takes
// every process that runs scripts. What an App's objects do to a script that
// others use as well is that App's matter, or its owner's if it ends for none of
// the owner's Apps; other owners have theirs judged.
type guard struct {
	// running holds a token while the script runs.
	running chan struct{}
	stops   map[scope]stop
	// inRow are the Apps, by owner, for which it was stopped since it last ended.
	inRow map[string]map[string]bool
}

// stop says that a script was stopped, and until when it is not run.
type stop struct {
	err   error
	wait  time.Duration
	until time.Time
}

// verdict is what came of judging one object. Retries are where the script was
// stopped now: after each it is worth another try.
type verdict struct {
	health  syncline.Health
	err     error
	retries []time.Duration
}

func newGuard() *guard {
	return &guard{running: make(chan struct{}, 1), stops: map[scope]stop{}, inRow: map[string]map[string]bool{}}
}

func (g *guard) judge(ctx context.Context, owner, app string, run func() (syncline.Health, error)) verdict {
	select {
	case g.running <- struct{}{}:
	case <-ctx.Done():
		return verdict{err: ctx.Err()}
	}
	defer func() { <-g.running }()
	all, one := scope{owner: owner}, scope{owner, app}
	for _, concerned := range []scope{all, one} {
		if s, ok := g.stops[concerned]; ok && time.Now().Before(s.until) {
			return verdict{err: s.err}
		}
	}
	health, err := run()
	if err == nil || syncline.KindOf(err) == syncline.Invalid {
		delete(g.inRow, owner)
		delete(g.stops, all)
		return verdict{health: health, err: err}
	}
	if ctx.Err() != nil { // nobody asks any more, which is not the script's fault
		return verdict{err: err}
	}
	// One that was not stopped for long begins anew.
	maps.DeleteFunc(g.stops, func(_ scope, s stop) bool { return time.Since(s.until) > lastWait })
	v := verdict{err: err, retries: []time.Duration{g.stopFor(one, err)}}
	if g.inRow[owner] == nil {
		g.inRow[owner] = map[string]bool{}
	}
	if g.inRow[owner][app] = true; len(g.inRow[owner]) >= maxInRow {
		v.retries = append(v.retries, g.stopFor(all, err))
	}
	return v
}

// stopFor takes note that the script was stopped, and returns for how long it is
// not run again.
func (g *guard) stopFor(concerned scope, err error) time.Duration {
	wait := min(max(2*g.stops[concerned].wait, firstWait), lastWait)
	g.stops[concerned] = stop{err: err, wait: wait, until: time.Now().Add(wait)}
	return wait
}
