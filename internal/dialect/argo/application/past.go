package application

import (
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// toPast reads back what [Patch] wrote, or Argo CD did.
func toPast(cr *v1alpha1.Application) syncline.Past {
	s := cr.Status
	past := syncline.Past{
		ResourceVersion: cr.ResourceVersion,
		Operation:       toOperationState(s.OperationState),
		History:         each(s.History, toDeployment),
		Objects:         each(s.Resources, toObjectReport),
		Sources:         toSources(s.Sync.ComparedTo.Source, s.Sync.ComparedTo.Sources),
		Revisions:       toRevisions(s.Sync.Revision, s.Sync.Revisions),
		Destination:     toDestination(s.Sync.ComparedTo.Destination),
		Sync:            syncline.SyncStatus(s.Sync.Status),
		Health:          syncline.Health{Status: syncline.HealthStatus(s.Health.Status), Message: s.Health.Message},
		ReconciledAt:    toTime(s.ReconciledAt),
		Unlisted: slices.ContainsFunc(s.Conditions, func(c v1alpha1.ApplicationCondition) bool {
			return c.Type == string(syncline.UnlistedWarning)
		}),
	}
	if s.OperationState != nil {
		var found problems
		checkStatusOperation(s.OperationState, &found)
		past.Invalid = found
	}
	if s.Syncline != nil {
		past.Rendered = syncline.Digest(s.Syncline.Rendered)
	}
	return past
}

func toDeployment(h v1alpha1.RevisionHistory) syncline.Deployment {
	return syncline.Deployment{
		ID:         h.ID,
		Revisions:  toRevisions(h.Revision, h.Revisions),
		Sources:    toSources(h.Source, h.Sources),
		StartedAt:  toTime(h.DeployStartedAt),
		DeployedAt: toTime(&h.DeployedAt),
		By:         toInitiator(h.InitiatedBy),
	}
}

func toObjectReport(r v1alpha1.ResourceStatus) syncline.ObjectReport {
	report := syncline.ObjectReport{
		Ref:             syncline.Ref{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name},
		Version:         r.Version,
		Sync:            syncline.SyncStatus(r.Status),
		Wave:            int(r.SyncWave),
		Hook:            r.Hook,
		RequiresPruning: r.RequiresPruning,

		RequiresConfirmation: r.RequiresDeletionConfirmation,
	}
	if h := r.Health; h != nil {
		report.Health = syncline.Health{Status: syncline.HealthStatus(h.Status), Message: h.Message}
		report.Claimed = isClaim(r)
	}
	return report
}

// ReportOf reads the last report back out of an Application that [Read]
// translated to app.
func ReportOf(app syncline.App, cr *v1alpha1.Application) syncline.Report {
	report := syncline.Report{
		App: app.ID, ResourceVersion: app.Past.ResourceVersion, Revisions: app.Past.Revisions,
		Destination: app.Destination, Sources: app.Sources,
		Sync: app.Past.Sync, Health: app.Past.Health,
		Objects: app.Past.Objects, Operation: app.Past.Operation, History: app.Past.History,
		Images: cr.Status.Summary.Images, URLs: cr.Status.Summary.ExternalURLs,
		Conditions: each(cr.Status.Conditions, toCondition),
	}
	if cr.Status.Syncline != nil {
		report.Waiting = each(cr.Status.Syncline.Waiting, toBlocker)
	}
	return report
}

func toCondition(c v1alpha1.ApplicationCondition) syncline.Condition {
	return syncline.Condition{Type: syncline.ConditionType(c.Type), Message: c.Message}
}

func toBlocker(b v1alpha1.Blocker) syncline.Blocker {
	return syncline.Blocker{
		Ref: syncline.Ref{Group: b.Group, Kind: b.Kind, Namespace: b.Namespace, Name: b.Name},
		Why: b.Why, Until: toTime(b.Until),
	}
}
