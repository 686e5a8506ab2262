package syncline

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/option"
)

// Action is what a Change does to its object.
type Action string

// The closed set of actions.
const (
	// Keep leaves an object that is as desired.
	Keep Action = "keep"
	// Create makes an object that is not there.
	Create Action = "create"
	// Update applies the desired fields to an object that differs.
	Update Action = "update"
	// Replace puts the desired object in place of the live one, keeping its UID.
	Replace Action = "replace"
	// Recreate deletes the live object and creates the desired one.
	Recreate Action = "recreate"
	// Prune deletes an object that is no longer desired.
	Prune Action = "prune"
	// Retain leaves an object that is no longer desired but may not be pruned.
	Retain Action = "retain"
	// Run creates a hook's object, or, when the Change has a UID, applies it over
	// that of an earlier run.
	Run Action = "run"
)

// Phase is when a Change happens in an operation.
type Phase string

// The phases, in their order. SyncFail happens only after a failure.
const (
	PreSync  Phase = "PreSync"
	Sync     Phase = "Sync"
	PostSync Phase = "PostSync"
	SyncFail Phase = "SyncFail"
)

// Order is the phase's place in an operation.
func (p Phase) Order() int {
	switch p {
	case PreSync:
		return 0
	case Sync:
		return 1
	case PostSync:
		return 2
	default:
		return 3
	}
}

// Role says what an object of a Plan is to its App.
type Role string

// The roles.
const (
	// RoleResource is an object that the App declares and keeps.
	RoleResource Role = "resource"
	// RoleHook is an object that exists to run once in an operation.
	RoleHook Role = "hook"
	// RoleNamespace is the destination namespace, made on request.
	RoleNamespace Role = "namespace"
)

// Change is one step of a Plan: what happens to one object, and why.
type Change struct {
	Ref     Ref
	Version string
	Role    Role
	Action  Action
	Phase   Phase
	Wave    int
	// IsApp and ServesApps are what the [Dialects] say of the object.
	IsApp, ServesApps bool
	// Why says in words what the action follows from.
	Why string
	// Fields lists what differs, redacted. Only Update, Replace and Recreate have them.
	Fields []Field
	// Desired is the object to write; it is zero for Prune and Retain.
	Desired Object
	// Merged is put in place of the live object where the API server refuses to
	// apply Desired, and would not refuse this; zero otherwise. It is meant for one
	// state of the live object.
	Merged Object
	// Adopt says that the field manager of Desired owns nothing of the live object
	// yet, so that the fields of whoever holds them for it are taken over first.
	Adopt bool
	// UID is that of the live object that the change was planned against; empty
	// when there was none, and for a Run that deletes the object of an earlier run.
	UID types.UID
	// Steering is that of the live object, for a Prune: one that says something else
	// by the time is not deleted.
	Steering Digest
	// Migrate says that the fields of client-side apply are taken over first, so
	// that those that are no longer desired go.
	Migrate bool
	// Options steer how this object is written.
	Options option.List
	// HookPolicies are those of a hook; none when its object is never to be deleted.
	HookPolicies []HookPolicy
	// Needs are objects of the same plan that have to be ready before this one
	// is written: the definition of its kind, its namespace.
	Needs []Ref
	// Unserved is why the cluster does not serve Version yet: it may come with the plan.
	// An object that is live cannot be compared in it; it is planned again before it is
	// written. It is nil for what is served.
	Unserved error
	// Unknown says that the live object cannot be compared, for what the cluster is at the
	// moment and not for what is declared: its API does not answer, or serves it in
	// another version only. It is a reason to do nothing, and Err mostly says why.
	Unknown bool
	// After are Apps that need an object which is to be deleted, and that are about to
	// go, or to need it no more: it is deleted after that.
	After []Ref
	// SharedWith is the instance that the live object is tracked by, when that is
	// another App.
	SharedWith string
	// Extraneous reports whether an object that is not desired does not make the
	// App OutOfSync: it is being deleted already, or its compare-options say
	// IgnoreExtraneous.
	Extraneous bool
	// Claimed reports whether only an annotation, which anybody may write, says that
	// an object which is not desired is the App's. It is shown, left alone, and
	// counts for nothing.
	Claimed bool
	// Unrecorded reports whether the App's own status does not say that it ever had an
	// object which is not desired: what the object says of itself, field managers
	// included, can be written by whoever may write the object.
	Unrecorded bool
	// Drawn reports whether the source draws the object anew at each rendering.
	Drawn bool
	// Leaving reports whether an object that is not desired is being deleted
	// already, so that there is nothing to do and nothing to approve.
	Leaving bool
	// Undecided reports whether another App may declare an object that this one does
	// not declare any more, which Err says to be found out first.
	Undecided bool
	// Err says why the change cannot be made; nil when it can.
	Err error
	// Refused says that the project does not let the App have the object, and Err
	// why. Nothing is known of the live object then, and nothing may be shown of it.
	Refused bool
}

// Leaves reports whether the object is declared no more.
func (c Change) Leaves() bool { return c.Action == Prune || c.Action == Retain }

// Differs reports whether the change means that the App is not as desired. A
// namespace that is made on request counts when it lacks declared metadata, and what
// cannot be compared does not.
func (c Change) Differs() bool {
	switch c.Role {
	case RoleResource:
		return c.Action != Keep && !c.Extraneous && !c.Unknown
	case RoleNamespace:
		return c.Action == Update
	default:
		return false
	}
}

// Field is one difference within an object. Live or Desired is nil where the
// field is absent on that side.
type Field struct {
	// Path is written as in "spec.template.spec.containers[0].image".
	Path    string
	Live    any
	Desired any
}

// HookPolicy says when a hook's object is deleted.
type HookPolicy string

// The hook delete policies of Argo CD.
const (
	BeforeHookCreation HookPolicy = "BeforeHookCreation"
	HookSucceeded      HookPolicy = "HookSucceeded"
	HookFailed         HookPolicy = "HookFailed"
)

// Plan is everything that would happen to the cluster were an App synced now,
// with pruning. No write happens that a Plan does not show.
type Plan struct {
	App AppID
	// Cluster is where the objects are.
	Cluster   ClusterID
	Revisions []string
	// Changes are in the order in which they happen.
	Changes []Change
	// PreDelete and PostDelete are the hooks of the source that want to run when the
	// App is deleted. No operation runs them: they are not in Changes.
	PreDelete, PostDelete []Ref
	// Ahead are objects that the App declares by now and this plan does not have,
	// because it is of an operation that delivers something earlier. AheadUnknown is why
	// they are not known now: those that were known last count on.
	Ahead        []Ref
	AheadUnknown error
	// Warnings are conditions found while planning, such as shared objects.
	Warnings []Condition
	// Unknown says why the App may own objects that are not in Changes; nil when
	// all that it owns is known. It is Waiting while that is being found out, and
	// then nothing is pruned.
	Unknown error
}

// Of returns the part of the plan that an operation covers.
func (p Plan) Of(operation Operation) Plan {
	var covered []Change
	covers := operation.Covers()
	for _, c := range p.Changes {
		if covers(c) {
			covered = append(covered, c)
		}
	}
	p.Changes = covered
	return p
}

// Undecided returns the index of the first change of which it is not known yet whether
// others declare its object, -1 when there is none.
func (p Plan) Undecided() int {
	return slices.IndexFunc(p.Changes, func(c Change) bool { return c.Undecided })
}

// PruneDigest identifies what the plan would prune; an approval names it. It is
// "" when nothing would be pruned. Objects of hooks do not count.
func (p Plan) PruneDigest() Digest {
	type pruned struct {
		Ref Ref
		UID types.UID
	}
	var all []pruned
	for _, c := range p.Changes {
		if c.Action == Prune && c.Role != RoleHook {
			all = append(all, pruned{c.Ref, c.UID})
		}
	}
	if all == nil {
		return ""
	}
	slices.SortFunc(all, func(a, b pruned) int { return a.Ref.Compare(b.Ref) })
	digest, _ := DigestOf(all) // plain data
	return digest[:12]
}

// Grant is the permission to perform the changes of one Plan. Only
// internal/engine/policy makes one, and the write gate takes no change without.
type Grant struct {
	allowed map[grantKey]bool
}

// grantKey is everything of a Change that decides what is written, and where:
// the namespace of its ref says too that the kind has namespaces.
type grantKey struct {
	ref     Ref
	version string
	role    Role
	action  Action
	uid     types.UID
	migrate bool
	adopt   bool
	// manager is the one under which it is applied.
	manager string
	options string
	// steering is of what is deleted, body and merged of what is written.
	steering, body, merged Digest
}

func keyOf(c Change) grantKey {
	key := grantKey{
		ref: c.Ref, version: c.Version, role: c.Role, action: c.Action, uid: c.UID,
		migrate: c.Migrate, adopt: c.Adopt, manager: c.Desired.Manager(), options: strings.Join(c.Options, "\n"), steering: c.Steering, merged: c.Merged.Digest(),
	}
	if !c.Desired.IsZero() {
		key.body = c.Desired.Digest()
	}
	return key
}

// Grant judges every change of the plan that writes, and permits exactly those
// for which judge returns nil. It returns the errors of the others by ref.
func (p Plan) Grant(judge func(Change) error) (Grant, map[Ref]error) {
	grant := Grant{allowed: map[grantKey]bool{}}
	refused := map[Ref]error{}
	for _, c := range p.Changes {
		if c.Action == Keep || c.Action == Retain {
			continue
		}
		if err := judge(c); err != nil {
			refused[c.Ref] = err
			continue
		}
		grant.allowed[keyOf(c)] = true
	}
	return grant, refused
}

// Permits reports whether the grant covers exactly this change.
func (g Grant) Permits(c Change) bool { return g.allowed[keyOf(c)] }
