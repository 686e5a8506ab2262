package referee

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// kind is one whose objects the cases have.
type kind struct {
	group, version, name, resource string
	cluster                        bool
	// body draws everything but the metadata.
	body func(draw) map[string]any
}

func (k kind) path() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group, Version: k.version, Resource: k.resource}
}

func (k kind) apiVersion() string { return strings.TrimPrefix(k.group+"/"+k.version, "/") }

// kinds are in no order that matters; the last is not drawn.
var kinds = []kind{
	{"", "v1", "ConfigMap", "configmaps", false, draw.configMap},
	{"", "v1", "Secret", "secrets", false, draw.secret},
	{"", "v1", "Service", "services", false, draw.service},
	{"apps", "v1", "Deployment", "deployments", false, draw.deployment},
	{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", false, draw.claim},
	{"", "v1", "ServiceAccount", "serviceaccounts", false, draw.account},
	{"rbac.authorization.k8s.io", "v1", "Role", "roles", false, draw.role},
	{"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", true, draw.role},
	{"referee.syncline.io", "v1", "Gadget", "gadgets", false, draw.gadget},
	{"", "v1", "Namespace", "namespaces", true, nil},
}

func kindNamed(name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	panic("no kind " + name)
}

// origin says who made an object.
type origin string

const (
	ours      origin = "this App"
	nobody    origin = "nobody yet"
	another   origin = "another App"
	claiming  origin = "a stranger, with a tracking annotation of this App"
	copying   origin = "a stranger, with a tracking annotation copied from another object of this App"
	kubectl   origin = "kubectl apply"
	applier   origin = "another server-side applier"
	plain     origin = "somebody"
	oldArgo   origin = "Argo CD, client-side"
	olderArgo origin = "Argo CD, under its former manager"
)

// thing is one object of a case, from before the App is first synced.
type thing struct {
	kind   kind
	name   string
	origin origin
	// made is what a stranger makes; first and second are what the App declares,
	// first and then; nil is nothing.
	made, first, second map[string]any
	drifts              []drift
}

// drift is one change by others.
type drift struct {
	what, manager string
	// seed is what the change is drawn from, when the object is known.
	seed uint64
}

// deed is what a person may do when an operation waits.
type deed struct{ approves, releases bool }

// drawn is a case.
type drawn struct {
	number int
	name   string
	things []thing
	policy syncline.SyncPolicy
	ignore []syncline.IgnoreRule
	// request is nil when the App's policy is to begin the operation.
	request *syncline.Operation
	faults  map[int]fault
	deed    deed
	// leaves says how the App is deleted in the end; nil when it is not.
	leaves *syncline.Deletion
}

// draw draws values.
type draw struct{ *rand.Rand }

func (d draw) chance(p float64) bool { return d.Float64() < p }

func one[T any](d draw, values ...T) T { return values[d.IntN(len(values))] }

// some returns each value with that probability.
func some[T any](d draw, p float64, values ...T) []T {
	var found []T
	for _, v := range values {
		if d.chance(p) {
			found = append(found, v)
		}
	}
	return found
}

// run tells the objects of this run from those of another in the same cluster.
var run = strconv.FormatInt(time.Now().UnixMilli(), 36)

// drawCase draws the case of a number.
func drawCase(seed uint64, number int) drawn {
	d := draw{rand.New(rand.NewPCG(seed, uint64(number)))} //nolint:gosec // nothing secret is drawn
	c := drawn{number: number, name: fmt.Sprintf("case-%d-%s", number, run)}
	c.policy, c.request = d.policy()
	c.ignore = d.ignoreRules()
	seen := map[string]bool{}
	for range 3 + d.IntN(7) {
		k := kinds[d.IntN(len(kinds)-1)]
		name := one(d, "a", "b", "c")
		if k.cluster {
			name = c.name + "-" + name
		}
		if key := k.name + "/" + name; !seen[key] {
			seen[key] = true
			c.things = append(c.things, d.thing(k, name))
		}
	}
	if c.request != nil && d.chance(0.2) {
		for _, t := range c.things {
			if d.chance(0.5) {
				c.request.Selection = append(c.request.Selection, syncline.Selector{Group: t.kind.group, Kind: t.kind.name, Name: t.name})
			}
		}
	}
	c.faults = d.faults()
	c.deed = deed{d.chance(0.5), d.chance(0.7)}
	if d.chance(0.3) {
		c.leaves = &syncline.Deletion{Cascade: d.chance(0.8), Propagation: one(d, "foreground", "background")}
	}
	return c
}

func (d draw) policy() (syncline.SyncPolicy, *syncline.Operation) {
	retry := syncline.Retry{Limit: int64(d.IntN(3)), Duration: time.Millisecond, MaxDuration: time.Millisecond}
	policy := syncline.SyncPolicy{Retry: &retry, SelfHeal: d.chance(0.5), Prune: d.chance(0.7), AllowEmpty: d.chance(0.5)}
	policy.Options = some(d, 0.1, "PruneLast=true", "ApplyOutOfSyncOnly=true", "FailOnSharedResource=true", "ServerSideApply=true",
		"Prune=false", "Prune=confirm", "PrunePropagationPolicy=background", "PrunePropagationPolicy=orphan", "Validate=false")
	policy.Options = append(policy.Options, some(d, 0.35, "RespectIgnoreDifferences=true", "CreateNamespace=true")...)
	if d.chance(0.3) {
		policy.NamespaceLabels = map[string]string{"team": one(d, "x", "y")}
	}
	if d.chance(0.25) {
		policy.Automated = true
		return policy, nil
	}
	return policy, &syncline.Operation{
		Prune: d.chance(0.75), Force: d.chance(0.1), SkipHooks: d.chance(0.05), DryRun: d.chance(0.05), Retry: retry,
		Options: some(d, 0.03, "PruneLast=true", "Prune=false"), By: syncline.Initiator{Username: "somebody"},
	}
}

func (d draw) ignoreRules() []syncline.IgnoreRule {
	if d.chance(0.4) {
		return nil
	}
	rule := syncline.IgnoreRule{Group: glob.Compile("*"), Kind: glob.Compile("*")}
	rule.JSONPointers = some(d, 0.15, "/data", "/data/a", "/metadata/labels/team", "/metadata/annotations/note", "/rules", "/rules/0", "/spec/replicas",
		"/spec/template/spec/containers/0/image", "/spec/template/spec/containers/0/env", "/spec/ports", "/spec/ports/0/port",
		"/spec/items", "/spec/items/0", "/spec/items/1/value", "/spec/mode", "/spec/tags", "/spec/flat/0", "/spec/whole/a", "/spec/free", "/spec/free/a",
		"/imagePullSecrets", "/automountServiceAccountToken", "/metadata/labels")
	rule.JQPathExpressions = some(d, 0.1, `.spec.items[]? | select(.name == "b")`, `.spec.items[]?.value`, ".data.b",
		`.spec.template.spec.containers[]? | select(.name == "side")`, `.spec.template.spec.containers[]?.image`, `.spec.ports[]?.nodePort`)
	rule.Managers = some(d, 0.1, "scaler", "somebody", "other-applier")
	return []syncline.IgnoreRule{rule}
}

func (d draw) faults() map[int]fault {
	faults := map[int]fault{}
	if d.chance(0.4) {
		return faults
	}
	for range 1 + d.IntN(5) {
		faults[d.IntN(60)] = one(d, unavailable, conflict, forbidden, lost, lost, delayed, killBefore, killAfter, killAfter)
	}
	return faults
}

func (d draw) thing(k kind, name string) thing {
	t := thing{kind: k, name: name, origin: ours}
	if d.chance(0.5) {
		t.origin = one(d, nobody, nobody, another, claiming, claiming, copying, kubectl, kubectl, applier, plain, oldArgo, olderArgo)
	}
	if t.origin != ours && t.origin != nobody {
		t.made = d.manifest(k, name, false)
	}
	if t.origin == ours || t.made != nil && d.chance(0.3) {
		t.first = d.manifest(k, name, true)
		delete(labelsOf(t.first), labelRefused)
	}
	switch again := t.first; {
	case t.origin == nobody || d.chance(0.35):
		t.second = d.manifest(k, name, true)
	case d.chance(0.4):
		t.second = again
	}
	if t.origin == nobody {
		return t
	}
	for d.chance(0.4) {
		t.drifts = append(t.drifts, drift{
			what:    one(d, "change", "change", "remove", "merge", "merge", "label", "note", "mark", "delete", "hold", "hold and delete", "own", "claim", "disclaim"),
			manager: one(d, "somebody", "kubectl-edit", "scaler"), seed: d.Uint64(),
		})
	}
	return t
}

func labelsOf(manifest map[string]any) map[string]any {
	return manifest["metadata"].(map[string]any)["labels"].(map[string]any)
}

// manifest draws an object, with what steers Syncline when it is declared.
func (d draw) manifest(k kind, name string, declared bool) map[string]any {
	labels, annotations := map[string]any{}, map[string]any{}
	if d.chance(0.4) {
		labels["team"] = one(d, "x", "y")
	}
	if d.chance(0.3) {
		annotations["note"] = one(d, "x", "y")
	}
	if declared && d.chance(0.02) {
		labels[labelRefused] = "yes"
	}
	if declared || d.chance(0.3) {
		d.steer(annotations)
	}
	content := k.body(d)
	content["apiVersion"], content["kind"] = k.apiVersion(), k.name
	content["metadata"] = map[string]any{"name": name, "labels": labels, "annotations": annotations}
	return content
}

// steer adds annotations that steer Syncline.
func (d draw) steer(annotations map[string]any) {
	set := func(p float64, key string, values ...string) {
		if d.chance(p) {
			annotations[key] = one(d, values...)
		}
	}
	set(0.3, convention.Wave, "-1", "0", "1", "5", "x")
	set(0.1, convention.Compare, "IgnoreExtraneous")
	set(0.07, convention.HelmPolicy, "keep", "delete")
	if options := some(d, 0.06, "Prune=false", "Prune=confirm", "Prune=true", "PruneLast=true", "Replace=false", "Force=true",
		"ServerSideApply=true", "Validate=false", "Delete=false", "SkipDryRunOnMissingResource=true"); options != nil {
		annotations[convention.SyncOptions] = strings.Join(options, ",")
	}
	set(0.02, annotationHealth, "Degraded")
	if !d.chance(0.2) {
		return
	}
	if d.chance(0.75) {
		annotations[convention.Hook] = one(d, "PreSync", "Sync", "PostSync", "PreSync,PostSync", "SyncFail", "Skip", "Bogus", "PreDelete", "PostDelete")
	} else {
		annotations[convention.HelmHook] = one(d, "pre-install", "post-upgrade", "pre-install,pre-upgrade", "test", "crd-install", "post-delete")
	}
	set(0.1, annotationHealth, "Degraded")
	if policies := some(d, 0.35, "BeforeHookCreation", "HookSucceeded", "HookFailed", "Never"); policies != nil {
		annotations[convention.HookDelete] = strings.Join(policies, ",")
	}
	set(0.1, convention.HelmHookDelete, "hook-succeeded", "hook-failed", "before-hook-creation,hook-failed")
}

func (d draw) word() string { return one(d, "x", "y", "z") }

// texts draws a map of texts.
func (d draw) texts(keys ...string) map[string]any {
	found := map[string]any{}
	for _, key := range some(d, 0.6, keys...) {
		found[key] = d.word()
	}
	return found
}

func (d draw) configMap() map[string]any {
	content := map[string]any{"data": d.texts("a", "b", "c")}
	if d.chance(0.1) {
		content["immutable"] = true
	}
	return content
}

func (d draw) secret() map[string]any {
	content := map[string]any{"data": map[string]any{}}
	for key, value := range d.texts("a", "b", "c") {
		content["data"].(map[string]any)[key] = base64.StdEncoding.EncodeToString([]byte(value.(string)))
	}
	if d.chance(0.3) {
		content["stringData"] = d.texts("d", "e")
	}
	return content
}

func (d draw) service() map[string]any {
	var ports []any
	for i, name := range []string{"http", "metrics", "admin"} {
		if i == 0 || d.chance(0.4) {
			port := map[string]any{"name": name, "port": int64(8000 + 10*i + d.IntN(2))}
			if d.chance(0.3) {
				port["protocol"] = "TCP"
			}
			if d.chance(0.3) {
				port["targetPort"] = one[any](d, "web", int64(80))
			}
			ports = append(ports, port)
		}
	}
	spec := map[string]any{"ports": ports, "selector": map[string]any{"app": d.word()}}
	if d.chance(0.15) {
		spec["clusterIP"] = "None"
	}
	if d.chance(0.1) {
		spec["sessionAffinity"] = "ClientIP"
	}
	return map[string]any{"spec": spec}
}

func (d draw) deployment() map[string]any {
	labels := map[string]any{"app": "web"}
	if d.chance(0.15) {
		labels["tier"] = d.word()
	}
	var containers []any
	for i, name := range []string{"main", "side"} {
		if i > 0 && d.chance(0.6) {
			continue
		}
		container := map[string]any{"name": name, "image": "example.com/" + d.word()}
		var env []any
		for _, key := range some(d, 0.4, "A", "B", "C") {
			env = append(env, map[string]any{"name": key, "value": d.word()})
		}
		if env != nil {
			container["env"] = env
		}
		containers = append(containers, container)
	}
	spec := map[string]any{
		"replicas": int64(0), "selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"containers": containers}},
	}
	if d.chance(0.2) {
		spec["strategy"] = map[string]any{"type": "Recreate"}
	}
	if d.chance(0.3) {
		spec["revisionHistoryLimit"] = int64(d.IntN(3))
	}
	return map[string]any{"spec": spec}
}

func (d draw) claim() map[string]any {
	return map[string]any{"spec": map[string]any{
		"accessModes": []any{"ReadWriteOnce"},
		"resources":   map[string]any{"requests": map[string]any{"storage": one(d, "1Gi", "1Gi", "2Gi")}},
	}}
}

func (d draw) account() map[string]any {
	content := map[string]any{}
	if d.chance(0.5) {
		content["automountServiceAccountToken"] = d.chance(0.5)
	}
	var secrets []any
	for _, name := range some(d, 0.4, "p", "q") {
		secrets = append(secrets, map[string]any{"name": name})
	}
	if secrets != nil {
		content["imagePullSecrets"] = secrets
	}
	return content
}

func (d draw) role() map[string]any {
	rules := []any{}
	for range d.IntN(3) {
		rules = append(rules, map[string]any{
			"apiGroups": []any{""}, "resources": []any{one(d, "pods", "configmaps")}, "verbs": []any{"get", one(d, "list", "watch")},
		})
	}
	return map[string]any{"rules": rules}
}

func (d draw) gadget() map[string]any {
	spec := map[string]any{}
	var items []any
	for _, name := range some(d, 0.5, "a", "b", "c") {
		item := map[string]any{"name": name, "value": d.word()}
		if d.chance(0.3) {
			item["weight"] = int64(d.IntN(3))
		}
		items = append(items, item)
	}
	if d.chance(0.3) {
		d.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	set := func(p float64, key string, value any) {
		if d.chance(p) {
			spec[key] = value
		}
	}
	if items != nil {
		spec["items"] = items
	}
	var tags []any
	for _, tag := range some(d, 0.5, "s", "t", "u") {
		tags = append(tags, tag)
	}
	if tags != nil {
		spec["tags"] = tags
	}
	set(0.4, "flat", []any{d.word(), d.word()})
	set(0.4, "whole", d.texts("a", "b"))
	set(0.4, "free", map[string]any{"a": d.word(), "list": []any{map[string]any{"name": d.word(), "v": d.word()}}})
	set(0.3, "mode", d.word())
	set(0.15, "fixed", d.word())
	return map[string]any{"spec": spec}
}
