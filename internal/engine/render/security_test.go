package render_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// canary is the content of a file outside the repository that must never be seen.
const canary = "CANARY-7c1f"

// hostile is a source that misbehaves.
type hostile struct {
	files   memoryTree
	source  string
	absent  bool // it may render, as long as nothing is seen
	expects string
	served  uint64 // the bytes of its files, which go through this process
}

const (
	configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	chartYAML = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	showAll   = configMap + "data: {all: {{ toYaml .Values | quote }}}\n"
)

// reaching names every field through which a file is named, with PATH where the
// name goes.
var reaching = map[string]hostile{
	"helm valueFiles":            {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": showAll}, source: "helm: {valueFiles: ['PATH']}"},
	"helm valueFiles glob":       {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": showAll}, source: "helm: {valueFiles: ['PATH*']}"},
	"helm fileParameters":        {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": showAll}, source: "helm: {fileParameters: [{name: a, path: 'PATH'}]}"},
	"helm Files.Get":             {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": configMap + `data: {a: {{ .Files.Get "PATH" | quote }}}`}, absent: true},
	"helm Files.Glob":            {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": configMap + `data: {a: {{ (.Files.Glob "PATH").AsConfig | quote }}}`}, absent: true},
	"helm schema":                {files: memoryTree{"app/Chart.yaml": chartYAML, "app/values.schema.json": `{"$ref": "file://PATH"}`, "app/templates/a.yaml": showAll}},
	"helm schema id":             {files: memoryTree{"app/Chart.yaml": chartYAML, "app/values.schema.json": `{"$id": "file://PATH", "$ref": "other.json"}`, "app/templates/a.yaml": showAll}},
	"helm dependency":            {files: memoryTree{"app/Chart.yaml": chartYAML + "dependencies: [{name: x, version: 1.x.x, repository: 'file://PATH'}]\n"}},
	"override valueFiles":        {files: memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": showAll, "app/.argocd-source.yaml": "helm: {valueFiles: ['PATH']}"}},
	"kustomize resources":        {files: memoryTree{"app/kustomization.yaml": "resources: ['PATH']"}},
	"kustomize bases":            {files: memoryTree{"app/kustomization.yaml": "bases: ['PATH']"}},
	"kustomize components":       {files: memoryTree{"app/kustomization.yaml": "components: ['PATH']"}},
	"kustomize crds":             {files: memoryTree{"app/kustomization.yaml": "crds: ['PATH']"}},
	"kustomize openapi":          {files: memoryTree{"app/kustomization.yaml": "openapi: {path: 'PATH'}"}},
	"kustomize configurations":   {files: memoryTree{"app/kustomization.yaml": "configurations: ['PATH']"}},
	"kustomize patches":          {files: withConfigMap("patches: [{path: 'PATH'}]")},
	"kustomize patches 6902":     {files: withConfigMap("patchesJson6902: [{path: 'PATH', target: {version: v1, kind: ConfigMap, name: a}}]")},
	"kustomize patches SM":       {files: withConfigMap("patchesStrategicMerge: ['PATH']")},
	"kustomize replacements":     {files: withConfigMap("replacements: [{path: 'PATH'}]")},
	"kustomize generators":       {files: memoryTree{"app/kustomization.yaml": "generators: ['PATH']"}},
	"kustomize transformers":     {files: withConfigMap("transformers: ['PATH']")},
	"kustomize validators":       {files: withConfigMap("validators: ['PATH']")},
	"kustomize configMap files":  {files: memoryTree{"app/kustomization.yaml": "configMapGenerator: [{name: a, files: ['k=PATH']}]"}},
	"kustomize configMap file":   {files: memoryTree{"app/kustomization.yaml": "configMapGenerator: [{name: a, files: ['PATH']}]"}},
	"kustomize configMap envs":   {files: memoryTree{"app/kustomization.yaml": "configMapGenerator: [{name: a, envs: ['PATH']}]"}},
	"kustomize configMap env":    {files: memoryTree{"app/kustomization.yaml": "configMapGenerator: [{name: a, env: 'PATH'}]"}},
	"kustomize secret files":     {files: memoryTree{"app/kustomization.yaml": "secretGenerator: [{name: a, files: ['k=PATH']}]"}},
	"kustomize secret envs":      {files: memoryTree{"app/kustomization.yaml": "secretGenerator: [{name: a, envs: ['PATH']}]"}},
	"kustomize config home":      {files: memoryTree{"app/kustomization.yaml": "helmGlobals: {configHome: 'PATH'}\nresources: [a.yaml]", "app/a.yaml": configMap}},
	"kustomize chart values":     {files: withChart("helmCharts: [{name: x, valuesFile: 'PATH'}]")},
	"kustomize chart more":       {files: withChart("helmCharts: [{name: x, additionalValuesFiles: ['PATH']}]")},
	"inflated chart home":        {files: withChart("helmGlobals: {chartHome: 'PATH'}\nhelmCharts: [{name: x}]")},
	"inflated chart name":        {files: withChart("helmCharts: [{name: 'PATH'}]")},
	"kustomize chart generator":  {files: withChart("generators: [\"{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}, name: x, valuesFile: 'PATH'}\"]")},
	"inflated chart dependency":  {files: withChart("helmCharts: [{name: x}]", "app/charts/x/Chart.yaml", "{apiVersion: v2, name: x, version: 1.0.0, dependencies: [{name: y, version: '*', repository: 'PATH'}]}")},
	"helm dependency folder":     {files: memoryTree{"app/Chart.yaml": "{apiVersion: v2, name: x, version: 1.0.0, dependencies: [{name: y, version: '*', repository: 'file://PATH'}]}"}},
	"kustomize inline generator": {files: memoryTree{"app/kustomization.yaml": "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: a}\n  files: ['k=PATH']\n"}},
	"kustomize generator file":   {files: memoryTree{"app/kustomization.yaml": "generators: [g.yaml]", "app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nfiles: ['k=PATH']\n"}},
	"kustomize transformer file": {files: withConfigMap("transformers: [t.yaml]", "app/t.yaml", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: 'PATH'\n")},
	"kustomize option patch":     {files: withConfigMap(""), source: "kustomize: {patches: [{path: 'PATH'}]}"},
	"kustomize option component": {files: withConfigMap(""), source: "kustomize: {components: ['PATH']}"},
	"kustomize option ignored":   {files: withConfigMap(""), source: "kustomize: {components: ['PATH'], ignoreMissingComponents: true}", absent: true},
	"jsonnet import":             {files: memoryTree{"app/a.jsonnet": "import 'PATH'"}},
	"jsonnet importstr":          {files: memoryTree{"app/a.jsonnet": "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}, data: {a: importstr 'PATH'}}"}},
	"jsonnet importbin":          {files: memoryTree{"app/a.jsonnet": "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}, data: {a: std.toString(importbin 'PATH')}}"}},
	"jsonnet libs":               {files: memoryTree{"app/a.jsonnet": "importstr '" + canary + "'"}, source: "directory: {jsonnet: {libs: ['PATH']}}"},
	"jsonnet TLA code":           {files: memoryTree{"app/a.jsonnet": "function(x) {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}, data: {a: x}}"}, source: "directory: {jsonnet: {tlas: [{name: x, value: \"importstr 'PATH'\", code: true}]}}"},
	"jsonnet ext code":           {files: memoryTree{"app/a.jsonnet": "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}, data: {a: std.extVar('x')}}"}, source: "directory: {jsonnet: {extVars: [{name: x, value: \"importstr 'PATH'\", code: true}]}}"},
	"override TLA code":          {files: memoryTree{"app/a.jsonnet": "function(x) {a: x}", "app/.argocd-source.yaml": "directory: {jsonnet: {tlas: [{name: x, value: \"importstr 'PATH'\", code: true}]}}"}},
	"directory include":          {files: memoryTree{"app/a.yaml": configMap}, source: "directory: {recurse: true, include: 'PATH'}", absent: true},
}

// withConfigMap is a kustomization of one object with more fields.
func withConfigMap(fields string, more ...string) memoryTree {
	tree := memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n" + fields, "app/a.yaml": configMap}
	for i := 0; i+1 < len(more); i += 2 {
		tree[more[i]] = more[i+1]
	}
	return tree
}

// withChart is a kustomization with a chart that is committed.
func withChart(kustomization string, more ...string) memoryTree {
	tree := memoryTree{
		"app/kustomization.yaml": kustomization, "app/charts/x/Chart.yaml": "{apiVersion: v2, name: x, version: 1.0.0}",
		"app/charts/x/templates/a.yaml": configMap,
	}
	for i := 0; i+1 < len(more); i += 2 {
		tree[more[i]] = more[i+1]
	}
	return tree
}

// aim returns the source with the given path in place of PATH.
func (h hostile) aim(t *testing.T, path string) render.Request {
	t.Helper()
	tree := memoryTree{}
	for name, text := range h.files {
		tree[name] = strings.ReplaceAll(text, "PATH", path)
	}
	source := sourceOf(t, []byte(strings.ReplaceAll(h.source, "PATH", path)))
	source.Path = "app"
	return render.Request{App: "shop", Dialect: convention.Dialect(), Namespace: "prod", Source: source, Files: syncline.Files{Tree: strictTree{t, tree}}}
}

// TestNothingOutsideIsRead names a file outside the repository in every way in
// every field, in this process (where it could be read) and in children.
func TestNothingOutsideIsRead(t *testing.T) {
	outside := filepath.Join(t.TempDir(), canary)
	check(t, os.WriteFile(outside, []byte(canary), 0o644))
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	for field, source := range reaching {
		for form, path := range map[string]string{
			"absolute":    outside,
			"relative":    strings.Repeat("../", 20) + strings.TrimPrefix(outside, "/"),
			"dotted":      "./x/.././" + strings.Repeat("../", 20) + strings.TrimPrefix(outside, "/"),
			"back inside": strings.Repeat("../", 20) + "repository/../" + strings.TrimPrefix(outside, "/"),
			"device":      "/dev/zero",
			"process":     "/proc/self/environ",
			"url":         "file://" + outside,
			"slashes":     "//" + outside,
		} {
			t.Run(field+"/"+form, func(t *testing.T) {
				for where, renderer := range map[string]*render.Renderer{"in process": inProcess(), "confined": renderer} {
					result, err := renderer.Render(short(t), source.aim(t, path))
					if err == nil && !source.absent {
						t.Errorf("%s: it renders: %v", where, result.Objects)
					}
					if kind := syncline.KindOf(err); err != nil && kind != syncline.Invalid && kind != syncline.Denied {
						t.Errorf("%s: %s: %v", where, kind, err)
					}
					if seen := tell(result, err) + reveal(result); strings.Contains(strings.ReplaceAll(seen, outside, ""), canary+"\n") ||
						strings.Contains(seen, "PATH=") {
						t.Errorf("%s: it was read:\n%s", where, seen)
					}
				}
			})
		}
	}
}

func reveal(result render.Result) string {
	var out strings.Builder
	for _, object := range result.Objects {
		fmt.Fprintln(&out, object.Reveal().Object)
	}
	return out.String()
}

// TestRemoteIsRefused gives kustomize every form of address in every field that
// names files.
func TestRemoteIsRefused(t *testing.T) {
	addresses := []string{
		"https://example.com/x.yaml", "http://example.com/x", "HTTPS://example.com/x", "https://github.com/o/r//p?ref=v1",
		"github.com/o/r?ref=--upload-pack=touch${IFS}x", "GitHub.com/o/r", "github.com:o/r.git", "git@github.com:o/r.git",
		"git::https://example.com/r.git", "GIT::ssh://example.com/r", "ssh://git@example.com/r", "file:///etc", "FILE:///etc",
		"org-1234@github.com:o/r", "user@example.com:o/r.git", "http:example.com/x", "ext::sh -c touch% x", "git://example.com/r",
	}
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	for field, source := range reaching {
		if !strings.HasPrefix(field, "kustomize ") || source.absent {
			continue
		}
		t.Run(field, func(t *testing.T) {
			for _, address := range addresses {
				if _, err := renderer.Render(short(t), source.aim(t, address)); syncline.KindOf(err) != syncline.Denied &&
					!strings.HasPrefix(address, "ext::") {
					t.Errorf("%s: %v", address, err)
				} else if err == nil {
					t.Errorf("%s: it renders", address)
				}
			}
		})
	}
}

// TestNothingIsRun asks for programs in every way that kustomize knows.
func TestNothingIsRun(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	function := func(spec string) string {
		return "apiVersion: example.com/v1\nkind: Function\nmetadata:\n  name: f\n  annotations:\n    config.kubernetes.io/function: |\n      " + spec + "\n"
	}
	for name, config := range map[string]string{
		"exec":      function("exec: {path: /bin/touch, args: ['" + mark + "']}"),
		"container": function("container: {image: example.com/touch}"),
		"starlark":  function("starlark: {path: script.star, name: f}"),
		"plugin":    "apiVersion: someteam.example.com/v1\nkind: Touch\nmetadata: {name: f}\nargsOneLiner: " + mark + "\n",
		"chart":     "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: f}\nname: x\nrepo: https://example.com\n",
	} {
		for _, field := range []string{"generators", "transformers", "validators"} {
			t.Run(name+"/"+field, func(t *testing.T) {
				tree := withConfigMap(field+": [f.yaml]", "app/f.yaml", config, "app/script.star", "x")
				for where, renderer := range map[string]*render.Renderer{"in process": inProcess(), "confined": renderer} {
					_, err := renderer.Render(short(t), request(tree))
					if kind := syncline.KindOf(err); kind != syncline.Invalid && kind != syncline.Denied {
						t.Errorf("%s: %s %v", where, kind, err)
					}
				}
				if _, err := os.Stat(mark); err == nil {
					t.Fatal("a program was run")
				}
			})
		}
	}
}

func chartOf(template string) memoryTree {
	return memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": template}
}

// aliases is YAML that expands without an end.
const aliases = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n" +
	"c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n" +
	"e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n" +
	"g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\nh: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g, *g]\n"

// bigFiles are manifests of 4 MiB each.
func bigFiles(count int) memoryTree {
	tree := memoryTree{}
	for i := range count {
		tree[fmt.Sprintf("app/%d.yaml", i)] = configMap + "data: {a: \"" + strings.Repeat("x", 4<<20) + "\"}"
	}
	return tree
}

// doublings is a chain of kustomizations that each take the next one twice.
func doublings(depth int) memoryTree {
	tree := memoryTree{"app/kustomization.yaml": "resources: [../l0/a, ../l0/b]\n"}
	for i := range depth {
		for _, side := range []string{"a", "b"} {
			tree[fmt.Sprintf("l%d/%s/kustomization.yaml", i, side)] =
				fmt.Sprintf("namePrefix: %s-\nresources: [../../l%d/a, ../../l%d/b]\n", side, i+1, i+1)
		}
	}
	for _, side := range []string{"a", "b"} {
		tree[fmt.Sprintf("l%d/%s/kustomization.yaml", depth, side)] = "namePrefix: " + side + "-\nresources: [c.yaml]\n"
		tree[fmt.Sprintf("l%d/%s/c.yaml", depth, side)] = configMap
	}
	return tree
}

// bombs take memory, time or stack without a bound.
var bombs = map[string]hostile{
	"helm range":            {files: chartOf("{{ range 100000000000 }}{{ end }}"), expects: "longer than"},
	"helm until":            {files: chartOf("{{ range until 2000000000 }}x{{ end }}"), expects: "memory"},
	"helm repeat":           {files: chartOf(`{{ repeat 1000000000 "x" }}`), expects: "memory"},
	"helm random":           {files: chartOf(`{{ randAlpha 500000000 }}`), expects: "memory"},
	"helm printf":           {files: chartOf(`{{ range until 1000 }}{{ printf "%900000d" 1 }}{{ end }}`), expects: "memory"},
	"helm doubling":         {files: chartOf(`{{ $x := "x" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}{{ $x }}`), expects: "memory"},
	"helm include":          {files: chartOf(`{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`), expects: "nested reference name"},
	"helm template":         {files: chartOf(`{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`)},
	"helm tpl":              {files: chartOf(`{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}`)},
	"helm keys":             {files: chartOf(`{{ range until 100000 }}{{ genPrivateKey "rsa" }}{{ end }}`), expects: "longer than"},
	"helm deep copy":        {files: chartOf(`{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepCopy $d }}`)},
	"helm values aliases":   {files: memoryTree{"app/Chart.yaml": chartYAML, "app/values.yaml": aliases, "app/templates/a.yaml": showAll}},
	"helm fromYaml aliases": {files: memoryTree{"app/Chart.yaml": chartYAML, "app/bomb": aliases, "app/templates/a.yaml": `{{ .Files.Get "bomb" | fromYaml | toYaml }}`}},
	"helm big output":       {files: chartOf(configMap + `data: {a: {{ repeat 34000000 "x" }}}`)},
	"helm many objects":     {files: chartOf("{{ range $i := until 60000 }}\n---\nkind: A\n{{ end }}"), expects: "more than 50000 objects"},
	"helm schema loop":      {files: memoryTree{"app/Chart.yaml": chartYAML, "app/values.schema.json": `{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}`, "app/templates/a.yaml": "a"}},
	"helm indent":           {files: chartOf(`{{ indent 400000000 "x" }}`), expects: "memory"},
	"helm seq":              {files: chartOf(`{{ seq 1 500000000 }}`), expects: "memory"},
	"helm derived key":      {files: chartOf(`{{ range until 100000 }}{{ derivePassword 1 "long" "a" "b" "c" }}{{ end }}`), expects: "longer than"},
	"helm bcrypt":           {files: chartOf(`{{ range until 100000 }}{{ bcrypt "x" }}{{ end }}`), expects: "longer than"},
	"kustomize base":        {files: memoryTree{"app/kustomization.yaml": "resources: [../base]", "base/kustomization.yaml": "resources: [../app]"}, expects: "cycle"},
	"kustomize of itself":   {files: memoryTree{"app/kustomization.yaml": "resources: [.]"}},
	"kustomize doubling":    {files: doublings(30)},
	"kustomize aliases":     {files: memoryTree{"app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": configMap + aliases}},
	"kustomize itself":      {files: memoryTree{"app/kustomization.yaml": aliases}},
	"kustomize patch":       {files: withConfigMap("patches: [{path: p.yaml}]", "app/p.yaml", configMap+aliases)},
	"jsonnet recursion":     {files: memoryTree{"app/a.jsonnet": "local f(x) = f(x + 1) + 1; f(0)"}, expects: "max stack frames"},
	"jsonnet tail call":     {files: memoryTree{"app/a.jsonnet": "local f(x) = f(x + 1) tailstrict; f(0)"}},
	"jsonnet array":         {files: memoryTree{"app/a.jsonnet": "std.makeArray(1e9, function(i) i)"}, expects: "memory"},
	"jsonnet fold":          {files: memoryTree{"app/a.jsonnet": "std.foldl(function(a, i) a + a, std.range(0, 40), 'x')"}, expects: "memory"},
	"jsonnet string":        {files: memoryTree{"app/a.jsonnet": "std.repeat('x', 2e9)"}, expects: "memory"},
	"jsonnet manifest":      {files: memoryTree{"app/a.jsonnet": "local o(i) = {a: o(i + 1)}; std.manifestJson(o(0))"}},
	"jsonnet itself":        {files: memoryTree{"app/a.jsonnet": "import 'a.jsonnet'"}},
	"jsonnet object":        {files: memoryTree{"app/a.jsonnet": "local o = {a: $.b, b: $.a}; o"}},
	"directory aliases":     {files: memoryTree{"app/a.yaml": configMap + aliases}, expects: "aliases stand for too much"},
	"directory self":        {files: memoryTree{"app/a.yaml": configMap + "data: &a {b: *a}\n"}, expects: "contains itself"},
	"directory flow":        {files: memoryTree{"app/a.yaml": configMap + "data: " + strings.Repeat("[", 1_000_000)}},
	"directory nesting":     {files: memoryTree{"app/a.yaml": configMap + "data: " + strings.Repeat("[", 200) + strings.Repeat("]", 200)}, expects: "nested deeper than 100"},
	"directory JSON":        {files: memoryTree{"app/a.json": strings.Repeat(`{"a":`, 1_000_000)}},
	"directory documents":   {files: memoryTree{"app/a.yaml": strings.Repeat("---\nkind: A\n", 1_000_000)}, expects: "more than 50000 objects", served: 12 << 20},
	"directory list":        {files: memoryTree{"app/a.yaml": "kind: List\nitems:\n" + strings.Repeat("- {kind: A}\n", 60_000)}, expects: "more than 50000 objects"},
	"directory size":        {files: bigFiles(9), expects: "larger than 32 MiB", served: 36 << 20},
	"override aliases":      {files: memoryTree{"app/a.yaml": configMap, "app/.argocd-source.yaml": aliases}},
}

// TestBombs wants each bomb to end with a clear error, in time, while this
// process does not grow.
func TestBombs(t *testing.T) {
	const timeout, memory = 8 * time.Second, 192 << 20
	pool := newPool(t, confined.Options{Timeout: timeout, Memory: memory})
	renderer := render.New(render.Confined{Pool: pool}, render.Options{})
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			request := bomb.aim(t, "")
			grown := testenv.WatchMemory()
			began, computed := time.Now(), childrensTime(t)
			result, err := renderer.Render(short(t), request)
			took := time.Since(began)
			if err == nil {
				t.Fatalf("it renders to %d objects", len(result.Objects))
			}
			if kind := syncline.KindOf(err); kind != syncline.Invalid && kind != syncline.Transient {
				t.Errorf("kind %s", kind)
			}
			if !strings.Contains(err.Error(), bomb.expects) {
				t.Errorf("got %v, want %q", err, bomb.expects)
			}
			if len(err.Error()) > 4000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			// A process that waits for the processor may take five times as long, see [confined.Options].
			if used := childrensTime(t) - computed; used > timeout+4*time.Second || took > 5*timeout+4*time.Second {
				t.Errorf("it took %s, and %s of the processor", took, used)
			}
			if grew := grown(); grew > 16<<20+bomb.served {
				t.Errorf("this process grew by %d MiB", grew>>20)
			}
			if _, err := renderer.Render(short(t), request2(samples["helm"])); err != nil {
				t.Errorf("the next source: %v", err)
			}
		})
	}
}

// childrensTime is how long the processes that this one started and that have ended computed.
func childrensTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	check(t, unix.Getrusage(unix.RUSAGE_CHILDREN, &used))
	return time.Duration(used.Utime.Nano())
}

func request2(tree memoryTree) render.Request {
	r := request(tree)
	r.Fresh = true
	return r
}

// TestSizesHaveBounds refuses what no API server takes, where it is rendered.
func TestSizesHaveBounds(t *testing.T) {
	for name, data := range map[string]string{
		"a text":  strings.Repeat("x", 4<<20),
		"numbers": "[" + strings.Repeat("0,", 1<<20) + "0]",
	} {
		result, err := inProcess().Render(short(t), request(memoryTree{"app/a.yaml": configMap + "data: {a: " + data + "}\n"}))
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "app/a.yaml: ConfigMap has") {
			t.Errorf("%s: %d objects, %v", name, len(result.Objects), err)
		}
	}
}

// What is remembered of a kind is not for an App to multiply.
func TestThereAreNotAllKindsInOneApp(t *testing.T) {
	var text strings.Builder
	for n := range 1001 {
		fmt.Fprintf(&text, "---\napiVersion: g%d.example.com/v1\nkind: None\nmetadata: {name: a}\n", n)
	}
	_, err := inProcess().Render(short(t), request(memoryTree{"app/a.yaml": text.String()}))
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "app/a.yaml, document 1001: the objects are of more than 1000 kinds") {
		t.Errorf("the error is %v", err)
	}
}

// over is a request for files that were delivered as others.
func over(was, files memoryTree) render.Request {
	r := request(files)
	r.Delivered = []string{"before"}
	r.At = func(context.Context, string) (syncline.Tree, error) { return was, nil }
	return r
}

// TestWhatGaveObjectsIsNotPassedOver changes a manifest into something else.
func TestWhatGaveObjectsIsNotPassedOver(t *testing.T) {
	renderer, was := inProcess(), memoryTree{"app/a.yaml": configMap, "app/b.yaml": "x: 1\n"}
	result, err := renderer.Render(short(t), over(memoryTree{"app/b.yaml": "x: 2\n"}, was))
	if err != nil || len(result.Objects) != 1 || len(result.PassedOver) != 1 || result.PassedOver[0].File != "app/b.yaml" {
		t.Fatalf("%v, %v", result, err)
	}
	for _, text := range []string{"data: {a: b}\n", "data: {a: b}\n", "apiVersion: v1\nkind: ConfigMapList\nitems: []\n", "apiVersion: v1\nkind: List\nitems:\n", "{}\n", "null\n"} {
		_, err := renderer.Render(short(t), over(was, memoryTree{"app/a.yaml": text, "app/b.yaml": "x: 1\n", "app/c.yaml": "x: 1\n"}))
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "app/a.yaml gave objects before") {
			t.Fatalf("%s: the error is %v", text, err)
		}
	}
	if result, err := renderer.Render(short(t), over(was, memoryTree{"app/a.yaml": "# nothing any more\n", "app/b.yaml": "x: 3\n"})); err != nil || len(result.Objects) != 0 {
		t.Fatalf("%v, %v", result, err)
	}
}

// TestWhatWasDeliveredIsAskedForWhenNeeded: not where nothing is passed over.
func TestWhatWasDeliveredIsAskedForWhenNeeded(t *testing.T) {
	r := request(memoryTree{"app/a.yaml": configMap, "app/b.yaml": "# nothing\n", "app/README.md": "x"})
	r.Delivered = []string{"before"}
	r.At = func(context.Context, string) (syncline.Tree, error) {
		t.Error("it is asked for")
		return memoryTree{}, nil
	}
	if _, err := inProcess().Render(short(t), r); err != nil {
		t.Error(err)
	}
}

// What the options leave out is told, because it may be left out by mistake.
func TestWhatTheOptionsLeaveOutIsTold(t *testing.T) {
	files := memoryTree{"app/a.yaml": configMap, "app/b.yaml": configMap, "app/README.md": "x", "app/sub/c.yaml": configMap, "app/sub/d.yaml": configMap}
	for name, test := range map[string]struct {
		options tool.Directory
		want    []string
	}{
		"one folder": {tool.Directory{Exclude: "b.*"},
			[]string{"app/b.yaml: directory.exclude names it", "app/sub: it is a folder, and directory.recurse is not set"}},
		"all folders": {tool.Directory{Recurse: true, Include: "{a.yaml,sub/*}", Exclude: "sub/d.*"},
			[]string{"app/b.yaml: directory.include does not name it", "app/sub/d.yaml: directory.exclude names it"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(files)
			r.Source.Directory = &test.options
			result, err := inProcess().Render(short(t), r)
			var told []string
			for _, p := range result.PassedOver {
				told = append(told, p.File+": "+p.Why)
			}
			if err != nil || !slices.Equal(told, test.want) {
				t.Errorf("told is %q, %v", told, err)
			}
		})
	}
}

// TestAListThatLostItsItemsIsNotPassedOver is of JSON, which is no program's
// configuration: what cannot be an object is an error there.
func TestAListThatLostItsItemsIsNotPassedOver(t *testing.T) {
	const list = `{"apiVersion": "v1", "kind": "List", "items": [%s]}`
	renderer := inProcess()
	was := memoryTree{"app/a.json": fmt.Sprintf(list, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}`)}
	_, err := renderer.Render(short(t), over(was, memoryTree{"app/a.json": fmt.Sprintf(list, "")}))
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "app/a.json gave objects before") {
		t.Fatalf("the error is %v", err)
	}
	if result, err := renderer.Render(short(t), over(was, memoryTree{"app/a.json": ""})); err != nil || len(result.Objects) != 0 {
		t.Fatalf("%v, %v", result, err)
	}
}

// TestKustomizeLeavesNothingOut is of what kustomize takes for an empty list: an object
// with a name whose kind ends in List.
func TestKustomizeLeavesNothingOut(t *testing.T) {
	const kustomization = "resources: [a.yaml]\nconfigMapGenerator: [{name: data, files: [list.yaml]}]\n"
	const data = "apiVersion: example.com/v1\nkind: BlockList\nmetadata: {name: x}\nitems: []\n"
	for text, lost := range map[string]bool{
		"apiVersion: example.com/v1\nkind: BlockList\nmetadata: {name: x}\nitems: []\n":                                  true,
		"apiVersion: example.com/v1\nkind: BlockList\nmetadata: {name: x}\nitems:\n":                                     true,
		`{"apiVersion": "example.com/v1", "kind": "BlockList", "metadata": {"name": "x"}, "items": []}`:                  true,
		configMap + "---\napiVersion: example.com/v1\nkind: 'BlockList'\nmetadata: {name: x}\nitems: []\n":               true,
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: e.com/v1, kind: BlockList, metadata: {name: x}, items: []}]\n": true,
		"apiVersion: example.com/v1\nkind: BlockList\nmetadata: {name: x}\nspec: {items: []}\n":                          false,
		"apiVersion: v1\nkind: ConfigMapList\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]\n":         false,
		configMap: false,
	} {
		files := memoryTree{"app/kustomization.yaml": kustomization, "app/a.yaml": text, "app/list.yaml": data}
		_, err := inProcess().Render(short(t), request(files))
		told := syncline.KindOf(err) == syncline.Invalid && strings.Contains(err.Error(), `app/a.yaml: BlockList "x" has no items`)
		if told != lost || err != nil && !lost {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
}

// TestNamesThatDoNotShow would be read as something else where they are shown.
func TestNamesThatDoNotShow(t *testing.T) {
	for name, manifest := range map[string]string{
		"a name":      `{apiVersion: v1, kind: ConfigMap, metadata: {name: "a\nSecret/evil"}}`,
		"a namespace": `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: "b\u202ec"}}`,
		"a kind":      `{apiVersion: v1, kind: "Config\tMap", metadata: {name: a}}`,
		"a group":     `{apiVersion: "e\u001b[31m.com/v1", kind: X, metadata: {name: a}}`,
	} {
		_, err := inProcess().Render(short(t), request(memoryTree{"app/a.yaml": manifest}))
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "app/a.yaml: \"") || !strings.Contains(err.Error(), "is no name of an object") ||
			strings.ContainsAny(err.Error(), "\n\t\u202e\u001b") {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}
