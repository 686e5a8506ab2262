package health_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/health"
)

// fixtures are the cases of one kind. Each object is laid over the kind.
type fixtures struct {
	Kind  map[string]any `json:"kind"`
	Cases []struct {
		Name   string         `json:"name"`
		Object map[string]any `json:"object"`
		Want   struct {
			Status  syncline.HealthStatus `json:"status"`
			Message string                `json:"message"`
		} `json:"want"`
	} `json:"cases"`
}

func loadFixtures(t testing.TB) map[string]fixtures {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]fixtures{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var read fixtures
		if err := unmarshal(text, &read); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, c := range read.Cases {
			for key, value := range read.Kind {
				if c.Object[key] == nil {
					c.Object[key] = value
				}
			}
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = read
	}
	return all
}

// unmarshal reads YAML with whole numbers as int64, as objects of an API server
// are read.
func unmarshal(text []byte, into any) error {
	text, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	return kjson.Unmarshal(text, into)
}

func TestOf(t *testing.T) {
	checks := health.Checks{Dialects: syncline.Dialects{convention.Dialect()}}
	for kind, fixtures := range loadFixtures(t) {
		for _, test := range fixtures.Cases {
			t.Run(kind+"/"+test.Name, func(t *testing.T) {
				u := &unstructured.Unstructured{Object: test.Object}
				before := u.DeepCopy()
				if diff := cmp.Diff(syncline.Health(test.Want), checks.Quick(u)); diff != "" {
					t.Errorf("health (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before.Object, u.Object); diff != "" {
					t.Errorf("the object was changed:\n%s", diff)
				}
			})
		}
	}
}

// Every outcome that a kind can have is in its fixtures.
func TestFixturesCoverEachOutcome(t *testing.T) {
	all := loadFixtures(t)
	for kind, want := range map[string]string{
		"deployment": "Healthy Progressing Suspended Degraded", "replicaset": "Healthy Progressing Degraded",
		"statefulset": "Healthy Progressing", "daemonset": "Healthy Progressing", "pod": "Healthy Progressing Degraded Unknown",
		"job": "Healthy Progressing Suspended Degraded", "cronjob": "Healthy Progressing Degraded", "service": "Healthy Progressing",
		"ingress": "Healthy Progressing", "persistentvolumeclaim": "Healthy Progressing Degraded Unknown",
		"horizontalpodautoscaler": "Healthy Progressing Degraded Unknown", "apiservice": "Healthy Progressing",
		"customresourcedefinition": "Healthy Progressing Degraded", "namespace": "Healthy Progressing",
	} {
		seen := map[syncline.HealthStatus]bool{}
		for _, c := range all[kind].Cases {
			seen[c.Want.Status] = true
		}
		for status := range strings.FieldsSeq(want) {
			if !seen[syncline.HealthStatus(status)] {
				t.Errorf("testdata/%s.yaml has no case that is %s", kind, status)
			}
		}
	}
}

// Objects that were read by encoding/json have floats.
func TestOfReadsFloats(t *testing.T) {
	got := health.Checks{}.Quick(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"generation": 2.0},
		"spec":   map[string]any{"replicas": 3.0},
		"status": map[string]any{"observedGeneration": 2.0, "updatedReplicas": 2.0},
	}})
	if want := (syncline.Health{Status: syncline.Progressing, Message: "2 of 3 replicas are updated"}); got != want {
		t.Errorf("health is %+v, want %+v", got, want)
	}
}

func TestOfEmptyObject(t *testing.T) {
	if got := (health.Checks{}).Quick(&unstructured.Unstructured{}); got != (syncline.Health{}) {
		t.Errorf("health is %+v, want none", got)
	}
}

func object(kind, name string, status syncline.HealthStatus) syncline.ObjectReport {
	group, kind, ok := strings.Cut(kind, "/")
	if !ok {
		group, kind = "", group
	}
	return syncline.ObjectReport{
		Ref:    syncline.Ref{Group: group, Kind: kind, Namespace: "web", Name: name},
		Health: syncline.Health{Status: status},
	}
}

func TestAggregate(t *testing.T) {
	hook := object("batch/Job", "migrate", syncline.Degraded)
	hook.Hook = true
	cluster := object("ClusterIssuer", "ca", syncline.Degraded)
	cluster.Ref.Namespace = ""
	tests := []struct {
		name    string
		objects []syncline.ObjectReport
		want    syncline.Health
	}{
		{"nothing", nil, syncline.Health{Status: syncline.Healthy}},
		{"no health", []syncline.ObjectReport{object("ConfigMap", "a", "")}, syncline.Health{Status: syncline.Healthy}},
		{"healthy", []syncline.ObjectReport{object("ConfigMap", "a", ""), object("apps/Deployment", "a", "Healthy")},
			syncline.Health{Status: syncline.Healthy}},
		{"suspended", []syncline.ObjectReport{object("batch/Job", "a", "Suspended"), object("apps/Deployment", "a", "Healthy")},
			syncline.Health{Status: syncline.Suspended, Message: "Caused by batch/Job:web/a"}},
		{"progressing", []syncline.ObjectReport{object("batch/Job", "a", "Suspended"), object("Service", "b", "Progressing")},
			syncline.Health{Status: syncline.Progressing, Message: "Caused by Service:web/b"}},
		{"degraded", []syncline.ObjectReport{object("Service", "b", "Progressing"), cluster, object("Pod", "p", "Degraded")},
			syncline.Health{Status: syncline.Degraded, Message: "Caused by ClusterIssuer:ca, Pod:web/p"}},
		{"unknown", []syncline.ObjectReport{object("Pod", "p", "Degraded"), object("Pod", "q", "Unknown")},
			syncline.Health{Status: syncline.Unknown, Message: "Caused by Pod:web/q"}},
		{"one missing", []syncline.ObjectReport{object("Pod", "p", "Missing"), object("ConfigMap", "a", "")},
			syncline.Health{Status: syncline.Healthy}},
		{"all missing", []syncline.ObjectReport{object("Pod", "p", "Missing"), object("ConfigMap", "a", "Missing"), hook},
			syncline.Health{Status: syncline.Missing, Message: "None of the objects exists"}},
		{"an Application", []syncline.ObjectReport{object("argoproj.io/Application", "child", "Degraded")},
			syncline.Health{Status: syncline.Degraded, Message: "Caused by argoproj.io/Application:web/child"}},
		{"an unknown Application", []syncline.ObjectReport{object("argoproj.io/Application", "child", "Unknown"), object("Pod", "p", "Healthy")},
			syncline.Health{Status: syncline.Healthy}},
		{"itself", []syncline.ObjectReport{object("argoproj.io/Application", "root", "Progressing")}, syncline.Health{Status: syncline.Healthy}},
		{"another kind of that name", []syncline.ObjectReport{object("example.com/Application", "root", "Progressing")},
			syncline.Health{Status: syncline.Progressing, Message: "Caused by example.com/Application:web/root"}},
		{"a hook", []syncline.ObjectReport{hook, object("Pod", "p", "Healthy")}, syncline.Health{Status: syncline.Healthy}},
		{"many", []syncline.ObjectReport{
			object("Pod", "a", "Degraded"), object("Pod", "b", "Degraded"), object("Pod", "c", "Degraded"), object("Pod", "d", "Degraded"), object("Pod", "e", "Degraded"),
		}, syncline.Health{Status: syncline.Degraded, Message: "Caused by Pod:web/a, Pod:web/b, Pod:web/c and 2 more"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, health.Aggregate(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "web", Name: "root"}, syncline.Dialects{convention.Dialect()}, test.objects)); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

// BenchmarkOf judges each fixture of a kind once per iteration.
func BenchmarkOf(b *testing.B) {
	all := loadFixtures(b)
	for _, kind := range []string{"deployment", "pod", "others"} {
		b.Run(kind, func(b *testing.B) {
			var objects []*unstructured.Unstructured
			for _, c := range all[kind].Cases {
				objects = append(objects, &unstructured.Unstructured{Object: c.Object})
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, u := range objects {
					health.Checks{}.Quick(u)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(objects)), "ns/object")
		})
	}
}

// says is a rule for every kind of one name.
type says struct{ kind, message string }

func (s says) Applies(u *unstructured.Unstructured) bool { return u.GetKind() == s.kind }

func (s says) Judge(_ context.Context, u *unstructured.Unstructured) (syncline.Health, bool) {
	return syncline.Health{Status: syncline.Suspended, Message: s.message}, u.GetKind() == s.kind
}

// Which of what is known of a kind counts.
func TestOrderOfJudgement(t *testing.T) {
	pod := map[string]any{"apiVersion": "v1", "kind": "Pod", "status": map[string]any{"phase": "Pending"}}
	widget := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "status": map[string]any{
		"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
	}}
	gone := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"deletionTimestamp": "2026-01-01T00:00:00Z"}}
	for name, test := range map[string]struct {
		object       map[string]any
		own, library string
		want         syncline.Health
	}{
		"deletion":            {gone, "Pod", "Pod", syncline.Health{Status: syncline.Progressing, Message: "Pending deletion"}},
		"own rule":            {pod, "Pod", "Pod", syncline.Health{Status: syncline.Suspended, Message: "own"}},
		"check":               {pod, "Widget", "Pod", syncline.Health{Status: syncline.Progressing}},
		"own before library":  {widget, "Widget", "Widget", syncline.Health{Status: syncline.Suspended, Message: "own"}},
		"library":             {widget, "Pod", "Widget", syncline.Health{Status: syncline.Suspended, Message: "library"}},
		"conditions":          {widget, "Pod", "Pod", syncline.Health{Status: syncline.Healthy}},
		"no rules whatsoever": {widget, "", "", syncline.Health{Status: syncline.Healthy}},
	} {
		t.Run(name, func(t *testing.T) {
			var checks health.Checks
			if test.own != "" {
				checks = health.Checks{Own: says{test.own, "own"}, Library: says{test.library, "library"}}
			}
			object := &unstructured.Unstructured{Object: test.object}
			if got := checks.Of(t.Context(), object); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			slow := test.want.Status == syncline.Suspended
			if got := checks.Slow(object); got != slow {
				t.Errorf("is slow: %t, want %t", got, slow)
			}
			if got := checks.Quick(object); !slow && got != test.want {
				t.Errorf("quickly got %+v, want %+v", got, test.want)
			}
		})
	}
}
