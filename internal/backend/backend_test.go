package backend_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// openBackend returns the way in, and the namespace for one test.
func openBackend(t *testing.T) (access.Backend, string) {
	t.Helper()
	namespace := controlPlane(t)
	backend, err := connectBackend(t.Context(), access.Connection{Kubeconfig: cluster.Kubeconfig, ControlPlane: namespace})
	if err != nil {
		t.Fatal(err)
	}
	return backend, namespace
}

func manifest(namespace, name string, labels map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": labels},
		"spec": map[string]any{
			"project":     "default",
			"source":      map[string]any{"repoURL": "https://git.example.com/shop.git", "path": "deploy"},
			"destination": map[string]any{"name": "in-cluster", "namespace": "shop"},
		},
	}
}

// declare has an App declared by a resource, which may change one that there is.
func declare(backend access.Backend, m map[string]any, upsert bool) (access.Outcome, error) {
	u := unstructured.Unstructured{Object: m}
	return backend.Do(context.Background(), command.Command{
		App:  syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: u.GetNamespace(), Name: u.GetName()},
		Verb: command.Declare{Resource: m, Upsert: upsert},
	})
}

func create(t *testing.T, backend access.Backend, m map[string]any) access.App {
	t.Helper()
	done, err := declare(backend, m, false)
	if err != nil || done.Effect != command.Created {
		t.Fatal(done.Effect, err)
	}
	return done.App
}

// patch changes the resource of an App as others do.
func patch(t *testing.T, id syncline.AppID, change map[string]any) {
	t.Helper()
	api, err := connect(access.Connection{Kubeconfig: cluster.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Patch(t.Context(), v1alpha1.ApplicationResource(), id.NamespacedName(), kube.Patch{Type: types.MergePatchType, Data: text}); err != nil {
		t.Fatal(err)
	}
}

func TestBackendReadsWhatItWrites(t *testing.T) {
	backend, namespace := openBackend(t)
	created := create(t, backend, manifest(namespace, "shop", map[string]any{"team": "web"}))
	create(t, backend, manifest(namespace, "api", map[string]any{"team": "core"}))
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: namespace, Name: "shop"}
	if created.ID != id || created.UID == "" || created.Instance != "shop" || created.Sources[0].Path != "deploy" {
		t.Errorf("created %+v", created.App)
	}
	got, err := backend.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created.Manifest, got.Manifest); diff != "" {
		t.Errorf("what was created is read otherwise (-created +read):\n%s", diff)
	}
	if _, has := got.Manifest["metadata"].(map[string]any)["managedFields"]; has {
		t.Error("the manifest has managedFields")
	}
	for _, c := range []struct {
		query access.Query
		want  []string
	}{
		{access.Query{Namespace: namespace}, []string{"api", "shop"}},
		{access.Query{Namespace: namespace, Selector: "team=web"}, []string{"shop"}},
		{access.Query{Namespace: namespace, Name: "api"}, []string{"api"}},
		{access.Query{Namespace: namespace, Name: "none"}, nil},
		{access.Query{Namespace: "elsewhere"}, nil},
	} {
		apps, err := backend.List(t.Context(), c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := appNames(apps); !slices.Equal(got, c.want) {
			t.Errorf("%+v lists %q, want %q", c.query, got, c.want)
		}
	}
}

func appNames(apps []access.App) []string {
	var found []string
	for _, app := range apps {
		found = append(found, app.ID.Name)
	}
	return found
}

func TestBackendReadsTheStatus(t *testing.T) {
	backend, namespace := openBackend(t)
	app := create(t, backend, manifest(namespace, "shop", nil))
	type m = map[string]any
	patch(t, app.ID, m{"status": m{
		"sync":       m{"status": "OutOfSync", "revision": "abc", "comparedTo": m{"destination": m{}}},
		"health":     m{"status": "Progressing", "message": "it starts"},
		"resources":  []any{m{"kind": "Pod", "name": "a", "namespace": "shop", "version": "v1", "status": "Synced", "health": m{"status": "Progressing"}}},
		"conditions": []any{m{"type": "SyncError", "message": "no"}},
		"summary":    m{"images": []any{"web:1"}},
		"syncline":   m{"waiting": []any{m{"kind": "Pod", "name": "a", "why": "it starts", "until": "2026-01-02T03:04:05Z"}}},
	}})
	app, err := backend.Get(t.Context(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	r := app.Report
	if r.Sync != syncline.OutOfSync || r.Health.Message != "it starts" || !slices.Equal(r.Revisions, []string{"abc"}) ||
		len(r.Objects) != 1 || r.Objects[0].Health.Status != syncline.Progressing || r.Conditions[0].Type != syncline.SyncError ||
		!slices.Equal(r.Images, []string{"web:1"}) || r.Waiting[0].Why != "it starts" || r.Waiting[0].Until.Year() != 2026 {
		t.Errorf("read %+v", r)
	}
}

// What a command presumes is so when it is carried out, or nothing is written.
func TestBackendRefusesWhatCameInBetween(t *testing.T) {
	backend, namespace := openBackend(t)
	app := create(t, backend, manifest(namespace, "shop", nil))
	if done, err := declare(backend, manifest(namespace, "shop", nil), false); err != nil || done.Effect != command.Unchanged {
		t.Errorf("declaring it again: %v, %v", done.Effect, err)
	}
	if _, err := declare(backend, manifest(namespace, "shop", map[string]any{"a": "1"}), false); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("declaring it otherwise: %v", err)
	}
	another := command.Command{App: app.ID, UID: "another-uid"}
	for _, verb := range []command.Verb{
		command.Delete{}, command.Sync{}, command.Refresh{}, command.Declare{Resource: manifest(namespace, "shop", map[string]any{"a": "1"}), Upsert: true},
	} {
		another.Verb = verb
		if _, err := backend.Do(t.Context(), another); syncline.KindOf(err) != syncline.Stalled {
			t.Errorf("%T of another resource of the name: %v", verb, err)
		}
	}
	sync := command.Command{App: app.ID, UID: app.UID, Declared: command.Declared(app.App), Verb: command.Sync{}}
	patch(t, app.ID, map[string]any{"spec": map[string]any{"source": map[string]any{"path": "elsewhere"}}})
	if _, err := backend.Do(t.Context(), sync); syncline.KindOf(err) != syncline.Stalled {
		t.Errorf("a sync of what was declared before: %v", err)
	}
	now, err := backend.Get(t.Context(), app.ID)
	if err != nil || now.Request != nil || now.Refresh != syncline.NoRefresh || now.Deleting != nil {
		t.Errorf("what was refused is asked for: %+v, %v", now.App, err)
	}
	remove := command.Command{App: app.ID, UID: app.UID, Verb: command.Delete{}}
	if _, err := backend.Do(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	_, err = backend.Get(t.Context(), app.ID)
	if syncline.KindOf(err) != syncline.NotFound || err.Error() != "app "+app.ID.String()+" does not exist" {
		t.Errorf("after its end: %v", err)
	}
	if _, err := backend.Do(t.Context(), remove); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("a command after its end: %v", err)
	}
}

// A field that an Application does not have would be dropped, and something else delivered.
func TestBackendRefusesAFieldThatThereIsNot(t *testing.T) {
	backend, namespace := openBackend(t)
	slip := manifest(namespace, "shop", nil)
	slip["spec"].(map[string]any)["source"].(map[string]any)["helm"] = map[string]any{"valuesFiles": []any{"production.yaml"}}
	refused := func(upsert bool) {
		t.Helper()
		_, err := declare(backend, slip, upsert)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), `unknown field "spec.source.helm.valuesFiles"`) {
			t.Errorf("with upsert %t: %v", upsert, err)
		}
	}
	refused(false)
	create(t, backend, manifest(namespace, "shop", nil))
	refused(true)
}

func TestBackendWatchTellsThePictureAndItsChanges(t *testing.T) {
	backend, namespace := openBackend(t)
	app := create(t, backend, manifest(namespace, "shop", map[string]any{"step": "0"}))
	create(t, backend, manifest(namespace, "other", nil))
	steps := []func(){
		func() {
			patch(t, app.ID, map[string]any{"metadata": map[string]any{"labels": map[string]any{"step": "1"}}})
		},
		func() {
			if _, err := backend.Do(t.Context(), command.Command{App: app.ID, Verb: command.Delete{}}); err != nil {
				t.Error(err)
			}
		},
	}
	var seen []string
	err := backend.Watch(t.Context(), access.Query{Namespace: namespace, Name: "shop"}, func(apps []access.App) bool {
		picture := "gone"
		if len(apps) == 1 {
			picture, _ = apps[0].Manifest["metadata"].(map[string]any)["labels"].(map[string]any)["step"].(string)
		}
		seen = append(seen, picture)
		if len(seen) <= len(steps) {
			steps[len(seen)-1]()
		}
		return picture == "gone"
	})
	if err != nil || !slices.Equal(seen, []string{"0", "1", "gone"}) {
		t.Errorf("saw %q, %v", seen, err)
	}
}

func TestBackendWatchEndsWithItsContext(t *testing.T) {
	backend, namespace := openBackend(t)
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := backend.Watch(ctx, access.Query{Namespace: namespace}, func([]access.App) bool {
		cancel(reason)
		return false
	})
	if !errors.Is(err, reason) {
		t.Errorf("it ended with %v", err)
	}
}

// changedKubeconfig returns a kubeconfig like that of the tests' cluster, after
// a change.
func changedKubeconfig(t *testing.T, change func(*clientcmdapi.Config)) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhoMayNotIsTold(t *testing.T) {
	namespace := controlPlane(t)
	nobody := changedKubeconfig(t, func(config *clientcmdapi.Config) {
		for _, user := range config.AuthInfos {
			user.Impersonate = "nobody"
		}
	})
	for _, args := range [][]string{
		{"app", "list"}, {"app", "get", "shop"}, {"app", "refresh", "shop"}, {"app", "list", "--watch"},
		{"app", "create", "shop", "--repo", "r", "--path", "p", "--dest-name", "in-cluster"},
	} {
		_, stderr, code := commandLine(t, append(args, "--kubeconfig", nobody, "-n", namespace, "--timeout", "30s")...)
		if code != 4 || !strings.Contains(stderr, "Error: ") || !strings.Contains(stderr, "Hint: ") {
			t.Errorf("%q ends with %d:\n%s", args, code, stderr)
		}
	}
}

func TestWhatIsNotThereIsTold(t *testing.T) {
	gone := changedKubeconfig(t, func(config *clientcmdapi.Config) {
		for _, cluster := range config.Clusters {
			cluster.Server = "https://127.0.0.1:1"
		}
	})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"app", "list", "--kubeconfig", gone}, "check that the API server can be reached"},
		{[]string{"app", "list", "--kubeconfig", gone + ".none"}, "no cluster to talk to"},
		{[]string{"app", "list", "--context", "nowhere"}, `"nowhere" does not exist`},
	} {
		_, stderr, code := commandLine(t, c.args...)
		if code != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q ends with %d, without %q:\n%s", c.args, code, c.want, stderr)
		}
	}
}

func TestAMissingNamespaceIsTold(t *testing.T) {
	controlPlane(t)
	_, stderr, code := commandLine(t, "app", "create", "shop", "-n", "nowhere", "--repo", "r", "--path", "p", "--dest-name", "in-cluster")
	if code != 3 || !strings.Contains(stderr, "Error: namespace nowhere does not exist\nHint: create it") {
		t.Errorf("it ends with %d:\n%s", code, stderr)
	}
}

// Of many who ask for a sync at once, one is heard.
func TestOneSyncIsAskedForAtATime(t *testing.T) {
	namespace := controlPlane(t)
	if _, stderr, code := commandLine(t, "app", "create", "shop", "-n", namespace, "--repo", "https://git.example.com/x.git",
		"--path", "p", "--dest-name", "in-cluster"); code != 0 {
		t.Fatal(stderr)
	}
	const many = 8
	codes := make([]int, many)
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			_, _, codes[i] = commandLine(t, "app", "sync", "shop", "-n", namespace, "--async", "--prune")
		})
	}
	group.Wait()
	slices.Sort(codes)
	if codes[0] != 0 || codes[1] != 1 || codes[many-1] != 1 {
		t.Errorf("the exit codes are %v, want one 0 and else 1", codes)
	}
	stdout, _, _ := commandLine(t, "app", "get", "shop", "-n", namespace, "-o", "yaml")
	if !strings.Contains(stdout, "operation:\n  initiatedBy:\n    username: syncline-cli\n  sync:\n    prune: true\n") {
		t.Errorf("the operation is not in the resource:\n%s", stdout)
	}
	if _, stderr, code := commandLine(t, "app", "wait", "shop", "-n", namespace, "--operation", "--timeout", "200ms"); code != 5 ||
		!strings.Contains(stderr, "has not begun: is syncline server running?") {
		t.Errorf("waiting without an agent ends with %d:\n%s", code, stderr)
	}
}

func TestUpsertAndDeleteThroughTheCommandLine(t *testing.T) {
	namespace := controlPlane(t)
	args := []string{"app", "create", "shop", "-n", namespace, "--repo", "https://git.example.com/x.git", "--path", "p", "--dest-name", "in-cluster"}
	for _, c := range []struct {
		extra  []string
		stderr string
		code   int
	}{
		{[]string{"--helm-set", "a=1"}, "created", 0},
		{[]string{"--helm-set", "a=1"}, "unchanged", 0},
		{[]string{"--nameprefix", "x-"}, "is different", 1},
		{[]string{"--nameprefix", "x-", "--upsert"}, "changed", 0},
		{[]string{"--nameprefix", "x-"}, "unchanged", 0},
	} {
		_, stderr, code := commandLine(t, slices.Concat(args, c.extra)...)
		if code != c.code || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q ends with %d, want %d and %q:\n%s", c.extra, code, c.code, c.stderr, stderr)
		}
	}
	stdout, _, _ := commandLine(t, "app", "get", "shop", "-n", namespace, "-o", "yaml")
	if strings.Contains(stdout, "helm:") || !strings.Contains(stdout, "namePrefix: x-") {
		t.Errorf("the spec is not what was declared last:\n%s", stdout)
	}
	if _, stderr, code := commandLine(t, "app", "delete", "shop", "-n", namespace, "--cascade=false", "--wait", "--timeout", "30s"); code != 0 {
		t.Errorf("deleting it ends with %d:\n%s", code, stderr)
	}
	if _, _, code := commandLine(t, "app", "get", "shop", "-n", namespace); code != 3 {
		t.Errorf("after its end, get ends with %d", code)
	}
}
