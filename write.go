package syncline

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/option"
)

// Write is one request that changes a cluster. The write gate makes it from a
// permitted Change; internal/edge/kube performs it and decides nothing.
type Write struct {
	// Action is Create, Update, Replace, Recreate, Prune, Run, or, for a hook's
	// object, Unhold.
	Action Action
	// Object is what to write; it is zero for Prune and Unhold, which Ref and
	// Version name. The namespace of the ref, or that it has none, is the scope that
	// the write was permitted for: it is a Conflict error when the kind has another.
	Object Object
	// Merged, of an Update, is put in place of the live object first, which has to
	// be in the state that it was made for; else it is a Conflict error.
	Merged  Object
	Ref     Ref
	Version string
	// UID is that of the live object that was planned against. A write to another
	// one is a Conflict error; so is a Run without a UID that finds an object there.
	UID types.UID
	// Steering is the [Live.Steering] of the object to delete. A Prune of one that
	// has another is a Conflict error: it may be somebody else's by now, or is to be
	// kept. Every Prune has it.
	Steering Digest
	// Migrate takes over the fields of client-side apply first.
	Migrate bool
	// Adopt, of an Update, first makes the fields that Object declares those of its
	// field manager alone, as far as somebody else holds them for it.
	Adopt bool
	// Options are the sync options in force: Validate=false, Replace=true and
	// PrunePropagationPolicy=foreground (default), background or orphan.
	Options option.List
}

// Unhold is the action that removes the hook finalizer from a hook's object,
// so that it may go. It belongs to the hook's Run and never stands in a Plan.
const Unhold Action = "unhold"
