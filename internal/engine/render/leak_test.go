package render_test

import (
	"strings"
	"testing"
)

// TestErrorsShowNoSecrets breaks what holds a Secret in many ways.
func TestErrorsShowNoSecrets(t *testing.T) {
	const canary = "hunter2-canary"
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n"
	for name, files := range map[string]memoryTree{
		"alias":             {"app/a.yaml": secret + "  p: *" + canary + "\n"},
		"tag":               {"app/a.yaml": secret + "  p: !!int " + canary + "\n"},
		"braces":            {"app/a.yaml": secret + "  p: {{" + canary + "}}\n"},
		"json":              {"app/a.json": `{"kind": "Secret", "data": {"p": "` + canary + `"`},
		"literal":           {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  literals:\n  - " + canary + "\n"},
		"literal, no key":   {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  literals:\n  - =" + canary + "\n"},
		"literal twice":     {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  literals: [p=" + canary + ", p=" + canary + "]\n"},
		"literals, no name": {"app/kustomization.yaml": "secretGenerator:\n- literals:\n  - p=" + canary + "\n"},
		"environment":       {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  envs: [e.env]\n", "app/e.env": "1 = " + canary + "\n\xff" + canary + "\n"},
		"file missing":      {"app/kustomization.yaml": "secretGenerator:\n- name: a\n  literals:\n  - p=" + canary + "\n  files: [gone]\n"},
		"a resource":        {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": secret + "  p: *" + canary + "\n"},
		"a resource's data": {"app/kustomization.yaml": "resources: [a.yaml]\nnamespace: x\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: " + canary + "\n"},
		"a patch": {"app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    stringData: [" + canary + "\n",
			"app/a.yaml": configMap},
		"a patch of nothing": {"app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- patch: |\n    - op: add\n      path: /stringData/p\n      value: " + canary + "\n",
			"app/a.yaml": secret + "  p: x\n"},
		"values":  {"app/Chart.yaml": chartYAML, "app/values.yaml": "password: *" + canary + "\n"},
		"a value": {"app/Chart.yaml": chartYAML, "app/values.yaml": "password: " + canary + "\n", "app/templates/a.yaml": "a: {{ atoi .Values.password }}{{ .Values.password | toDecimal }}{{ mustToDate \"2006\" .Values.password }}\n"},
		"a schema": {"app/Chart.yaml": chartYAML, "app/values.yaml": "password: " + canary + "\n",
			"app/values.schema.json": `{"properties": {"password": {"pattern": "^x$"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := inProcess().Render(short(t), request(files))
			if err == nil {
				t.Fatalf("it renders: %v", result.Objects)
			}
			if shown := tell(result, err); strings.Contains(shown, "hunter2") || strings.Contains(shown, "104 117 110") {
				t.Errorf("it shows %s", shown)
			}
		})
	}
}
