package settings_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
)

func configMap(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	var data map[string]any
	if err := yaml.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": data}}
}

// found writes what is found for a kind as "SCRIPT" or "SCRIPT with libraries".
func found(rules settings.Rules, kind string) string {
	gk := schema.GroupKind{Kind: kind}
	if group, name, ok := strings.Cut(kind, "/"); ok {
		gk = schema.GroupKind{Group: group, Kind: name}
	}
	rule, ok := rules.Find(gk)
	switch {
	case !ok:
		return ""
	case rule.OpenLibs:
		return rule.Script + " with libraries"
	}
	return rule.Script
}

const everything = `
url: https://argocd.example.com
resource.customizations.health.argoproj.io_Application: application
resource.customizations.health.Pod: pod
resource.customizations.health.example.com_Open: open
resource.customizations.useOpenLibs.example.com_Open: "true"
resource.customizations.health.example.com_Closed: closed
resource.customizations.useOpenLibs.example.com_Closed: "false"
resource.customizations.health.example.com_Empty: ""
resource.customizations.health.example.com_Both: single
resource.customizations.useOpenLibs.example.com_Library: "true"
resource.customizations.actions.example.com_Acted: actions
resource.customizations.ignoreDifferences.all: "{jsonPointers: [/a]}"
resource.customizations: |
  example.com/Both: {health.lua: one}
  example.com/Legacy: {health.lua: legacy, health.lua.useOpenLibs: true, actions: more}
  example.com/Acted: {actions: more}
  "*.crossplane.io/*": {health.lua: crossplane}
  "*.aws.crossplane.io/*": {health.lua: aws}
  "*/Claim?": {health.lua: claim}
  Serv*: {health.lua: service}
`

func TestFind(t *testing.T) {
	rules, err := settings.Read(configMap(t, everything), settings.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"argoproj.io/Application":  "application",
		"Pod":                      "pod",
		"example.com/Pod":          "",
		"Application":              "",
		"example.com/Open":         "open with libraries",
		"example.com/Closed":       "closed",
		"example.com/Empty":        "",
		"example.com/Library":      "",
		"example.com/Acted":        "",
		"example.com/Both":         "single",
		"example.com/Legacy":       "legacy with libraries",
		"s3.crossplane.io/Bucket":  "crossplane",
		"a.aws.crossplane.io/B":    "aws",
		"crossplane.io/Bucket":     "",
		"x.example.com/Claim1":     "claim",
		"Claim1":                   "",
		"Service":                  "service",
		"ServiceAccount":           "service",
		"example.com/Service":      "",
		"s3.crossplane.io/Claim1s": "crossplane",
	} {
		if got := found(rules, kind); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
	rule, _ := rules.Find(schema.GroupKind{Group: "argoproj.io", Kind: "Application"})
	if want := "resource.customizations.health.argoproj.io_Application in ConfigMap argocd-cm"; rule.Origin != want || rule.Remedy == "" {
		t.Errorf("the origin is %q, want %q", rule.Origin, want)
	}
	rule, _ = rules.Find(schema.GroupKind{Group: "example.com", Kind: "Legacy"})
	if want := "the health rule for example.com/Legacy in resource.customizations in ConfigMap argocd-cm"; rule.Origin != want || rule.Remedy == "" {
		t.Errorf("the origin is %q, want %q", rule.Origin, want)
	}
}

func TestARuleForAllKinds(t *testing.T) {
	rules, err := settings.Read(configMap(t, `resource.customizations.health.all: every`), settings.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{"example.com/Widget": "every", "Pod": ""} {
		if got := found(rules, kind); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

// What is wrong is named, what is right is used, and what was known of the rest
// stays.
func TestWhatCannotBeRead(t *testing.T) {
	const before = `
resource.customizations.health.example.com_Widget: old
resource.customizations: "example.com/Gadget: {health.lua: old}"
`
	for name, test := range map[string]struct{ data, fails, widget, gadget string }{
		"nothing": {`{}`, "", "", ""},
		"no data": {`null`, "", "", ""},
		"a name of three parts": {
			`{resource.customizations.health.a_b_C: x, resource.customizations.health.example.com_Widget: new}`,
			"resource.customizations.health.a_b_C in ConfigMap argocd-cm: its end is not GROUP_KIND", "new", ""},
		"no name": {`{resource.customizations.health.: x}`, "its end is not", "", ""},
		"neither true nor false": {
			`{resource.customizations.health.example.com_Widget: new, resource.customizations.useOpenLibs.example.com_Widget: maybe}`,
			`resource.customizations.useOpenLibs.example.com_Widget in ConfigMap argocd-cm is "maybe", neither true nor false`, "new", ""},
		"no YAML": {
			`{resource.customizations: "{", resource.customizations.health.example.com_Widget: new}`,
			"resource.customizations in ConfigMap argocd-cm, of which the rules stay as they were", "new", "old"},
		"no mapping": {`{resource.customizations: "[1]"}`, "stay as they were", "", "old"},
		"an entry that is none": {
			`{resource.customizations: "{example.com/Gadget: 1, example.com/Widget: {health.lua: new}}"}`,
			`"example.com/Gadget" stays as it was: it is not a mapping`, "new", "old"},
		"a script that is none": {`{resource.customizations: "{example.com/Gadget: {health.lua: [x]}}"}`, "health.lua is not a text", "", "old"},
		"a choice that is none": {
			`{resource.customizations: "{example.com/Gadget: {health.lua: x, health.lua.useOpenLibs: maybe}}"}`,
			"health.lua.useOpenLibs is neither true nor false", "", "old"},
		"an entry that is empty": {`{resource.customizations: "{example.com/Gadget: }"}`, "", "", ""},
		"no pattern": {
			`{resource.customizations: "{'[a-': {health.lua: x}, example.com/Gadget: {health.lua: new}}"}`,
			"the health rule for [a- in resource.customizations", "", "new"},
		"no text":                {`{resource.customizations: 1}`, "argocd-cm", "old", "old"},
		"aliases without an end": {`{resource.customizations: "` + aliases() + `"}`, "stay as they were", "", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := settings.Read(configMap(t, before), settings.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			rules, err := settings.Read(configMap(t, test.data), known)
			if (test.fails == "") != (err == nil) || !strings.Contains(fmt.Sprint(err), test.fails) {
				t.Errorf("got %v, want %q", err, test.fails)
			}
			if got := found(rules, "example.com/Widget"); got != test.widget {
				t.Errorf("Widget: got %q, want %q", got, test.widget)
			}
			if got := found(rules, "example.com/Gadget"); got != test.gadget {
				t.Errorf("Gadget: got %q, want %q", got, test.gadget)
			}
		})
	}
}

// aliases is YAML that expands without an end, in one line of a text.
func aliases() string {
	var text strings.Builder
	text.WriteString("{a0: &a0 {health.lua: x}")
	for i := range 30 {
		fmt.Fprintf(&text, ", a%[1]d: &a%[1]d [%[2]s]", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	return text.String() + "}"
}
