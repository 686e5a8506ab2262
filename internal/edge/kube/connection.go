package kube

import (
	"context"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// Connection is one cluster together with what is remembered of it, whatever
// identities write to it: Syncline looks at it as itself.
type Connection struct {
	Live    *live.Cache
	cluster *Client

	mu sync.Mutex
	// accesses are by identity.
	accesses map[string]*Access
}

// NewConnection begins to remember a cluster, whose dialects count. Close ends it.
func NewConnection(cluster *Client, options live.Options) *Connection {
	options.Dialects = cluster.dialects
	return &Connection{Live: live.New(cluster, options), cluster: cluster, accesses: map[string]*Access{}}
}

// Close ends the watches and the idle connections.
func (c *Connection) Close() {
	c.Live.Close()
	c.cluster.Close()
}

// maxIdentities is how many are remembered of one cluster.
const maxIdentities = 1000

// As returns the cluster as an identity delivers to it.
func (c *Connection) As(identity syncline.Identity) (*Access, error) {
	key := ""
	if identity.User != "" {
		key = identity.User + "\x00" + strings.Join(identity.Groups, "\x00")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.accesses[key]; known != nil {
		return known, nil
	}
	writes, err := c.cluster.as(identity)
	if err != nil {
		return nil, err
	}
	if len(c.accesses) >= maxIdentities {
		clear(c.accesses)
	}
	c.accesses[key] = &Access{connection: c, writes: writes}
	return c.accesses[key], nil
}

// Access is a cluster as an identity delivers to it: the identity's are the dry-runs
// and the writes, and what is live and which kinds there are is the connection's.
// What is written through it is remembered at once.
type Access struct {
	connection *Connection
	writes     *Client
}

// Scope is as of [Client.Scope].
func (a *Access) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	return a.connection.cluster.Scope(ctx, kind)
}

// Within says why an object does not belong to what is managed of the cluster, or nil.
func (a *Access) Within(ref syncline.Ref) error { return a.writes.scope.check(ref) }

// Read returns a live object as it is now; see [Client.Get].
func (a *Access) Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	if err := a.writes.scope.check(ref); err != nil {
		return syncline.Object{}, err
	}
	return a.connection.cluster.Get(ctx, ref, version)
}

// DryRun is as of [Client.DryRun].
func (a *Access) DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error) {
	if err := a.writes.scope.check(object.Ref()); err != nil {
		return syncline.Object{}, err
	}
	return a.writes.DryRun(ctx, object, options)
}

// DryRunReplace is as of [Client.DryRunReplace].
func (a *Access) DryRunReplace(ctx context.Context, object, live syncline.Object, options option.List) (syncline.Object, error) {
	if err := a.writes.scope.check(object.Ref()); err != nil {
		return syncline.Object{}, err
	}
	return a.writes.DryRunReplace(ctx, object, live, options)
}

// Merge is as of [Client.Merge].
func (a *Access) Merge(
	ctx context.Context, object, live syncline.Object, options option.List,
) (merged, after syncline.Object, err error) {
	if err := a.writes.scope.check(object.Ref()); err != nil {
		return syncline.Object{}, syncline.Object{}, err
	}
	return a.writes.Merge(ctx, object, live, options)
}

// Rehearse is as of [Client.Rehearse].
func (a *Access) Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error {
	if err := a.writes.scope.check(object.Ref()); err != nil {
		return err
	}
	return a.writes.Rehearse(ctx, object, live, options)
}

// Write performs one write as [Client.Write] does.
func (a *Access) Write(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	if err := a.writes.scope.check(w.Ref); err != nil {
		return syncline.Object{}, err
	}
	object, err := a.writes.Write(ctx, w)
	switch {
	case !object.IsZero():
		a.connection.Live.Observe(object)
	case err == nil:
		a.connection.Live.ObserveGone(w.Ref, w.UID)
	}
	return object, err
}

// Get returns what is remembered of an object. That namespaces are there which are
// all that Syncline may look at is taken for granted.
func (a *Access) Get(ref syncline.Ref) (syncline.Live, bool) {
	remembered, exists := a.connection.Live.Get(ref)
	if !exists && a.writes.scope.includes(ref) {
		return syncline.Live{Ref: ref}, true
	}
	return remembered, exists
}

// Owned is as of [live.Cache.Owned].
func (a *Access) Owned(instance string) ([]syncline.Live, error) {
	return a.connection.Live.Owned(instance)
}

// Follow is as of [live.Cache.Follow].
func (a *Access) Follow(object syncline.Object) syncline.Digest {
	return a.connection.Live.Follow(object)
}

// Inside is as of [live.Cache.Inside].
func (a *Access) Inside(container syncline.Ref) []string { return a.connection.Live.Inside(container) }

// Watch remembers the kinds. One that the cluster does not have holds nothing
// up; one that cannot be watched is an error, because what is not known must
// not be taken for missing.
func (a *Access) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	remembered := a.connection.Live
	remembered.Need(kinds...)
	var pending []schema.GroupVersionKind
	for _, kind := range kinds {
		if err := remembered.Err(kind.GroupKind()); err != nil && syncline.KindOf(err) != syncline.NotFound {
			return nil, err
		}
		if len(remembered.Ready(kind.GroupKind())) > 0 {
			pending = append(pending, kind)
		}
	}
	return pending, nil
}

// Unanswered is as of [Client.Unanswered]. It does not concern a kind whose objects
// are known all the same. One that it concerns is watched as soon as its API answers.
func (a *Access) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	err := a.connection.cluster.Unanswered(ctx, kind)
	if err == nil {
		return nil
	}
	remembered := a.connection.Live
	remembered.Need(kind)
	if gk := kind.GroupKind(); len(remembered.Ready(gk)) == 0 && remembered.Err(gk) == nil {
		return nil
	}
	return err
}

// Capabilities are what templates may know of the cluster.
func (a *Access) Capabilities(ctx context.Context) (syncline.Capabilities, error) {
	version, err := a.connection.cluster.Version(ctx)
	if err != nil {
		return syncline.Capabilities{}, err
	}
	apis, err := a.connection.cluster.APIVersions(ctx)
	return syncline.Capabilities{KubeVersion: version, APIVersions: apis}, err
}
