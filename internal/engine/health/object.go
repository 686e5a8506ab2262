package health

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

// object is the content of a live object. Its methods read one field each; a
// field that is absent or of another type reads as zero.
type object map[string]any

func (o object) field(path ...string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	return value
}

func (o object) text(path ...string) string {
	text, _ := o.field(path...).(string)
	return text
}

func (o object) flag(path ...string) bool {
	flag, _ := o.field(path...).(bool)
	return flag
}

// number reads a whole number, and whether there is one.
func (o object) number(path ...string) (int64, bool) {
	switch n := o.field(path...).(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	}
	return 0, false
}

// count reads a whole number that is 0 when absent.
func (o object) count(path ...string) int64 {
	n, _ := o.number(path...)
	return n
}

// list reads a list of objects; entries that are none are left out.
func (o object) list(path ...string) []object {
	entries, _ := o.field(path...).([]any)
	objects := make([]object, 0, len(entries))
	for _, entry := range entries {
		if content, ok := entry.(map[string]any); ok {
			objects = append(objects, content)
		}
	}
	return objects
}

// texts reads a list of texts; entries that are none are left out.
func (o object) texts(path ...string) []string {
	entries, _ := o.field(path...).([]any)
	texts := make([]string, 0, len(entries))
	for _, entry := range entries {
		if text, ok := entry.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// condition returns the condition of that type, nil when there is none.
func (o object) condition(kind string) object {
	entries, _ := o.field("status", "conditions").([]any)
	for _, entry := range entries {
		if condition, ok := entry.(map[string]any); ok && condition["type"] == kind {
			return condition
		}
	}
	return nil
}

// is reports whether a condition, which may be nil, has that status.
func (o object) is(status string) bool { return o.text("status") == status }

// observed reports whether the controller has seen the object as it is now.
func (o object) observed() bool {
	return o.count("metadata", "generation") <= o.count("status", "observedGeneration")
}

// replicas is how many the spec asks for, 1 when it does not say.
func (o object) replicas() int64 {
	if n, ok := o.number("spec", "replicas"); ok {
		return n
	}
	return 1
}

func healthy(format string, args ...any) syncline.Health {
	return judged(syncline.Healthy, format, args)
}

func progressing(format string, args ...any) syncline.Health {
	return judged(syncline.Progressing, format, args)
}

func suspended(format string, args ...any) syncline.Health {
	return judged(syncline.Suspended, format, args)
}

func degraded(format string, args ...any) syncline.Health {
	return judged(syncline.Degraded, format, args)
}

func judged(status syncline.HealthStatus, format string, args []any) syncline.Health {
	if len(args) == 0 {
		return syncline.Health{Status: status, Message: format}
	}
	return syncline.Health{Status: status, Message: fmt.Sprintf(format, args...)}
}
