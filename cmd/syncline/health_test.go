package main

import (
	"context"
	"os"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/lua"
)

// counted runs rules in child processes and counts them.
type counted struct {
	lua.Pool
	runs int
}

func (c *counted) Run(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	c.runs++
	return c.Pool.Run(ctx, rule, object)
}

func scripts(t testing.TB) *counted {
	t.Helper()
	program, err := os.Executable() // which TestMain makes a worker
	if err != nil {
		t.Fatal(err)
	}
	pool := lua.NewPool(confined.Options{Command: []string{program, "lua-worker"}})
	t.Cleanup(pool.Close)
	return &counted{Pool: pool}
}

// certificate is one that an App tracks.
func certificate(kind string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": kind,
		"metadata": map[string]any{"name": "web", "annotations": map[string]any{
			convention.Tracking: "shop:cert-manager.io/" + kind + ":shop/web",
		}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "message": "no issuer"}}},
	}}
}

// A kind that Argo CD has a check for is judged by it, and any other without a
// process.
func TestChecks(t *testing.T) {
	pool := scripts(t)
	checks, _ := newChecks(pool, nil, nil)
	if got, want := checks.Of(t.Context(), certificate("Gadget")), (syncline.Health{Status: syncline.Progressing, Message: "no issuer"}); got != want {
		t.Errorf("by its conditions: got %+v, want %+v", got, want)
	}
	if pool.runs != 0 {
		t.Errorf("%d rules were run", pool.runs)
	}
	if got, want := checks.Of(t.Context(), certificate("Certificate")), (syncline.Health{Status: syncline.Degraded, Message: "no issuer"}); got != want {
		t.Errorf("by Argo CD's check: got %+v, want %+v", got, want)
	}
}

// The rules of the ConfigMap count as soon as they are seen, and only what they
// change is judged again.
func TestHealthRules(t *testing.T) {
	checks, own := newChecks(scripts(t), nil, nil)
	var again []schema.GroupKind
	h := settings.NewStore()
	h.Changed = func(found settings.Rules) { again = append(again, own.Replace(found.Find)...) }
	configMap := func(script string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{
			"resource.customizations.health.cert-manager.io_Certificate": script,
			"resource.customizations.health.a_b_C":                       "an error that leaves the others alone",
		}}}
	}
	object, kind := certificate("Certificate"), schema.GroupKind{Group: "cert-manager.io", Kind: "Certificate"}
	checks.Of(t.Context(), certificate("Gadget"))
	judged := syncline.Health{Status: syncline.Degraded, Message: "no issuer"}
	if got := checks.Of(t.Context(), object); got != judged {
		t.Errorf("before: got %+v, want %+v", got, judged)
	}
	suspended := syncline.Health{Status: syncline.Suspended, Message: "web"}
	for _, step := range []struct {
		name  string
		do    func()
		want  syncline.Health
		again []schema.GroupKind
	}{
		{"seen", func() { _ = h.Put(configMap(`return {status = "Suspended", message = obj.metadata.name}`)) }, suspended, []schema.GroupKind{kind}},
		{"seen again", func() { _ = h.Put(configMap(`return {status = "Suspended", message = obj.metadata.name}`)) }, suspended, nil},
		{"changed", func() { _ = h.Put(configMap(`return nil`)) }, syncline.Health{}, []schema.GroupKind{kind}},
		{"gone", func() { h.Delete(types.NamespacedName{}) }, judged, []schema.GroupKind{kind}},
	} {
		again = nil
		step.do()
		if got := checks.Of(t.Context(), object); got != step.want {
			t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
		}
		if !slices.Equal(again, step.again) {
			t.Errorf("%s: judged again are %v, want %v", step.name, again, step.again)
		}
	}
}

// BenchmarkChecks measures what judging one object costs this process.
func BenchmarkChecks(b *testing.B) {
	checks, _ := newChecks(scripts(b), nil, func(schema.GroupKind) {})
	deployment := certificate("Deployment")
	deployment.SetAPIVersion("apps/v1")
	untracked := certificate("Certificate")
	untracked.SetAnnotations(nil)
	for name, object := range map[string]*unstructured.Unstructured{
		"Deployment": deployment, "no check": certificate("Gadget"), "untracked Certificate": untracked, "Certificate": certificate("Certificate"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				checks.Of(b.Context(), object)
			}
		})
	}
}
