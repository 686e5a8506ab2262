package render_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// password is the value that nothing may show, in whatever form.
const password = "hunter2-s3cr3t"

// shows returns the form of the password that a text has, or "".
func shows(text string) string {
	bytes := strings.Trim(fmt.Sprint([]byte(password)), "[]")
	for _, form := range []string{
		"hunter2", "s3cr3t", "hunter", base64.StdEncoding.EncodeToString([]byte(password)), bytes, "104 117 110", fmt.Sprintf("%x", "hunter2"),
		"'h'", "‘h’",
	} {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

const secretHead = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n"

// generator is a kustomization with a generator of a Secret.
func generator(fields string) memoryTree {
	return memoryTree{"app/kustomization.yaml": "secretGenerator:\n- name: a\n" + fields, "app/e.env": "1 = " + password + "\n\xff" + password + "\n"}
}

// onSecret is a kustomization that does something to a Secret.
func onSecret(fields string) memoryTree {
	return memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n" + fields, "app/a.yaml": secretHead + "  p: " + password + "\n"}
}

// template is a chart with one template, the password in its values.
func template(text string) memoryTree {
	return memoryTree{
		"app/Chart.yaml": chartYAML, "app/values.yaml": "password: " + password + "\nlist: [" + password + "]\nmap: {p: " + password + "}\nport: 4815162342\n",
		"app/templates/a.yaml": text,
	}
}

// inJsonnet is a file in which secret is the password.
func inJsonnet(text string) memoryTree {
	return memoryTree{"app/a.jsonnet": "local secret = importstr 'password.txt';\nlocal inline = '" + password + "';\n" + text, "app/password.txt": password}
}

// leaks break what holds a Secret, each in another way.
var leaks = map[string]memoryTree{
	// Manifests.
	"alias":         {"app/a.yaml": secretHead + "  p: *" + password + "\n"},
	"tag":           {"app/a.yaml": secretHead + "  p: !!int " + password + "\n"},
	"braces":        {"app/a.yaml": secretHead + "  p: {{" + password + "}}\n"},
	"json":          {"app/a.json": `{"kind": "Secret", "data": {"p": "` + password + `"`},
	"json value":    {"app/a.json": `{"kind": "Secret", "data": {"p": ` + password + `}}`},
	"json key":      {"app/a.json": `{"kind": "Secret", "data": {"` + password + `": 1, "` + password + `": 2}}`},
	"key twice":     {"app/a.yaml": secretHead + "  {" + password + ", " + password + "}\n"},
	"merge":         {"app/a.yaml": secretHead + "  <<: " + password + "\n"},
	"quote":         {"app/a.yaml": secretHead + "  p: \"" + password + "\n"},
	"percent":       {"app/a.yaml": secretHead + "  p: %" + password + "\n"},
	"at":            {"app/a.yaml": secretHead + "  p: @" + password + "\n"},
	"anchor":        {"app/a.yaml": secretHead + "  p: &" + password + " [*" + password + "]\n"},
	"unknown tag":   {"app/a.yaml": secretHead + "  p: !" + password + "\n   - x: y: z\n"},
	"binary":        {"app/a.yaml": secretHead + "  p: !!binary " + password + "!\n"},
	"override":      {"app/a.yaml": configMap, "app/.argocd-source.yaml": "kustomize: {replicas: [{name: a, count: " + password + "}]}\n"},
	"override type": {"app/a.yaml": configMap, "app/.argocd-source.yaml": "helm: {parameters: " + password + "}\n"},
	"override yaml": {"app/a.yaml": configMap, "app/.argocd-source.yaml": "helm: {parameters: [{name: password, value: *" + password + "}]}\n"},

	// Kustomize: generators.
	"literal":              generator("  literals:\n  - " + password + "\n"),
	"literal, no key":      generator("  literals:\n  - =" + password + "\n"),
	"literal twice":        generator("  literals: [p=" + password + ", p=" + password + "]\n"),
	"literal is a map":     generator("  literals:\n  - p: " + password + "\n"),
	"literals are a map":   generator("  literals:\n    p: " + password + "\n"),
	"literals are a text":  generator("  literals: " + password + "\n"),
	"literals, no name":    {"app/kustomization.yaml": "secretGenerator:\n- literals:\n  - p=" + password + "\n"},
	"literal, alias":       generator("  literals:\n  - *" + password + "\n"),
	"environment":          generator("  envs: [e.env]\n"),
	"environment, key":     {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  envs: [e.env]\n", "app/e.env": "p=" + password + "\np=" + password + "\n"},
	"environment, a value": generator("  envs: [p=" + password + "]\n"),
	"environment, plain":   generator("  envs: [" + password + "]\n"),
	"env, plain":           generator("  env: " + password + "\n"),
	"file missing":         generator("  literals:\n  - p=" + password + "\n  files: [gone]\n"),
	"file, a value":        generator("  files: [p=" + password + "]\n"),
	"file, plain":          generator("  files: [" + password + "]\n"),
	"file, three":          generator("  files: [a=b=" + password + "]\n"),
	"file, absolute":       generator("  files: [p=/" + password + "]\n"),
	"file, above":          generator("  files: [p=../" + password + "]\n"),
	"file, far above":      generator("  files: [p=../../../" + password + "]\n"),
	"file, an address":     generator("  files: [https://u:" + password + "@example.com/a]\n"),
	"file, remote":         generator("  files: [p=gh:" + password + "]\n"),
	"unknown field":        generator("  literal: [" + password + "]\n"),
	"field, a value":       generator("  p=" + password + ": x\n"),
	"generated twice":      generator("  literals: [p=" + password + "]\n- name: a\n  literals: [p=" + password + "]\n"),
	"behavior":             generator("  behavior: merge\n  literals: [p=" + password + "]\n"),
	"inline generator":     {"app/kustomization.yaml": "generators:\n- |\n  apiVersion: builtin\n  kind: SecretGenerator\n  metadata: {name: a}\n  literals: [" + password + "]\n"},
	"inline, remote file":  {"app/kustomization.yaml": "generators:\n- |\n  apiVersion: builtin\n  kind: SecretGenerator\n  metadata: {name: a}\n  files: [p=gh:" + password + "]\n"},
	"base, address":        {"app/kustomization.yaml": "resources: ['https://u:" + password + "@example.com/a']\n"},

	// Kustomize: Secrets as resources, patches and replacements.
	"a resource":           {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": secretHead + "  p: *" + password + "\n"},
	"a resource's data":    {"app/kustomization.yaml": "resources: [a.yaml]\nnamespace: x\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: " + password + "\n"},
	"labels":               {"app/kustomization.yaml": "resources: [a.yaml]\ncommonLabels: {a: b}\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: " + password + "}\n"},
	"no kind":              {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nmetadata: {name: a}\nstringData: {p: " + password + "}\n"},
	"no name":              {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\nstringData: {p: " + password + "}\n"},
	"twice":                {"app/kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "app/a.yaml": secretHead + "  p: " + password + "\n", "app/b.yaml": secretHead + "  p: " + password + "\n"},
	"a list":               {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: SecretList\nitems:\n- " + password + "\n"},
	"namespaces":           {"app/kustomization.yaml": "resources: [a.yaml, b.yaml]\nnamespace: x\n", "app/a.yaml": secretHead + "  p: " + password + "\n", "app/b.yaml": strings.Replace(secretHead, "name: a", "name: a, namespace: y", 1) + "  p: " + password + "\n"},
	"a patch":              onSecret("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    stringData: [" + password + "\n"),
	"a patch's alias":      onSecret("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    stringData: {p: *" + password + "}\n"),
	"a patch's type":       onSecret("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    stringData: {p: {q: " + password + "}}\n  target: {kind: Secret}\n- patch: |\n    - {op: add, path: /stringData/p/q/r, value: " + password + "}\n  target: {kind: Secret}\n"),
	"a patch of nothing":   onSecret("patches:\n- patch: |\n    - op: add\n      path: /stringData/p\n      value: " + password + "\n"),
	"a patch of a value":   onSecret("patches:\n- patch: |\n    - op: test\n      path: /stringData/p\n      value: other-" + password + "\n  target: {kind: Secret}\n"),
	"a patch without kind": onSecret("patches:\n- patch: |\n    stringData: {p: " + password + "}\n"),
	"an operation":         onSecret("patches:\n- patch: |\n    - op: " + password + "\n      value: x\n  target: {kind: Secret}\n"),
	"patches, old":         onSecret("patchesStrategicMerge:\n- |\n  kind: Secret\n  stringData: {p: " + password + "}\n"),
	"replacement":          onSecret("replacements:\n- source: {kind: Secret, name: a, fieldPath: stringData.p, options: {delimiter: '-', index: 9}}\n  targets: [{select: {kind: Secret}, fieldPaths: [metadata.name]}]\n"),
	"replacement, value":   onSecret("replacements:\n- sourceValue: [" + password + "]\n  targets: [{select: {kind: Secret}, fieldPaths: [metadata.name]}]\n"),
	"replacement, deep":    onSecret("replacements:\n- source: {kind: Secret, name: a, fieldPath: stringData.p}\n  targets: [{select: {kind: Secret}, fieldPaths: [stringData.p.q.r]}]\n"),
	"replacement, list":    onSecret("replacements:\n- source: {kind: Secret, name: a, fieldPath: stringData.p}\n  targets: [{select: {kind: Secret}, fieldPaths: ['stringData.[a=" + password + "].b']}]\n"),

	// Helm: values and templates.
	"values":            {"app/Chart.yaml": chartYAML, "app/values.yaml": "password: *" + password + "\n"},
	"values, a text":    {"app/Chart.yaml": chartYAML, "app/values.yaml": password + "\n"},
	"values, tag":       {"app/Chart.yaml": chartYAML, "app/values.yaml": "password: !!int " + password + "\n"},
	"a schema":          withSchema(`{"properties": {"password": {"pattern": "^x$"}}}`),
	"a schema's type":   withSchema(`{"properties": {"password": {"type": "integer"}}}`),
	"a schema's list":   withSchema(`{"properties": {"password": {"enum": ["x"]}}}`),
	"a schema's format": withSchema(`{"properties": {"password": {"const": 1, "maxLength": 3}}}`),
	"a schema's names":  withSchema(`{"propertyNames": {"maxLength": 3}, "additionalProperties": false}`),
	"to a date":         template("a: {{ mustToDate \"2006\" .Values.password }}\n"),
	"a regexp":          template("a: {{ mustRegexMatch (print \"(\" .Values.password) \"x\" }}\n"),
	"a regexp repeat":   template("a: {{ regexMatch (print .Values.password \"**\") \"x\" }}\n"),
	"an address":        template("a: {{ urlParse (print \"http://a b:\" .Values.password \"@c/%zz\") }}\n"),
	"fail":              template("{{ fail .Values.password }}\n"),
	"fail, printed":     template("{{ fail (printf \"the password %s is bad\" .Values.password) }}\n"),
	"fail, formatted":   template("{{ fail (printf \"all: %v %d %x\" .Values.password .Values.port .Values.map) }}\n"),
	"fail, default":     template("{{ fail (default \"" + password + "\" .Values.none) }}\n"),
	"fail, yaml":        template("{{ fail (toYaml .Values) }}\n"),
	"fail, base64":      template("{{ fail (b64enc .Values.password) }}\n"),
	"fail, variable":    template("{{ $x := .Values.password }}{{ fail $x }}\n"),
	"fail, included":    template("{{ define \"web.s\" }}kind: Secret\nstringData: {p: " + password + "}{{ end }}{{ fail (include \"web.s\" .) }}\n"),
	"fail in tpl":       template("{{ tpl (printf \"{{ fail %q }}\" .Values.password) . }}\n"),
	"required":          template("{{ required .Values.password .Values.none }}\n"),
	"required, printed": template("{{ required (printf \"%s: set it\" .Values.password) .Values.none }}\n"),
	"tpl":               template("{{ tpl (printf \"{{ %s }}\" .Values.password) . }}\n"),
	"tpl, no end":       template("{{ tpl (printf \"{{ .%s\" .Values.password) . }}\n"),
	"tpl, include":      template("{{ tpl (printf \"{{ include %q . }}\" .Values.password) . }}\n"),
	"tpl, a field":      template("{{ tpl \"{{ .Values.password.x }}\" . }}\n"),
	"include":           template("{{ include .Values.password . }}\n"),
	"from JSON":         template("a: {{ mustFromJson .Values.password }}\n"),
	"from YAML":         template("a: {{ (fromYaml .Values.password).Error | fail }}\n"),
	"from TOML":         template("a: {{ fail (fromToml .Values.password | toString) }}\n"),
	"range":             template("{{ range .Values.password }}{{ end }}\n"),
	"index":             template("{{ index .Values.list .Values.password }}\n"),
	"index of a text":   template("{{ index .Values.password \"a\" }}\n"),
	"a function":        template("{{ call .Values.password }}\n"),
	"a field":           template("{{ .Values.password.x.y }}\n"),
	"compared":          template("{{ lt .Values.password 5 }}\n"),
	"a version":         template("{{ semverCompare .Values.password \"1.0.0\" }}\n"),
	"a version's":       template("{{ semver .Values.password }}\n"),
	"a certificate":     template("{{ buildCustomCert .Values.password .Values.password }}\n"),
	"decrypted":         template("{{ decryptAES \"x\" .Values.password }}\n"),
	"a default":         template("{{ atoi (default \"" + password + "\" .Values.none) | int64 | fail }}\n"),
	"a literal":         template("{{ add1 1 | required \"" + "\" }}{{ mustToDate \"2006\" \"" + password + "\" }}\n"),
	"broken action":     template("{{ default \"" + password + " }}\n"),
	"unknown function":  template("{{ \"" + password + "\" | nothing }}\n"),
	"unexpected text":   template("{{ .Values.password \"" + password + "\" = }}\n"),
	"made YAML":         template(secretHead + "  p: *{{ .Values.password }}\n"),
	"made YAML, key":    template(secretHead + "  {{ .Values.password }}: {{ .Values.password }}: x\n"),
	"made YAML, tag":    template(secretHead + "  p: !!int {{ .Values.password }}\n"),
	"made YAML, text":   template("{{ .Values.password }}\n"),
	"made YAML, kind":   template("kind: [{{ .Values.password }}]\n"),
	"made YAML, bytes":  template("{{ .Values.password }}: {{ .Values.map }}: \n  - {{ .Values.list }}\n"),

	// Jsonnet.
	"jsonnet error":        inJsonnet("{a: error 'x ' + secret}"),
	"jsonnet inline":       inJsonnet("{a: error 'x ' + inline}"),
	"jsonnet error, alone": inJsonnet("error secret"),
	"jsonnet format":       inJsonnet("error 'x %s' % secret"),
	"jsonnet assert":       inJsonnet("assert false : secret + ' is bad'; {}"),
	"jsonnet object":       inJsonnet("{assert false : secret, a: 1}"),
	"jsonnet equal":        inJsonnet("std.assertEqual(secret, 1)"),
	"jsonnet field":        inJsonnet("({})[secret]"),
	"jsonnet field twice":  inJsonnet("{[secret]: 1, [inline]: 2}"),
	"jsonnet JSON":         inJsonnet("std.parseJson(secret)"),
	"jsonnet YAML":         inJsonnet("std.parseYaml('a: *' + secret)"),
	"jsonnet number":       inJsonnet("std.parseInt(secret)"),
	"jsonnet hex":          inJsonnet("std.parseHex(secret)"),
	"jsonnet manifest":     inJsonnet("{[secret]: function(x) x}"),
	"jsonnet INI":          inJsonnet("std.manifestIni({main: {a: {[secret]: error secret}}})"),
	"jsonnet type":         inJsonnet("secret * 2"),
	"jsonnet base64":       inJsonnet("std.base64Decode(secret + '!')"),
	"jsonnet ext":          inJsonnet("std.extVar(secret)"),
	"jsonnet literal":      {"app/a.jsonnet": "{p: '" + password + "' '" + password + "'}"},
	"jsonnet open":         {"app/a.jsonnet": "{p: '" + password + "}"},
	"jsonnet identifier":   {"app/a.jsonnet": "{p: 2" + password + "}"},
	"jsonnet key":          inJsonnet("{[std.asciiUpper(secret)]: {[secret]: error 'x'}}"),
	"jsonnet made":         inJsonnet("[secret]"),
	"jsonnet import":       inJsonnet("import 'password.txt'"),
	"jsonnet assertion":    inJsonnet("local f(x) = assert std.length(x) < 3 : 'too long: ' + x; x; f(secret)"),
}

func withSchema(schema string) memoryTree {
	return memoryTree{"app/Chart.yaml": chartYAML, "app/values.yaml": "password: " + password + "\n" + password + ": 1\n", "app/values.schema.json": schema}
}

// TestErrorsShowNoSecrets wants no error, hint or warning to have a value, in whatever
// form.
func TestErrorsShowNoSecrets(t *testing.T) {
	if len(leaks) < 100 {
		t.Errorf("only %d leaks are tried", len(leaks))
	}
	for name, files := range leaks {
		t.Run(name, func(t *testing.T) {
			result, err := inProcess().Render(short(t), request(files))
			if err == nil {
				t.Fatalf("it renders: %v", result.Objects)
			}
			shown := tell(result, err) + syncline.Explain(err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				shown += fmt.Sprintf("%v %+v %#v %q", e, e, e, e)
			}
			if form := shows(shown); form != "" {
				t.Errorf("it shows %q: %s", form, tell(result, err))
			}
		})
	}
}

// TestShowSecrets wants a person who asks for it to see what is hidden.
func TestShowSecrets(t *testing.T) {
	for _, name := range []string{"literal", "fail, printed", "jsonnet error", "alias"} {
		asked := request(leaks[name])
		asked.ShowSecrets = true
		result, err := inProcess().Render(short(t), asked)
		if !strings.Contains(tell(result, err), password) {
			t.Errorf("%s: %s", name, tell(result, err))
		}
	}
}

// Whatever code is written around a secret. What the code itself says it may show.
func FuzzErrorsShowNoSecrets(f *testing.F) {
	for name, files := range leaks {
		for i, file := range fuzzed {
			if text, ok := files[file]; ok && !strings.Contains(text, password) && !strings.Contains(name, "literal") {
				f.Add(byte(i), text)
			}
		}
	}
	for _, code := range []string{
		"error 'x ' + importstr 'password.txt'", "std.parseJson(importstr 'password.txt')", "{[importstr 'password.txt']: error 'x'}",
		"local f(x) = assert false : '%s' % x; x; f(importstr 'password.txt')",
	} {
		f.Add(byte(2), code)
	}
	renderer := render.New(render.Confined{Pool: newPool(f, confined.Options{Timeout: 5 * time.Second})}, render.Options{MemoBytes: -1})
	f.Fuzz(func(t *testing.T, tool byte, text string) {
		bound.Limits{Time: 6 * time.Second}.Run(t, func() {
			if len(text) > 1<<12 || shows(text) != "" || strings.Contains(text, "'h'") {
				return
			}
			files := []memoryTree{template(""), onSecret(""), inJsonnet("")}[int(tool)%3]
			files[fuzzed[int(tool)%3]] = text
			files["app/password.txt"], files["app/e.env"] = password, "p="+password+"\n"
			_, err := renderer.Render(short(t), request(files))
			if err == nil {
				return
			}
			if form := shows(syncline.Explain(err)); form != "" {
				t.Errorf("%q shows %q: %v", text, form, err)
			}
		})
	})
}

// fuzzed are the files that are made up, one for each tool.
var fuzzed = []string{"app/templates/a.yaml", "app/kustomization.yaml", "app/a.jsonnet"}
