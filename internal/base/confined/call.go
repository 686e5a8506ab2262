// Package confined runs jobs in child processes of limited memory, time and
// reach, and serves them files over a pipe. It does not know what a job is.
package confined

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
)

// Handler does one job. Tainted says that the process must not do another.
type Handler[Job, Result any] func(ctx context.Context, job Job, host Host) (result Result, tainted bool, err error)

// Call runs one job in a child of the pool, whose command calls [Serve] for the
// same types, and returns its result. Both travel as data: what is not exported of
// them is lost, and integers stay integers where the type is any. Errors are those
// of the job, a [LimitError], or Transient when a child cannot be had.
func Call[Job, Result any](ctx context.Context, pool *Pool, job Job, host Host) (result Result, err error) {
	text, err := json.Marshal(job)
	if err != nil {
		return result, syncline.Errorf(syncline.Internal, "write the job: %w", err)
	}
	answer, err := pool.do(ctx, text, host)
	if err != nil {
		return result, err
	}
	return ReadResult[Result](answer)
}

// maxDepth is how deep a result may nest that is not [Shallow]: deeper than any
// object, and nothing that walks through it runs out of stack.
const maxDepth = 1000

// Shallow is a result that says how deep it may nest: what a child wrote that nests
// deeper is refused.
type Shallow interface{ MaxDepth() int }

// ReadResult reads the result that a child wrote. CBOR (RFC 8949) keeps integers
// apart from other numbers, and takes half the time of JSON.
func ReadResult[Result any](text []byte) (result Result, err error) {
	depth := maxDepth
	if shallow, ok := any(result).(Shallow); ok {
		depth = shallow.MaxDepth()
	}
	options := cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		IntDec:           cbor.IntDecConvertSignedOrFail,
		MaxNestedLevels:  depth,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}
	mode, err := options.DecMode()
	if err != nil {
		return result, err
	}
	var read Result
	if err := mode.Unmarshal(text, &read); err != nil {
		return result, syncline.Errorf(syncline.Internal, "read the result: %w", err)
	}
	return read, nil
}

// Serve is the child's side of [Call]: it confines this process for good, then does
// the jobs that come in until in ends, which also ends a job that is under way. It
// is for processes that do nothing else.
func Serve[Job, Result any](ctx context.Context, in io.Reader, out io.Writer, handle Handler[Job, Result]) error {
	return serve(ctx, in, out, func(ctx context.Context, text []byte, host Host) ([]byte, bool, error) {
		var job Job
		if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &job); err != nil {
			return nil, false, syncline.Errorf(syncline.Internal, "read the job: %w", err)
		}
		result, tainted, err := handle(ctx, job, host)
		if err != nil {
			return nil, tainted, err
		}
		answer, err := cbor.Marshal(result)
		return answer, tainted, err
	})
}
