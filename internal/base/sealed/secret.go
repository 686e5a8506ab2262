package sealed

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Within reports whether values of an object are secret: it is a Secret, or
// something that may be meant to be one, or holds one.
func Within(content map[string]any) bool { return len(secretParts(content)) > 0 }

// secretParts returns the mappings at and in an object whose data is secret.
func secretParts(content map[string]any) []map[string]any {
	var parts []map[string]any
	kind, _ := content["kind"].(string)
	secret := namesSecret(kind)
	if secret && (kind == "Secret" || len(secretFields(content)) > 0) {
		parts = append(parts, content)
	}
	items, _ := content["items"].([]any)
	for _, item := range items {
		below, ok := item.(map[string]any)
		if !ok {
			continue
		}
		if secret {
			parts = append(parts, below)
		} else {
			parts = append(parts, secretParts(below)...)
		}
	}
	return parts
}

// namesSecret reports whether a kind has the word in it, however it is written.
func namesSecret(kind string) bool {
	const word = "secret"
	for i := 0; i+len(word) <= len(kind); i++ {
		if strings.EqualFold(kind[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// secretFields returns the names of the fields that hold secret values, however
// they are written.
func secretFields(content map[string]any) []string {
	var fields []string
	for field := range content {
		switch strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(field)) {
		case "data", "stringdata", "binarydata":
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return fields
}

// lastApplied is where kubectl keeps what it applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Mask replaces the secret values in the given contents of Secrets, in place. A
// value that is equal in two of them gets the same mask in both, so that masked
// contents differ exactly where the real ones do.
func Mask(contents ...map[string]any) {
	masks := map[string]string{}
	for _, content := range contents {
		parts := secretParts(content)
		if len(parts) == 0 { // whoever calls knows that it is one
			parts = []map[string]any{content}
		}
		for _, part := range parts {
			maskPart(part, masks)
		}
	}
}

// maskPart masks one mapping with data.
func maskPart(content map[string]any, masks map[string]string) {
	for _, field := range secretFields(content) {
		switch values := content[field].(type) {
		case map[string]any:
			maskValues(values, masks)
		case nil:
		default:
			content[field] = mask
		}
	}
	unstructured.RemoveNestedField(content, "metadata", "annotations", lastApplied)
}

func maskValues(values map[string]any, masks map[string]string) {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value := maskOf(fmt.Sprint(values[key]), masks)
		if ShownKey(key) != key {
			delete(values, key)
			key = maskOf(key, masks)
		}
		values[key] = value
	}
}

// maskOf returns the mask of a secret text, the same one for the same text.
func maskOf(secret string, masks map[string]string) string {
	if _, known := masks[secret]; !known {
		masks[secret] = strings.Repeat("+", 8+len(masks))
	}
	return masks[secret]
}

// maxDataKey is how long a key of a Secret is at most.
const maxDataKey = 253

// ShownKey returns a key of a Secret's data as it may be shown. One that the API
// server takes is a name, like that of a file, and Argo CD shows it too. Any other may
// be a value that became a key by a slip, and is a mask.
func ShownKey(key string) string {
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return mask
		}
	}
	if len(key) > maxDataKey {
		return mask
	}
	return key
}

// FoldTexts moves the texts of a Secret's stringData into its data, base64-encoded, as the
// API server does. What is no text stays, for the API server to refuse.
func FoldTexts(content map[string]any) {
	texts, ok := content["stringData"].(map[string]any)
	if !ok {
		return
	}
	old, _ := content["data"].(map[string]any)
	data := maps.Clone(old)
	if data == nil {
		data = map[string]any{}
	}
	rest := map[string]any{}
	for key, value := range texts {
		if text, ok := value.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(text))
		} else {
			rest[key] = value
		}
	}
	content["data"] = data
	delete(content, "stringData")
	if len(rest) > 0 {
		content["stringData"] = rest
	}
}
