// Package request writes what is asked of an App into its Application: each
// [command.Command] as what a "kubectl patch" could have written. It decides nothing
// about Apps; see package command for what speaks against one.
package request

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// Applications are those of an API server.
type Applications interface {
	// Read returns an Application as it is now, or a NotFound error.
	Read(ctx context.Context, id syncline.AppID) (*unstructured.Unstructured, error)
	// Send sends a write, and returns the Application as it is afterwards; nil for one
	// that is deleted. It is a Conflict error when what the write presumes is not so.
	Send(ctx context.Context, write Write) (*unstructured.Unstructured, error)
}

// Write is one request for one Application. One of Create, Patch and Delete is set.
type Write struct {
	App syncline.AppID
	// Create is an Application that there is not yet; else that is a Conflict.
	Create map[string]any
	// Patch is a JSON merge patch. With a metadata.resourceVersion that is not that of
	// the Application any more, it is a Conflict.
	Patch []byte
	// Strict has a Patch refused that sets a field which an Application does not have.
	// What is created is judged so in any case.
	Strict bool
	// Delete is the UID of the Application to delete; another one is a Conflict.
	Delete types.UID
	// More says that another write has to follow.
	More bool
}

// isNone reports whether there is nothing to write.
func (w Write) isNone() bool { return w.Create == nil && w.Patch == nil && w.Delete == "" }

// Writer carries out commands.
type Writer struct {
	Applications Applications
	// ControlPlane is the namespace where Applications are tracked by their bare name.
	ControlPlane string
}

// attempts is how often a command is tried while others write in between.
const attempts = 10

// Do carries out a command, and returns the Application as it is afterwards, nil when
// that is gone. Each attempt looks at the Application anew and writes only while nobody
// else does, so that what the command presumes holds when it is written.
func (w Writer) Do(ctx context.Context, c command.Command) (*unstructured.Unstructured, command.Effect, error) {
	effect := command.Unchanged
	for range attempts {
		u, err := w.read(ctx, c)
		switch {
		case syncline.KindOf(err) == syncline.NotFound && effect == command.Changed: // that was all it waited for
			return nil, command.Gone, nil
		case err != nil:
			return nil, "", err
		}
		write, err := w.next(c, u)
		if err != nil || write.isNone() {
			return u, effect, err
		}
		written, err := w.Applications.Send(ctx, write)
		switch {
		case syncline.KindOf(err) == syncline.Conflict:
			continue
		case err != nil:
			return nil, "", err
		case write.Create != nil:
			return written, command.Created, nil
		case write.Delete != "":
			return u, command.Changed, nil
		case !write.More:
			return written, command.Changed, nil
		}
		effect = command.Changed
	}
	return nil, "", syncline.Errorf(syncline.Conflict, "app %s changes too fast to %s", c.App, purpose(c.Verb))
}

// read returns the Application of a command as it is now, nil when there is none and
// the command makes it.
func (w Writer) read(ctx context.Context, c command.Command) (*unstructured.Unstructured, error) {
	u, err := w.Applications.Read(ctx, c.App)
	if _, makes := c.Verb.(command.Declare); makes && syncline.KindOf(err) == syncline.NotFound {
		return nil, nil
	}
	return u, err
}

// purpose says what a verb is about to do.
func purpose(verb command.Verb) string {
	switch verb.(type) {
	case command.Sync:
		return "ask for a sync"
	case command.Approve:
		return "approve anything"
	case command.Delete:
		return "delete it"
	default:
		return "change it"
	}
}

// next returns the next write that a command takes for an Application as it is, nil
// when there is none. There may be nothing left to write.
func (w Writer) next(c command.Command, u *unstructured.Unstructured) (Write, error) {
	if u != nil {
		app, _ := application.Read(u.DeepCopy(), w.ControlPlane)
		if err := command.Check(c, command.State{App: app, Report: application.ReportOf(app)}); err != nil {
			return Write{}, err
		}
	}
	switch verb := c.Verb.(type) {
	case command.Sync:
		return syncing(c, verb, u)
	case command.Terminate:
		return patching(c, u, map[string]any{
			"status": map[string]any{"operationState": map[string]any{"phase": string(syncline.OperationTerminating)}},
		})
	case command.Refresh:
		return refreshing(c, verb)
	case command.Approve:
		return patching(c, u, approving(verb.Digest))
	case command.Declare:
		return declaring(c, verb, u)
	case command.Delete:
		return deleting(c, verb, u)
	}
	return Write{}, syncline.Errorf(syncline.Internal, "app %s: no Application is asked for %T", c.App, c.Verb)
}

// patching returns the write of a merge patch that depends on the Application as it is.
func patching(c command.Command, u *unstructured.Unstructured, patch map[string]any) (Write, error) {
	metadata, _ := patch["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		patch["metadata"] = metadata
	}
	metadata["resourceVersion"] = u.GetResourceVersion()
	return written(c, patch)
}

// written returns the write of a merge patch.
func written(c command.Command, patch map[string]any) (Write, error) {
	text, err := json.Marshal(patch)
	if err != nil {
		return Write{}, syncline.Errorf(syncline.Internal, "patch of app %s: %w", c.App, err)
	}
	return Write{App: c.App, Patch: text}, nil
}

// syncing asks for an operation, and approves what it may prune.
func syncing(c command.Command, verb command.Sync, u *unstructured.Unstructured) (Write, error) {
	verb.Operation.By = c.By
	operation := application.FromOperation(verb.Operation, false)
	for _, note := range verb.Notes {
		operation.Info = append(operation.Info, v1alpha1.Info(note))
	}
	patch := approving(verb.Approve)
	var err error
	if patch["operation"], err = application.ToJSON(operation); err != nil {
		return Write{}, fmt.Errorf("operation of app %s: %w", c.App, err)
	}
	return patching(c, u, patch)
}

// approving is the change that approves what has the digest; none for "".
func approving(digest syncline.Digest) map[string]any {
	if digest == "" {
		return map[string]any{}
	}
	return annotating(map[string]any{syncline.AnnotationApprovePrune: string(digest)})
}

func annotating(annotations map[string]any) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": annotations}}
}

// refreshing asks for a refresh, whatever else is written meanwhile.
func refreshing(c command.Command, verb command.Refresh) (Write, error) {
	kind := syncline.RefreshNormal
	if verb.Hard {
		kind = syncline.RefreshHard
	}
	return written(c, annotating(map[string]any{
		v1alpha1.RefreshAnnotation:          string(kind),
		v1alpha1.RefreshTimestampAnnotation: verb.At.UTC().Format(time.RFC3339Nano),
	}))
}

// deleting has the finalizer say what becomes of the objects, and then deletes.
func deleting(c command.Command, verb command.Delete, u *unstructured.Unstructured) (Write, error) {
	wanted := slices.DeleteFunc(u.GetFinalizers(), func(finalizer string) bool {
		name, _, _ := strings.Cut(finalizer, "/")
		return name == v1alpha1.ResourcesFinalizer
	})
	switch {
	case verb.Cascade && verb.Background:
		wanted = append(wanted, v1alpha1.ResourcesBackgroundFinalizer)
	case verb.Cascade:
		wanted = append(wanted, v1alpha1.ResourcesFinalizer)
	}
	if slices.Equal(u.GetFinalizers(), wanted) {
		return Write{App: c.App, Delete: u.GetUID()}, nil
	}
	write, err := patching(c, u, map[string]any{"metadata": map[string]any{"finalizers": wanted}})
	write.More = true
	return write, err
}
