package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/render/worker"
)

// jqPool runs jq expressions in child processes: who writes an Application is
// not trusted with the agent's memory. It satisfies plan.ByProject.
type jqPool struct {
	*worker.Pool
	// project is whose share of the processes is taken.
	project string
}

// newJQPool returns a pool of child processes of the program.
func newJQPool(program string, unconfined bool) jqPool {
	return jqPool{Pool: worker.NewPool(worker.Options{
		Command: []string{program, "jq-worker"}, Size: smallPool, Memory: smallMemory, Unconfined: unconfined,
		Timeout: 2 * time.Second, Patience: smallPatience,
	})}
}

// What the pools for jq and Lua take at most. One project never has all processes.
const (
	smallPool   = 3
	smallMemory = 128 << 20
	// smallPatience is how long they may compute before they give way: they are
	// stopped after seconds, and take milliseconds when nothing is wrong with them.
	smallPatience = 200 * time.Millisecond
)

// For returns the pool for the Apps of a project.
func (p jqPool) For(project string) plan.Expressions {
	p.project = project
	return p
}

// removal is a job of a jq worker.
type removal struct {
	Expression string
	Object     map[string]any
}

// Remove removes what an expression yields.
func (p jqPool) Remove(ctx context.Context, expression string, object map[string]any) (map[string]any, error) {
	job, err := json.Marshal(removal{expression, object})
	if err != nil {
		return nil, syncline.Errorf(syncline.Internal, "write the job: %w", err)
	}
	result, err := p.Do(ctx, job, worker.Host{Owner: p.project})
	if _, limited := errors.AsType[*worker.LimitError](err); limited {
		return nil, syncline.Errorf(syncline.Invalid, "%w", err)
	}
	if err != nil {
		return nil, err
	}
	var stripped map[string]any
	// Integers stay integers, which encoding/json does not do.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(result, &stripped); err != nil {
		return nil, syncline.Errorf(syncline.Internal, "read the result: %w", err)
	}
	return stripped, nil
}

// removeFields does a job of a jq worker.
func removeFields(ctx context.Context, text []byte, _ worker.Host) (result []byte, tainted bool, err error) {
	var job removal
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &job); err != nil {
		return nil, false, syncline.Errorf(syncline.Internal, "read the job: %w", err)
	}
	stripped, err := jq.Remove(ctx, job.Expression, job.Object)
	if err != nil {
		return nil, false, err
	}
	result, err = json.Marshal(stripped)
	return result, false, err
}
