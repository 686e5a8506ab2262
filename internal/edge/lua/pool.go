package lua

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// Pool runs rules in child processes: one may be wrong, and what it is given is
// written by whoever may write objects. It is safe for concurrent use.
type Pool struct{ processes *confined.Pool }

// NewPool returns a Pool with the defaults of [confined.Quick]: one rule never has all
// processes. The options need a command, which calls [Serve]. The processes keep to the
// [TimeLimit] by themselves; one that cannot is ended after three seconds by default.
func NewPool(options confined.Options) Pool {
	options = confined.Quick(options)
	options.Timeout = cmp.Or(options.Timeout, 3*time.Second)
	options.Idle = cmp.Or(options.Idle, time.Minute)
	options.Remedies = confined.Remedies{
		Time:   "look for a loop in the rule that does not end",
		Memory: "look for a loop or a repetition in the rule without a bound",
		Stack:  "look for a function in the rule that calls itself",
	}
	return Pool{confined.NewPool(options)}
}

// Close ends the processes.
func (p Pool) Close() { p.processes.Close() }

// judgement is a job of a process.
type judgement struct {
	Rule   syncline.HealthRule
	Object map[string]any
}

// Run is [Machine.Judge] in a process. Each rule takes its own share of the
// processes; one that takes more than it may is a Stalled error.
func (p Pool) Run(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	health, err := confined.Call[judgement, syncline.Health](ctx, p.processes, judgement{rule, object}, confined.Host{Owner: rule.Origin})
	if _, limited := errors.AsType[*confined.LimitError](err); limited {
		return syncline.Health{}, syncline.Errorf(syncline.Stalled, "%w", err)
	}
	return health, err
}

// Serve is the child's side of a [Pool]: it gives up what this process may do and
// returns when in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var machine Machine
	return confined.Serve(ctx, in, out, machine.handle)
}

// handle judges for the other side. What took too long may be too much memory for
// the next rule.
func (m *Machine) handle(ctx context.Context, job judgement, _ confined.Host) (health syncline.Health, tainted bool, err error) {
	health, err = m.Judge(ctx, job.Rule, job.Object)
	if errors.Is(err, context.DeadlineExceeded) {
		return health, true, syncline.Errorf(syncline.Stalled, "stopped: it took longer than %s", TimeLimit)
	}
	return health, false, err
}
