package plan

import (
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// controlled are the fields that the control plane writes by definition, so that
// a declared value is fought over and means nothing. Where it means something,
// the field goes only when it is empty: that asks for nothing, and somebody
// fills it in. Lists on the way are entered.
var controlled = map[string][]controlledField{
	"ClusterRole.rbac.authorization.k8s.io": {{path: []string{"rules"}, when: aggregated}},
	"Deployment.apps":                       {annotation("deployment.kubernetes.io/revision")},
	"Rollout.argoproj.io":                   {annotation("rollout.argoproj.io/revision")},
	"HorizontalPodAutoscaler.autoscaling": {
		annotation("autoscaling.alpha.kubernetes.io/conditions"), annotation("autoscaling.alpha.kubernetes.io/current-metrics"),
	},
	"Service": {
		{path: []string{"spec", "clusterIP"}, empty: true},
		{path: []string{"spec", "clusterIPs"}, empty: true},
		{path: []string{"spec", "healthCheckNodePort"}, empty: true},
		{path: []string{"spec", "ports", "nodePort"}, empty: true},
	},
	"PersistentVolumeClaim": {{path: []string{"spec", "volumeName"}, empty: true}},
	"Secret": {
		{path: []string{"data", "token"}, when: serviceAccountToken},
		{path: []string{"data", "ca.crt"}, when: serviceAccountToken},
		{path: []string{"data", "namespace"}, when: serviceAccountToken},
		{path: []string{"metadata", "annotations", "kubernetes.io/service-account.uid"}, when: serviceAccountToken},
	},
	"APIService.apiregistration.k8s.io": {{path: []string{"spec", "caBundle"}, empty: true}},
	"CustomResourceDefinition.apiextensions.k8s.io": {
		{path: []string{"spec", "conversion", "webhook", "clientConfig", "caBundle"}, empty: true},
	},
	"MutatingWebhookConfiguration.admissionregistration.k8s.io":   {webhookBundle},
	"ValidatingWebhookConfiguration.admissionregistration.k8s.io": {webhookBundle},
}

var webhookBundle = controlledField{path: []string{"webhooks", "clientConfig", "caBundle"}, empty: true}

// controlledField is a field of some objects of a kind.
type controlledField struct {
	path []string
	// empty leaves a value that is not empty to whoever declared it.
	empty bool
	// when says of which objects; nil means all.
	when func(syncline.Object) bool
}

func annotation(key string) controlledField {
	return controlledField{path: []string{"metadata", "annotations", key}}
}

// aggregated reports whether a ClusterRole gets its rules from others.
func aggregated(role syncline.Object) bool {
	rule, _ := role.Field("aggregationRule")
	return rule != nil
}

// serviceAccountToken reports whether a Secret is filled with a token.
func serviceAccountToken(secret syncline.Object) bool {
	kind, _ := secret.Field("type")
	return kind == "kubernetes.io/service-account-token"
}

// withoutControlled returns the object without what the control plane writes.
func withoutControlled(object syncline.Object) syncline.Object {
	var content map[string]any
	for _, field := range controlled[object.Ref().GroupKind().String()] {
		if field.when != nil && !field.when(object) {
			continue
		}
		if top, _ := object.Field(field.path[0]); !field.in(top, field.path[1:]) {
			continue
		}
		if content == nil {
			content = object.Reveal().Object
		}
		field.remove(content, field.path)
	}
	if content == nil {
		return object
	}
	rest, err := syncline.NewObject(content, object.Origin())
	if err != nil { // what makes it an object is no such field
		return object
	}
	return rest
}

// in reports whether the field, at a path below a value, is to go.
func (f controlledField) in(value any, path []string) bool {
	if list, ok := value.([]any); ok && len(path) > 0 {
		return slices.ContainsFunc(list, func(item any) bool { return f.in(item, path) })
	}
	if len(path) == 0 {
		return value != nil && (!f.empty || isNothing(value))
	}
	content, _ := value.(map[string]any)
	below, exists := content[path[0]]
	return exists && f.in(below, path[1:])
}

// remove removes the field at a path below a value.
func (f controlledField) remove(value any, path []string) {
	switch parent := value.(type) {
	case []any:
		for _, item := range parent {
			f.remove(item, path)
		}
	case map[string]any:
		below, exists := parent[path[0]]
		switch {
		case !exists:
		case len(path) > 1:
			f.remove(below, path[1:])
		case !f.empty || isNothing(below):
			delete(parent, path[0])
		}
	}
}

// isNothing reports whether a value asks for nothing. "Cg==", a line break, is
// what generators write for a certificate to come.
func isNothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == "" || v == "Cg=="
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
