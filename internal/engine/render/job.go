package render

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// Job is what to build, without the files. It is plain data and travels to
// worker processes as JSON.
type Job struct {
	App      string
	Instance string
	// Dialect is the name of the App's [syncline.Dialect]; "" for none.
	Dialect string
	// Namespace is the destination namespace.
	Namespace string
	// Source has no revision or repository: a build knows them as facts only,
	// so that what does not ask for them does not depend on them.
	Source syncline.Source
	// Only restricts a folder of manifests to these files of it. Empty means all.
	Only []string
	// ShowSecrets shows errors in full.
	ShowSecrets bool
	// Discover says that a plugin may support the files of a source that declares no tool.
	Discover bool
	// Generated is what a plugin rendered already; nil for a source that none has yet.
	Generated *Generated
}

// Generated is what a plugin rendered.
type Generated struct{ Manifests []syncline.Manifest }

// Inputs is all that a build may look at.
type Inputs struct {
	Files syncline.Files
	// Fact returns a [syncline.Fact], or a fact about the destination.
	Fact func(name string) (string, bool)
	// Owner is the project, whose share of the processes the build takes.
	Owner string
}

// factCluster is the fact that is no variable: [syncline.Capabilities], the version on
// the first line, the APIs on the second.
const factCluster = "cluster/version-and-apis"

// Output is what a Job was built to.
type Output struct {
	Tool      syncline.Tool
	Documents []decode.Document
	// Needs is what the job cannot be built without, and was not given; then there is
	// nothing else.
	Needs upstream.NeedsError
	// Repeated says which keys a chart repeats, and where.
	Repeated []string
	// PassedOver are the files among manifests that were not rendered.
	PassedOver []PassedOver
	// Apart says that each document depends on its own File alone.
	Apart bool
	// Bytes is how much manifest text was decoded.
	Bytes int
	// Wanted is the plugin that has to render; then nothing was built.
	Wanted *tool.PluginCall
}

func newJob(request Request) Job {
	job := Job{App: request.App, Instance: request.Instance, Namespace: request.Namespace, Source: request.Source, ShowSecrets: request.ShowSecrets}
	if job.Instance == "" {
		job.Instance = job.App
	}
	if request.Dialect != nil {
		job.Dialect = request.Dialect.Name
	}
	job.Source.RepoURL, job.Source.TargetRevision, job.Source.TagPrefix = "", "", ""
	job.Source.Ref, job.Source.Name = "", ""
	return job
}

// result makes objects of the documents, in which no ciphertext may be left.
func (o Output) result(ciphertext func(map[string]any) (string, bool)) (Result, error) {
	if o.Wanted != nil {
		return Result{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "a plugin renders this source, and there are none here"),
			"plugins run beside the server: --plugin-dir of syncline server is the folder of their sockets")
	}
	result := Result{Tool: o.Tool, Warnings: repeatedKeys(o.Repeated), PassedOver: o.PassedOver, apart: o.Apart, bytes: o.Bytes}
	for _, document := range o.Documents {
		object, err := syncline.NewObject(document.Content, document.Origin)
		if err == nil {
			err = checkNames(object)
		}
		if field, has := ciphertext(document.Content); err == nil && has {
			err = encrypted(object, field)
		}
		switch {
		case err != nil && o.Tool == syncline.ToolDirectory:
			return Result{}, excludable(err)
		case err != nil:
			return Result{}, err
		}
		result.add(document.File, object.Packed(), sizeOf(document.Content))
	}
	return result, nil
}

// encrypted refuses an object with ciphertext, which is of no use to whoever reads it.
func encrypted(object syncline.Object, field string) error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "%s: %s is encrypted by sops in its %s, and would be applied so", object.Origin(), object.Ref(), field),
		"use files that sops has encrypted as a whole, with a key of one of their recipients in a Secret for the project")
}

// checkNames refuses names that no object can have and that would be read as something
// else where they are shown: with line breaks, and with characters that do not show.
func checkNames(object syncline.Object) error {
	ref := object.Ref()
	for _, name := range []string{ref.Group, ref.Kind, ref.Namespace, ref.Name} {
		if !visible.IsSafe(name) || strings.ContainsAny(name, "\n\r\t") {
			return syncline.Errorf(syncline.Invalid, "%s: %+q is no name of an object: it has a line break or a character that does not show",
				object.Origin(), visible.Clip(name, 100))
		}
	}
	return nil
}

// add appends an object that takes size bytes of memory.
func (r *Result) add(file string, object syncline.Object, size int64) {
	r.Objects = append(r.Objects, object)
	if last := len(r.files) - 1; last < 0 || r.files[last].name != file {
		r.files = append(r.files, rendered{name: file})
	}
	from := &r.files[len(r.files)-1]
	from.objects++
	from.size += size
}

// sizeOf is about how many bytes of memory a value takes.
func sizeOf(value any) int64 {
	const entry = 16 // of an interface, or the head of a text
	switch value := value.(type) {
	case string:
		return entry + int64(len(value))
	case []any:
		size := int64(2 * entry)
		for _, item := range value {
			size += entry + sizeOf(item)
		}
		return size
	case map[string]any:
		size := int64(3 * entry)
		for key, item := range value {
			size += 3*entry + int64(len(key)) + sizeOf(item)
		}
		return size
	}
	return entry
}

// maxRepeated is how many places with repeated keys are told one by one.
const maxRepeated = 5

// repeatedKeys warns of keys of which only the last counts.
func repeatedKeys(places []string) []syncline.Condition {
	var warnings []syncline.Condition
	for i, place := range places {
		if i == maxRepeated {
			place = fmt.Sprintf("%d more documents repeat keys", len(places)-maxRepeated)
		}
		warnings = append(warnings, syncline.Condition{
			Type: syncline.RepeatedKeyWarning, Message: place + "; the last one counts, as in Helm: remove the other",
		})
		if i == maxRepeated {
			break
		}
	}
	return warnings
}
