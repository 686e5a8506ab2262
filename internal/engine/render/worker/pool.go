package worker

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// Options are the choices of a Pool.
type Options struct {
	// Command starts a child, which calls [Serve] on its standard input and
	// output. It is required: the program and its arguments.
	Command []string
	// Size is how many jobs run at once, default one per processor and at least 2.
	Size int
	// Memory bounds what one child uses, in bytes, default 512 MiB.
	Memory int64
	// Timeout bounds one job, default 60 s.
	Timeout time.Duration
	// Idle is how long a child without a job is kept, default 5 min.
	Idle time.Duration
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
	slots   chan struct{}

	mu     sync.Mutex
	idle   []*child
	closed bool
	stats  Stats
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
		options.Size = max(2, runtime.NumCPU())
	}
	if options.Memory <= 0 {
		options.Memory = 512 << 20
	}
	if options.Timeout <= 0 {
		options.Timeout = 60 * time.Second
	}
	if options.Idle <= 0 {
		options.Idle = 5 * time.Minute
	}
	return &Pool{options: options, slots: make(chan struct{}, options.Size)}
}

// Do runs one job and returns its result. Errors are those of the job, a
// [LimitError], or Transient when a child cannot be had.
func (p *Pool) Do(ctx context.Context, job []byte, host Host) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.slots }()
	c, err := p.take()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	result, err := c.do(limited, job, host)
	p.put(c)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && c.broken {
		return nil, &LimitError{syncline.WithHint(
			syncline.Errorf(syncline.Transient, "stopped: it took longer than %s", p.options.Timeout),
			"look for a loop that does not end, or raise the time limit of rendering")}
	}
	return result, err
}

// take returns an idle child, or a new one.
func (p *Pool) take() (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, syncline.Errorf(syncline.Transient, "rendering has been shut down")
	}
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		c.retire.Stop()
		return c, nil
	}
	c, err := start(p.options)
	if err != nil {
		return nil, syncline.Errorf(syncline.Transient, "start a process to render in: %w", err)
	}
	p.stats.Started++
	return c, nil
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
