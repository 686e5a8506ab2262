package kube

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/kube/reach"
)

// Member is a cluster that a Fleet may connect to.
type Member struct {
	syncline.Target
	// Connect prepares what sends requests as Syncline itself, and sends none: see
	// [Connect].
	Connect func() (*Client, error)
	// Permanent says that the cluster is connected to from the beginning, taken to be
	// reached, never let go, and swept when the caller says so.
	Permanent bool
}

// FleetOptions are the choices of a Fleet. The zero value works.
type FleetOptions struct {
	// Live returns how the objects of a cluster are remembered. Default: the zero
	// options for all.
	Live func(syncline.ClusterID) live.Options
	// Changed is told a cluster that came or went, is reached otherwise now, or of which
	// it is known now whether it can be reached: who delivers to it is due. It must not
	// block. Default: nobody is told.
	Changed func(syncline.Target)
	// Idle is how long nobody has to need a cluster until it is let go, default 10 min.
	Idle time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Fleet knows the clusters. It connects to one when it is needed first, shares the
// connection, and lets it go when nobody needs the cluster any more. One that cannot
// be reached costs who needs it an error, and everybody else nothing. It is safe for
// concurrent use.
type Fleet struct {
	options FleetOptions

	mu      sync.RWMutex
	members map[syncline.ClusterID]*member
	// servers and names hold the members by what destinations call them. A name may be
	// that of several.
	servers map[string]*member
	names   map[string][]*member
	// swept says that the permanent ones are.
	swept bool
}

// NewFleet returns a Fleet without clusters. Close ends it.
func NewFleet(options FleetOptions) *Fleet {
	if options.Live == nil {
		options.Live = func(syncline.ClusterID) live.Options { return live.Options{} }
	}
	if options.Changed == nil {
		options.Changed = func(syncline.Target) {}
	}
	options.Idle = cmp.Or(options.Idle, 10*time.Minute)
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Fleet{
		options: options, members: map[syncline.ClusterID]*member{},
		names: map[string][]*member{}, servers: map[string]*member{},
	}
}

// Set adds a cluster, or replaces the one that has its ID, of which the connection is
// made anew. It is an Invalid error when it has no ID, or when another cluster has its
// address.
func (f *Fleet) Set(m Member) error {
	if m.ID == "" {
		return syncline.Errorf(syncline.Invalid, "cluster %q has no ID", cmp.Or(m.Name, m.Server))
	}
	added := &member{Member: m, fleet: f}
	f.mu.Lock()
	if same := f.servers[m.Server]; same != nil && same.ID != m.ID {
		f.mu.Unlock()
		return syncline.Errorf(syncline.Invalid, "cluster %s has the address of cluster %s", m.ID, same.ID)
	}
	replaced := f.take(m.ID)
	f.members[m.ID] = added
	if m.Name != "" {
		f.names[m.Name] = append(f.names[m.Name], added)
	}
	if m.Server != "" {
		f.servers[m.Server] = added
	}
	swept := f.swept
	f.mu.Unlock()
	if replaced != nil {
		replaced.end()
		if replaced.Target != m.Target {
			f.options.Changed(replaced.Target)
		}
	}
	if m.Permanent {
		added.mu.Lock()
		added.connect()
		if swept && added.link.connection != nil {
			added.link.connection.Live.Sweep()
		}
		added.mu.Unlock()
	}
	f.options.Changed(m.Target)
	return nil
}

// Remove forgets a cluster. Nothing is done on it.
func (f *Fleet) Remove(id syncline.ClusterID) {
	f.mu.Lock()
	removed := f.take(id)
	f.mu.Unlock()
	if removed != nil {
		removed.end()
		f.options.Changed(removed.Target)
	}
}

// take takes a member out; nil when there is none.
func (f *Fleet) take(id syncline.ClusterID) *member {
	m := f.members[id]
	if m != nil {
		delete(f.members, id)
		delete(f.servers, m.Server)
		f.names[m.Name] = slices.DeleteFunc(f.names[m.Name], func(other *member) bool { return other == m })
		if len(f.names[m.Name]) == 0 {
			delete(f.names, m.Name)
		}
	}
	return m
}

// Sweep begins to search the permanent clusters for what is owned there, those that are
// set later too. It is called once.
func (f *Fleet) Sweep() {
	f.mu.Lock()
	f.swept = true
	f.mu.Unlock()
	for _, connection := range f.Connections() {
		connection.Live.Sweep()
	}
}

// Target returns the cluster that a destination names, or a NotFound error and what
// the destination calls it. It is Invalid when the name is that of several. It asks
// nobody.
func (f *Fleet) Target(to syncline.Destination) (syncline.Target, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if m := f.servers[to.Server]; m != nil {
		return m.Target, nil
	}
	unknown := syncline.Target{Name: to.Name, Server: to.Server}
	switch named := f.names[to.Name]; len(named) {
	case 0:
		return unknown, syncline.Errorf(syncline.NotFound, "there is no cluster %q", cmp.Or(to.Name, to.Server))
	case 1:
		return named[0].Target, nil
	default:
		return unknown, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%d clusters are called %q", len(named), to.Name),
			"name the one that is meant by its server")
	}
}

// Access returns a cluster as an identity delivers to it, and connects to it if need
// be. It does not wait for the cluster: the error is Waiting until it is known whether
// it can be reached, and Transient while it cannot; Changed tells when that ends. It
// is NotFound when there is no such cluster, and Invalid when what is known of it is
// not enough to connect.
func (f *Fleet) Access(id syncline.ClusterID, as syncline.Identity) (*Access, error) {
	m := f.member(id)
	if m == nil {
		return nil, syncline.Errorf(syncline.NotFound, "there is no cluster %q", id)
	}
	return m.access(as)
}

func (f *Fleet) member(id syncline.ClusterID) *member {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.members[id]
}

// Connections returns the clusters that are connected to, by ID.
func (f *Fleet) Connections() map[syncline.ClusterID]*Connection {
	f.mu.RLock()
	defer f.mu.RUnlock()
	connections := map[syncline.ClusterID]*Connection{}
	for id, m := range f.members {
		if connection := m.connected(); connection != nil {
			connections[id] = connection
		}
	}
	return connections
}

// Live returns what is remembered of a cluster; nil when it is not connected to.
func (f *Fleet) Live(id syncline.ClusterID) *live.Cache {
	if m := f.member(id); m != nil {
		if connection := m.connected(); connection != nil {
			return connection.Live
		}
	}
	return nil
}

// LetGo ends the connections to clusters that nobody asked for lately and that are
// not needed by what the caller knows.
func (f *Fleet) LetGo(needed func(syncline.Target) bool) {
	before := f.options.Now().Add(-f.options.Idle)
	f.mu.RLock()
	var idle []*member
	for _, m := range f.members {
		if !m.Permanent && m.usedBefore(before) {
			idle = append(idle, m)
		}
	}
	f.mu.RUnlock()
	for _, m := range idle {
		if !needed(m.Target) {
			m.disconnect(before)
		}
	}
}

// Close ends all connections.
func (f *Fleet) Close() {
	f.mu.RLock()
	members := make([]*member, 0, len(f.members))
	for _, m := range f.members {
		members = append(members, m)
	}
	f.mu.RUnlock()
	for _, m := range members {
		m.end()
	}
}

// member is a Member and the state of the connection to it.
type member struct {
	Member
	fleet *Fleet

	mu    sync.Mutex
	ended bool
	used  time.Time
	// link is nil until the cluster is needed.
	link *link
}

// link is one connection to a cluster, from when it was needed until it is ended.
type link struct {
	cluster *Client
	cancel  context.CancelFunc
	running sync.WaitGroup
	// connection is nil until the cluster answered; err is why it is not to be used,
	// nil when it is.
	connection *Connection
	err        error
}

func (m *member) access(as syncline.Identity) (*Access, error) {
	m.mu.Lock()
	m.used = m.fleet.options.Now()
	if m.link == nil && !m.ended {
		m.connect()
	}
	if m.ended {
		m.mu.Unlock()
		return nil, syncline.Errorf(syncline.Transient, "cluster %q is being connected to anew", cmp.Or(m.Name, m.Server))
	}
	connection, err := m.link.connection, m.link.err
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return connection.As(as)
}

func (m *member) connected() *Connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.link == nil {
		return nil
	}
	return m.link.connection
}

func (m *member) usedBefore(t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link != nil && m.used.Before(t)
}

// connect begins to connect. The caller holds the lock.
func (m *member) connect() {
	l := &link{cancel: func() {}}
	m.link = l
	if l.cluster, l.err = m.Connect(); l.err != nil {
		return
	}
	if m.Permanent {
		l.connection = NewConnection(l.cluster, m.fleet.options.Live(m.ID))
		return
	}
	l.err = syncline.Errorf(syncline.Waiting, "cluster %q is being connected to", cmp.Or(m.Name, m.Server))
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.running.Go(func() { m.attend(ctx, l) })
}

const (
	// contactLimit is how long a cluster may take to answer whether it is there.
	contactLimit = 5 * time.Second
	// contactFirst is the wait before one that did not is asked again. Each further one
	// is twice as long, up to contactLast.
	contactFirst, contactLast = time.Second, 30 * time.Second
)

// attend finds out whether a cluster can be reached, again whenever that is in doubt,
// until ctx ends. It is the only one that asks a cluster which does not answer.
func (m *member) attend(ctx context.Context, l *link) {
	for m.contact(ctx, l) {
		doubts, lose := l.cluster.reach.Attend()
		m.conclude(l, nil)
		for lost := false; !lost; {
			select {
			case <-doubts:
				if err := l.ask(ctx); err != nil {
					lost = true
					m.conclude(l, err)
					lose(err) // after it is known, so that who is cut off learns it
				}
			case <-ctx.Done():
				lose(ctx.Err())
				return
			}
		}
	}
}

// contact asks a cluster until it answers, and reports whether it did before ctx ended.
func (m *member) contact(ctx context.Context, l *link) (answered bool) {
	wait := contactFirst
	for {
		err := l.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			return true
		}
		m.conclude(l, err)
		timer := time.NewTimer(wait)
		wait = min(2*wait, contactLast)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// ask asks a cluster once whether it is there.
func (l *link) ask(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, contactLimit)
	defer cancel()
	return l.cluster.kinds.Answers(reach.Asking(limited))
}

// conclude takes note of whether the cluster can be reached, and tells who waits for
// that. That it is lost is told by what is remembered of it, when that gets too old.
func (m *member) conclude(l *link, err error) {
	m.mu.Lock()
	told := syncline.KindOf(l.err) == syncline.Waiting || l.err != nil && err == nil
	if l.err = err; err != nil {
		l.err = syncline.WithHint(
			syncline.Errorf(syncline.Transient, "cluster %q cannot be reached: %w", cmp.Or(m.Name, m.Server), err),
			"check its address, its credentials and the network between; it is asked again by itself")
	} else if l.connection == nil {
		l.connection = NewConnection(l.cluster, m.fleet.options.Live(m.ID))
		l.connection.Live.Sweep()
	}
	m.mu.Unlock()
	if told {
		m.fleet.options.Changed(m.Target)
	}
}

// disconnect ends the connection until the cluster is needed again, unless it was
// since a time.
func (m *member) disconnect(since time.Time) {
	m.mu.Lock()
	var l *link
	if m.used.Before(since) {
		l, m.link = m.link, nil
	}
	m.mu.Unlock()
	l.close()
}

// end ends the connection for good.
func (m *member) end() {
	m.mu.Lock()
	l := m.link
	m.link, m.ended = nil, true
	m.mu.Unlock()
	l.close()
}

func (l *link) close() {
	if l == nil {
		return
	}
	l.cancel()
	l.running.Wait()
	switch {
	case l.connection != nil:
		l.connection.Close()
	case l.cluster != nil:
		l.cluster.Close()
	}
}

// Reread has the objects of a kind judged again in every cluster.
func (f *Fleet) Reread(kind schema.GroupKind) {
	for _, connection := range f.Connections() {
		connection.Live.Reread(kind)
	}
}

// Instances returns those that own objects of a kind of a cluster, none when that is
// not connected.
func (f *Fleet) Instances(id syncline.ClusterID, kind schema.GroupKind) []string {
	if remembered := f.Live(id); remembered != nil { // it may be let go just now
		return remembered.Instances(kind)
	}
	return nil
}
