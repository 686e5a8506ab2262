package render

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// rendered is a file of manifests, and what it rendered to.
type rendered struct {
	name    string
	objects int
	// size is how much memory they take.
	size int64
}

// update builds only what differs from a result that is remembered: where each
// object depends on its file alone, and nothing but the content of some of these
// files changed. It reports false when that is not so; then nothing is known.
func (r *Renderer) update(ctx context.Context, key syncline.Digest, job Job, inputs record.Inputs) (outcome, bool) {
	near, changed, ok := r.memo.Near(key, inputs)
	if !ok || near.err != nil || !near.result.canUpdate(changed) {
		return outcome{}, false
	}
	job.Only = near.result.filesIn(changed)
	recorder := record.Continue(near.result.Reads, inputs)
	output, err := r.builder.Build(ctx, job, Inputs{Files: recorder.Files(), Fact: recorder.Fact, Owner: inputs.Facts[string(syncline.FactProject)]})
	made := outcome{err: err}
	if err == nil {
		made.result, made.err = output.result(r.ciphertext)
	}
	if made.err == nil {
		var fits bool
		if made.result, fits = near.result.replace(job.Only, made.result); !fits {
			return outcome{}, false
		}
	}
	made.result.Reads = recorder.Reads()
	return made, true
}

// canUpdate reports whether the result follows from that of each file, and has
// something of each of the given ones.
func (r Result) canUpdate(files map[string]bool) bool {
	return r.apart && len(files) > 0 && len(r.filesIn(files)) == len(files)
}

// filesIn returns those of the given files that the result has something of, in
// its order.
func (r Result) filesIn(files map[string]bool) []string {
	var found []string
	for _, file := range r.files {
		if files[file.name] {
			found = append(found, file.name)
		}
	}
	return found
}

// replace returns the result with what some of its files render to now. It reports
// false when that is of other files, or when a render from scratch might exceed
// the bounds.
func (r Result) replace(files []string, now Result) (result Result, fits bool) {
	result = Result{Tool: r.Tool, Warnings: r.Warnings, apart: true, bytes: r.bytes + now.bytes}
	for _, file := range r.PassedOver {
		if !slices.Contains(files, file.File) {
			result.PassedOver = append(result.PassedOver, file)
		}
	}
	result.PassedOver = append(result.PassedOver, now.PassedOver...)
	old, made := r.Objects, now.Objects
	for _, file := range r.files {
		kept := file
		from := old[:file.objects]
		old = old[file.objects:]
		if slices.Contains(files, file.name) {
			if len(now.files) == 0 || now.files[0].name != file.name {
				continue // nothing is left of it
			}
			kept, now.files = now.files[0], now.files[1:]
			from, made = made[:kept.objects], made[kept.objects:]
		}
		result.Objects = append(result.Objects, from...)
		result.files = append(result.files, kept)
	}
	within := result.bytes <= decode.MaxBytes && len(result.Objects) <= decode.MaxDocuments
	return result, within && len(now.files) == 0
}
