package referee

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// arena is a case that is being played: an App with what is around it, as the
// engine sees it.
type arena struct {
	*place
	drawn
	ctx      context.Context
	line     *line
	bell     *bell
	engine   *engine.Engine
	app      syncline.App
	failures int
	turn     int
	// commits are the objects of each revision.
	commits map[string][]syncline.Object
	head    string
	// owner is an object that may own others.
	owner types.UID
	// gone says that the App was deleted, and let go.
	gone  bool
	story []string
	tally map[string]int
}

func newArena(ctx context.Context, p *place, c drawn) *arena {
	a := &arena{
		place: p, drawn: c, ctx: ctx, line: p.wire.open(c.name), bell: p.bells.of(c.name), commits: map[string][]syncline.Object{},
		app: syncline.App{
			Dialect: convention.Dialect(),
			ID:      syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: c.name}, UID: types.UID("uid-" + c.name), Instance: c.name, Project: "default",
			Sources:      []syncline.Source{{RepoURL: "https://git.example/web", Path: "."}},
			Destination:  syncline.Destination{Server: "https://kubernetes.default.svc", Namespace: c.name},
			HistoryLimit: 10, Ignore: c.ignore,
		},
	}
	a.restart()
	return a
}

// restart gives the App the engine of a new process.
func (a *arena) restart() {
	a.engine = engine.New(a, a, a, a, engine.Options{Expressions: inProcess{}, Limit: 30 * time.Second})
}

func (a *arena) tell(format string, args ...any) {
	a.story = append(a.story, fmt.Sprintf(format, args...))
}

// inProcess runs jq expressions in this process.
type inProcess struct{}

func (inProcess) Remove(ctx context.Context, _, expression string, object map[string]any) (map[string]any, error) {
	return jq.Remove(ctx, expression, object)
}

func (a *arena) Resolve(context.Context, syncline.App, syncline.Source, time.Duration) (string, error) {
	return a.head, nil
}

func (a *arena) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return nil, nil //nolint:nilnil // what is rendered was drawn
}

func (*arena) Forget(syncline.AppID) {}

func (a *arena) Render(_ context.Context, request render.Request) (render.Result, error) {
	return render.Result{Tool: syncline.ToolDirectory, Objects: a.commits[request.Revision]}, nil
}

func (a *arena) Project(string) (syncline.Project, error) {
	return syncline.Project{
		Name: "default", SourceRepos: []upstream.Pattern{upstream.PatternOf("*")},
		Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"})},
		ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "")},
	}, nil
}

func (a *arena) Target(syncline.Destination) (syncline.Target, error) {
	return syncline.Target{ID: syncline.LocalCluster}, nil
}

func (a *arena) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) { return a, nil }
func (a *arena) Writer(syncline.ClusterID, syncline.Identity) (apply.Writer, error) {
	return a.target, nil
}

func (a *arena) Capabilities(context.Context) (syncline.Capabilities, error) {
	return syncline.Capabilities{}, nil
}
func (a *arena) Get(ref syncline.Ref) (syncline.Live, bool)     { return a.target.Get(ref) }
func (a *arena) Owned(instance string) ([]syncline.Live, error) { return a.target.Owned(instance) }
func (a *arena) Inside(container syncline.Ref) []string         { return a.target.Inside(container) }
func (a *arena) Follow(object syncline.Object) syncline.Digest  { return a.target.Follow(object) }

func (a *arena) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	return a.target.Scope(ctx, kind)
}

func (a *arena) DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error) {
	return a.target.DryRun(ctx, object, options)
}

func (a *arena) DryRunReplace(ctx context.Context, object, live syncline.Object, options option.List) (syncline.Object, error) {
	return a.target.DryRunReplace(ctx, object, live, options)
}

func (a *arena) Merge(ctx context.Context, object, live syncline.Object, options option.List) (merged, after syncline.Object, err error) {
	return a.target.Merge(ctx, object, live, options)
}

func (a *arena) Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error {
	return a.target.Rehearse(ctx, object, live, options)
}

func (a *arena) Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	return a.target.Read(ctx, ref, version)
}

func (a *arena) Watch(wanted []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	a.connection.Live.Need(wanted...)
	var pending []schema.GroupVersionKind
	for _, k := range wanted {
		if len(a.connection.Live.Ready(k.GroupKind())) > 0 {
			pending = append(pending, k)
		}
	}
	return pending, nil
}

// Unanswered: every API of the arena answers.
func (a *arena) Unanswered(context.Context, schema.GroupVersionKind) error { return nil }

// record is what one turn did.
type record struct {
	turn   int
	result engine.Result
	killed bool
	// operation is the one that it was about; zero when there was none.
	operation syncline.Operation
}

// round is one operation, or a few that followed by themselves, and all that the
// judge may know of it.
type round struct {
	what      string
	declared  []syncline.Object
	before    map[syncline.Ref]*unstructured.Unstructured
	after     map[syncline.Ref]*unstructured.Unstructured
	turns     []record
	requests  []request
	approved  bool
	disturbed bool
	// operation is the last one as it was kept.
	operation *syncline.OperationState
	plan      *syncline.Plan
}

// play runs turns until nothing is left to do, or nothing happens any more.
func (a *arena) play(what string, objects []syncline.Object) round {
	a.head = fmt.Sprintf("%07d", len(a.commits)+1)
	a.commits[a.head] = objects
	a.app.ApprovedAt = time.Time{}
	r := round{what: what, declared: objects, before: a.snapshot()}
	a.line.take()
	past := a.app.Past.Operation
	for idle := 0; idle < 4 && len(r.turns) < 150; {
		rung := a.bell.next()
		one := a.oneTurn()
		r.turns = append(r.turns, one)
		switch {
		case one.killed || one.result.Again || a.failures > 0:
			continue
		case !a.going() && one.result.At.IsZero():
			idle = 4
			continue
		}
		select {
		case <-rung:
		case <-time.After(100 * time.Millisecond):
			a.collect()
			if idle++; idle == 4 && a.help(&r) {
				idle = 0
			}
		}
	}
	r.requests, r.after = a.line.take(), a.snapshot()
	if state := a.app.Past.Operation; state != nil && (past == nil || state.StartedAt != past.StartedAt) {
		r.operation = state
	}
	if len(r.turns) > 0 {
		r.plan = r.turns[len(r.turns)-1].result.Plan
	}
	return r
}

// going reports whether an operation was asked for or goes on, or the App is being
// deleted.
func (a *arena) going() bool {
	if a.app.Deleting != nil {
		return !a.gone
	}
	state := a.app.Past.Operation
	return a.app.Request != nil || state != nil && !state.Phase.Done()
}

// collect does what the garbage collector does late with objects of a kind that is
// new to it.
func (a *arena) collect() {
	if !a.has("Gadget") {
		return
	}
	for ref, u := range a.snapshot() {
		if ref.Kind == "Gadget" && slices.Contains(u.GetFinalizers(), metav1.FinalizerDeleteDependents) {
			a.release(ref, u, metav1.FinalizerDeleteDependents)
		}
	}
}

// release removes a finalizer.
func (a *arena) release(ref syncline.Ref, u *unstructured.Unstructured, finalizer string) {
	rest := slices.DeleteFunc(u.GetFinalizers(), func(f string) bool { return f == finalizer })
	text, _ := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest, "resourceVersion": u.GetResourceVersion()}})
	_, err := a.reach(ref).Patch(a.ctx, ref.Name, types.MergePatchType, text, metav1.PatchOptions{})
	a.tell("%s is released: %v", ref, err)
}

// help is what a person does with an operation that waits, and reports whether
// there was anything to do.
func (a *arena) help(r *round) bool {
	state := a.app.Past.Operation
	switch {
	case a.app.Deleting == nil && (state == nil || state.Phase.Done() || state.Phase == syncline.OperationTerminating):
		return false
	case a.deed.approves && !r.approved:
		r.approved = true
		a.app.ApprovedAt = time.Now()
		a.tell("a person approves")
	case a.deed.releases && !r.disturbed:
		r.disturbed = true
		for ref, u := range a.snapshot() {
			if u.GetDeletionTimestamp() != nil && slices.Contains(u.GetFinalizers(), holding) {
				a.release(ref, u, holding)
			}
		}
	case a.app.Deleting != nil:
		return false
	default:
		a.tell("a person terminates")
		state.Phase = syncline.OperationTerminating
	}
	return true
}

// oneTurn runs a turn and keeps what it reports, unless its process was killed.
func (a *arena) oneTurn() record {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	a.turn++
	a.line.begin(a.turn, cancel)
	one := record{turn: a.turn, result: a.engine.Turn(ctx, a.app, a.failures)}
	result := one.result
	one.operation = a.about(result)
	if a.line.end() {
		a.tell("turn %d: killed; %v", a.turn, result.Err)
		a.failures = 0
		a.restart()
		one.killed = true
		return one
	}
	if a.failures++; result.Err == nil || !syncline.KindOf(result.Err).Consequence().Retry {
		a.failures = 0
	}
	if result.Report != nil {
		a.keep(*result.Report)
	}
	phase := "no operation"
	if state := a.app.Past.Operation; state != nil {
		phase = fmt.Sprintf("%s: %s", state.Phase, state.Message)
	}
	a.tell("turn %d: %s; again %v, err %v", a.turn, phase, result.Again, result.Err)
	return one
}

// about returns the operation that a turn was about: the one that went on, that was
// asked for or that it began.
func (a *arena) about(result engine.Result) syncline.Operation {
	past := a.app.Past.Operation
	switch report := result.Report; {
	case past != nil && !past.Phase.Done():
		return past.Operation
	case report != nil && report.Operation != nil && (past == nil || report.Operation.StartedAt.Truncate(time.Second) != past.StartedAt):
		return report.Operation.Operation
	case a.app.Request != nil:
		return *a.app.Request
	}
	return syncline.Operation{}
}

// keep writes a report down: times in seconds, as a resource holds them.
func (a *arena) keep(r syncline.Report) {
	if r.Operation != nil {
		state := *r.Operation
		state.StartedAt, state.FinishedAt = state.StartedAt.Truncate(time.Second), state.FinishedAt.Truncate(time.Second)
		r.Operation = &state
	}
	a.gone = r.Deleted
	rendered := a.app.Past.Rendered
	if r.Rendered != "" {
		rendered = r.Rendered
	}
	a.app.Past = syncline.Past{Report: syncline.Report{
		Rendered: rendered, Operation: r.Operation, History: r.History, Objects: r.Objects, Sources: r.Sources, Revisions: r.Revisions,
		Destination: r.Destination, Sync: r.Sync, Health: r.Health,
	}}
	if r.Consumed {
		a.app.Request = nil
	}
}

// reach returns how the judge and strangers reach objects of a kind.
func (a *arena) reach(ref syncline.Ref) dynamic.ResourceInterface {
	k := kindNamed(ref.Kind)
	if k.cluster {
		return a.others.Resource(k.path())
	}
	return a.others.Resource(k.path()).Namespace(ref.Namespace)
}

// refOfThing returns the ref of a thing in this case.
func (a *arena) refOf(t thing) syncline.Ref {
	ref := syncline.Ref{Group: t.kind.group, Kind: t.kind.name, Namespace: a.name, Name: t.name}
	if t.kind.cluster {
		ref.Namespace = ""
	}
	return ref
}

// has reports whether the case has objects of a kind.
func (a *arena) has(kind string) bool {
	return slices.ContainsFunc(a.things, func(t thing) bool { return t.kind.name == kind })
}

// snapshot reads everything that the case has.
func (a *arena) snapshot() map[syncline.Ref]*unstructured.Unstructured {
	found := map[syncline.Ref]*unstructured.Unstructured{}
	for _, k := range kinds {
		if k.cluster || !a.has(k.name) {
			continue
		}
		list, err := a.others.Resource(k.path()).Namespace(a.name).List(a.ctx, metav1.ListOptions{})
		if err != nil {
			panic(err)
		}
		for i := range list.Items {
			u := &list.Items[i]
			if name := u.GetName(); name == "kube-root-ca.crt" || name == "default" || name == "owner" {
				continue
			}
			found[syncline.Ref{Group: k.group, Kind: k.name, Namespace: a.name, Name: u.GetName()}] = u
		}
	}
	for _, t := range a.things {
		if ref := a.refOf(t); t.kind.cluster {
			if u, err := a.reach(ref).Get(a.ctx, ref.Name, metav1.GetOptions{}); err == nil {
				found[ref] = u
			}
		}
	}
	namespace := syncline.Ref{Kind: "Namespace", Name: a.name}
	if u, err := a.reach(namespace).Get(a.ctx, a.name, metav1.GetOptions{}); err == nil {
		found[namespace] = u
	}
	return found
}

// object makes an Object of a manifest.
func object(manifest map[string]any) syncline.Object {
	o, err := syncline.NewObject(runtime.DeepCopyJSON(manifest), "drawn")
	if err != nil {
		panic(err)
	}
	return o
}

// holding is the finalizer of others.
const holding = "referee.syncline.io/holding"

// prepare makes the namespace and what strangers had before the App came.
func (a *arena) prepare() error {
	content := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": a.name}}
	if _, err := a.reach(syncline.Ref{Kind: "Namespace"}).Create(a.ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{}); err != nil {
		return err
	}
	owner := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "owner", "namespace": a.name}}
	made, err := a.reach(syncline.Ref{Kind: "ConfigMap", Namespace: a.name}).Create(a.ctx, &unstructured.Unstructured{Object: owner}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	a.owner = made.GetUID()
	for _, t := range a.things {
		if t.made == nil {
			continue
		}
		made, err := a.make(t)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", a.refOf(t), t.origin, err)
		}
		if err := a.seen(a.refOf(t), made); err != nil {
			return err
		}
	}
	return nil
}

// make lets a stranger make an object.
func (a *arena) make(t thing) (*unstructured.Unstructured, error) {
	ref := a.refOf(t)
	u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(t.made)}
	u.SetNamespace(ref.Namespace)
	annotate := func(key, value string) {
		annotations := u.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[key] = value
		u.SetAnnotations(annotations)
	}
	lastApplied := func() {
		text, _ := json.Marshal(u.Object)
		annotate("kubectl.kubernetes.io/last-applied-configuration", string(text)+"\n")
	}
	manager, applies := "somebody", false
	switch t.origin {
	case another:
		annotate(convention.Tracking, tracking("other", a.name, ref))
		manager, applies = syncline.FieldManager, true
	case claiming:
		annotate(convention.Tracking, tracking(a.name, a.name, ref))
	case copying:
		copied := ref
		copied.Name += "-original"
		annotate(convention.Tracking, tracking(a.name, a.name, copied))
	case kubectl:
		lastApplied()
		manager = "kubectl-client-side-apply"
	case applier:
		manager, applies = "other-applier", true
	case oldArgo, olderArgo:
		annotate(convention.Tracking, tracking(a.name, a.name, ref))
		if manager = syncline.FieldManager; t.origin == olderArgo {
			manager = "argocd-application-controller"
		}
		lastApplied()
	case ours, nobody, plain:
	}
	if applies {
		return a.reach(ref).Apply(a.ctx, ref.Name, u, metav1.ApplyOptions{FieldManager: manager, Force: true})
	}
	return a.reach(ref).Create(a.ctx, u, metav1.CreateOptions{FieldManager: manager})
}

// tracking is the annotation that says of which App an object is.
func tracking(instance, namespace string, ref syncline.Ref) string {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return fmt.Sprintf("%s:%s/%s:%s/%s", instance, ref.Group, ref.Kind, namespace, ref.Name)
}

// goes reports whether an object is gone as soon as its controller lets it.
func goes(live *unstructured.Unstructured) bool {
	return live.GetDeletionTimestamp() != nil && !slices.Contains(live.GetFinalizers(), holding)
}

// seen waits until Syncline knows of a change by others.
func (a *arena) seen(ref syncline.Ref, u *unstructured.Unstructured) error {
	kind := kindNamed(ref.Kind)
	a.connection.Live.Need(schema.GroupVersionKind{Group: kind.group, Version: kind.version, Kind: kind.name})
	if !a.bell.until(func() bool {
		live, exists := a.connection.Live.Get(ref)
		if u == nil {
			return len(a.connection.Live.Ready(ref.GroupKind())) == 0 && !exists
		}
		return exists && live.UID == u.GetUID() && number(live.ResourceVersion) >= number(u.GetResourceVersion())
	}) {
		return fmt.Errorf("%s is not seen", ref)
	}
	return nil
}

func number(resourceVersion string) int64 {
	n, _ := strconv.ParseInt(resourceVersion, 10, 64)
	return n
}

// disturb lets others change what is there. What the API server refuses them does
// not happen.
func (a *arena) disturb() error {
	for _, t := range a.things {
		for _, drift := range t.drifts {
			ref := a.refOf(t)
			live, err := a.reach(ref).Get(a.ctx, ref.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) || err == nil && goes(live) {
				break
			}
			if err != nil {
				return err
			}
			after, err := a.change(t, live, drift)
			a.tell("%s by %s: %s: %v", ref, drift.manager, drift.what, err)
			if err != nil {
				continue
			}
			if err := a.seen(ref, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// change makes one change as another. It returns the object, or nil when it is gone.
func (a *arena) change(t thing, live *unstructured.Unstructured, change drift) (*unstructured.Unstructured, error) {
	d := draw{rand.New(rand.NewPCG(change.seed, 1))} //nolint:gosec // nothing secret is drawn
	ref := a.refOf(t)
	annotations := live.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	switch change.what {
	case "change", "remove":
		mutate(d, live.Object, change.what == "remove")
	case "merge":
		body := t.kind.body(d)
		for _, key := range sorted(body) {
			mergeInto(d, live.Object, key, body[key])
		}
	case "label":
		live.SetLabels(map[string]string{"team": "z"})
	case "note":
		annotations["note"] = "z"
	case "mark":
		marks := map[string]any{}
		d.steer(marks)
		for key, value := range marks {
			annotations[key] = value.(string)
		}
	case "claim":
		annotations[convention.Tracking] = tracking("other", a.name, ref)
	case "disclaim":
		delete(annotations, convention.Tracking)
	case "own":
		live.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: a.owner}})
	case "hold", "hold and delete":
		live.SetFinalizers(append(live.GetFinalizers(), holding))
	}
	if len(annotations) > 0 {
		live.SetAnnotations(annotations)
	}
	if change.what != "delete" {
		updated, err := a.reach(ref).Update(a.ctx, live, metav1.UpdateOptions{FieldManager: change.manager})
		if err != nil || change.what != "hold and delete" {
			return updated, err
		}
	}
	background := metav1.DeletePropagationBackground
	if err := a.reach(ref).Delete(a.ctx, ref.Name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		return nil, err
	}
	left, err := a.reach(ref).Get(a.ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // nothing is left
	}
	return left, err
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// mergeInto puts some of a drawn value into a live object.
func mergeInto(d draw, into map[string]any, key string, value any) {
	was, isMap := into[key].(map[string]any)
	content, _ := value.(map[string]any)
	if !isMap || content == nil {
		if d.chance(0.6) {
			into[key] = value
		}
		return
	}
	for _, below := range sorted(content) {
		mergeInto(d, was, below, content[below])
	}
}

// mutate changes or removes one field of a live object.
func mutate(d draw, content map[string]any, remove bool) {
	keys := slices.DeleteFunc(sorted(content), func(key string) bool {
		return key == "metadata" || key == "status" || key == "apiVersion" || key == "kind"
	})
	if len(keys) == 0 {
		return
	}
	key := keys[d.IntN(len(keys))]
	switch value := content[key].(type) {
	case map[string]any:
		if len(value) > 0 && d.chance(0.9) {
			mutate(d, value, remove)
			return
		}
	case []any:
		if len(value) > 0 && d.chance(0.8) {
			if item, ok := value[d.IntN(len(value))].(map[string]any); ok {
				mutate(d, item, remove)
				return
			}
		}
	}
	if remove {
		delete(content, key)
		return
	}
	switch value := content[key].(type) {
	case string:
		content[key] = strings.ToLower(one(d, "x", "y", "drifted"))
		if _, err := decoded(value); err == nil && value != "" {
			content[key] = "ZHJpZnRlZA=="
		}
	case int64:
		content[key] = value + 1
	case bool:
		content[key] = !value
	}
}
