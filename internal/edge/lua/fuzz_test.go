package lua_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/edge/lua"
)

// Whatever an object holds, a rule of the library judges it or fails.
func FuzzLibrary(f *testing.F) {
	f.Add([]byte(`{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}`), "argoproj.io", "Rollout")
	f.Add([]byte(`{"status": {"conditions": {"a": 1}}, "spec": []}`), "cert-manager.io", "Certificate")
	f.Fuzz(func(t *testing.T, text []byte, group, kind string) {
		var object map[string]any
		rule, known := lua.Check(schema.GroupKind{Group: group, Kind: kind})
		if !known || len(text) > 1<<15 || kjson.UnmarshalCaseSensitivePreserveInts(text, &object) != nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			var machine lua.Machine
			_, _ = machine.Judge(t.Context(), rule, object)
		})
	})
}

// Whatever a rule of the installation says that is short, what it returns is read.
func FuzzScript(f *testing.F) {
	f.Add("return {status = 'Healthy', message = obj.kind}")
	f.Add("hs = {} hs[1] = {} hs.status = 1 return hs")
	f.Add("return setmetatable({}, {__index = function() error('x') end})")
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 200 {
			return
		}
		// What a script may take is limited by its process.
		bound.Limits{Bytes: 8 << 30}.Run(t, func() {
			var machine lua.Machine
			_, _ = machine.Judge(t.Context(), syncline.HealthRule{Script: script}, map[string]any{"kind": "x"})
		})
	})
}
