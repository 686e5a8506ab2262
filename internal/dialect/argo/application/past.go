package application

import (
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// toPast reads back what [Patch] wrote into the Application that declares an App, or
// Argo CD did.
func toPast(id syncline.AppID, cr *v1alpha1.Application) syncline.Past {
	past := syncline.Past{Report: toReport(id, cr.Status)}
	past.ResourceVersion = cr.ResourceVersion
	past.ReconciledAt = toTime(cr.Status.ReconciledAt)
	past.Unlisted = slices.ContainsFunc(past.Conditions, func(c syncline.Condition) bool { return c.Type == syncline.UnlistedWarning })
	if cr.Status.Syncline != nil {
		past.Compared = cr.Status.Syncline.Compared
	}
	if state := cr.Status.OperationState; state != nil {
		var found problems
		checkStatusOperation(state, &found)
		past.Invalid = found
	}
	return past
}

// toReport reads a report back out of a status.
func toReport(id syncline.AppID, s v1alpha1.ApplicationStatus) syncline.Report {
	report := syncline.Report{
		App:         id,
		Operation:   toOperationState(s.OperationState),
		History:     each(s.History, toDeployment),
		Objects:     each(s.Resources, toObjectReport),
		Sources:     toSources(s.Sync.ComparedTo.Source, s.Sync.ComparedTo.Sources),
		Revisions:   toRevisions(s.Sync.Revision, s.Sync.Revisions),
		Destination: toDestination(s.Sync.ComparedTo.Destination),
		Sync:        syncline.SyncStatus(s.Sync.Status),
		Health:      syncline.Health{Status: syncline.HealthStatus(s.Health.Status), Message: s.Health.Message},
		Conditions:  each(s.Conditions, toCondition),
		Images:      s.Summary.Images,
		URLs:        s.Summary.ExternalURLs,
	}
	if s.Syncline != nil {
		makeWhole(&report, s.Syncline.Charts)
		report.Rendered = syncline.Digest(s.Syncline.Rendered)
		report.Waiting, report.WaitingMore = each(s.Syncline.Waiting, toBlocker), int(s.Syncline.WaitingMore)
	}
	return report
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

// ReportOf returns the last report of an App that [Read] translated, about what it
// declares now.
func ReportOf(app syncline.App) syncline.Report {
	report := app.Past.Report
	report.Sources, report.Destination = app.Sources, app.Destination
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
