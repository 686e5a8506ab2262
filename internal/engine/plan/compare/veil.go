package compare

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// veil stands for a value of a Secret that an expression may not see.
const veil = "***"

// removeUnseen removes from a Secret what an expression yields, which does not see its
// values: as an App is in sync or not by what it removes, it would tell them to
// whoever may write the expression.
func (e *Ignored) removeUnseen(ctx context.Context, expression string, secret map[string]any) (map[string]any, error) {
	left, err := e.remove(ctx, expression, veiled(secret))
	if err != nil {
		return nil, err
	}
	return unveiled(left, secret), nil
}

// veiled returns a copy of a Secret without its values.
func veiled(secret map[string]any) map[string]any {
	veiled := runtime.DeepCopyJSON(secret)
	for _, field := range []string{"data", "stringData"} {
		switch values := veiled[field].(type) {
		case nil:
		case map[string]any:
			for key := range values {
				values[key] = veil
			}
		default:
			veiled[field] = veil
		}
	}
	if _, applied, _ := unstructured.NestedFieldNoCopy(veiled, "metadata", "annotations", lastApplied); applied {
		_ = unstructured.SetNestedField(veiled, veil, "metadata", "annotations", lastApplied)
	}
	return veiled
}

// unveiled puts the values of a Secret back into what is left of it.
func unveiled(left, secret map[string]any) map[string]any {
	for _, field := range []string{"data", "stringData"} {
		values, isMap := left[field].(map[string]any)
		whole, _ := secret[field].(map[string]any)
		for key := range values {
			values[key] = whole[key]
		}
		if _, there := left[field]; there && !isMap {
			left[field] = secret[field]
		}
	}
	_, there, _ := unstructured.NestedFieldNoCopy(left, "metadata", "annotations", lastApplied)
	if text, _, _ := unstructured.NestedFieldNoCopy(secret, "metadata", "annotations", lastApplied); there {
		_ = unstructured.SetNestedField(left, text, "metadata", "annotations", lastApplied)
	}
	return left
}
