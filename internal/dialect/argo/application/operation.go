package application

import (
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

func toOperation(op v1alpha1.Operation, found *problems) syncline.Operation {
	operation := syncline.Operation{
		Retry: toRetry("operation.retry", op.Retry, found),
		By:    toInitiator(op.InitiatedBy),
	}
	if op.Sync == nil {
		return operation
	}
	operation.Revisions = toRevisions(op.Sync.Revision, op.Sync.Revisions)
	operation.Sources = toSources(op.Sync.Source, op.Sync.Sources)
	operation.Prune = op.Sync.Prune
	operation.DryRun = op.Sync.DryRun
	operation.SkipHooks, operation.Force = toStrategy(op.Sync.SyncStrategy)
	operation.Selection = each(op.Sync.Resources, func(r v1alpha1.SyncOperationResource) syncline.Selector {
		return syncline.Selector(r)
	})
	operation.Options = append([]string(nil), op.Sync.SyncOptions...)
	operation.SelfHealAttempts = op.Sync.SelfHealAttemptsCount
	return operation
}

// FromOperation is the inverse of toOperation. With plural, the revisions and
// sources are written as lists, as for an Application with spec.sources.
func FromOperation(op syncline.Operation, plural bool) v1alpha1.Operation {
	sync := v1alpha1.SyncOperation{
		Prune:        op.Prune,
		DryRun:       op.DryRun,
		SyncStrategy: fromStrategy(op.SkipHooks, op.Force),
		Resources: each(op.Selection, func(s syncline.Selector) v1alpha1.SyncOperationResource {
			return v1alpha1.SyncOperationResource(s)
		}),
		SyncOptions:           op.Options,
		SelfHealAttemptsCount: op.SelfHealAttempts,
	}
	sync.Revision, sync.Revisions = fromRevisions(op.Revisions, plural)
	sync.Source, sync.Sources = fromSources(op.Sources, plural)
	return v1alpha1.Operation{Sync: &sync, Retry: FromRetry(op.Retry), InitiatedBy: fromInitiator(op.By)}
}

func toStrategy(s *v1alpha1.SyncStrategy) (skipHooks, force bool) {
	switch {
	case s == nil:
		return false, false
	case s.Apply != nil:
		return true, s.Apply.Force
	case s.Hook != nil:
		return false, s.Hook.Force
	default:
		return false, false
	}
}

func fromStrategy(skipHooks, force bool) *v1alpha1.SyncStrategy {
	apply := v1alpha1.SyncStrategyApply{Force: force}
	switch {
	case skipHooks:
		return &v1alpha1.SyncStrategy{Apply: &apply}
	case force:
		return &v1alpha1.SyncStrategy{Hook: &v1alpha1.SyncStrategyHook{SyncStrategyApply: apply}}
	default:
		return nil
	}
}

// maxUsername is how much of the name of who began an operation is kept, in bytes.
const maxUsername = 256

// toInitiator reads who began an operation: a text that anybody may have written.
// It is kept short, because it stands in the status several times, and without
// what a terminal would obey. Nothing follows from it.
func toInitiator(by v1alpha1.OperationInitiator) syncline.Initiator {
	name := by.Username[:min(len(by.Username), maxUsername)]
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // controls, marks of direction, and what is no text
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return syncline.Initiator{Username: name, Automated: by.Automated}
}

func fromInitiator(by syncline.Initiator) v1alpha1.OperationInitiator {
	return v1alpha1.OperationInitiator(by)
}

// toRevisions reads a revision and revisions: the list wins.
func toRevisions(revision string, revisions []string) []string {
	if len(revisions) == 0 && revision != "" {
		return []string{revision}
	}
	return append([]string(nil), revisions...)
}

func fromRevisions(revisions []string, plural bool) (string, []string) {
	if len(revisions) == 1 && !plural {
		return revisions[0], nil
	}
	return "", revisions
}

func fromSources(sources []syncline.Source, plural bool) (*v1alpha1.ApplicationSource, []v1alpha1.ApplicationSource) {
	translated := each(sources, convention.FromSource)
	if len(translated) == 1 && !plural {
		return &translated[0], nil
	}
	return nil, translated
}

func toOperationState(s *v1alpha1.OperationState) *syncline.OperationState {
	if s == nil {
		return nil
	}
	state := &syncline.OperationState{
		Operation:  toOperation(s.Operation, &problems{}),
		Phase:      syncline.OperationPhase(s.Phase),
		Message:    s.Message,
		StartedAt:  s.StartedAt.UTC(),
		FinishedAt: toTime(s.FinishedAt),
		RetryCount: s.RetryCount,
	}
	if r := s.SyncResult; r != nil {
		state.Revisions = toRevisions(r.Revision, r.Revisions)
		state.Sources = toSources(r.Source, r.Sources)
		state.Results = each(r.Resources, toResult)
	}
	return state
}

func toResult(r v1alpha1.ResourceResult) syncline.ObjectResult {
	return syncline.ObjectResult{
		Ref:      syncline.Ref{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name},
		Version:  r.Version,
		Phase:    syncline.Phase(r.SyncPhase),
		HookType: syncline.Phase(r.HookType),
		Code:     syncline.ResultCode(r.Status),
		State:    syncline.OperationPhase(r.HookPhase),
		Message:  r.Message,
		Images:   append([]string(nil), r.Images...),
	}
}

// fromResult is the inverse of toResult.
func fromResult(r syncline.ObjectResult) v1alpha1.ResourceResult {
	return v1alpha1.ResourceResult{
		Group: r.Ref.Group, Version: r.Version, Kind: r.Ref.Kind, Namespace: r.Ref.Namespace, Name: r.Ref.Name,
		Status:    string(r.Code),
		Message:   visible.Text(r.Message),
		HookType:  string(r.HookType),
		HookPhase: string(r.State),
		SyncPhase: string(r.Phase),
		Images:    r.Images,
	}
}

// toTime reads a time that may be absent.
func toTime(t *metav1.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// fromTime is the inverse of toTime. A status keeps seconds.
func fromTime(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}
