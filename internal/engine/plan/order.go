package plan

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/syncline-io/syncline"
)

// kindOrder is the order of kinds within a wave; kinds that are not named come
// last. It is Argo CD's, but for what guards: that is deleted and changed before what
// it guards, which it may refuse as it is, and created last, as in Argo CD: what it
// calls is not there before.
func kindOrder() []string {
	return []string{
		"Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy", "PodDisruptionBudget",
		"ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass", "PersistentVolume",
		"PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding",
		"ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service", "DaemonSet", "Pod",
		"ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob",
		"IngressClass", "Ingress", "APIService",
	}
}

// order puts the changes into the order in which they happen: phase, wave,
// kind, name. What others need comes no later than they do.
func (b *build) order(context.Context) error {
	b.orderPrunes()
	b.linkNeeds()
	rank := map[string]int{}
	for i, kind := range kindOrder() {
		rank[kind] = i + 1
	}
	kindRank := func(c syncline.Change) int {
		if c.Ref.Guards() && c.Action != syncline.Create {
			return 0
		}
		if r := rank[c.Ref.Kind]; r > 0 {
			return r
		}
		return len(rank) + 1
	}
	slices.SortStableFunc(b.changes, func(x, y syncline.Change) int {
		return cmp.Or(
			cmp.Compare(x.Phase.Order(), y.Phase.Order()),
			cmp.Compare(x.Wave, y.Wave),
			cmp.Compare(kindRank(x), kindRank(y)),
			cmp.Compare(x.Ref.Kind, y.Ref.Kind),
			cmp.Compare(x.Ref.Name, y.Ref.Name),
			x.Ref.Compare(y.Ref),
			cmp.Compare(x.Role, y.Role),
		)
	})
	return nil
}

// orderPrunes makes prunes happen in the reverse order of waves, by swapping
// the distinct waves that they have, and with PruneLast after everything else.
func (b *build) orderPrunes() {
	var waves []int
	last := 0
	for _, c := range b.changes {
		if c.Action == syncline.Prune {
			waves = append(waves, c.Wave)
		}
		if c.Phase == syncline.Sync {
			last = max(last, c.Wave)
		}
	}
	slices.Sort(waves)
	waves = slices.Compact(waves)
	newest := b.newestApps()
	for i := range b.changes {
		c := &b.changes[i]
		if c.Action != syncline.Prune {
			continue
		}
		place, _ := slices.BinarySearch(waves, c.Wave)
		c.Wave = waves[len(waves)-1-place]
		if c.Options.Has("PruneLast=true") {
			c.Wave = last + 1
		}
		if c.IsApp {
			c.Wave = max(c.Wave, newest)
		}
	}
	b.orderServing()
}

// orderServing makes what Apps need go no sooner than the last of the Apps that go,
// or that may turn to another.
func (b *build) orderServing() {
	last := math.MinInt
	for _, c := range b.changes {
		if c.IsApp && c.Phase == syncline.Sync && c.Action != syncline.Keep && c.Action != syncline.Retain {
			last = max(last, c.Wave)
		}
	}
	for i := range b.changes {
		if c := &b.changes[i]; c.Action == syncline.Prune && c.ServesApps {
			c.Wave = max(c.Wave, last)
		}
	}
}

// newestApps returns the last wave in which Applications are created. None is
// deleted before: one that comes may declare the objects of one that goes.
func (b *build) newestApps() int {
	newest := math.MinInt
	for _, c := range b.changes {
		if c.IsApp && c.Action == syncline.Create && c.Phase == syncline.Sync {
			newest = max(newest, c.Wave)
		}
	}
	return newest
}

// linkNeeds notes which changes need a namespace or a definition of the same
// plan, and moves those to the phase and wave of the first that needs them. One
// that is a hook stays in its phase.
func (b *build) linkNeeds() {
	providers := map[syncline.Ref]*syncline.Change{}
	for i := range b.changes {
		c := &b.changes[i]
		provides := c.Ref.Kind == "Namespace" || c.Ref.Kind == "CustomResourceDefinition"
		if provides && c.Role != syncline.RoleHook && !c.Desired.IsZero() {
			providers[c.Ref] = c
		}
	}
	for i := range b.changes {
		c := &b.changes[i]
		if c.Desired.IsZero() {
			continue
		}
		for _, ref := range b.needsOf(c.Ref) {
			provider, ok := providers[ref]
			if !ok {
				continue
			}
			c.Needs = append(c.Needs, ref)
			if earlier(*c, *provider) {
				provider.Phase, provider.Wave = c.Phase, c.Wave
			}
		}
	}
}

func (b *build) needsOf(ref syncline.Ref) []syncline.Ref {
	var needs []syncline.Ref
	if ref.Namespace != "" {
		needs = append(needs, syncline.Ref{Kind: "Namespace", Name: ref.Namespace})
	}
	if d, ok := b.defined[ref.GroupKind()]; ok {
		needs = append(needs, d.ref)
	}
	return needs
}

func earlier(x, y syncline.Change) bool {
	return cmp.Or(cmp.Compare(x.Phase.Order(), y.Phase.Order()), cmp.Compare(x.Wave, y.Wave)) < 0
}
