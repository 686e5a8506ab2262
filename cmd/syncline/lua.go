package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/engine/render/worker"
)

// luaPool runs health rules in child processes: a rule may be wrong, and what it
// is given is written by whoever may write objects. It satisfies rules.Runner.
type luaPool struct{ *worker.Pool }

// newLuaPool returns a pool of child processes of the program. They keep to the
// time limit of a rule by themselves; where one cannot, it is ended.
func newLuaPool(program string, unconfined bool) luaPool {
	return luaPool{worker.NewPool(worker.Options{
		Command: []string{program, "lua-worker"}, Size: smallPool, Memory: smallMemory, Unconfined: unconfined,
		Timeout: 3 * time.Second, Patience: smallPatience, Idle: time.Minute,
	})}
}

// judgement is a job of a Lua worker.
type judgement struct {
	Rule   syncline.HealthRule
	Object map[string]any
}

// Run returns what a rule says of an object. Each rule takes its own share of the
// processes.
func (p luaPool) Run(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	job, err := json.Marshal(judgement{rule, object})
	if err != nil {
		return syncline.Health{}, syncline.Errorf(syncline.Internal, "write the job: %w", err)
	}
	result, err := p.Do(ctx, job, worker.Host{Owner: rule.Origin})
	if _, limited := errors.AsType[*worker.LimitError](err); limited {
		return syncline.Health{}, syncline.Errorf(syncline.Stalled, "%w", err)
	}
	if err != nil {
		return syncline.Health{}, err
	}
	var found syncline.Health
	if err := json.Unmarshal(result, &found); err != nil {
		return syncline.Health{}, syncline.Errorf(syncline.Internal, "read the result: %w", err)
	}
	return found, nil
}

// newJudge returns what does the jobs of one Lua worker.
func newJudge() worker.Handler {
	var machine lua.Machine
	return func(ctx context.Context, text []byte, _ worker.Host) (result []byte, tainted bool, err error) {
		var job judgement
		if err := json.Unmarshal(text, &job); err != nil {
			return nil, false, syncline.Errorf(syncline.Internal, "read the job: %w", err)
		}
		found, err := machine.Judge(ctx, job.Rule, job.Object)
		if errors.Is(err, context.DeadlineExceeded) {
			// What it took may be too much memory for the next rule.
			return nil, true, syncline.Errorf(syncline.Stalled, "stopped: it took longer than %s", lua.TimeLimit)
		}
		if err != nil {
			return nil, false, err
		}
		result, err = json.Marshal(found)
		return result, false, err
	}
}
