package e2e_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/audit"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

var (
	tenants     = flag.Int("tenants", 500, "how many random Applications try to leave their projects")
	tenancySeed = flag.Uint64("tenancy-seed", 1, "what the random Applications are drawn from")
)

const (
	// foreignSpace is a namespace that no tenant may have, and foreignMark stands in everything there.
	foreignSpace = "tenancy-foreign"
	foreignMark  = "foreign-mark"
)

// tenantProjects are what tenants may have, each in a namespace of the project's name. Allowed says of a resource whether
// requests about it may come to pass there.
var tenantProjects = []struct {
	name, lists string
	allowed     func(resource string) bool
	// cluster are the resources/names of what they may have without a namespace.
	cluster []string
}{
	{"tenancy-open", `{}`, func(string) bool { return true }, nil},
	{
		"tenancy-listed", `{namespaceResourceWhitelist: [{group: "", kind: ConfigMap}]}`,
		func(resource string) bool { return resource == "configmaps" }, nil,
	},
	{
		"tenancy-denied", `{namespaceResourceBlacklist: [{group: "", kind: Secret}, {group: "", kind: Pod}, {group: apps, kind: "*"}]}`,
		func(resource string) bool {
			return !slices.Contains([]string{"secrets", "pods", "deployments"}, resource)
		}, nil,
	},
	{
		"tenancy-cluster", `{clusterResourceWhitelist: [{group: rbac.authorization.k8s.io, kind: ClusterRole, name: tenancy-ok-*}, {group: "", kind: Namespace, name: tenancy-cluster}]}`,
		func(string) bool { return true }, []string{"clusterroles/tenancy-ok-", "namespaces/tenancy-cluster"},
	},
}

// tenancy is the stage on which tenants try to leave their projects.
type tenancy struct {
	*testing.T
	*world
	ctx    context.Context
	random *rand.Rand
	git    *testenv.GitServer
	repo   *testenv.GitRepo
	// mine is the repository that the projects permit, and others are addresses that they do not.
	mine   string
	others []string
	// captured counts the requests to a server that nobody may ask.
	captured atomic.Int64
	mark     int
}

// Whatever Applications of a project, their repository and their status say: nothing is asked of the API server about an
// object that the project does not allow, be it to read or to try, no address is asked that it does not permit, and no
// status tells of a foreign object.
func TestTenancy(t *testing.T) {
	x := &tenancy{T: t, world: shared, ctx: t.Context(), random: rand.New(rand.NewPCG(*tenancySeed, 0))} //nolint:gosec // a failure is repeated by its seed
	x.build()
	x.declare()
	x.settle("declared", func(*unstructured.Unstructured) bool { return true })
	x.forge()
	x.settle("forged", func(*unstructured.Unstructured) bool { return true })
	x.leave()
	x.judge()
}

func (x *tenancy) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// build makes the projects, what is foreign to them, and the repositories.
func (x *tenancy) build() {
	var err error
	x.git, err = testenv.StartGit(x.ctx, testenv.GitOptions{})
	x.must(err)
	x.Cleanup(func() { _ = x.git.Close() })
	capture := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		x.captured.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	x.Cleanup(capture.Close)
	x.repo, err = x.git.Create(x.ctx, "team/app")
	x.must(err)
	secret, err := x.git.Create(x.ctx, "secret/app")
	x.must(err)
	_, err = secret.Commit(x.ctx, testenv.GitCommit{Files: map[string]string{"web.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + foreignMark + "}\n"}})
	x.must(err)
	files := map[string]string{}
	for i := range *tenants {
		files[fmt.Sprintf("case%d/all.yaml", i)] = x.manifests(i)
	}
	_, err = x.repo.Commit(x.ctx, testenv.GitCommit{Files: files})
	x.must(err)
	x.mine = x.repo.URL
	host := strings.TrimSuffix(x.git.URL("team/app"), "/team/app.git")
	address := strings.TrimPrefix(host, "http://")
	x.others = []string{
		secret.URL, strings.TrimSuffix(secret.URL, ".git"), host + "/team/../secret/app.git", host + "/./secret/app.git",
		host + "//secret/app.git", host + "/%73ecret/app.git", host + "/team/%2e%2e/secret/app.git", host + "/team/..%2fsecret/app.git",
		"http://team@" + address + "/secret/app.git", "HTTP://" + address + "/secret/app.git?/team/app.git",
		capture.URL + "/team/app.git", "http://" + strings.TrimPrefix(capture.URL, "http://") + "?." + address + "/team/app.git",
		capture.URL + "#" + host + "/team/app.git", " " + secret.URL,
	}
	x.apply(foreignObjects)
	for _, project := range tenantProjects {
		x.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + project.name + ", labels: {pod-security.kubernetes.io/enforce: restricted}}")
		spec := map[string]any{}
		x.must(yaml.Unmarshal([]byte(project.lists), &spec))
		spec["sourceRepos"] = []any{host + "/team/**"}
		spec["destinations"] = []any{map[string]any{"server": "https://kubernetes.default.svc", "namespace": project.name}}
		x.must(x.cluster.api.apply(x.ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "spec": spec,
			"metadata": map[string]any{"name": project.name, "namespace": controlPlane},
		}}))
	}
	x.mark, err = x.cluster.fence(x.ctx)
	x.must(err)
}

// foreignObjects are not to be asked about. Some of them say that they are a tenant's.
const foreignObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: tenancy-foreign, labels: {mark: foreign-mark}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {name: web, namespace: tenancy-foreign, annotations: {argocd.argoproj.io/tracking-id: "tenancy-1:apps/Deployment:tenancy-foreign/web"}}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: example/foreign-mark}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: debug, namespace: tenancy-foreign, annotations: {argocd.argoproj.io/tracking-id: "tenancy-2:/Pod:tenancy-foreign/debug"}}
spec: {containers: [{name: main, image: example/foreign-mark, env: [{name: TOKEN, value: foreign-mark}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: tenancy-foreign, annotations: {argocd.argoproj.io/tracking-id: "tenancy-3:/ConfigMap:tenancy-foreign/web"}}
data: {mark: foreign-mark}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: tenancy-foreign}
stringData: {mark: foreign-mark}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: tenancy-admin, labels: {mark: foreign-mark}, annotations: {argocd.argoproj.io/tracking-id: "tenancy-4:rbac.authorization.k8s.io/ClusterRole:/tenancy-admin"}}
rules: []
`

func (x *tenancy) apply(text string) {
	x.Helper()
	objects, err := decode(text, "")
	x.must(err)
	for _, object := range objects {
		x.must(x.cluster.api.apply(x.ctx, object))
	}
}

// pick returns one of the values.
func pick[T any](x *tenancy, values ...T) T { return values[x.random.IntN(len(values))] }

// some returns whether something is so that is so once in n times.
func (x *tenancy) once(n int) bool { return x.random.IntN(n) == 0 }

// manifests are what the repository declares for a tenant: something that its project allows, and what it may not have.
func (x *tenancy) manifests(i int) string {
	texts := []string{fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine-%d}\n", i)}
	for range x.random.IntN(3) {
		object := x.object()
		annotations := map[string]any{}
		for _, annotation := range [][]string{
			{"argocd.argoproj.io/hook", "PreSync", "PostSync", "SyncFail", "Sync,PostSync"},
			{"helm.sh/hook", "pre-install", "post-upgrade"},
			{"argocd.argoproj.io/hook-delete-policy", "HookSucceeded", "BeforeHookCreation"},
			{"argocd.argoproj.io/sync-options", "Replace=true", "Force=true,Replace=true", "SkipDryRunOnMissingResource=true", "Prune=false"},
			{"argocd.argoproj.io/sync-wave", "-1", "1"},
		} {
			if x.once(6) {
				annotations[annotation[0]] = pick(x, annotation[1:]...)
			}
		}
		metadata, _ := object["metadata"].(map[string]any)
		metadata["annotations"] = annotations
		if x.once(10) {
			object = map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{object}}
		}
		text, err := json.Marshal(object)
		x.must(err)
		texts = append(texts, string(text)+"\n")
	}
	return strings.Join(texts, "---\n")
}

// object draws an object: of a kind that is allowed or not, here, elsewhere or nowhere, one that exists or not.
func (x *tenancy) object() map[string]any {
	kind := pick(x, "v1/ConfigMap", "v1/Secret", "v1/Pod", "apps/v1/Deployment", "rbac.authorization.k8s.io/v1/ClusterRole", "v1/Namespace")
	version, name := kind[:strings.LastIndex(kind, "/")], kind[strings.LastIndex(kind, "/")+1:]
	metadata := map[string]any{"name": pick(x, "web", "debug", "token", "tenancy-admin", foreignSpace, "tenancy-ok-1", "absent")}
	if namespace := pick(x, "", foreignSpace, foreignSpace, "tenancy-open"); namespace != "" {
		metadata["namespace"] = namespace
	}
	object := map[string]any{"apiVersion": version, "kind": name, "metadata": metadata}
	pod := map[string]any{"containers": []any{map[string]any{"name": "main", "image": "example/mine"}}}
	switch name {
	case "Pod":
		object["spec"] = pod
	case "Deployment":
		labels := map[string]any{"app": "web"}
		object["spec"] = map[string]any{
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod},
		}
	case "ConfigMap":
		object["data"] = map[string]any{"x": pick(x, "1", "2")}
	case "ClusterRole":
		object["rules"] = []any{map[string]any{"apiGroups": []any{"*"}, "resources": []any{"*"}, "verbs": []any{"*"}}}
	}
	return object
}

// source draws a source: mostly the tenant's own.
func (x *tenancy) source(i int) map[string]any {
	url := x.mine
	if x.once(4) {
		url = pick(x, x.others...)
	}
	return map[string]any{"repoURL": url, "path": fmt.Sprintf("case%d", i), "targetRevision": "main"}
}

// operation draws an operation that somebody asks for.
func (x *tenancy) operation(i int) map[string]any {
	sync := map[string]any{"prune": x.once(2), "dryRun": x.once(3)}
	if x.once(2) {
		sync["source"] = x.source(i)
	}
	if x.once(4) {
		sync["resources"] = []any{map[string]any{"group": "apps", "kind": "Deployment", "namespace": foreignSpace, "name": "web"}}
	}
	if x.once(3) {
		sync["syncOptions"] = []any{pick(x, "CreateNamespace=true", "Replace=true", "Force=true", "RespectIgnoreDifferences=true")}
	}
	return map[string]any{"sync": sync, "initiatedBy": map[string]any{"username": "eve", "automated": x.once(2)}}
}

// declare makes the Applications.
func (x *tenancy) declare() {
	var group sync.WaitGroup
	limit := make(chan struct{}, 8)
	for i := range *tenants {
		app := x.application(i)
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			if err := x.cluster.api.apply(x.ctx, app); err != nil {
				x.Errorf("tenant %d: %v", i, err)
			}
		})
	}
	group.Wait()
}

func (x *tenancy) application(i int) *unstructured.Unstructured {
	project := tenantProjects[i%len(tenantProjects)].name
	namespace := project
	if x.once(8) {
		namespace = pick(x, foreignSpace, "kube-system", "tenancy-absent", "")
	}
	policy := map[string]any{"retry": map[string]any{"limit": int64(0)}}
	if !x.once(5) {
		policy["automated"] = map[string]any{"prune": x.once(2), "selfHeal": x.once(2), "allowEmpty": x.once(4)}
	}
	if x.once(3) {
		policy["syncOptions"] = []any{"CreateNamespace=true", pick(x, "Replace=true", "PruneLast=true", "RespectIgnoreDifferences=true")}
		if x.once(2) {
			policy["managedNamespaceMetadata"] = map[string]any{"labels": map[string]any{"pod-security.kubernetes.io/enforce": "privileged"}}
		}
	}
	spec := map[string]any{
		"project": project, "source": x.source(i), "syncPolicy": policy,
		"destination": map[string]any{"server": "https://kubernetes.default.svc", "namespace": namespace},
	}
	if x.once(4) {
		spec["ignoreDifferences"] = []any{map[string]any{"group": "*", "kind": "*", "jsonPointers": []any{"/data"}}}
	}
	metadata := map[string]any{
		"name": fmt.Sprintf("tenancy-%d", i), "namespace": controlPlane, "labels": map[string]any{"suite": "tenancy"},
		"annotations": map[string]any{"argocd.argoproj.io/refresh": "normal"},
	}
	if x.once(2) {
		metadata["finalizers"] = []any{"resources-finalizer.argocd.argoproj.io"}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec,
	}}
}

// forge writes into the statuses what a tenant likes, and asks for operations.
func (x *tenancy) forge() {
	for i := range *tenants {
		patch, err := json.Marshal(x.forgery(i))
		x.must(err)
		x.must(x.cluster.api.edit(x.ctx, target{kind: "applications.argoproj.io", namespace: controlPlane, name: fmt.Sprintf("tenancy-%d", i)}, string(patch)))
	}
}

func (x *tenancy) forgery(i int) map[string]any {
	claims := []any{
		map[string]any{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": foreignSpace, "name": "web"},
		map[string]any{"version": "v1", "kind": "Pod", "namespace": foreignSpace, "name": "debug"},
		map[string]any{"version": "v1", "kind": "ConfigMap", "namespace": foreignSpace, "name": "web"},
		map[string]any{"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "ClusterRole", "name": "tenancy-admin"},
	}
	status := map[string]any{}
	if x.once(2) {
		status["resources"] = claims
	}
	if x.once(2) {
		results := []any{}
		for _, claim := range claims {
			result := map[string]any{"status": "Synced", "hookPhase": "Running", "syncPhase": "Sync", "message": ""}
			maps.Copy(result, claim.(map[string]any))
			results = append(results, result)
		}
		state := map[string]any{
			"phase": pick(x, "Running", "Terminating", "Succeeded"), "message": "", "startedAt": "2026-01-01T00:00:00Z", "retryCount": int64(1),
			"operation": x.operation(i), "finishedAt": pick[any](x, nil, "2026-01-01T00:00:00Z"),
			"syncResult": map[string]any{"revision": pick(x, "", "main"), "source": x.source(i), "resources": results},
		}
		status["operationState"] = state
	}
	if x.once(3) {
		status["sync"] = map[string]any{"comparedTo": map[string]any{"source": x.source(i)}, "revision": "main"}
		status["history"] = []any{map[string]any{"id": int64(7), "revision": "main", "deployedAt": "2026-01-01T00:00:00Z", "source": x.source(i)}}
	}
	forged := map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"argocd.argoproj.io/refresh": pick(x, "normal", "hard")}}, "status": status,
	}
	if x.once(3) {
		forged["operation"] = x.operation(i)
	}
	if x.once(4) { // nothing can be compared, and the status is what there is
		forged["spec"] = map[string]any{"source": map[string]any{"path": "nowhere"}}
	}
	return forged
}

// settle waits until every Application that is left had the turn that was asked for.
func (x *tenancy) settle(what string, wanted func(*unstructured.Unstructured) bool) {
	x.Helper()
	left := ""
	err := retry(x.ctx, func(error) bool { return true }, func() error {
		left = ""
		n := 0
		for _, app := range x.applications() {
			_, asked := app.GetAnnotations()["argocd.argoproj.io/refresh"]
			if _, operation := app.Object["operation"]; asked || operation || !wanted(&app) {
				left = app.GetName()
				n++
			}
		}
		if n > 0 {
			return fmt.Errorf("%d Applications had no turn", n)
		}
		return nil
	})
	if err != nil {
		x.Fatalf("%s: %v, such as %s: %s", what, err, left, x.server.log.about(left))
	}
}

func (x *tenancy) applications() []unstructured.Unstructured {
	x.Helper()
	objects, err := x.cluster.api.objects(x.ctx, target{kind: "applications.argoproj.io", namespace: controlPlane})
	x.must(err)
	list, err := objects.List(x.ctx, metav1.ListOptions{LabelSelector: "suite=tenancy"})
	x.must(err)
	return list.Items
}

// leave deletes every third Application, with what it has.
func (x *tenancy) leave() {
	for i := 0; i < *tenants; i += 3 {
		t := target{kind: "applications.argoproj.io", namespace: controlPlane, name: fmt.Sprintf("tenancy-%d", i)}
		x.must(x.cluster.api.remove(x.ctx, t, metav1.DeletePropagationBackground))
	}
	x.settle("deleted", func(app *unstructured.Unstructured) bool { return app.GetDeletionTimestamp() == nil })
}

// judge holds what came to pass against the projects.
func (x *tenancy) judge() {
	x.permitted(x.applications())
	_, err := x.cluster.fence(x.ctx)
	x.must(err)
	events, _, _, err := x.cluster.log.Since(x.mark)
	x.must(err)
	outside := map[string]int{}
	for _, e := range events {
		if e.User != x.server.user() {
			continue
		}
		if x.outside(e) {
			outside[fmt.Sprintf("%s %s %s/%s (dry run: %t)", e.Verb, e.Resource, e.Namespace, e.Name, e.DryRun)]++
		}
		if e.Resource == "applications" && strings.Contains(string(e.Body), foreignMark) {
			x.Errorf("the status of %s tells of a foreign object: %s", e.Name, e.Body)
		}
	}
	for request, n := range outside {
		x.Errorf("outside of every project, %d times: %s", n, request)
	}
	if n := x.git.CountOf("secret/app"); n > 0 {
		x.Errorf("a repository that no project permits was asked %d times", n)
	}
	if n := x.captured.Load(); n > 0 {
		x.Errorf("a server that no project permits was asked %d times", n)
	}
	namespace := target{kind: "namespaces", name: "tenancy-open"}
	if level, err := x.cluster.api.get(x.ctx, namespace, `.metadata.labels.pod-security\.kubernetes\.io/enforce`); err != nil || level != "restricted" {
		x.Errorf("the level of a namespace is %q (%v)", level, err)
	}
}

// outside reports whether a request is about an object that no tenant may have.
func (x *tenancy) outside(e audit.Event) bool {
	if e.Name == "" && (e.Verb == "list" || e.Verb == "watch") { // of a kind, for everybody
		return false
	}
	for _, project := range tenantProjects {
		for _, own := range project.cluster {
			if e.Namespace == "" && strings.HasPrefix(e.Resource+"/"+e.Name, own) || e.Resource == "namespaces" && own == "namespaces/"+e.Name {
				return false
			}
		}
		if e.Namespace == project.name && e.Resource != "namespaces" {
			return !project.allowed(e.Resource)
		}
	}
	return strings.HasPrefix(e.Namespace, "tenancy-") || strings.HasPrefix(e.Name, "tenancy-") && e.Namespace != controlPlane
}

// permitted fails when nothing was delivered or nothing refused: then nothing was tried.
func (x *tenancy) permitted(apps []unstructured.Unstructured) {
	synced, refused := 0, 0
	for _, app := range apps {
		text, err := json.Marshal(app.Object["status"])
		x.must(err)
		if status, _ := find(&app, ".status.sync.status"); status == "Synced" {
			synced++
		}
		if strings.Contains(string(text), "not permitted in project") {
			refused++
		}
	}
	x.Logf("of %d Applications %d are synced, and %d were refused something", len(apps), synced, refused)
	if least := len(apps) / 20; synced < least || refused < least {
		x.Errorf("of %d Applications only %d are synced and %d were refused something", len(apps), synced, refused)
	}
}
