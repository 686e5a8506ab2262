// Package plan compares what an App declares with what is live, and says what
// would happen to every object and why. It reads and asks the API server what
// an apply would do, but never writes.
package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/plan/compare"
)

// Cluster is what planning asks of the API server.
type Cluster interface{ compare.Cluster }

// Expressions removes fields by jq expressions.
type Expressions interface{ compare.Expressions }

// Memory is what is known of the live objects, without asking.
type Memory interface {
	Get(ref syncline.Ref) (syncline.Live, bool)
	// Owned returns the known objects whose tracking annotation names the instance.
	// The error says why there may be others: it is Waiting while that is being
	// found out, and of another kind when some of the cluster cannot be looked at.
	Owned(instance string) ([]syncline.Live, error)
	// Follow has every change told of an object, which is given as it was read: others
	// have fields of it that are declared. It returns what [syncline.Live.State] is while
	// the object stays so.
	Follow(object syncline.Object) syncline.Digest
}

// Neighbours are the other Apps, asked about what an App is about to delete.
type Neighbours interface {
	// Undecided returns a Waiting error while others may declare the object of which
	// that is not known yet. It is asked before the others: what they find is known
	// of everybody then.
	Undecided(ref syncline.Ref) error
	// Declares says who else declares the object, as in "application web"; "" when
	// nobody does.
	Declares(ref syncline.Ref) string
	// Inside says who else has or declares objects that would go with a namespace or
	// with a definition of kinds; "" when nobody does.
	Inside(container syncline.Ref) string
	// Users returns the Apps that need the object, this one and those that are being
	// deleted included.
	Users(ref syncline.Ref) []syncline.App
	// Left reports whether the App that tracking calls so is known not to declare the
	// object any more.
	Left(instance string, ref syncline.Ref) bool
}

// Input is what a plan is made from.
type Input struct {
	App syncline.App
	// Objects are the rendered ones, of every source, in order.
	Objects   []syncline.Object
	Revisions []string
	// Guard says how much may be pruned at once. Default: as its zero value says.
	Guard Guard
	// Operation is the one going on; nil when there is none. It decides the names
	// of generated hooks, and whether force is allowed.
	Operation *syncline.OperationState
	Cluster   Cluster
	Memory    Memory
	// Unanswered are the kinds of which nothing can be known, and why. Their objects
	// are left as they are, and hold up nothing else.
	Unanswered map[schema.GroupKind]error
	// Judge says why the App may not have the object of a change, or nil. It is
	// asked as soon as the ref is final, and what it refuses is looked up nowhere.
	Judge func(syncline.Change) error
	// Dialects say which objects declare Apps, and which these need. Default: none does.
	Dialects syncline.Dialects
	// Neighbours returns the other Apps, or nil. It is called when it matters what
	// they declare. Default: there are none.
	Neighbours func() Neighbours
}

// Planner makes plans and remembers comparisons, so that the API server is
// asked once for each pair of desired and live state. It is safe for concurrent
// use.
type Planner struct {
	expressions Expressions

	mu    sync.Mutex
	known map[syncline.AppID]knowledge
}

// knowledge is what is remembered of an App's last plan.
type knowledge struct {
	compared map[syncline.Ref]compare.Answer
	// verdicts say which jq expressions are obeyed.
	verdicts map[string]string
	// respected are the objects that keep ignored fields as they are live.
	respected map[syncline.Ref]kept
}

// New returns a Planner that remembers nothing yet. What Apps ignore by jq
// expressions is removed by expressions.
func New(expressions Expressions) *Planner {
	return &Planner{expressions: expressions, known: map[syncline.AppID]knowledge{}}
}

// Forget drops what is remembered of an App.
func (p *Planner) Forget(id syncline.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, id)
}

// Build makes the plan. An error means that not enough is known to decide
// anything; what is wrong with one object is in its Change.
func (p *Planner) Build(ctx context.Context, in Input) (syncline.Plan, error) {
	before := p.remembered(in.App.ID)
	b := &build{
		Input: in, before: before.compared, after: map[syncline.Ref]compare.Answer{}, respected: before.respected,
		ignored: compare.NewIgnored(p.expressions, in.App, before.verdicts), guarded: map[syncline.Ref]bool{},
	}
	b.comparer = &compare.Comparer{
		App: in.App, Cluster: in.Cluster, Ignored: b.ignored, Follow: in.Memory.Follow,
		Force: in.Operation != nil && in.Operation.Operation.Force, MayChangeGuards: b.mayChangeGuards,
	}
	steps := []func(context.Context) error{
		b.ignored.Check, b.prepare, b.addNamespace, b.respect, b.compare, b.addIdle, b.addExtraneous, b.order, b.awaitGuards, b.warnIgnore, b.warnHooks, b.warnOptions, b.warnSlips, b.explain,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			compared := map[syncline.Ref]compare.Answer{}
			maps.Copy(compared, b.before)
			maps.Copy(compared, b.after)
			p.remember(in.App.ID, knowledge{compared, b.ignored.Verdicts(), b.respected})
			return syncline.Plan{}, err
		}
	}
	p.remember(in.App.ID, knowledge{b.after, b.ignored.Verdicts(), b.respected})
	return syncline.Plan{
		App: in.App.ID, Revisions: in.Revisions, Changes: b.changes, Warnings: b.warnings, Unknown: b.unknown,
		PreDelete: b.preDelete, PostDelete: b.postDelete,
	}, nil
}

// Declares returns the objects that an App declares and may have, in their places.
// Nothing is compared.
func Declares(ctx context.Context, in Input) ([]syncline.Ref, error) {
	b := &build{Input: in}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	var refs []syncline.Ref
	for _, c := range b.changes {
		if !c.Refused {
			refs = append(refs, c.Ref)
		}
	}
	return refs, nil
}

func (p *Planner) remembered(id syncline.AppID) knowledge {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[id]
}

func (p *Planner) remember(id syncline.AppID, known knowledge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[id] = known
}

// build is one plan in the making.
type build struct {
	Input
	before, after map[syncline.Ref]compare.Answer
	respected     map[syncline.Ref]kept
	changes       []syncline.Change
	warnings      []syncline.Condition
	// defined maps the kinds that CRDs of this plan define.
	defined map[schema.GroupKind]definition
	// unserved are the declared kinds that the cluster does not have in their version.
	unserved map[schema.GroupVersionKind]error
	// seen counts what stands at each place.
	seen map[place]int
	// recorded are the objects that the App's status says it had; nil until it is asked.
	recorded map[syncline.Ref]bool
	// unknown is why the App may own more than is known.
	unknown error
	// declared are the objects that the source has, whether or not they have a
	// change.
	declared map[syncline.Ref]bool
	// preDelete and postDelete are hooks for the deletion of the App, idle those that
	// no operation runs, and misspelt those with a phase that there is not.
	preDelete, postDelete []syncline.Ref
	idle                  []idleHook
	misspelt              []string
	// unplaced are the objects that lack a namespace.
	unplaced map[syncline.Ref]bool
	ignored  *compare.Ignored
	comparer *compare.Comparer
	// guarded are the objects of which a webhook or a policy refuses the change.
	guarded map[syncline.Ref]bool
}

// definition is what a CustomResourceDefinition of the plan says of its kind.
type definition struct {
	ref   syncline.Ref
	scope syncline.Scope
	// versions are those that it serves, nil when it does not say.
	versions []string
}

// brings reports whether a version is served once the definition is in force.
func (d definition) brings(version string) bool {
	return d.versions == nil || slices.Contains(d.versions, version)
}

func (b *build) warn(kind syncline.ConditionType, message string) {
	b.warnings = append(b.warnings, syncline.Condition{Type: kind, Message: message})
}

// explained is how many objects that cannot be applied get a warning each.
const explained = 5

// explain warns of objects that cannot be applied as they are, so that it is
// known before anybody syncs.
func (b *build) explain(context.Context) error {
	wrong := 0
	for _, c := range b.changes {
		if c.Err == nil || syncline.KindOf(c.Err) == syncline.Waiting {
			continue
		}
		if wrong++; wrong > explained {
			continue
		}
		kind := syncline.ComparisonError
		if b.unplaced[c.Ref] {
			kind = syncline.InvalidSpecError
		}
		b.warn(kind, syncline.Explain(syncline.About(c.Ref, c.Err)))
	}
	if wrong > explained {
		b.warn(syncline.ComparisonError, fmt.Sprintf("%d more objects cannot be applied", wrong-explained))
	}
	slices.SortFunc(b.warnings, func(x, y syncline.Condition) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Message, y.Message))
	})
	return nil
}
