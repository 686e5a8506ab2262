package syncline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// TestNearlySecrets wants what may be meant to be a Secret to be redacted like one,
// wherever it is printed.
func TestNearlySecrets(t *testing.T) {
	for name, text := range map[string]string{
		"secret":        "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {p: canary}}",
		"lower case":    "{apiVersion: v1, kind: secret, metadata: {name: a}, stringData: {p: canary}}",
		"capitals":      "{apiVersion: v1, kind: SECRET, metadata: {name: a}, stringData: {p: canary}}",
		"plural":        "{apiVersion: v1, kind: Secrets, metadata: {name: a}, stringData: {p: canary}}",
		"odd version":   "{apiVersion: core/v1, kind: Secret, metadata: {name: a}, stringData: {p: canary}}",
		"odd field":     "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringdata: {p: canary}, string_data: {q: canary}}",
		"a text":        "{apiVersion: v1, kind: secret, metadata: {name: a}, data: canary}",
		"a list":        "{apiVersion: v1, kind: secretlist, metadata: {name: a}, items: [{data: {p: canary}}]}",
		"in a list":     "{apiVersion: v1, kind: list, metadata: {name: a}, items: [{kind: Secret, data: {p: canary}}]}",
		"lists in one":  "{apiVersion: v1, kind: list, metadata: {name: a}, items: [{kind: list, items: [{kind: secret, data: {p: canary}}]}]}",
		"a key":         "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {'p=canary': '', 'canary x': b}}",
		"another group": "{apiVersion: example.com/v1, kind: TeamSecret, metadata: {name: a}, data: {p: canary}}",
	} {
		t.Run(name, func(t *testing.T) {
			var content map[string]any
			if err := yaml.Unmarshal([]byte(text), &content); err != nil {
				t.Fatal(err)
			}
			object, err := syncline.NewObject(content, "")
			if err != nil {
				t.Fatal(err)
			}
			shown, err := json.Marshal(object)
			if err != nil || strings.Contains(string(shown), "canary") || !object.Sensitive() {
				t.Errorf("it shows %s, %v", shown, err)
			}
			field, _ := object.Field("data")
			if text, _ := json.Marshal(field); strings.Contains(string(text), "canary") {
				t.Errorf("the field shows %s", text)
			}
		})
	}
	for _, text := range []string{
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {p: open}}",
		"{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: a}, spec: {data: [open]}}",
	} {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(text), &content); err != nil {
			t.Fatal(err)
		}
		object, err := syncline.NewObject(content, "")
		if shown, _ := json.Marshal(object); err != nil || object.Sensitive() || !strings.Contains(string(shown), "open") {
			t.Errorf("it shows %s, %v", shown, err)
		}
	}
}
