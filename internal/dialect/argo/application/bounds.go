package application

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// How much of a status its lists may take, in bytes of JSON. The API server
// refuses an Application of more than about 1.5 MB, and every write of one costs
// as much as it is large.
const (
	maxResourceBytes = 900 << 10
	maxResultBytes   = 128 << 10
)

// fitting returns the items that fit into limit bytes, in their order, and how
// many do not. Those of the lowest rank are taken first.
func fitting[T any](items []T, limit int, size, rank func(T) int) (kept []T, left int) {
	total := 0
	for _, item := range items {
		total += size(item)
	}
	if total <= limit {
		return items, 0
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	ranks := each(items, rank)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ranks[a], ranks[b]) })
	taken := 0
	for used := 0; taken < len(order); taken++ {
		if used += size(items[order[taken]]); used > limit {
			break
		}
	}
	chosen := order[:taken]
	slices.Sort(chosen)
	return each(chosen, func(i int) T { return items[i] }), len(items) - taken
}

// listedResources returns the resources that the status lists: of each kind one,
// by which a new process knows what to look at, then those that need attention.
func listedResources(resources []v1alpha1.ResourceStatus) (listed []v1alpha1.ResourceStatus, left int) {
	type kind struct{ group, kind string }
	seen := map[kind]bool{}
	return fitting(resources, maxResourceBytes, resourceSize, func(r v1alpha1.ResourceStatus) int {
		of := kind{r.Group, r.Kind}
		first := !seen[of]
		seen[of] = true
		switch {
		case first:
			return 0
		case needsAttention(r):
			return 1
		}
		return 2
	})
}

// isClaim reports whether nothing but the object itself says that it is the
// Application's.
func isClaim(r v1alpha1.ResourceStatus) bool {
	return r.Health != nil && strings.HasPrefix(r.Health.Message, syncline.ClaimText)
}

func needsAttention(r v1alpha1.ResourceStatus) bool {
	return r.Status != string(syncline.Synced) || r.Hook || r.RequiresPruning ||
		r.Health != nil && r.Health.Status != string(syncline.Healthy)
}

// resourceSize is about how many bytes an entry takes.
func resourceSize(r v1alpha1.ResourceStatus) int {
	size := 80 + len(r.Group) + len(r.Version) + len(r.Kind) + len(r.Namespace) + len(r.Name) + len(r.Status)
	if r.Health != nil {
		size += 40 + len(r.Health.Status) + len(r.Health.Message)
	}
	return size
}

// unlisted warns of objects that the status does not list.
func unlisted(report syncline.Report, left int) []syncline.Condition {
	if left == 0 {
		return nil
	}
	return []syncline.Condition{{Type: syncline.UnlistedWarning, Message: fmt.Sprintf(
		"status.resources lists %d of %d objects, first those that need attention: the API server takes no larger status",
		len(report.Objects)-left, len(report.Objects))}}
}

// listedResults returns the results that the status lists, and the message of an
// operation that tells how many it does not. What went well without a change is
// left out first: when an operation goes on, the plan shows again that it did.
func listedResults(state *syncline.OperationState) (listed []syncline.ObjectResult, message string) {
	const notListed = "objects that went well are not listed"
	listed, left := fitting(state.Results, maxResultBytes, resultSize, resultRank)
	if left == 0 || strings.HasSuffix(state.Message, notListed) {
		return listed, state.Message
	}
	return listed, fmt.Sprintf("%s; %d %s", state.Message, left, notListed)
}

func resultRank(r syncline.ObjectResult) int {
	switch {
	case r.HookType != "" || r.Code != syncline.ResultSynced || r.State == syncline.OperationFailed || r.State == syncline.OperationError:
		return 0
	case !r.Unchanged():
		return 1
	}
	return 2
}

func resultSize(r syncline.ObjectResult) int {
	size := 140 + len(r.Ref.Group) + len(r.Version) + len(r.Ref.Kind) + len(r.Ref.Namespace) + len(r.Ref.Name) +
		len(r.Code) + len(r.Message) + len(r.HookType) + len(r.State) + len(r.Phase)
	for _, image := range r.Images {
		size += len(image) + 3
	}
	return size
}
