package application

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// maxWaiting is how many blockers the status lists.
const maxWaiting = 10

// newStatus returns the status that says what the report says, with what does
// not change taken over from the status as it is.
func newStatus(report syncline.Report, cr *v1alpha1.Application) v1alpha1.ApplicationStatus {
	f := newFolder(cr)
	status := cr.Status
	resources, left := listedResources(fromObjects(report.Objects))
	report.Conditions = append(slices.Clip(report.Conditions), unlisted(report, left)...)
	status.Resources = resources
	status.ResourceHealthSource = "" // the health is in status.resources
	status.Sync = f.sync(report)
	status.Health = f.health(report)
	status.Conditions = f.conditions(report)
	status.OperationState = f.operationState(report.Operation)
	status.History = each(report.History, f.deployment)
	status.Summary = summary(report)
	status.Syncline = f.syncline(report)
	if len(report.Tools) > 0 {
		status.SourceType, status.SourceTypes = f.sourceTypes(report.Tools)
	}
	return status
}

// folder folds a report into the status of one Application.
type folder struct {
	cr *v1alpha1.Application
	// charts are the revisions of charts that the status has, by their places.
	charts map[string][]string
	// plural says that the spec has a list of sources, and the status then too.
	plural bool
	// known are the sources that the resource holds already. A source that means
	// the same as one of them is written as that, with the fields that Syncline
	// does not read.
	known []knownSource
}

type knownSource struct {
	written v1alpha1.ApplicationSource
	means   syncline.Source
}

func newFolder(cr *v1alpha1.Application) *folder {
	f := &folder{cr: cr, plural: len(cr.Spec.Sources) > 0}
	if cr.Status.Syncline != nil {
		f.charts = cr.Status.Syncline.Charts
	}
	f.know(cr.Spec.Source, cr.Spec.Sources)
	if cr.Operation != nil && cr.Operation.Sync != nil {
		f.know(cr.Operation.Sync.Source, cr.Operation.Sync.Sources)
	}
	if state := cr.Status.OperationState; state != nil && state.SyncResult != nil {
		f.know(state.SyncResult.Source, state.SyncResult.Sources)
	}
	return f
}

func (f *folder) know(source *v1alpha1.ApplicationSource, sources []v1alpha1.ApplicationSource) {
	if source != nil {
		sources = append(slices.Clip(sources), *source)
	}
	for _, s := range sources {
		f.known = append(f.known, knownSource{written: withoutNulls(s), means: convention.ToSource(s)})
	}
}

// withoutNulls returns a source that means the same and can be written by a
// merge patch: values that hold a null go as text.
func withoutNulls(s v1alpha1.ApplicationSource) v1alpha1.ApplicationSource {
	if s.Helm == nil || s.Helm.ValuesObject == nil {
		return s
	}
	var values any
	if err := json.Unmarshal(s.Helm.ValuesObject.Raw, &values); err == nil && !holdsNull(values) {
		return s
	}
	helm := *s.Helm
	helm.Values, helm.ValuesObject = string(helm.ValuesObject.Raw), nil
	s.Helm = &helm
	return s
}

func holdsNull(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(value, holdsNull)
	case map[string]any:
		for _, entry := range value {
			if holdsNull(entry) {
				return true
			}
		}
	}
	return false
}

// sources writes sources as the resource holds them, or anew.
func (f *folder) sources(sources []syncline.Source) (*v1alpha1.ApplicationSource, []v1alpha1.ApplicationSource) {
	written := each(sources, func(s syncline.Source) v1alpha1.ApplicationSource {
		for _, known := range f.known {
			if reflect.DeepEqual(known.means, s) {
				return known.written
			}
		}
		return convention.FromSource(s)
	})
	if len(written) == 1 && !f.plural {
		return &written[0], nil
	}
	return nil, written
}

func (f *folder) sync(report syncline.Report) v1alpha1.SyncStatus {
	destination := f.cr.Spec.Destination // as it is written, if that is what was compared
	if toDestination(destination) != report.Destination {
		destination = v1alpha1.ApplicationDestination{
			Server: report.Destination.Server, Name: report.Destination.Name, Namespace: report.Destination.Namespace,
		}
	}
	sync := v1alpha1.SyncStatus{
		Status:     string(report.Sync),
		ComparedTo: v1alpha1.ComparedTo{Destination: destination, IgnoreDifferences: f.cr.Spec.IgnoreDifferences},
	}
	sync.ComparedTo.Source, sync.ComparedTo.Sources = f.sources(report.Sources)
	sync.Revision, sync.Revisions = fromRevisions(upstream.Versions(report.Revisions), f.plural)
	return sync
}

// health keeps the time of the last transition while the status stays.
func (f *folder) health(report syncline.Report) v1alpha1.AppHealthStatus {
	before := f.cr.Status.Health
	health := v1alpha1.AppHealthStatus{
		Status:             string(report.Health.Status),
		Message:            visible.Text(report.Health.Message),
		LastTransitionTime: before.LastTransitionTime,
	}
	if health.Status != before.Status || health.LastTransitionTime == nil {
		health.LastTransitionTime = fromTime(report.At)
	}
	return health
}

// conditions keeps the time of each condition of the same type and message.
func (f *folder) conditions(report syncline.Report) []v1alpha1.ApplicationCondition {
	conditions := each(report.Conditions, func(c syncline.Condition) v1alpha1.ApplicationCondition {
		condition := v1alpha1.ApplicationCondition{Type: string(c.Type), Message: visible.Text(c.Message), LastTransitionTime: fromTime(report.At)}
		for _, before := range f.cr.Status.Conditions {
			if before.Type == condition.Type && before.Message == condition.Message && before.LastTransitionTime != nil {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
		return condition
	})
	slices.SortStableFunc(conditions, func(a, b v1alpha1.ApplicationCondition) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(conditions, func(a, b v1alpha1.ApplicationCondition) bool {
		return a.Type == b.Type && a.Message == b.Message
	})
}

func (f *folder) operationState(state *syncline.OperationState) *v1alpha1.OperationState {
	if state == nil {
		return nil
	}
	results, message := listedResults(state)
	written := &v1alpha1.OperationState{
		Operation:  f.operation(state.Operation),
		Phase:      f.phase(state),
		Message:    visible.Text(message),
		FinishedAt: fromTime(notBefore(state.StartedAt, state.FinishedAt)),
		RetryCount: state.RetryCount,
		StartedAt:  orZero(fromTime(state.StartedAt)),
	}
	if len(state.Revisions)+len(state.Sources)+len(state.Results) > 0 {
		result := &v1alpha1.SyncOperationResult{Resources: each(results, fromResult)}
		result.Revision, result.Revisions = fromRevisions(upstream.Versions(state.Revisions), f.plural)
		result.Source, result.Sources = f.sources(state.Sources)
		written.SyncResult = result
	}
	return written
}

// phase keeps the wish of a person, who writes it into the status, that the
// operation be terminated, until it has ended.
func (f *folder) phase(state *syncline.OperationState) string {
	before := f.cr.Status.OperationState
	if before != nil && before.Phase == string(syncline.OperationTerminating) && !state.Phase.Done() &&
		before.StartedAt.Time.Equal(state.StartedAt.Truncate(time.Second)) {
		return before.Phase
	}
	return string(state.Phase)
}

// operation writes an operation as it was asked for, if it still means that.
func (f *folder) operation(op syncline.Operation) v1alpha1.Operation {
	var asked []v1alpha1.Operation
	if f.cr.Operation != nil {
		asked = append(asked, *f.cr.Operation)
	}
	if state := f.cr.Status.OperationState; state != nil {
		asked = append(asked, state.Operation)
	}
	for _, candidate := range asked {
		if reflect.DeepEqual(toOperation(candidate, &problems{}), op) {
			candidate.InitiatedBy = fromInitiator(op.By)
			return operationWithoutNulls(candidate)
		}
	}
	written := FromOperation(op, f.plural)
	written.Sync.Source, written.Sync.Sources = f.sources(op.Sources)
	return written
}

func operationWithoutNulls(op v1alpha1.Operation) v1alpha1.Operation {
	if op.Sync == nil {
		return op
	}
	sync := *op.Sync
	if sync.Source != nil {
		source := withoutNulls(*sync.Source)
		sync.Source = &source
	}
	sync.Sources = each(sync.Sources, withoutNulls)
	op.Sync = &sync
	return op
}

// deployment takes an entry of the history that is there already as it is.
func (f *folder) deployment(d syncline.Deployment) v1alpha1.RevisionHistory {
	d.DeployedAt = notBefore(d.StartedAt, d.DeployedAt)
	for _, before := range f.cr.Status.History {
		if before.ID == d.ID && reflect.DeepEqual(f.deployed(before), inSeconds(d)) {
			before.InitiatedBy = fromInitiator(d.By)
			return before
		}
	}
	written := v1alpha1.RevisionHistory{
		ID:              d.ID,
		DeployStartedAt: fromTime(d.StartedAt),
		DeployedAt:      orZero(fromTime(d.DeployedAt)),
		InitiatedBy:     fromInitiator(d.By),
	}
	written.Revision, written.Revisions = fromRevisions(upstream.Versions(d.Revisions), f.plural)
	written.Source, written.Sources = f.sources(d.Sources)
	return written
}

// deployed reads an entry of the history that is there.
func (f *folder) deployed(entry v1alpha1.RevisionHistory) syncline.Deployment {
	deployment := toDeployment(entry)
	deployment.Revisions = whole(f.charts, atHistory(entry.ID), deployment.Revisions)
	return deployment
}

// notBefore returns when an operation ended, if it did, as others may see it: one that
// follows within a second begins in the next, by which its hooks are told from those before.
func notBefore(began, ended time.Time) time.Time {
	if !ended.IsZero() && ended.Before(began) && began.Sub(ended) < time.Minute {
		return began
	}
	return ended
}

// inSeconds returns the deployment with the times that a status keeps.
func inSeconds(d syncline.Deployment) syncline.Deployment {
	d.StartedAt = d.StartedAt.UTC().Truncate(time.Second)
	d.DeployedAt = d.DeployedAt.UTC().Truncate(time.Second)
	return d
}

func (f *folder) sourceTypes(tools []syncline.Tool) (string, []string) {
	names := each(tools, func(t syncline.Tool) string { return string(t) })
	if len(names) == 1 && !f.plural {
		return names[0], nil
	}
	return "", names
}

// fromObjects writes the objects in their order, each with its health: a
// person who has only kubectl finds it nowhere else.
func fromObjects(objects []syncline.ObjectReport) []v1alpha1.ResourceStatus {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b syncline.ObjectReport) int { return a.Ref.Compare(b.Ref) })
	return each(sorted, fromObject)
}

func fromObject(o syncline.ObjectReport) v1alpha1.ResourceStatus {
	written := v1alpha1.ResourceStatus{
		Group: o.Ref.Group, Version: o.Version, Kind: o.Ref.Kind, Namespace: o.Ref.Namespace, Name: o.Ref.Name,
		Status:          string(o.Sync),
		Hook:            o.Hook,
		RequiresPruning: o.RequiresPruning,
		SyncWave:        int64(o.Wave),

		RequiresDeletionConfirmation: o.RequiresConfirmation,
	}
	if o.Health != (syncline.Health{}) {
		written.Health = &v1alpha1.HealthStatus{Status: string(o.Health.Status), Message: visible.Text(o.Health.Message)}
	}
	return written
}

func summary(report syncline.Report) v1alpha1.ApplicationSummary {
	return v1alpha1.ApplicationSummary{
		ExternalURLs: sortedSet(report.URLs),
		Images:       sortedSet(report.Images),
		IsAppOfApps: slices.ContainsFunc(report.Objects, func(o syncline.ObjectReport) bool {
			return !o.Claimed && o.Ref.Group == v1alpha1.Group && o.Ref.Kind == v1alpha1.ApplicationKind
		}),
	}
}

func sortedSet(texts []string) []string {
	sorted := append([]string(nil), texts...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// syncline lists the first blockers, and keeps what the last deployment rendered
// to until there is another.
func (f *folder) syncline(report syncline.Report) *v1alpha1.SynclineStatus {
	listed := report.Waiting[:min(len(report.Waiting), maxWaiting)]
	status := v1alpha1.SynclineStatus{
		WaitingMore: int64(len(report.Waiting) - len(listed) + report.WaitingMore),
		Waiting:     each(listed, fromBlocker),
		Rendered:    string(report.Rendered),
		Charts:      chartsOf(report),
	}
	if before := f.cr.Status.Syncline; before != nil && status.Rendered == "" {
		status.Rendered = before.Rendered
	}
	status.Compared = f.compared(report)
	if equality.Semantic.DeepEqual(status, v1alpha1.SynclineStatus{}) {
		return nil
	}
	return &status
}

// compared returns the revisions that were compared last, when those of the report could not
// be: what the status said of them, or else its own.
func (f *folder) compared(report syncline.Report) []string {
	before := f.cr.Status
	switch revisions := whole(f.charts, atSync, toRevisions(before.Sync.Revision, before.Sync.Revisions)); {
	case report.Sync != syncline.SyncUnknown || before.Sync.Status == "":
		return nil
	case before.Syncline != nil && before.Syncline.Compared != nil:
		return before.Syncline.Compared
	case !slices.Equal(revisions, report.Revisions):
		return revisions
	}
	return nil
}

func fromBlocker(b syncline.Blocker) v1alpha1.Blocker {
	return v1alpha1.Blocker{
		Group: b.Ref.Group, Kind: b.Ref.Kind, Namespace: b.Ref.Namespace, Name: b.Ref.Name,
		Why: b.Why, Until: fromTime(b.Until),
	}
}

func orZero(t *metav1.Time) metav1.Time {
	if t == nil {
		return metav1.Time{}
	}
	return *t
}
