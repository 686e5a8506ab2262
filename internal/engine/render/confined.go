package render

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
	"github.com/syncline-io/syncline/internal/engine/render/worker"
)

// Confined builds in the child processes of a pool, whose command calls
// [Serve]. It satisfies [Builder].
type Confined struct{ Pool *worker.Pool }

// Build builds the job in a child process.
func (c Confined) Build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return Output{}, syncline.Errorf(syncline.Internal, "write the job: %w", err)
	}
	result, err := c.Pool.Do(ctx, text, worker.Host(inputs))
	if err != nil {
		return Output{}, err
	}
	return readOutput(result)
}

// readOutput reads what a child process wrote. CBOR (RFC 8949) keeps integers
// apart from other numbers, and takes half the time of JSON.
func readOutput(text []byte) (Output, error) {
	options := cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		IntDec:           cbor.IntDecConvertSignedOrFail,
		MaxNestedLevels:  2 * decode.MaxDepth,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}
	mode, err := options.DecMode()
	if err != nil {
		return Output{}, err
	}
	var output Output
	if err := mode.Unmarshal(text, &output); err != nil {
		return Output{}, syncline.Errorf(syncline.Internal, "read what was rendered: %w", err)
	}
	return output, nil
}

// Serve is the child's side of [Confined]. It gives up what this process may do
// and returns when in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer, tools Tools) error {
	return worker.Serve(ctx, in, out, func(ctx context.Context, text []byte, host worker.Host) ([]byte, bool, error) {
		var job Job
		if err := json.Unmarshal(text, &job); err != nil {
			return nil, false, syncline.Errorf(syncline.Internal, "read the job: %w", err)
		}
		output, err := tools.Build(ctx, job, Inputs(host))
		if err != nil {
			return nil, tools.tainted(), err
		}
		result, err := cbor.Marshal(output)
		return result, tools.tainted(), err
	})
}

// tainted reports whether a tool asks for a new process.
func (t Tools) tainted() bool {
	tool, ok := t.Kustomize.(interface{ Tainted() bool })
	return ok && tool.Tainted()
}
