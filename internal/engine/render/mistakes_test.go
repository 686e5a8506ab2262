package render_test

import (
	"strings"
	"testing"
)

// helper is a chart whose template includes web.check.
func helper(text string) memoryTree {
	tree := template("{{ include \"web.check\" . }}\n")
	tree["app/templates/_helpers.tpl"] = text
	return tree
}

// seeAll is the hint of an error that does not show all.
const seeAll = "\nhint: `syncline render --show-secrets` on your own machine shows what is hidden"

// TestOrdinaryMistakes wants the messages of what people do wrong every day to stay
// useful.
func TestOrdinaryMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		files  memoryTree
		source string
		want   string
	}{
		"helm: value file missing":   {template("a: 1\n"), "helm: {valueFiles: [production.yaml]}", "invalid: chart app: helm.valueFiles: app/production.yaml does not exist\nhint: correct the path, or set helm.ignoreMissingValueFiles"},
		"helm: value file broken":    {memoryTree{"app/Chart.yaml": chartYAML, "app/p.yaml": "a: 1\n b: 2\n"}, "helm: {valueFiles: [p.yaml]}", `invalid: chart app: value file app/p.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context`},
		"helm: parameter":            {template("a: 1\n"), "helm: {parameters: [{name: 'a[x]', value: '1'}]}", `invalid: chart app: helm.parameters: a[x]: error parsing index: strconv.Atoi: parsing "<hidden: may be a secret>": invalid syntax` + seeAll},
		"helm: unknown function":     {template("a: {{ .Values.a | toYml }}\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:1): function "toYml" not defined`},
		"helm: nil pointer":          {template("image: {{ .Values.image.repository.name }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:17 executing "web/templates/a.yaml" at <.Values.image.repository.name>: nil pointer evaluating interface {}.repository`},
		"helm: field of a text":      {template("a: {{ .Values.password.x }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:13 executing "web/templates/a.yaml" at <.Values.password.x>: can't evaluate field x in type interface {}`},
		"helm: fail":                 {template("{{ fail \"set image.tag, or image.digest\" }}\n"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:3): set image.tag, or image.digest`},
		"helm: fail with a value":    {template("{{ fail (printf \"port %v is taken: choose one below %d\" .Values.port 1024) }}\n"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:3): port <hidden: may be a secret> is taken: choose one below <hidden>` + seeAll},
		"helm: fail with a variable": {template("{{ $messages := list \"replicas: has to be odd\" \"size: is missing\" }}{{ fail (printf \"\\nVALUES:\\n%s\" (join \"\\n\" $messages)) }}\n"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:71): VALUES: replicas: has to be odd size: is missing`},
		"helm: fail in a helper":     {helper("{{ define \"web.check\" }}{{ if .Values.password }}{{ fail \"a password may not stand in values\" }}{{ end }}{{ end }}"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:3): a password may not stand in values`},
		"helm: fail by a helper":     {helper("{{ define \"web.check\" }}{{ $m := include \"web.message\" . }}{{ fail $m }}{{ end }}{{ define \"web.message\" }}web: architecture\n    Choose standalone or replicated, not {{ .Values.password }}.\n{{ end }}"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:3): web: architecture Choose standalone or replicated, not <hidden: may be a secret>` + seeAll},
		"helm: required":             {template("a: {{ required \"image.tag is required!\" .Values.image }}\n"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:6): image.tag is required!`},
		"helm: required in a helper": {helper("{{ define \"web.check\" }}{{ required \"host is required\" .Values.host }}{{ end }}"), "", `invalid: chart app: execution error at (web/templates/a.yaml:1:3): host is required`},
		"helm: no such template":     {template("a: {{ include \"web.labels\" . }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:6 executing "web/templates/a.yaml" at <include "web.labels" .>: error calling include: template: no template "web.labels" associated with template "gotpl"`},
		"helm: no such template 2":   {template("{{ template \"web.labels\" . }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:12 executing "web/templates/a.yaml" at <{{template "web.labels" .}}>: template "web.labels" not defined`},
		"helm: unclosed action":      {template("a: {{ .Values.image\nreplicas: 1\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:2): function "replicas" not defined`},
		"helm: missing end":          {template("{{ if .Values.a }}\na: 1\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:3): unexpected EOF`},
		"helm: unexpected":           {template("a: {{ .Values.a } }}\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:1): unexpected "}" in operand`},
		"helm: undefined variable":   {template("a: {{ $image }}\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:1): undefined variable "$image"`},
		"helm: no argument":          {template("a: {{ include \"x\" }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:6 executing "web/templates/a.yaml" at <include>: wrong number of args for include: want 2 got 1`},
		"helm: a dash":               {template("a: {{ .Values.my-value }}\n"), "", `invalid: chart app: parse error at (web/templates/a.yaml:1): bad character U+002D '-'`},
		"helm: indentation":          {template("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n labels: {}\n"), "", `invalid: chart app: YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: line 4: did not find expected key`},
		"helm: range over a text":    {template("{{ range .Values.password }}x{{ end }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:16 executing "web/templates/a.yaml" at <.Values.password>: range can't iterate over <hidden: may be a secret>` + seeAll},
		"helm: index":                {template("a: {{ index .Values.list 7 }}\n"), "", `invalid: chart app: template: web/templates/a.yaml:1:6: executing "web/templates/a.yaml" at <index .Values.list <hidden: may be a secret>>: error calling index: index out of range: <hidden>` + seeAll},
		"helm: wrong type":           {template("a: {{ trunc \"x\" .Values.list }}\n"), "", `invalid: chart app: web/templates/a.yaml:1:12 executing "web/templates/a.yaml" at <"<hidden: may be a secret>">: expected integer; found "<hidden>"` + seeAll},
		"helm: kind is a list":       {template("apiVersion: v1\nkind: [a]\n"), "", `invalid: chart app: YAML parse error on web/templates/a.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field SimpleHead.kind of type string`},
		"helm: schema":               {withSchema(`{"required": ["image"], "properties": {"password": {"type": "integer"}}}`), "", "invalid: chart app: values do not fit the schema: web: - at '': missing property 'image' - at '/password': got string, want integer\nhint: correct the values, or set helm.skipSchemaValidation"},
		"helm: schema, a typo":       {memoryTree{"app/Chart.yaml": chartYAML, "app/values.yaml": "replicaCont: 1\n", "app/values.schema.json": `{"properties": {"replicaCount": {"type": "integer"}}, "additionalProperties": false}`}, "", "invalid: chart app: values do not fit the schema: web: - at '': additional properties 'replicaCont' not allowed\nhint: correct the values, or set helm.skipSchemaValidation"},
		"helm: chart broken":         {memoryTree{"app/Chart.yaml": "apiVersion: v2\nname: [\n"}, "", `invalid: chart app: cannot load Chart.yaml: error converting YAML to JSON: yaml: line 2: did not find expected node content`},
		"helm: chart version":        {memoryTree{"app/Chart.yaml": "apiVersion: v2\nname: web\nversion: one\n"}, "", `invalid: chart app: validation: chart.metadata.version "<hidden: may be a secret>" is invalid` + seeAll},
		"helm: chart without name":   {memoryTree{"app/Chart.yaml": "apiVersion: v2\nversion: 1.0.0\n"}, "", `invalid: chart app: validation: chart.metadata.name is required`},

		"kustomize: resource missing":    {memoryTree{"app/kustomization.yaml": "resources: [deployment.yaml]\n"}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='accumulating resources from 'deployment.yaml': app/deployment.yaml does not exist': must build at directory: not a valid directory: app/deployment.yaml does not exist`},
		"kustomize: base missing":        {memoryTree{"app/kustomization.yaml": "resources: [../base]\n"}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='accumulating resources from '../base': base does not exist': must build at directory: not a valid directory: base does not exist`},
		"kustomize: base is empty":       {memoryTree{"app/kustomization.yaml": "resources: [../base]\n", "base/a.txt": ""}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='accumulating resources from '../base': 'base' must resolve to a file': couldn't make target for path 'base': unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory 'base'`},
		"kustomize: field":               {memoryTree{"app/kustomization.yaml": "resorces: [a.yaml]\n"}, "", `invalid: kustomization app/kustomization.yaml: invalid Kustomization: json: unknown field "resorces"`},
		"kustomize: patch missing":       {withConfigMap("patches: [{path: cpu.yaml}]\n"), "", `invalid: kustomization app/kustomization.yaml: trouble configuring builtin PatchTransformer: failed to get the patch file from path(cpu.yaml): app/cpu.yaml does not exist`},
		"kustomize: patch target":        {withConfigMap("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 3}\n"), "", `invalid: kustomization app/kustomization.yaml: no resource matches strategic merge patch "Deployment.v1.apps/web.[noNs]": no matches for Id Deployment.v1.apps/web.[noNs]; failed to find unique target for patch Deployment.v1.apps/web.[noNs]`},
		"kustomize: patch path":          {withConfigMap("patches:\n- patch: |\n    - {op: replace, path: /spec/replicas, value: 3}\n  target: {kind: ConfigMap}\n"), "", `invalid: kustomization app/kustomization.yaml: replace operation does not apply: doc is missing path: /spec/replicas: missing value`},
		"kustomize: patch remove":        {withConfigMap("patches:\n- patch: |\n    - {op: remove, path: /metadata/labels/app}\n  target: {kind: ConfigMap}\n"), "", `invalid: kustomization app/kustomization.yaml: remove operation does not apply: doc is missing path: "/metadata/labels/app": missing value`},
		"kustomize: twice":               {memoryTree{"app/kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "app/a.yaml": configMap, "app/b.yaml": configMap}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='merging resources from 'b.yaml': may not add resource with an already registered id: ConfigMap.v1.[noGrp]/a.[noNs]': must build at directory: 'app/b.yaml': file is not directory`},
		"kustomize: manifest broken":     {memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: ConfigMap\n x: y\n"}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: mapping values are not allowed in this context in File: a.yaml`},
		"kustomize: no kind":             {memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='accumulating resources from 'a.yaml': missing kind in object {{v1 } {{a } map[] map[]}}': must build at directory: 'app/a.yaml': file is not directory`},
		"kustomize: no name":             {memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: ConfigMap\n"}, "", `invalid: kustomization app/kustomization.yaml: accumulating resources: accumulation err='accumulating resources from 'a.yaml': missing metadata.name in object {{v1 ConfigMap} {{ } map[] map[]}}': must build at directory: 'app/a.yaml': file is not directory`},
		"kustomize: list as text":        {memoryTree{"app/kustomization.yaml": "resources: a.yaml\n"}, "", `invalid: kustomization app/kustomization.yaml: invalid Kustomization: json: cannot unmarshal string into Go struct field Kustomization.resources of type []string`},
		"kustomize: generator env":       {generator("  envs: [secrets.env]\n"), "", `invalid: kustomization app/kustomization.yaml: loading KV pairs: env source files: [secrets.env]: app/secrets.env does not exist`},
		"kustomize: generator file":      {generator("  files: [tls.key=certs/tls.key]\n"), "", `invalid: kustomization app/kustomization.yaml: loading KV pairs: file sources: [tls.key=certs/tls.key]: app/certs/tls.key does not exist`},
		"kustomize: generator twice":     {generator("  literals: [a=b]\n- name: a\n  literals: [a=b]\n"), "", `invalid: kustomization app/kustomization.yaml: merging from generator <hidden: may be a secret> resid.ResId{Gvk:resid.Gvk{Group:"", Version:"v1", Kind:"Secret", isClusterScoped:false}, Name:"a", Namespace:""} exists; can not use behavior: '<hidden>', behavior must be merge or replace` + seeAll},
		"kustomize: replacement source":  {withConfigMap("replacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: data.host}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.host]}]\n"), "", `invalid: kustomization app/kustomization.yaml: nothing selected by ConfigMap.[noVer].[noGrp]/settings.[noNs]:data.host`},
		"kustomize: replacement field":   {withConfigMap("replacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data.host}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.host]}]\n"), "", "invalid: kustomization app/kustomization.yaml: fieldPath `data.host` is missing for replacement source ConfigMap.[noVer].[noGrp]/a.[noNs]"},
		"kustomize: replacement target":  {withConfigMap("replacements:\n- source: {kind: ConfigMap, name: a}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [spec.host]}]\n"), "", `invalid: kustomization app/kustomization.yaml: unable to find field "spec.host" in replacement target`},
		"kustomize: component missing":   {withConfigMap("components: [../components/tls]\n"), "", `invalid: kustomization app/kustomization.yaml: accumulating components: loader.New "must build at directory: not a valid directory: components/tls does not exist"`},
		"kustomize: component is none":   {withConfigMap("components: [../base]\n", "base/kustomization.yaml", "namePrefix: x\n"), "", `invalid: kustomization app/kustomization.yaml: accumulating components: accumulateDirectory: "expected kind 'Component' for path 'base' but got 'Kustomization'"`},
		"kustomize: replicas of nothing": {withConfigMap("replicas: [{name: web, count: 3}]\n"), "", `invalid: kustomization app/kustomization.yaml: resource with name web does not match a config with the following GVK [Deployment.[noVer].[noGrp] StatefulSet.[noVer].[noGrp] ReplicaSet.[noVer].[noGrp] ReplicationController.[noVer].[noGrp]]`},
		"kustomize: tabs":                {memoryTree{"app/kustomization.yaml": "resources:\n\t- a.yaml\n"}, "", `invalid: kustomization app/kustomization.yaml: invalid Kustomization: yaml: line 2: found character that cannot start any token`},
		"kustomize: a merge of nothing":  {generator("  behavior: merge\n  literals: [a=b]\n"), "", `invalid: kustomization app/kustomization.yaml: merging from generator <hidden: may be a secret> resid.ResId{Gvk:resid.Gvk{Group:"", Version:"v1", Kind:"Secret", isClusterScoped:false}, Name:"a", Namespace:""} does not exist; cannot merge or replace` + seeAll},

		"jsonnet: no import":       {memoryTree{"app/a.jsonnet": "import 'lib/web.libsonnet'"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: couldn't open import "lib/web.libsonnet": it is neither beside the file nor in a library folder; app/a.jsonnet:1:1-27 $; During evaluation`},
		"jsonnet: no variable":     {memoryTree{"app/a.jsonnet": "{a: replicas}"}, "", `invalid: app/a.jsonnet: app/a.jsonnet:1:5-13 Unknown variable: replicas`},
		"jsonnet: no field":        {memoryTree{"app/a.jsonnet": "local config = {a: 1}; {a: config.replicas}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Field does not exist: replicas; app/a.jsonnet:1:28-43 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: no function":     {memoryTree{"app/a.jsonnet": "{a: std.upper('x')}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Field does not exist: upper; app/a.jsonnet:1:5-14 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: ext var":         {memoryTree{"app/a.jsonnet": "{a: std.extVar('region')}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Undefined external variable: region; app/a.jsonnet:1:5-25 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: parameter":       {memoryTree{"app/a.jsonnet": "local f(x) = x; {a: f(y=1)}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: function has no parameter y; app/a.jsonnet:1:21-27 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: missing":         {memoryTree{"app/a.jsonnet": "local f(x) = x; {a: f()}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Missing argument: x; app/a.jsonnet:1:21-24 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: types":           {memoryTree{"app/a.jsonnet": "{a: 1 + {}}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Unexpected type object, expected number; app/a.jsonnet:1:5-11 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: a comma":         {memoryTree{"app/a.jsonnet": "{a: 1\n b: 2}"}, "", `invalid: app/a.jsonnet: app/a.jsonnet:2:2-3 Expected a comma before next field`},
		"jsonnet: the end":         {memoryTree{"app/a.jsonnet": "{a: 1"}, "", `invalid: app/a.jsonnet: app/a.jsonnet:1:6 Expected a comma before next field`},
		"jsonnet: error":           {memoryTree{"app/a.jsonnet": "{a: error 'region is not set'}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: region is not set; app/a.jsonnet:1:5-30 object <anonymous>; Field "a"; During manifestation`},
		"jsonnet: error, computed": {memoryTree{"app/a.jsonnet": "local x = 3; {a: error 'replicas: %d is too many' % x}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: replicas: <hidden: may be a secret> is too many; app/a.jsonnet:1:18-54 object <anonymous>; Field "a"; During manifestation` + seeAll},
		"jsonnet: assert":          {memoryTree{"app/a.jsonnet": "{assert self.a > 1 : 'a has to be larger than 1', a: 1}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: a has to be larger than 1; app/a.jsonnet:1:2-49; Checking object assertions; During manifestation`},
		"jsonnet: function":        {memoryTree{"app/a.jsonnet": "{a: function(x) x}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: couldn't manifest function as JSON; Field "a"; During manifestation`},
		"jsonnet: index":           {memoryTree{"app/a.jsonnet": "{a: [1, 2][5]}"}, "", `invalid: app/a.jsonnet: RUNTIME ERROR: Index <hidden: may be a secret> out of bounds, not within [<hidden>); app/a.jsonnet:1:5-14 object <anonymous>; Field "a"; During manifestation` + seeAll},

		"override: type": {memoryTree{"app/a.yaml": configMap, "app/.argocd-source.yaml": "kustomize: {images: a}\n"}, "", `invalid: app/.argocd-source.yaml: kustomize.images: a string where a []string is expected`},
	} {
		t.Run(name, func(t *testing.T) {
			source := sourceOf(t, []byte(test.source))
			asked := request(test.files)
			source.Path = asked.Source.Path
			asked.Source = source
			result, err := inProcess().Render(short(t), asked)
			if err == nil {
				t.Fatalf("it renders: %v", result.Objects)
			}
			if got := strings.TrimSuffix(tell(result, err), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
