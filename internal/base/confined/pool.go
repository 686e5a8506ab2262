package confined

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fair"
	"github.com/syncline-io/syncline/internal/base/processor"
)

// Options are the choices of a Pool.
type Options struct {
	// Command starts a child, which calls [Serve] on its standard input and
	// output. It is required: the program and its arguments.
	Command []string
	// Size is how many jobs run at once, default one more than there are processors
	// and at least 3. One owner's never take all places, see [Host.Owner].
	Size int
	// Memory bounds what one child uses, in bytes, default 512 MiB.
	Memory int64
	// Timeout bounds one job, default 60 s. One that had less processor time than
	// that, because others wanted it too, has up to five times as long.
	Timeout time.Duration
	// Patience is how long a job computes before its process gives way to whoever
	// else wants the processor, and does not get another job. It is at most 0.2 s
	// while its owner has another one running: together they may have every
	// processor. Default 0.5 s.
	Patience time.Duration
	// Unconfined permits children where the kernel forbids them no system calls.
	Unconfined bool
	// Idle is how long a child without a job is kept, default 5 min.
	Idle time.Duration
	// Remedies are the hints of errors that say why a job was stopped.
	Remedies Remedies
}

// QuickMemory is what all processes of a pool with the options of [Quick] use at most
// by default, in bytes.
const QuickMemory = quickSize * quickMemory

const (
	quickSize   = 3
	quickMemory = 128 << 20
)

// Quick returns the options with other defaults, for jobs that take milliseconds when
// nothing is wrong with them, and are stopped after seconds: three processes of 128
// MiB, which give way after 0.2 s.
func Quick(options Options) Options {
	options.Size = cmp.Or(options.Size, quickSize)
	options.Memory = cmp.Or(options.Memory, quickMemory)
	options.Patience = cmp.Or(options.Patience, 200*time.Millisecond)
	return options
}

// Remedies say what a person can do about jobs that take more than they may.
type Remedies struct {
	// Time is about one that takes too long, default "look for a loop that does not end".
	Time string
	// Memory is about one that needs too much, default "look for a loop or a
	// repetition without a bound".
	Memory string
	// Stack is about one whose calls nest without an end, default "look for what
	// calls itself".
	Stack string
}

// LimitError says that a job was stopped because it took more than it may. It
// wraps a syncline error: Transient when more time might help, else Invalid.
type LimitError struct{ Err error }

// Error returns the message.
func (e *LimitError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *LimitError) Unwrap() error { return e.Err }

// Pool runs jobs in child processes. It is safe for concurrent use.
type Pool struct {
	options Options

	mu      sync.Mutex
	running fair.Places
	// waiting are those who want a place, first come first.
	waiting []*waiter
	idle    []*child
	closed  bool
	// shared is set when children cannot be given a network of their own.
	shared bool
	stats  Stats
}

// waiter waits until admitted is closed.
type waiter struct {
	owner    string
	admitted chan struct{}
}

// Stats counts what a Pool did.
type Stats struct {
	// Started children, of which Discarded were ended after a job and Retired
	// after they had none for long.
	Started, Discarded, Retired int64
}

// NewPool returns a Pool that starts children when there are jobs.
func NewPool(options Options) *Pool {
	if options.Size <= 0 {
		options.Size = max(3, runtime.NumCPU()+1)
	}
	if options.Memory <= 0 {
		options.Memory = 512 << 20
	}
	if options.Timeout <= 0 {
		options.Timeout = 60 * time.Second
	}
	if options.Patience <= 0 {
		options.Patience = 500 * time.Millisecond
	}
	if options.Idle <= 0 {
		options.Idle = 5 * time.Minute
	}
	remedies := &options.Remedies
	remedies.Time = cmp.Or(remedies.Time, "look for a loop that does not end")
	remedies.Memory = cmp.Or(remedies.Memory, "look for a loop or a repetition without a bound")
	remedies.Stack = cmp.Or(remedies.Stack, "look for what calls itself")
	return &Pool{options: options, running: fair.New(options.Size)}
}

// do runs one job, written as text, and returns its result in the same way.
func (p *Pool) do(ctx context.Context, job []byte, host Host) ([]byte, error) {
	if err := p.enter(ctx, host.Owner); err != nil {
		return nil, err
	}
	defer p.leave(host.Owner)
	c, err := p.take()
	if err != nil {
		return nil, err
	}
	limited, done := processor.Limit(ctx, p.options.Timeout, processor.Of(c.cmd.Process.Pid))
	defer done()
	result, err := c.do(limited, job, host, p.patience(host.Owner))
	p.put(c)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && errors.Is(context.Cause(limited), context.DeadlineExceeded) && c.broken && !c.told() {
		return nil, &LimitError{syncline.WithHint(
			syncline.Errorf(syncline.Transient, "stopped: it took longer than %s", p.options.Timeout), p.options.Remedies.Time)}
	}
	return result, err
}

// enter waits for a place that the owner may take.
func (p *Pool) enter(ctx context.Context, owner string) error {
	w := &waiter{owner: owner, admitted: make(chan struct{})}
	p.mu.Lock()
	p.waiting = append(p.waiting, w)
	p.admit()
	p.mu.Unlock()
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.waiting, w); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
	} else {
		p.running.Leave(owner) // it was admitted meanwhile
		p.admit()
	}
	return ctx.Err()
}

// leave gives the place back.
func (p *Pool) leave(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running.Leave(owner)
	p.admit()
}

// lessPatience is that with an owner who has several jobs running: more than most
// jobs take.
const lessPatience = 200 * time.Millisecond

// patience is how long the owner's next job, which has its place, may compute
// before it gives way.
func (p *Pool) patience(owner string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running.Held(owner) > 1 {
		return min(p.options.Patience, lessPatience)
	}
	return p.options.Patience
}

// admit gives the free places to those who wait: to owners who have the fewest
// first, then in their order.
func (p *Pool) admit() {
	for {
		next := -1
		for i, w := range p.waiting {
			if p.running.May(w.owner) && (next < 0 || p.running.Held(w.owner) < p.running.Held(p.waiting[next].owner)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := p.waiting[next]
		p.waiting = slices.Delete(p.waiting, next, next+1)
		p.running.Take(w.owner)
		close(w.admitted)
	}
}

// take returns an idle child, or a new one.
func (p *Pool) take() (*child, error) {
	if c, err := p.takeIdle(); c != nil || err != nil {
		return c, err
	}
	return p.start()
}

// start starts a child, without the lock: a fork may take long. Where it cannot
// have a network of its own, that it is confined has to do.
func (p *Pool) start() (*child, error) {
	p.mu.Lock()
	shared := p.shared
	p.mu.Unlock()
	c, err := start(p.options, shared)
	if err != nil && !shared {
		shared = true
		c, err = start(p.options, shared)
	}
	if err != nil {
		return nil, syncline.Errorf(syncline.Transient, "start a process to work in: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = shared
	p.stats.Started++
	return c, nil
}

// Confinement is what keeps children apart from everything else.
type Confinement struct {
	// Filtered says that the kernel forbids them all system calls but those that
	// computing takes, and Network that they are in an empty network.
	Filtered, Network bool
}

// Check starts a child and reports how it is confined. It is an error when it
// cannot do jobs.
func (p *Pool) Check(ctx context.Context) (Confinement, error) {
	c, err := p.take()
	if err != nil {
		return Confinement{}, err
	}
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	err = c.check(limited)
	p.put(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	return Confinement{Filtered: canFilter && !p.options.Unconfined, Network: !p.shared}, err
}

// Announce logs how processes are kept apart that work on what others wrote. It is an
// error when the kernel does not do it and nobody allowed that.
func (p *Pool) Announce(ctx context.Context) error {
	confinement, err := p.Check(ctx)
	if err != nil {
		return err
	}
	log := slog.Info
	if !confinement.Filtered {
		log = slog.Warn
	}
	log("what others wrote is worked on in processes apart", "systemCallsForbidden", confinement.Filtered, "ownNetwork", confinement.Network)
	return nil
}

// takeIdle returns an idle child that lives, or nil.
func (p *Pool) takeIdle() (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, syncline.Errorf(syncline.Transient, "the processes that would do it have been shut down")
	}
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		c := p.idle[last]
		p.idle = p.idle[:last]
		c.retire.Stop()
		if !c.ended() {
			return c, nil
		}
		c.discard()
		p.stats.Discarded++
	}
	return nil, nil //nolint:nilnil // then there is none
}

// put keeps a child for the next job if it is as good as new.
func (p *Pool) put(c *child) {
	if !p.keep(c) {
		c.discard()
	}
}

func (p *Pool) keep(c *child) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.broken || c.tainted || p.closed {
		p.stats.Discarded++
		return false
	}
	c.retire = time.AfterFunc(p.options.Idle, func() {
		if p.forget(c) {
			c.discard()
		}
	})
	p.idle = append(p.idle, c)
	return true
}

// forget reports whether a child is idle, and makes it so that it gets no job.
func (p *Pool) forget(c *child) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.idle, c)
	if at < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, at, at+1)
	p.stats.Retired++
	return true
}

// Close ends all children. Jobs under way are not waited for; they fail when
// their contexts end or when they are done.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.retire.Stop()
		c.discard()
	}
}

// Stats returns the counts so far.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}
