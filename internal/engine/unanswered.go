package engine

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/status"
)

// answered returns the kinds of which something can be known, and takes note of the
// others: what serves them is down, which holds up nothing else.
func (t *turn) answered(ctx context.Context, kinds []schema.GroupVersionKind) []schema.GroupVersionKind {
	t.unanswered = map[schema.GroupKind]error{}
	asked := map[schema.GroupVersionKind]bool{}
	for _, kind := range kinds {
		if asked[kind] {
			continue
		}
		asked[kind] = true
		if err := t.cluster.Unanswered(ctx, kind); err != nil {
			t.unanswered[kind.GroupKind()] = err
		}
	}
	return slices.DeleteFunc(kinds, func(kind schema.GroupVersionKind) bool { return t.unanswered[kind.GroupKind()] != nil })
}

// reportUnanswered lets the objects of which nothing can be known keep what was known
// of them last. Those that are not declared any more are reported too: that the App had
// them is not forgotten.
func (t *turn) reportUnanswered(report *syncline.Report) {
	at := map[syncline.Ref]int{}
	for i, o := range report.Objects {
		at[o.Ref] = i
	}
	for _, past := range t.app.Past.Objects {
		err := t.unanswered[past.Ref.GroupKind()]
		i, listed := at[past.Ref]
		switch {
		case err == nil:
		case listed:
			report.Objects[i].Health = past.Health
		default:
			past.Sync = syncline.SyncUnknown
			report.Objects = append(report.Objects, past)
			report.Conditions = append(report.Conditions, status.Condition(syncline.ComparisonError, syncline.About(past.Ref, err)))
			if report.Sync == syncline.Synced {
				report.Sync = syncline.SyncUnknown
			}
		}
	}
	slices.SortFunc(report.Objects, func(a, b syncline.ObjectReport) int { return a.Ref.Compare(b.Ref) })
}
