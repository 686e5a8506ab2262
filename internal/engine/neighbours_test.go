package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// town is a cluster with several Apps, each a folder of one repository. It is what
// an agent is to an engine: it tells of commits and of declarations, and makes Apps
// due that are woken.
type town struct {
	*kubernetes
	engine   *engine.Engine
	now      time.Time
	head     string
	commits  map[string]map[string]string
	apps     map[string]*syncline.App
	projects map[string]syncline.Project
	plans    map[syncline.AppID]syncline.Plan
	due      map[string]bool
	// abandoned are the Apps that are gone, by what they declared.
	abandoned map[syncline.Ref]string
	// cascaded are those of them that were deleted with their objects.
	cascaded map[string]bool
	// broken are the folders that cannot be rendered, and why.
	broken map[string]error
}

// shorter is how many random cases are tried: half as many with -short, as under the
// race detector for every change.
func shorter(cases uint64) uint64 {
	if testing.Short() {
		return cases / 2
	}
	return cases
}

// newTown has Apps of the project default.
func newTown(folders map[string]string) *town {
	w := newWorld()
	c := &town{
		kubernetes: w.kubernetes, now: noon, commits: map[string]map[string]string{}, apps: map[string]*syncline.App{},
		projects: map[string]syncline.Project{"default": w.project}, due: map[string]bool{}, broken: map[string]error{},
	}
	c.commit(folders)
	c.restart()
	for name := range folders {
		c.declare(name)
	}
	return c
}

// restart gives the Apps a new engine, which remembers nothing of them.
func (c *town) restart() {
	c.plans, c.abandoned, c.cascaded = map[syncline.AppID]syncline.Plan{}, map[syncline.Ref]string{}, map[string]bool{}
	c.engine = engine.New(c, c, c, c, engine.Options{Others: c, Dialects: syncline.Dialects{convention.Dialect()}, Now: func() time.Time { return c.now }})
	for name, app := range c.apps {
		c.engine.Expect(*app)
		c.due[name] = true
	}
}

// declare adds an App that is automated and prunes.
func (c *town) declare(name string) *syncline.App {
	app := newWorld().app
	app.ID.Name, app.Instance, app.Sources = name, name, []syncline.Source{{RepoURL: "https://git.example/town", Path: name}}
	app.Policy = syncline.SyncPolicy{Automated: true, Prune: true, SelfHeal: true, AllowEmpty: true}
	c.apps[name] = &app
	c.engine.Expect(app)
	c.due[name] = true
	return &app
}

// commit makes a new head that holds the texts, by folder.
func (c *town) commit(folders map[string]string) {
	c.head = fmt.Sprintf("c%d", len(c.commits)+1)
	c.commits[c.head] = folders
}

// tell makes those due that the commit touches.
func (c *town) tell(ctx context.Context) {
	for _, id := range c.engine.Touched(ctx, upstream.Key("https://git.example/town")) {
		c.due[id.Name] = true
	}
}

func (c *town) Resolve(context.Context, syncline.App, syncline.Source, time.Duration) (string, error) {
	return c.head, nil
}

func (c *town) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return nil, nil //nolint:nilnil // the renderer of this town reads no tree
}

func (*town) Forget(syncline.AppID) {}

func (c *town) Render(_ context.Context, request render.Request) (render.Result, error) {
	result := render.Result{Tool: syncline.ToolDirectory}
	if text := c.commits[request.Revision][request.App]; text != "" {
		result.Objects = enginetest.Objects(fatal{}, text)
	}
	return result, c.broken[request.App]
}

func (c *town) Project(name string) (syncline.Project, error) { return c.projects[name], nil }

func (c *town) Capabilities(context.Context) (syncline.Capabilities, error) {
	return syncline.Capabilities{}, nil
}

func (c *town) Target(to syncline.Destination) (syncline.Target, error) { return enginetest.Target(to) }

func (c *town) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) { return c, nil }

func (c *town) Writer(syncline.ClusterID, syncline.Identity) (apply.Writer, error) {
	return c.kubernetes, nil
}

func (c *town) Planned(app syncline.App, plan syncline.Plan) { c.plans[app.ID] = plan }

func (c *town) Declaring(_ syncline.ClusterID, ref syncline.Ref) (apps []syncline.App) {
	c.visit(func(app syncline.App, change syncline.Change) {
		if change.Ref == ref {
			apps = append(apps, app)
		}
	})
	return apps
}

func (c *town) InsideOf(_ syncline.ClusterID, container syncline.Ref, visit func(syncline.App, []syncline.Ref)) {
	c.visit(func(app syncline.App, change syncline.Change) {
		if slices.Contains(change.Ref.Containers(), container.Contains()) {
			visit(app, []syncline.Ref{change.Ref})
		}
	})
}

// visit shows what the Apps declare.
func (c *town) visit(visit func(syncline.App, syncline.Change)) {
	for id, plan := range c.plans {
		for _, change := range plan.Changes {
			leaves := change.Action == syncline.Prune || change.Action == syncline.Retain
			if app := c.apps[id.Name]; app != nil && !leaves && !change.Refused {
				visit(*app, change)
			}
		}
	}
}

func (c *town) Users(ref syncline.Ref) (apps []syncline.App) {
	for _, name := range c.names() {
		if ref.Kind == v1alpha1.AppProjectKind && c.apps[name].Project == ref.Name {
			apps = append(apps, *c.apps[name])
		}
	}
	return apps
}

func (c *town) ByInstance(instance string) (syncline.App, bool) {
	if app := c.apps[instance]; app != nil {
		return *app, true
	}
	return syncline.App{}, false
}

func (c *town) Abandoned(instance string, _ syncline.ClusterID, ref syncline.Ref) (gone, bequeathed bool) {
	gone = c.abandoned[ref] == instance
	return gone, gone && c.cascaded[instance]
}

func (c *town) Wake(id syncline.AppID) { c.due[id.Name] = true }

// turn runs one turn of an App and keeps its report, as the loop does.
func (c *town) turn(t *testing.T, name string) engine.Result {
	t.Helper()
	delete(c.due, name)
	app := c.apps[name]
	if app == nil {
		return engine.Result{}
	}
	result := c.engine.Turn(t.Context(), *app, 0)
	if result.Report != nil {
		keeper := world{app: *app}
		keeper.keep(*result.Report)
		*app = keeper.app
		if result.Report.Deleted {
			for _, change := range c.plans[app.ID].Changes {
				c.abandoned[change.Ref] = name
			}
			c.cascaded[name] = app.Deleting.Cascade
			delete(c.apps, name)
			delete(c.plans, app.ID)
			c.engine.Forget(app.ID)
		}
	}
	if result.Again || app.Deleting != nil && result.Err == nil {
		c.due[name] = true
	}
	return result
}

// settle runs turns until none is due.
func (c *town) settle(t *testing.T) {
	t.Helper()
	for range 200 {
		names := c.names()
		if len(names) == 0 {
			return
		}
		c.turn(t, names[0])
	}
	t.Fatalf("turns of %v never end", c.names())
}

func (c *town) names() (names []string) {
	for name := range c.due {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// why says what the plan of an App says of an object.
func (c *town) why(name, object string) string {
	for _, change := range c.plans[c.apps[name].ID].Changes {
		if change.Ref.Name == object {
			return fmt.Sprintf("%s: %s; %v", change.Action, change.Why, change.Err)
		}
	}
	return ""
}

func (c *town) owner(t *testing.T, ref syncline.Ref) string {
	t.Helper()
	owner, _, _ := strings.Cut(c.Live(t, ref).GetAnnotations()[convention.Tracking], ":")
	return owner
}

var moving = syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "data"}

// moved is a town where an object moves from the App one to two with the last commit.
func moved(t *testing.T) *town {
	t.Helper()
	c := newTown(map[string]string{"one": configMapOf("data") + "---\n" + configMapOf("a"), "two": configMapOf("b")})
	c.settle(t)
	c.commit(map[string]string{"one": configMapOf("a"), "two": configMapOf("data") + "---\n" + configMapOf("b")})
	return c
}

func TestAnObjectThatMovesStays(t *testing.T) {
	for seed := range shorter(300) {
		c := moved(t)
		uid := c.UID(moving)
		c.apps["two"].Policy.Automated = seed%3 > 0
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // any order
		for range 12 {
			switch random.IntN(7) {
			case 0, 1, 2:
				c.turn(t, "one")
			case 3, 4:
				c.turn(t, "two")
			case 5:
				c.tell(t.Context())
			default:
				if random.IntN(4) == 0 {
					c.restart()
				}
			}
		}
		c.tell(t.Context())
		c.settle(t)
		if got := c.UID(moving); got != uid {
			t.Fatalf("order %d: UID %q, was %q", seed, got, uid)
		}
		if owner := c.owner(t, moving); c.apps["two"].Policy.Automated && owner != "two" {
			t.Fatalf("order %d: it is of %s", seed, owner)
		}
	}
}

// TestWhoTakesNothingFromOthersTakesWhatTheyLeave has an App whose sync fails for
// objects of others, and that is retried.
func TestWhoTakesNothingFromOthersTakesWhatTheyLeave(t *testing.T) {
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		c := moved(t)
		uid := c.UID(moving)
		c.apps["two"].Policy.Options = option.List{"FailOnSharedResource=true"}
		for range 3 {
			c.turn(t, order[0])
		}
		for range 10 {
			c.tell(t.Context())
			c.settle(t)
			c.now = c.now.Add(5 * time.Second)
			c.due["two"] = true
		}
		if owner := c.owner(t, moving); owner != "two" || c.UID(moving) != uid {
			t.Errorf("%v: it is of %s, %s", order, owner, c.why("two", "data"))
		}
		c.apps["one"].Policy.Options = option.List{"FailOnSharedResource=true"}
		c.commit(map[string]string{"one": configMapOf("data"), "two": configMapOf("data")})
		c.tell(t.Context())
		c.settle(t)
		if why := c.why("one", "data"); !strings.Contains(why, "FailOnSharedResource") {
			t.Errorf("%v: one may take what two declares: %s", order, why)
		}
	}
}

func TestWhatIsLeftToAnotherIsPrunedWhenThatLeavesItToo(t *testing.T) {
	c := moved(t)
	c.apps["two"].Policy.Automated = false
	c.tell(t.Context())
	c.settle(t)
	if why := c.why("one", "data"); !strings.Contains(why, "declared by application two: left to it") {
		t.Fatal(why)
	}
	c.commit(map[string]string{"one": configMapOf("a"), "two": configMapOf("b")})
	c.tell(t.Context())
	c.settle(t)
	if c.UID(moving) != "" {
		t.Error("nobody declares it, and it is there")
	}
}

// TestANeighbourHoldsUpAPruneForAWhile has one without a turn, as while its repository
// does not answer, and one whose turns fail. One of another project, which is no matter of
// who waits, is waited for as short in both.
func TestANeighbourHoldsUpAPruneForAWhile(t *testing.T) {
	t.Run("no turn", func(t *testing.T) { holdsUp(t, "default", 10*time.Minute, func(*town) {}) })
	t.Run("no turn, of another project", func(t *testing.T) { holdsUp(t, "tenant", time.Minute, func(*town) {}) })
	t.Run("a failure", func(t *testing.T) {
		holdsUp(t, "default", time.Minute, func(c *town) {
			c.broken["two"] = syncline.Errorf(syncline.Transient, "no answer")
			c.turn(t, "two")
		})
	})
}

func holdsUp(t *testing.T, project string, long time.Duration, neighbour func(c *town)) {
	t.Helper()
	c := moved(t)
	tenant, such := c.projects["default"], ", such as argocd/two,"
	tenant.Name = "tenant"
	c.projects["tenant"] = tenant
	if c.apps["two"].Project = project; project == "tenant" {
		such = ""
	}
	c.commit(map[string]string{"one": configMapOf("a"), "two": configMapOf("b")})
	c.engine.Expect(*c.apps["two"])
	result := c.turn(t, "one")
	neighbour(c)
	for range 3 {
		result = c.turn(t, "one")
	}
	if c.UID(moving) == "" || !strings.Contains(c.why("one", "data"), "at the same time"+such+" are compared first") {
		t.Fatalf("not waited for: %s", c.why("one", "data"))
	}
	if at := c.now.Add(long); !result.At.Equal(at) {
		t.Errorf("the next turn is at %s, want %s", result.At, at)
	}
	c.now = c.now.Add(long)
	for range 3 {
		c.turn(t, "one")
	}
	if c.UID(moving) != "" {
		t.Errorf("still waited for: %s", c.why("one", "data"))
	}
}

// TestNobodyWaitsForOneThatWaitsForIt has Apps that all delete something, and of all
// of which it is not known what they declare, in the middle of their operations.
func TestNobodyWaitsForOneThatWaitsForIt(t *testing.T) {
	for seed := range shorter(200) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // any order
		before, after := map[string]string{}, map[string]string{}
		names := []string{"one", "two", "three", "four"}[:2+random.IntN(3)]
		for _, name := range names {
			after[name] = configMapOf(name)
			before[name] = after[name] + "---\n" + configMapOf(name+"-old")
		}
		c := newTown(before)
		c.settle(t)
		c.commit(after)
		c.tell(t.Context())
		for range random.IntN(12) {
			c.turn(t, names[random.IntN(len(names))])
			if random.IntN(4) == 0 {
				name := names[random.IntN(len(names))]
				c.engine.Expect(*c.apps[name])
				c.due[name] = true
			}
		}
		if random.IntN(3) > 0 {
			c.restart()
		}
		for range random.IntN(12) {
			c.turn(t, names[random.IntN(len(names))])
		}
		for _, name := range names {
			c.due[name] = true
		}
		c.settle(t)
		for _, name := range names {
			old := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name + "-old"}
			if c.UID(old) != "" {
				t.Fatalf("order %d: %s is there: %s", seed, old, c.why(name, old.Name))
			}
		}
	}
}

func TestANeighbourThatIsBrokenHoldsUpNothing(t *testing.T) {
	c := moved(t)
	c.broken["two"] = syncline.Errorf(syncline.Invalid, "two/a.yaml is no YAML")
	c.commit(map[string]string{"one": configMapOf("a")})
	c.tell(t.Context())
	c.settle(t)
	if c.UID(moving) != "" {
		t.Errorf("it is there: %s", c.why("one", "data"))
	}
}

// TestWhoMayNotHaveAnObjectHoldsUpNothing has a neighbour of another project.
func TestWhoMayNotHaveAnObjectHoldsUpNothing(t *testing.T) {
	for name, test := range map[string]struct {
		kinds []syncline.KindRule
		to    string
		stays bool
	}{
		"the kind is not permitted":      {[]syncline.KindRule{syncline.NewKindRule("", "Secret", "")}, "shop", false},
		"the namespace is not permitted": {nil, "other", false},
		"both are":                       {nil, "shop", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := moved(t)
			tenant := c.projects["default"]
			tenant.Name, tenant.NamespaceAllow = "tenant", test.kinds
			tenant.Destinations = []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: test.to})}
			c.projects["tenant"] = tenant
			c.apps["two"].Project, c.apps["two"].Destination.Namespace = "tenant", test.to
			c.commits[c.head]["two"] = strings.ReplaceAll(configMapOf("data"), "{name:", "{namespace: shop, name:")
			c.engine.Expect(*c.apps["two"])
			c.turn(t, "one")
			c.turn(t, "one")
			c.turn(t, "one")
			if there := c.UID(moving) != ""; there != test.stays {
				t.Errorf("there while the other is not known: %t", there)
			}
			c.tell(t.Context())
			c.settle(t)
			if there := c.UID(moving) != ""; there != test.stays {
				t.Errorf("there: %t, %s", there, c.why("one", "data"))
			}
			if why := c.why("one", "data"); strings.Contains(why, "two") || strings.Contains(why, "tenant") {
				t.Errorf("it names the other: %s", why)
			}
		})
	}
}

func TestARenamedAppTakesOver(t *testing.T) {
	for seed := range uint64(100) {
		c := newTown(map[string]string{"one": configMapOf("data"), "uno": ""})
		delete(c.apps, "uno")
		c.settle(t)
		uid := c.UID(moving)
		c.commit(map[string]string{"uno": configMapOf("data")})
		c.declare("uno")
		c.apps["one"].Deleting = &syncline.Deletion{Cascade: true, Since: c.now}
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // any order
		for range 10 {
			switch random.IntN(6) {
			case 0:
				c.tell(t.Context())
			case 1, 2:
				c.turn(t, "uno")
			default:
				c.turn(t, "one")
			}
		}
		c.due["one"] = true
		c.settle(t)
		if c.apps["one"] != nil || c.UID(moving) != uid || c.owner(t, moving) != "uno" {
			t.Fatalf("order %d: one is there: %t, UID %s, was %s", seed, c.apps["one"] != nil, c.UID(moving), uid)
		}
	}
}

// TestWhatTwoDeclareGoesWithTheSecond has two Apps that are not repaired: nobody takes
// over what the first that goes leaves to the other.
func TestWhatTwoDeclareGoesWithTheSecond(t *testing.T) {
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		c := newTown(map[string]string{"one": configMapOf("data"), "two": configMapOf("data")})
		c.apps["one"].Policy.SelfHeal, c.apps["two"].Policy.SelfHeal = false, false
		c.settle(t)
		for i, name := range order {
			c.due[order[len(order)-1]] = true // as it is when what it declares changes
			c.settle(t)
			c.apps[name].Deleting = &syncline.Deletion{Cascade: true, Since: c.now}
			c.due[name] = true
			c.settle(t)
			if there := c.UID(moving) != ""; c.apps[name] != nil || there != (i == 0) {
				t.Errorf("%v: after %s went, the object is there: %t", order, name, there)
			}
		}
	}
}

// TestWhatIsNobodysInheritanceStays has an App that declares what another made, was
// never synced and is deleted: the other was deleted without its objects, or there is
// one of its name again.
func TestWhatIsNobodysInheritanceStays(t *testing.T) {
	for name, test := range map[string]struct{ cascade, back bool }{
		"deleted without its objects": {cascade: false},
		"of the same name":            {cascade: true, back: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(map[string]string{"one": configMapOf("data")})
			c.settle(t)
			c.commits[c.head]["two"] = configMapOf("data")
			c.declare("two").Policy.Automated = false
			c.settle(t)
			c.apps["one"].Deleting = &syncline.Deletion{Cascade: test.cascade, Since: c.now}
			c.due["one"] = true
			c.settle(t)
			if test.back {
				c.declare("one").Paused = true
				c.settle(t)
			}
			c.apps["two"].Deleting = &syncline.Deletion{Cascade: true, Since: c.now}
			c.due["two"] = true
			c.settle(t)
			if c.apps["two"] != nil || c.UID(moving) == "" {
				t.Errorf("two is there: %t, its object: %t", c.apps["two"] != nil, c.UID(moving) != "")
			}
		})
	}
}

func TestANamespaceStaysInWhichOthersHaveSomething(t *testing.T) {
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
	for name, leave := range map[string]func(c *town){
		"prune":    func(c *town) { c.commit(map[string]string{"one": "", "two": configMapOf("data")}) },
		"teardown": func(c *town) { c.apps["one"].Deleting = &syncline.Deletion{Cascade: true, Since: c.now} },
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(map[string]string{"one": namespace, "two": configMapOf("data")})
			c.settle(t)
			uid := c.UID(syncline.Ref{Kind: "Namespace", Name: "shop"})
			leave(c)
			c.due["one"] = true
			c.tell(t.Context())
			c.settle(t)
			if c.UID(syncline.Ref{Kind: "Namespace", Name: "shop"}) != uid || c.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"}).GetDeletionTimestamp() != nil {
				t.Error("the namespace is gone")
			}
			if name == "prune" && !strings.Contains(fmt.Sprint(c.turn(t, "one").Report.Conditions), "Namespace/shop is not pruned: application two has objects that would go with it") {
				t.Errorf("no condition: %s", c.why("one", "shop"))
			}
		})
	}
}
