package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// Job is what to build, without the files. It is plain data and travels to
// worker processes as JSON.
type Job struct {
	App      string
	Instance string
	// Namespace is the destination namespace.
	Namespace string
	// Source has no revision or repository: a build knows them as facts only,
	// so that what does not ask for them does not depend on them.
	Source syncline.Source
}

// Inputs is all that a build may look at.
type Inputs struct {
	Files syncline.Files
	// Fact returns a variable of the build environment, or a fact about the
	// destination.
	Fact func(name string) (string, bool)
}

// factRevision begins the names of the variables that are the commit.
const factRevision = "ARGOCD_APP_REVISION"

// The facts that are not variables. Their names cannot be those of variables.
const (
	factKubeVersion = "cluster/version"
	factAPIVersions = "cluster/apis"
)

// Output is what a Job was built to.
type Output struct {
	Tool      syncline.Tool
	Documents []decode.Document
	// Repeated says which keys a chart repeats, and where.
	Repeated []string
}

func newJob(request Request) Job {
	job := Job{App: request.App, Instance: request.Instance, Namespace: request.Namespace, Source: request.Source}
	if job.Instance == "" {
		job.Instance = job.App
	}
	job.Source.RepoURL, job.Source.TargetRevision, job.Source.TagPrefix = "", "", ""
	job.Source.Ref, job.Source.Name = "", ""
	return job
}

// result makes objects of the documents. It also returns their size in bytes.
func (o Output) result() (Result, int64, error) {
	result := Result{Tool: o.Tool}
	var size int64
	sum := sha256.New()
	for _, document := range o.Documents {
		text, err := json.Marshal(document.Content)
		if err != nil {
			return Result{}, 0, syncline.Errorf(syncline.Invalid, "%s: %w", document.Origin, err)
		}
		object, err := syncline.NewObject(document.Content, document.Origin)
		if err != nil {
			return Result{}, 0, err
		}
		result.Objects = append(result.Objects, object)
		fmt.Fprintf(sum, "%d %s", len(text), text)
		size += memoryPerByte * int64(len(text))
	}
	result.Warnings = repeatedKeys(o.Repeated)
	result.Digest = syncline.Digest(hex.EncodeToString(sum.Sum(nil)))
	return result, size, nil
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

// memoryPerByte is about how many bytes of memory a byte of JSON takes when it
// is decoded.
const memoryPerByte = 4
