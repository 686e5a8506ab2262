package request_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/request"
)

type m = map[string]any

var id = syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "shop"}

// cluster is an API server with one Application, or none.
type cluster struct {
	t testing.TB
	u *unstructured.Unstructured
	// sent is what was written, as JSON.
	sent []string
	// before is called before each write that depends on what was read.
	before func(*cluster)
}

// holding returns a cluster with an Application of these sections.
func holding(t testing.TB, text string) *cluster {
	c := &cluster{t: t, u: &unstructured.Unstructured{}}
	content, err := yaml.YAMLToJSON([]byte("apiVersion: argoproj.io/v1alpha1\nkind: Application\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	if err := kjson.Unmarshal(content, &c.u.Object); err != nil {
		t.Fatal(err)
	}
	c.u.SetName("shop")
	c.u.SetNamespace("argocd")
	c.u.SetUID("u1")
	c.u.SetResourceVersion("1")
	return c
}

func (c *cluster) Read(context.Context, syncline.AppID) (*unstructured.Unstructured, error) {
	if c.u == nil {
		return nil, syncline.Errorf(syncline.NotFound, "there is none")
	}
	return c.u.DeepCopy(), nil
}

func (c *cluster) Send(_ context.Context, write request.Write) (*unstructured.Unstructured, error) {
	if before := c.before; before != nil {
		before(c)
	}
	conflict := syncline.Errorf(syncline.Conflict, "it is another")
	switch {
	case write.Create != nil && c.u != nil, write.Create == nil && write.Delete != "" && c.u != nil && c.u.GetUID() != write.Delete:
		return nil, conflict
	case write.Create != nil:
		c.note("create", write.Create)
		c.u = &unstructured.Unstructured{Object: runtime.DeepCopyJSON(write.Create)}
		return c.u.DeepCopy(), nil
	case c.u == nil:
		return nil, syncline.Errorf(syncline.NotFound, "there is none")
	case write.Delete != "":
		c.note("delete", string(write.Delete))
		if c.u.Object["metadata"].(m)["deletionTimestamp"] = "2026-01-02T03:04:05Z"; len(c.u.GetFinalizers()) == 0 {
			c.u = nil
		}
		return nil, nil
	}
	var patch m
	if err := json.Unmarshal(write.Patch, &patch); err != nil {
		c.t.Fatal(err)
	}
	version, depends, _ := unstructured.NestedString(patch, "metadata", "resourceVersion")
	if depends && version != c.u.GetResourceVersion() {
		return nil, conflict
	}
	c.note("patch", patch)
	c.merge(write.Patch)
	return c.u.DeepCopy(), nil
}

// merge applies a patch, as another writer too.
func (c *cluster) merge(patch []byte) {
	old, err := json.Marshal(c.u.Object)
	if err != nil {
		c.t.Fatal(err)
	}
	merged, err := jsonpatch.MergePatch(old, patch)
	if err != nil {
		c.t.Fatal(err)
	}
	version, _ := strconv.Atoi(c.u.GetResourceVersion())
	c.u = &unstructured.Unstructured{}
	if err := kjson.Unmarshal(merged, &c.u.Object); err != nil {
		c.t.Fatal(err)
	}
	c.u.SetResourceVersion(strconv.Itoa(version + 1))
	if !c.u.GetDeletionTimestamp().IsZero() && len(c.u.GetFinalizers()) == 0 {
		c.u = nil
	}
}

func (c *cluster) note(verb string, what any) {
	text, err := json.Marshal(what)
	if err != nil {
		c.t.Fatal(err)
	}
	c.sent = append(c.sent, verb+" "+string(text))
}

func (c *cluster) do(asked command.Command) (command.Effect, error) {
	asked.App = id
	_, effect, err := request.Writer{Applications: c, ControlPlane: "argocd"}.Do(context.Background(), asked)
	return effect, err
}

const declared = "spec: {project: default, source: {repoURL: 'https://git.example.com/shop.git', path: deploy}, destination: {name: in-cluster}}\n"

const running = declared + "status: {operationState: {phase: Running, startedAt: '2026-01-02T03:04:05Z', operation: {sync: {prune: true}}}}\n"

// What each command is written as.
func TestWrites(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	limit := int64(3)
	for _, c := range []struct {
		name   string
		holds  string
		asked  command.Command
		effect command.Effect
		want   []string
	}{
		{
			"a sync", declared, command.Command{By: syncline.Initiator{Username: "ada"}, Verb: command.Sync{}}, command.Changed,
			[]string{`patch {"metadata":{"resourceVersion":"1"},"operation":{"initiatedBy":{"username":"ada"},"sync":{}}}`},
		},
		{
			"a sync with everything", declared, command.Command{By: syncline.Initiator{Automated: true}, Verb: command.Sync{
				Operation: syncline.Operation{
					Revisions: []string{"v2"}, Prune: true, DryRun: true, Force: true, Selection: []syncline.Selector{{Kind: "Service", Name: "web"}},
					Options: []string{"Replace=true"}, Retry: syncline.Retry{Limit: 2}, By: syncline.Initiator{Username: "somebody else"},
				},
				Approve: "0123456789ab", Notes: []command.Note{{Name: "why", Value: "test"}},
			}}, command.Changed,
			[]string{`patch {"metadata":{"annotations":{"syncline.io/approve-prune":"0123456789ab"},"resourceVersion":"1"},` +
				`"operation":{"info":[{"name":"why","value":"test"}],"initiatedBy":{"automated":true},"retry":{"limit":2},` +
				`"sync":{"dryRun":true,"prune":true,"resources":[{"kind":"Service","name":"web"}],"revision":"v2",` +
				`"syncOptions":["Replace=true"],"syncStrategy":{"hook":{"force":true}}}}}`},
		},
		{
			"a sync to what was deployed once", declared, command.Command{Verb: command.Sync{Operation: syncline.Operation{
				Revisions: []string{"abc"}, Sources: []syncline.Source{{RepoURL: "r", Path: "p"}}, SkipHooks: true,
			}}}, command.Changed,
			[]string{`patch {"metadata":{"resourceVersion":"1"},"operation":{"sync":{"revision":"abc","source":{"path":"p","repoURL":"r"},"syncStrategy":{"apply":{}}}}}`},
		},
		{
			"the end of an operation", running, command.Command{Verb: command.Terminate{}}, command.Changed,
			[]string{`patch {"metadata":{"resourceVersion":"1"},"status":{"operationState":{"phase":"Terminating"}}}`},
		},
		{
			"a refresh", declared, command.Command{Verb: command.Refresh{At: at}}, command.Changed,
			[]string{`patch {"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal","argocd.argoproj.io/refresh-timestamp":"2026-01-02T03:04:05.000000006Z"}}}`},
		},
		{
			"a hard refresh", declared, command.Command{Verb: command.Refresh{Hard: true, At: at}}, command.Changed,
			[]string{`patch {"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard","argocd.argoproj.io/refresh-timestamp":"2026-01-02T03:04:05.000000006Z"}}}`},
		},
		{
			"an approval", strings.Replace(running, "}}}}\n", "}}}, syncline: {waiting: [{kind: ConfigMap, name: old, why: 'waits for syncline.io/approve-prune: \"0123456789ab\"'}]}}\n", 1),
			command.Command{Verb: command.Approve{Digest: "0123456789ab"}}, command.Changed,
			[]string{`patch {"metadata":{"annotations":{"syncline.io/approve-prune":"0123456789ab"},"resourceVersion":"1"}}`},
		},
		{"a deletion that leaves the objects", declared, command.Command{Verb: command.Delete{}}, command.Changed, []string{`delete "u1"`}},
		{
			"a deletion with the objects", declared, command.Command{Verb: command.Delete{Cascade: true}}, command.Changed,
			[]string{`patch {"metadata":{"finalizers":["resources-finalizer.argocd.argoproj.io"],"resourceVersion":"1"}}`, `delete "u1"`},
		},
		{
			"a deletion in the background", "metadata: {finalizers: [a, resources-finalizer.argocd.argoproj.io]}\n", command.Command{Verb: command.Delete{Cascade: true, Background: true}}, command.Changed,
			[]string{`patch {"metadata":{"finalizers":["a","resources-finalizer.argocd.argoproj.io/background"],"resourceVersion":"1"}}`, `delete "u1"`},
		},
		{
			"a deletion that waited for the objects", "metadata: {deletionTimestamp: '2026-01-02T03:04:05Z', finalizers: [resources-finalizer.argocd.argoproj.io]}\n",
			command.Command{Verb: command.Delete{}}, command.Gone,
			[]string{`patch {"metadata":{"finalizers":[],"resourceVersion":"1"}}`},
		},
		{
			"a declaration of something else", declared, command.Command{Verb: command.Declare{Upsert: true, Declaration: command.Declaration{
				Labels: map[string]string{"a": "b"}, Project: "web", Cascade: true, HistoryLimit: &limit,
				Source:      syncline.Source{RepoURL: "r", Path: "p", Helm: &tool.Helm{Values: "a: 1"}, Kustomize: &tool.Kustomize{}},
				Destination: syncline.Destination{Server: "https://c"},
				Policy:      syncline.SyncPolicy{Automated: true, Options: []string{"PruneLast=true"}},
			}}}, command.Changed,
			[]string{`patch {"metadata":{"finalizers":["resources-finalizer.argocd.argoproj.io"],"labels":{"a":"b"},"resourceVersion":"1"},` +
				`"spec":{"destination":{"name":null,"server":"https://c"},"project":"web","revisionHistoryLimit":3,` +
				`"source":{"helm":{"values":"a: 1"},"path":"p","repoURL":"r"},"syncPolicy":{"automated":{},"syncOptions":["PruneLast=true"]}}}`},
		},
		{
			"a declaration of the same", declared, command.Command{Verb: command.Declare{Declaration: command.Declaration{
				Project: "default", Source: syncline.Source{RepoURL: "https://git.example.com/shop.git", Path: "deploy"}, Destination: syncline.Destination{Name: "in-cluster"},
			}}}, command.Unchanged, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			held := holding(t, c.holds)
			effect, err := held.do(c.asked)
			if err != nil || effect != c.effect {
				t.Errorf("it is %q, %v; want %q", effect, err, c.effect)
			}
			if diff := cmp.Diff(c.want, held.sent); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What is refused writes nothing.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		holds string
		verb  command.Verb
		want  syncline.Kind
	}{
		{"a sync while one goes on", running, command.Sync{}, syncline.Conflict},
		{"the end of nothing", declared, command.Terminate{}, syncline.Invalid},
		{"an approval of nothing", declared, command.Approve{Digest: "0123456789ab"}, syncline.Stalled},
		{"a declaration of something else", declared, command.Declare{Declaration: command.Declaration{Project: "web"}}, syncline.Conflict},
		{"a declaration that is none", declared, command.Declare{Resource: m{"kind": "Pod", "apiVersion": "v1"}, Upsert: true}, syncline.Invalid},
		{"self-heal without automated syncs", declared, command.Declare{Declaration: command.Declaration{Policy: syncline.SyncPolicy{SelfHeal: true}}, Upsert: true}, syncline.Invalid},
		{"no verb", declared, nil, syncline.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			held := holding(t, c.holds)
			if _, err := held.do(command.Command{Verb: c.verb}); syncline.KindOf(err) != c.want || len(held.sent) > 0 {
				t.Errorf("it is %v, want %q, and sent %q", err, c.want, held.sent)
			}
		})
	}
	if _, err := (&cluster{t: t}).do(command.Command{Verb: command.Sync{}}); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("a sync of what there is not: %v", err)
	}
}

// A declaration makes what there is not, and finds what somebody else made meanwhile.
func TestDeclareMakesOrFinds(t *testing.T) {
	asked := command.Command{Verb: command.Declare{Declaration: command.Declaration{Project: "web"}}}
	made := &cluster{t: t}
	if effect, err := made.do(asked); effect != command.Created || err != nil {
		t.Errorf("it is %q, %v", effect, err)
	}
	if want := []string{`create {"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"shop","namespace":"argocd"},"spec":{"project":"web"}}`}; !slices.Equal(made.sent, want) {
		t.Errorf("sent %q", made.sent)
	}
	raced := &cluster{t: t, before: func(c *cluster) {
		if c.u == nil {
			c.u = holding(t, "spec: {project: web}").u
		}
	}}
	if effect, err := raced.do(asked); effect != command.Unchanged || err != nil || len(raced.sent) > 0 {
		t.Errorf("it is %q, %v, and sent %q", effect, err, raced.sent)
	}
}

// While others write, a command is written once, upon what there is by then.
func TestConflicts(t *testing.T) {
	status := func(times int) func(*cluster) {
		return func(c *cluster) {
			if times--; times >= 0 {
				c.merge([]byte(`{"status":{"health":{"status":"Healthy"},"reconciledAt":"2026-01-02T03:04:05Z"}}`))
			}
		}
	}
	held := holding(t, declared)
	app, _ := application.Read(held.u.DeepCopy(), "argocd")
	asked := command.Command{UID: "u1", Declared: command.Declared(app), Verb: command.Sync{}}
	held.before = status(3)
	if effect, err := held.do(asked); err != nil || effect != command.Changed || len(held.sent) != 1 {
		t.Errorf("after three others it is %q, %v, and sent %q", effect, err, held.sent)
	}
	held = holding(t, declared)
	held.before = status(1000)
	if _, err := held.do(asked); syncline.KindOf(err) != syncline.Conflict || !strings.Contains(err.Error(), "changes too fast") || len(held.sent) > 0 {
		t.Errorf("among many others it is %v, and sent %q", err, held.sent)
	}
	held = holding(t, declared)
	held.before = func(c *cluster) { c.merge([]byte(`{"spec":{"source":{"path":"elsewhere"}}}`)) }
	if _, err := held.do(asked); syncline.KindOf(err) != syncline.Stalled || len(held.sent) > 0 {
		t.Errorf("after the declaration became another it is %v, and sent %q", err, held.sent)
	}
	for _, verb := range []command.Verb{command.Sync{}, command.Delete{}, command.Delete{Cascade: true}} {
		held = holding(t, declared)
		held.before = func(c *cluster) { c.u.SetUID("u2"); c.u.SetResourceVersion("2") }
		if _, err := held.do(command.Command{UID: "u1", Verb: verb}); syncline.KindOf(err) != syncline.Stalled || len(held.sent) > 0 {
			t.Errorf("%T of what became another is %v, and sent %q", verb, err, held.sent)
		}
	}
}

// What an API server refuses for another reason is told as it is, at once.
func TestOtherErrorsEnd(t *testing.T) {
	denied := syncline.Errorf(syncline.Denied, "no")
	if _, _, err := (request.Writer{Applications: refusing{holding(t, declared), denied}}).Do(t.Context(), command.Command{App: id, Verb: command.Sync{}}); !errors.Is(err, denied) {
		t.Errorf("it is %v", err)
	}
}

type refusing struct {
	*cluster
	err error
}

func (r refusing) Send(context.Context, request.Write) (*unstructured.Unstructured, error) {
	return nil, r.err
}

// mayChange says which fields each verb may change, by the beginning of their paths.
func mayChange(verb command.Verb) []string {
	switch verb.(type) {
	case command.Sync:
		return []string{"operation", "metadata.annotations.syncline.io/approve-prune"}
	case command.Terminate:
		return []string{"status.operationState.phase"}
	case command.Refresh:
		return []string{"metadata.annotations.argocd.argoproj.io/refresh"}
	case command.Approve:
		return []string{"metadata.annotations.syncline.io/approve-prune"}
	case command.Declare:
		return []string{"spec", "metadata.labels", "metadata.annotations", "metadata.finalizers"}
	default:
		return []string{"metadata.finalizers", "metadata.deletionTimestamp"}
	}
}

// leaves lists the fields of an object that hold no other, with what they hold.
func leaves(into map[string]string, path string, value any) map[string]string {
	if object, is := value.(m); is {
		for key, inner := range object {
			leaves(into, strings.TrimPrefix(path+"."+key, "."), inner)
		}
		return into
	}
	text, _ := json.Marshal(value)
	into[path] = string(text)
	return into
}

// Any command of any Application is refused and changes nothing, or changes what it
// names and nothing else.
func TestACommandChangesWhatItNames(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "v2", "0123456789ab"})
	operations := rapid.Custom(func(t *rapid.T) syncline.Operation {
		o := syncline.Operation{Prune: rapid.Bool().Draw(t, "prune"), DryRun: rapid.Bool().Draw(t, "dry"), Force: rapid.Bool().Draw(t, "force"), SkipHooks: rapid.Bool().Draw(t, "skip")}
		if r := text.Draw(t, "revision"); r != "" {
			o.Revisions = []string{r}
		}
		return o
	})
	verbs := rapid.Custom(func(t *rapid.T) command.Verb {
		some := rapid.Bool().Draw(t, "some")
		switch rapid.IntRange(0, 5).Draw(t, "verb") {
		case 0:
			return command.Sync{Operation: operations.Draw(t, "operation"), Approve: syncline.Digest(text.Draw(t, "approve"))}
		case 1:
			return command.Terminate{}
		case 2:
			return command.Refresh{Hard: some}
		case 3:
			return command.Approve{Digest: syncline.Digest(text.Draw(t, "digest"))}
		case 4:
			return command.Declare{Upsert: rapid.Bool().Draw(t, "upsert"), Declaration: command.Declaration{
				Project: text.Draw(t, "project"), Source: syncline.Source{Path: text.Draw(t, "path")}, ByHand: some, Cascade: rapid.Bool().Draw(t, "cascade"),
				Labels: map[string]string{"l": text.Draw(t, "label")}, Policy: syncline.SyncPolicy{SelfHeal: rapid.Bool().Draw(t, "heal")},
			}}
		}
		return command.Delete{Cascade: some, Background: rapid.Bool().Draw(t, "background")}
	})
	metadata := []string{"", "metadata: {labels: {l: v, n: w}, annotations: {a: b}, finalizers: [x, resources-finalizer.argocd.argoproj.io]}\n"}
	rest := []string{
		"", declared, running, "spec: {sources: [{repoURL: r, path: p}], extra: {field: [1, {}]}}\n", declared + "operation: {sync: {revision: v9}}\n",
		"spec: {syncPolicy: {automated: {prune: true}}}\nstatus: {sync: {status: Synced}, history: [{id: 1}], unknown: {a: 1.5}}\n",
		strings.Replace(running, "}}}}\n", "}}}, syncline: {waiting: [{kind: ConfigMap, name: old, why: 'waits for syncline.io/approve-prune: \"0123456789ab\"'}]}}\n", 1),
	}
	rapid.Check(t, func(r *rapid.T) {
		held := holding(t, rapid.SampledFrom(metadata).Draw(r, "metadata")+rapid.SampledFrom(rest).Draw(r, "rest"))
		before := leaves(map[string]string{}, "", held.u.Object)
		verb := verbs.Draw(r, "verb")
		_, err := held.do(command.Command{By: syncline.Initiator{Username: "ada"}, Verb: verb})
		if err != nil && len(held.sent) > 0 {
			r.Fatalf("it is refused, %v, and sent %q", err, held.sent)
		}
		if held.u == nil {
			if _, deletes := verb.(command.Delete); !deletes {
				r.Fatalf("%T deleted it", verb)
			}
			return
		}
		after := leaves(map[string]string{}, "", held.u.Object)
		changed := map[string]bool{}
		for path := range maps.Keys(before) {
			changed[path] = before[path] != after[path]
		}
		for path := range maps.Keys(after) {
			changed[path] = before[path] != after[path]
		}
		changed["metadata.resourceVersion"] = false
		for path, is := range changed {
			if is && !slices.ContainsFunc(mayChange(verb), func(may string) bool { return strings.HasPrefix(path, may) }) {
				r.Fatalf("%T changed %s from %s to %s", verb, path, before[path], after[path])
			}
		}
		if sync, asks := verb.(command.Sync); asks && err == nil {
			app, _ := application.Read(held.u.DeepCopy(), "argocd")
			want := sync.Operation
			want.By.Username = "ada"
			if diff := cmp.Diff(&want, app.Request); diff != "" {
				r.Fatalf("what is asked for reads otherwise (-asked +read)\n%s", diff)
			}
		}
	})
}
