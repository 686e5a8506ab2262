// Package render turns the files of a Source into Objects: it chooses the tool,
// applies overrides and the build environment, parses what the tool makes, and
// remembers results by what was read for them. It does not fetch files, runs no
// tool itself, and does not know whether an App may have what it renders. Its errors
// quote no values: of what a tool says only that is shown which is known to be
// harmless (package told), because a tool quotes what it chokes on.
package render

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// Request asks what one Source of an App renders to.
type Request struct {
	// ID is the App that the result is remembered for, until [Renderer.Forget]. Default:
	// it is remembered for nobody, as long as there is room.
	ID syncline.AppID
	// App is the App's name: the default release name of a chart.
	App string
	// Instance is what tracking calls the App; the variables and the names of the
	// files of its dialect have it. Default is App.
	Instance string
	// Dialect says which files and variables change what is rendered. Default: none.
	Dialect *syncline.Dialect
	Project string
	// Namespace is the destination namespace.
	Namespace string
	// Source has a path that is a folder of Files.
	Source syncline.Source
	// Revision is the resolved commit of Source.
	Revision string
	Files    syncline.Files
	// Cluster is what templates may know of the destination. No version means that of
	// the libraries.
	Cluster syncline.Capabilities
	// Delivered are other revisions that the App's live objects may come from, and At
	// returns their files. It is asked only when a file among manifests is passed over.
	Delivered []string
	At        func(ctx context.Context, revision string) (syncline.Tree, error)
	// Remote returns the files of what the source needs from elsewhere, if it may have
	// them. Default: it may have nothing.
	Remote func(ctx context.Context, remote upstream.Remote) (syncline.Tree, error)
	// Fresh renders even when the result is remembered.
	Fresh bool
	// Apart renders even then, and remembers nothing of it: to see whether it comes to the
	// same.
	Apart bool
	// ShowSecrets shows errors in full, also the values of Secrets that they quote.
	// Only a person who asks for it may set it.
	ShowSecrets bool
}

// Result is what a Source renders to.
type Result struct {
	Tool syncline.Tool
	// Objects are in the tool's own order, of a directory in that of its files.
	Objects []syncline.Object
	// Warnings are about what was accepted and is hardly meant.
	Warnings []syncline.Condition
	// PassedOver are the files in a folder of manifests that were not rendered.
	PassedOver []PassedOver
	// Reads is what was looked at for it; see [Traceable].
	Reads record.Reads

	// files are those that Objects are of, in that order.
	files []rendered
	// apart says that each object depends on its own file alone.
	apart bool
	// bytes is at least how much manifest text was decoded.
	bytes int
}

// size is how much memory the objects take.
func (r Result) size() int64 {
	var size int64
	for _, file := range r.files {
		size += file.size
	}
	return size
}

// Traceable reports whether the difference between two revisions of the files
// tells whether a result with these reads is still right.
func Traceable(reads record.Reads) bool {
	return reads.Traceable(func(fact string) bool { return strings.HasPrefix(fact, string(syncline.FactRevision)) })
}

// clone returns a Result whose list of objects, themselves immutable, is not
// shared.
func (r Result) clone() Result {
	r.Objects = slices.Clone(r.Objects)
	return r
}

// Builder builds the documents of a Job. Its errors are Invalid when the source
// is at fault.
type Builder interface {
	Build(ctx context.Context, job Job, inputs Inputs) (Output, error)
}

// Options are the choices of a Renderer.
type Options struct {
	// Version names the program's version; results of another are not used.
	Version string
	// MemoBytes bounds the memory of remembered results, default 256 MiB. The
	// project that takes most of it forgets first. Negative means to remember nothing.
	MemoBytes int64
	// Ciphertext returns the first field of an object that is still encrypted, and whether
	// there is one. Such an object is refused. Default: it is not looked for.
	Ciphertext func(content map[string]any) (field string, has bool)
}

// Renderer renders sources. It is safe for concurrent use.
type Renderer struct {
	builder    Builder
	version    string
	ciphertext func(content map[string]any) (field string, has bool)
	memo       *record.Memo[outcome]
	quarantine quarantine
	gave       *gave
	keys       keys
}

// outcome is a remembered result: what the source renders to, or why it cannot, or what
// it needs for that.
type outcome struct {
	result Result
	needs  upstream.NeedsError
	err    error
}

// size is how much memory the outcome takes.
func (o outcome) size() int64 {
	if o.err != nil {
		return int64(len(o.err.Error()))
	}
	return o.result.size()
}

// New returns a Renderer that builds by builder.
func New(builder Builder, options Options) *Renderer {
	if options.MemoBytes == 0 {
		options.MemoBytes = 256 << 20
	}
	if options.Ciphertext == nil {
		options.Ciphertext = func(map[string]any) (string, bool) { return "", false }
	}
	return &Renderer{
		builder:    builder,
		version:    options.Version,
		ciphertext: options.Ciphertext,
		memo:       record.NewMemo[outcome](max(options.MemoBytes, 0)),
		quarantine: newQuarantine(),
		gave:       newGave(),
	}
}

// Render returns what the request renders to. It is an Invalid error that names
// the file and the reason when the source is at fault.
func (r *Renderer) Render(ctx context.Context, request Request) (Result, error) {
	made, err := r.complete(ctx, request)
	if err != nil {
		return Result{}, err
	}
	if made.err == nil && made.result.Tool == syncline.ToolDirectory {
		if err := r.checkPassedOver(ctx, request, made.result); err != nil {
			return Result{Reads: made.result.Reads}, err
		}
	}
	return made.result.clone(), made.err
}

// make returns what a job of a request comes to, as it is remembered or built now.
func (r *Renderer) make(ctx context.Context, request Request, job Job) (outcome, error) {
	key, err := r.keyOf(request, job)
	if err != nil {
		return outcome{}, err
	}
	for _, old := range r.keys.note(request.ID, key) {
		r.forget(old)
	}
	inputs, anew := record.Inputs{Files: request.Files, Facts: facts(request)}, request.Fresh || request.Apart
	if !anew {
		if known, ok := r.memo.Find(key, inputs); ok {
			return known, nil
		}
	}
	done, err := r.quarantine.begin(ctx, request.Project, key)
	if err != nil {
		return outcome{}, err
	}
	made := r.build(ctx, key, job, inputs, anew)
	done(made.err)
	if !request.Apart && (made.err == nil || lasting(made.err)) {
		r.memo.Put(key, request.Project, made.result.Reads, made, made.size())
	}
	return made, nil
}

// keyOf identifies what a job of a request is about, whatever the files are: also by
// which there are, as it may need others.
func (r *Renderer) keyOf(request Request, job Job) (syncline.Digest, error) {
	return syncline.DigestOf([]any{r.version, request.Source.Address().Key(), job, slices.Sorted(maps.Keys(request.Files.Refs))})
}

// build builds what differs from a result that is remembered, if that can be, and
// everything otherwise, or anew.
func (r *Renderer) build(ctx context.Context, key syncline.Digest, job Job, inputs record.Inputs, anew bool) outcome {
	if !anew {
		if made, updated := r.update(ctx, key, job, inputs); updated {
			return made
		}
	}
	recorder := record.New(inputs)
	output, err := r.builder.Build(ctx, job, Inputs{Files: recorder.Files(), Fact: recorder.Fact, Owner: inputs.Facts[string(syncline.FactProject)]})
	made := outcome{err: err}
	if err == nil {
		made.needs = output.Needs
		made.result, made.err = output.result(r.ciphertext)
	}
	made.result.Reads = recorder.Reads()
	return made
}

// lasting reports whether an error follows from the files alone, so that it
// stays until they change. Another attempt may keep within a limit.
func lasting(err error) bool {
	var limit *confined.LimitError
	kinds := []syncline.Kind{syncline.Invalid, syncline.Denied, syncline.NotFound}
	return slices.Contains(kinds, syncline.KindOf(err)) && !errors.As(err, &limit)
}

// Stats counts how often a result was remembered.
func (r *Renderer) Stats() Stats {
	return Stats(r.memo.Stats())
}

// Stats counts what became of requests: Hits were remembered and Misses were
// rendered. Entries and Bytes are what is remembered now.
type Stats record.Stats

// facts returns what a build may ask for beyond files, by the names of facts.
func facts(request Request) map[string]string {
	instance := request.Instance
	if instance == "" {
		instance = request.App
	}
	revision, _ := upstream.CutChart(request.Revision)
	return map[string]string{
		string(syncline.FactInstance):  instance,
		string(syncline.FactProject):   request.Project,
		string(syncline.FactNamespace): request.Namespace,
		string(syncline.FactRevision):  revision,
		string(syncline.FactRevision7): shorten(revision, 7),
		string(syncline.FactRevision8): shorten(revision, 8),
		string(syncline.FactRepoURL):   request.Source.RepoURL,
		string(syncline.FactPath):      request.Source.Path,
		string(syncline.FactTarget):    request.Source.TargetRevision,
		factCluster:                    request.Cluster.KubeVersion + "\n" + strings.Join(request.Cluster.APIVersions, ","),
	}
}

func shorten(revision string, length int) string {
	return revision[:min(length, len(revision))]
}
