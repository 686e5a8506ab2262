package engine_test

import (
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
)

// federation is a world in which the App's cluster may be another one.
type federation struct {
	*world
	target syncline.Target
	err    error
	// asked are the clusters that were asked for, and as whom.
	asked []syncline.ClusterID
	as    []string
}

func newFederation(target syncline.Target) *federation {
	w := newWorld(config("a", "1"))
	w.automate()
	w.app.Destination = syncline.Destination{Name: "production", Namespace: "shop"}
	f := &federation{world: w, target: target}
	f.engine = engine.New(f, f, f, f, engine.Options{Now: func() time.Time { return f.now }})
	return f
}

func (f *federation) Target(to syncline.Destination) (syncline.Target, error) {
	if f.target.Is(to) {
		return f.target, nil
	}
	return syncline.Target{Name: to.Name, Server: to.Server}, syncline.Errorf(syncline.NotFound, "there is no cluster %q", to.Name)
}

func (f *federation) Cluster(id syncline.ClusterID, as syncline.Identity) (engine.Cluster, error) {
	f.asked, f.as = append(f.asked, id), append(f.as, as.User)
	return f, f.err
}

func TestAClusterThatIsBeingConnectedToIsWaitedFor(t *testing.T) {
	f := newFederation(syncline.Target{ID: "one", Name: "production"})
	f.err = syncline.Errorf(syncline.Waiting, "the cluster is being connected to")
	result := f.turn(t)
	if result.Report != nil || result.Err != nil || !result.Watching || result.Cluster != "one" {
		t.Errorf("want that it is waited for in silence, got %+v", result)
	}
	f.err = syncline.Errorf(syncline.Transient, "the cluster cannot be reached")
	f.turn(t)
	f.expectCondition(t, syncline.ComparisonError, "cannot be reached")
	if f.renders > 0 {
		t.Error("something is rendered for a cluster that cannot be reached")
	}
	f.err = nil
	f.settle(t)
	f.expectSync(t, syncline.Synced, "c1")
}

// TestWhatIsRefusedIsAskedOfNoCluster has a project which does not permit the cluster
// by the name that the destination does not give.
func TestWhatIsRefusedIsAskedOfNoCluster(t *testing.T) {
	f := newFederation(syncline.Target{ID: "one", Name: "production", Server: "https://10.0.0.1"})
	f.project.Destinations = []syncline.DestinationRule{
		syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"}),
		syncline.NewDestinationRule(syncline.Destination{Server: "!https://10.0.0.1", Namespace: "*"}),
	}
	f.settle(t)
	f.expectCondition(t, syncline.InvalidSpecError, "not match any of the allowed destinations")
	if len(f.asked) > 0 {
		t.Errorf("%v were asked for", f.asked)
	}
	f.target = syncline.Target{}
	f.settle(t)
	f.expectCondition(t, syncline.InvalidSpecError, "there is no cluster")
}

func TestTheIdentityOfAnAppIsUsed(t *testing.T) {
	f := newFederation(syncline.Target{ID: "one", Name: "production"})
	f.app.As = syncline.Identity{User: "deployer"}
	f.settle(t)
	f.expectSync(t, syncline.Synced, "c1")
	for i, user := range f.as {
		if user != "deployer" || f.asked[i] != "one" {
			t.Errorf("cluster %s is used as %q", f.asked[i], user)
		}
	}
}
