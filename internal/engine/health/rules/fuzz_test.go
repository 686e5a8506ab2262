package rules_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/health/rules"
)

// Whatever an object says of its kind and of who tracks it.
func FuzzJudge(f *testing.F) {
	f.Add([]byte(`{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:example.com/Widget:shop/a"}}}`))
	f.Add([]byte(`{"apiVersion": 1, "kind": [], "metadata": {"annotations": "x"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var object map[string]any
		if len(text) > 1<<15 || kjson.UnmarshalCaseSensitivePreserveInts(text, &object) != nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			set := rules.New(rules.Options{Dialects: syncline.Dialects{convention.Dialect()}, Runner: &runner{}, Find: widgets()})
			set.Judge(t.Context(), &unstructured.Unstructured{Object: object})
		})
	})
}
