package apply

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
)

// Writer performs one write on a cluster. It returns the object as it is after
// the write, or a zero Object when it is gone. When it returns, the Memory of
// the same cluster knows what was written.
type Writer interface {
	Write(ctx context.Context, write syncline.Write) (syncline.Object, error)
}

// gate is the only way from Syncline to a target cluster: every write passes
// its one method, and only with the permission of a Grant for the Change that
// it follows from.
type gate struct {
	writer  Writer
	grant   syncline.Grant
	refused map[syncline.Ref]error
}

// write performs a write that follows from change: the change's own, with the
// object, version, UID and options that were permitted. A hook's Change covers the deletion and
// the release of its object too, of whichever run it is.
func (g gate) write(ctx context.Context, change syncline.Change, write syncline.Write) (syncline.Object, error) {
	if err := g.refused[change.Ref]; err != nil {
		return syncline.Object{}, err
	}
	if write.Ref != change.Ref || !g.grant.Permits(change) || !follows(write, change) {
		return syncline.Object{}, syncline.Errorf(syncline.Denied, "%s %s is not in the plan", write.Action, write.Ref)
	}
	return g.writer.Write(ctx, write)
}

// follows reports whether a write does what the change says and nothing else.
func follows(write syncline.Write, change syncline.Change) bool {
	if write.Version != change.Version {
		return false
	}
	if write.Object.IsZero() && change.Role == syncline.RoleHook {
		switch write.Action {
		case syncline.Prune:
			return slices.Equal(write.Options, change.Options)
		case syncline.Unhold: // its patch has no options
			return len(write.Options) == 0
		}
	}
	return isOf(write, change)
}

// isOf reports whether a write is the change's own.
func isOf(write syncline.Write, change syncline.Change) bool {
	same := write.Object.IsZero() ||
		write.Object.Ref() == change.Ref && write.Object.GroupVersionKind().Version == change.Version
	return same && write.Action == change.Action && write.UID == change.UID &&
		write.Migrate == change.Migrate && write.Adopt == change.Adopt && write.Object.Manager() == change.Desired.Manager() &&
		write.Steering == change.Steering && slices.Equal(write.Options, change.Options) &&
		write.Object.Digest() == change.Desired.Digest() && write.Merged.Digest() == change.Merged.Digest()
}
