package lua_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/lua"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct{ group, kind, contains string }{
		{"cert-manager.io", "Certificate", "Always Handle Issuing First"},
		{"s3.aws.upbound.io", "Bucket", "Health check for Crossplane resources"},
		{"operator.victoriametrics.com", "VMAgent", "updateStatus"},
		{"rds.cnrm.cloud.google.com", "Anything", "UpToDate"},
	} {
		rule, ok := lua.Check(schema.GroupKind{Group: test.group, Kind: test.kind})
		if !ok || !strings.Contains(rule.Script, test.contains) || !rule.OpenLibs {
			t.Errorf("%s/%s: got %t %.200s", test.group, test.kind, ok, rule.Script)
		}
		if !strings.Contains(rule.Origin, test.group+"/"+test.kind) {
			t.Errorf("%s/%s: the origin is %q", test.group, test.kind, rule.Origin)
		}
	}
	for _, none := range []schema.GroupKind{
		{Kind: "ConfigMap"}, {Group: "apps", Kind: "Deployment"}, {Group: "example.com", Kind: "Widget"},
		{Group: "cert-manager.io", Kind: "../argoproj.io/Rollout"}, {Group: "argoproj.io", Kind: "Application"}, {},
	} {
		if rule, ok := lua.Check(none); ok {
			t.Errorf("%s: got %s", none, rule.Origin)
		}
	}
}

// What a script returns, and what becomes of it.
func TestJudge(t *testing.T) {
	object := map[string]any{
		"metadata": map[string]any{"generation": int64(7), "name": "a"},
		"spec":     map[string]any{"weight": 0.5, "list": []any{"x", "y"}, "paused": true, "none": nil},
	}
	for name, test := range map[string]struct {
		script string
		want   syncline.Health
	}{
		"health":            {`return {status = "Healthy", message = "ok"}`, syncline.Health{Status: "Healthy", Message: "ok"}},
		"no message":        {`return {status = "Degraded"}`, syncline.Health{Status: "Degraded"}},
		"whole numbers":     {`return {status = "Healthy", message = "" .. obj.metadata.generation}`, syncline.Health{Status: "Healthy", Message: "7"}},
		"fractions":         {`return {status = "Healthy", message = "" .. obj.spec.weight}`, syncline.Health{Status: "Healthy", Message: "0.5"}},
		"lists":             {`return {status = "Healthy", message = #obj.spec.list .. obj.spec.list[1]}`, syncline.Health{Status: "Healthy", Message: "2x"}},
		"booleans and null": {`return {status = "Healthy", message = tostring(obj.spec.paused) .. tostring(obj.spec.none)}`, syncline.Health{Status: "Healthy", Message: "truenil"}},
		"nothing":           {``, syncline.Health{}},
		"nil":               {`return nil`, syncline.Health{}},
		"an empty table":    {`return {}`, syncline.Health{}},
		"a list":            {`return {"Healthy"}`, syncline.Health{}},
		"a number":          {`return {status = 1}`, syncline.Health{}},
		"no text":           {`return {status = "Healthy", message = 1}`, syncline.Health{}},
		"another case":      {`return {Status = "Healthy", MESSAGE = "ok"}`, syncline.Health{Status: "Healthy", Message: "ok"}},
		"another status":    {`return {status = "Fine"}`, syncline.Health{Status: "Unknown", Message: "Lua returned an invalid health status"}},
		"no status":         {`return {message = "ok"}`, syncline.Health{Status: "Unknown", Message: "Lua returned an invalid health status"}},
		"more than asked":   {`return {status = "Healthy", more = {}}`, syncline.Health{Status: "Healthy"}},
		"a global":          {`hs = {status = "Healthy"} return hs`, syncline.Health{Status: "Healthy"}},
		"no text in UTF-8":  {`return {status = "Healthy", message = "a\255b"}`, syncline.Health{Status: "Healthy", Message: "a\uFFFDb"}},
		"a print":           {`print("x") return {status = "Healthy"}`, syncline.Health{Status: "Healthy"}},
	} {
		t.Run(name, func(t *testing.T) {
			var machine lua.Machine
			got, err := machine.Judge(t.Context(), syncline.HealthRule{Script: test.script}, object)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestScriptsThatFail(t *testing.T) {
	var machine lua.Machine
	for script, why := range map[string]string{
		`return {`:                                  "syntax error",
		`return "Healthy"`:                          "expect table output from Lua script, not string",
		`return {status = "Healthy", "x"}`:          "mixed",
		`return obj.status.phase`:                   "attempt to index a non-table object(nil) with key 'phase'",
		`error("too bad")`:                          "too bad",
		`error({})`:                                 "table",
		`local function f() return f() + 1 end f()`: "stack overflow",
		`goto nowhere`:                              "",
	} {
		_, err := machine.Judge(t.Context(), syncline.HealthRule{Script: script}, nil)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "stack traceback") {
			t.Errorf("%s: got %v, want an Invalid error with %q", script, err, why)
		}
	}
}

// Each is what a script may reach; the same without and with more libraries.
func TestLibraries(t *testing.T) {
	var machine lua.Machine
	for expression, want := range map[string][2]string{
		`type(table.insert)`:                       {"function", "function"},
		`type(pairs)`:                              {"function", "function"},
		`type(string)`:                             {"nil", "table"},
		`type(math)`:                               {"nil", "table"},
		`type(coroutine)`:                          {"nil", "table"},
		`type(os)`:                                 {"nil", "table"},
		`type(require("os").time())`:               {"number", "number"},
		`type(require("os").date("%Y"))`:           {"string", "string"},
		`type(require("os").exit)`:                 {"nil", "nil"},
		`type(require("os").getenv)`:               {"nil", "nil"},
		`type((os or {}).execute)`:                 {"nil", "nil"},
		`type(package.loaded.os.remove)`:           {"nil", "nil"},
		`type(io)`:                                 {"nil", "nil"},
		`type(debug)`:                              {"nil", "nil"},
		`type(channel)`:                            {"nil", "nil"},
		`type(dofile)`:                             {"nil", "nil"},
		`type(loadfile)`:                           {"nil", "nil"},
		`tostring(pcall(require, "library_test"))`: {"false", "false"},
	} {
		for i, openLibs := range []bool{false, true} {
			got, err := machine.Judge(t.Context(), syncline.HealthRule{
				Script: `return {status = "Healthy", message = ` + expression + `}`, OpenLibs: openLibs,
			}, nil)
			if err != nil || got.Message != want[i] {
				t.Errorf("%s, more libraries %t: got %q, %v, want %q", expression, openLibs, got.Message, err, want[i])
			}
		}
	}
}

// A script does not see what another one left.
func TestScriptsShareNothing(t *testing.T) {
	var machine lua.Machine
	script := `left = (left or 0) + 1
		table.left = (table.left or 0) + 1
		return {status = "Healthy", message = left .. " " .. table.left}`
	for range 2 {
		got, err := machine.Judge(t.Context(), syncline.HealthRule{Script: script}, nil)
		if err != nil || got.Message != "1 1" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestTimeLimit(t *testing.T) {
	for name, script := range map[string]string{
		"loop":      `while true do end`,
		"pcall":     `while true do pcall(function() while true do end end) end`,
		"coroutine": `coroutine.wrap(function() while true do end end)()`,
		"calls":     `local function f(n) if n > 0 then f(n - 1) f(n - 1) end end f(100)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var machine lua.Machine
			_, err := machine.Judge(t.Context(), syncline.HealthRule{Script: script, OpenLibs: true}, nil)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

func TestTheCallerMayEndIt(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var machine lua.Machine
	if _, err := machine.Judge(ended, syncline.HealthRule{Script: `while true do end`}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What comes back is small, whatever a script says.
func TestMessagesAreBounded(t *testing.T) {
	var machine lua.Machine
	long := `("é"):rep(100000)`
	health, err := machine.Judge(t.Context(), syncline.HealthRule{Script: `return {status = "Healthy", message = "a" .. ` + long + `}`, OpenLibs: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, failed := machine.Judge(t.Context(), syncline.HealthRule{Script: `error("a" .. ` + long + `)`, OpenLibs: true}, nil)
	for _, text := range []string{health.Message, failed.Error()} {
		if len(text) > 1100 || !strings.HasSuffix(text, "é…") || !utf8.ValidString(text) {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, kind := range map[string]schema.GroupKind{
		"own":      {Group: "cert-manager.io", Kind: "Certificate"},
		"wildcard": {Group: "s3.aws.upbound.io", Kind: "Bucket"},
		"none":     {Group: "example.com", Kind: "Widget"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lua.Check(kind)
			}
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	var machine lua.Machine
	rule, _ := lua.Check(schema.GroupKind{Group: "cert-manager.io", Kind: "Certificate"})
	object := map[string]any{}
	readYAML(b, "cert-manager.io/Certificate/testdata/healthy_issued.yaml", &object)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := machine.Judge(b.Context(), rule, object); err != nil {
			b.Fatal(err)
		}
	}
}
