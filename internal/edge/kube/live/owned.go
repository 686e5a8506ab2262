package live

import (
	"encoding/json"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/managed"
)

// ownedDigest returns the digest of the fields that manager applied, as they
// are now, in the form of [syncline.Object.Digest]; "" when it applied none, or
// applied them in another version than the object is seen in.
//
// It equals the digest of the object that was applied, as long as the API
// server stores its values as they were written. It does not where the server
// rewrites them (cpu "1000m" becomes "1"), leaves out zero values (hostNetwork:
// false) or fills in lists that are owned as one (a limit range): then only a
// dry-run can tell. testdata/rewritten.yaml shows each way.
func ownedDigest(u *unstructured.Unstructured, manager string) syncline.Digest {
	fields := appliedFields(u, manager)
	if fields == nil {
		return ""
	}
	body, _ := withoutFills(u.GetKind(), extract(u.Object, fields)).(map[string]any)
	delete(body, "status")
	return syncline.DigestOfFields(body)
}

// maxBeside is how many Apps are known that want something of one namespace. What
// others want is compared whenever somebody asks.
const maxBeside = 64

// ownedBeside returns the digests of the fields that Apps applied to a namespace
// beside its manifest, by manager.
func ownedBeside(u *unstructured.Unstructured) map[string]syncline.Digest {
	if u.GetKind() != "Namespace" || u.GetAPIVersion() != "v1" {
		return nil
	}
	var beside map[string]syncline.Digest
	for _, entry := range managed.Entries(u) {
		manager, _ := entry["manager"].(string)
		if !strings.HasPrefix(manager, fieldmanager.Namespaces) || len(beside) == maxBeside {
			continue
		}
		if digest := ownedDigest(u, manager); digest != "" {
			beside = with(beside, strings.Clone(manager), digest)
		}
	}
	return beside
}

func with(digests map[string]syncline.Digest, manager string, digest syncline.Digest) map[string]syncline.Digest {
	if digests == nil {
		digests = map[string]syncline.Digest{}
	}
	digests[manager] = digest
	return digests
}

// appliedFields returns the fields that manager applied in the version in which
// the object is seen, in the form of managedFields: "f:spec": {"f:replicas": {}}.
func appliedFields(u *unstructured.Unstructured, manager string) map[string]any {
	for _, entry := range managed.Entries(u) {
		if entry["manager"] == manager && entry["operation"] == string(metav1.ManagedFieldsOperationApply) &&
			entry["subresource"] == nil && entry["apiVersion"] == u.GetAPIVersion() {
			fields, _ := entry["fieldsV1"].(map[string]any)
			return fields
		}
	}
	return nil
}

// extract returns the part of value that the fields name. A field that names
// nothing below it stands for its whole value: a scalar, or a map or list that
// is owned as one. One that is not there was applied empty, as in "data: {}",
// which the API server does not keep.
func extract(value any, fields map[string]any) any {
	if isLeaf(fields) {
		if value == nil {
			return map[string]any{}
		}
		return value
	}
	switch value := value.(type) {
	case []any:
		return extractItems(value, fields)
	case map[string]any:
		return extractMap(value, fields)
	case nil:
		return extractMap(nil, fields)
	default:
		return value
	}
}

func isLeaf(fields map[string]any) bool {
	_, itself := fields["."]
	return len(fields) == 0 || len(fields) == 1 && itself
}

func extractMap(value, fields map[string]any) map[string]any {
	part := make(map[string]any, len(fields))
	for field, below := range fields {
		if name, ok := strings.CutPrefix(field, "f:"); ok {
			below, _ := below.(map[string]any)
			part[name] = extract(value[name], below)
		}
	}
	return part
}

// extractItems returns the owned part of each owned item, in the order in which
// the items are live. That is the order in which they were applied.
func extractItems(items []any, fields map[string]any) []any {
	owners := newItemOwners(fields)
	part := []any{}
	for index, item := range items {
		if below, ok := owners.of(index, item); ok {
			part = append(part, extract(item, below))
		}
	}
	return part
}

// itemOwners finds the fields of a list's items. Items are named by some of
// their own fields ("k:"), by their value ("v:") or by their place ("i:").
type itemOwners struct {
	// keys are the names of the fields that identify an item.
	keys []string
	// byText holds the fields by the JSON of the identifying fields or the value.
	byText  map[string]map[string]any
	byIndex map[int]map[string]any
}

func newItemOwners(fields map[string]any) itemOwners {
	owners := itemOwners{byText: map[string]map[string]any{}, byIndex: map[int]map[string]any{}}
	for field, below := range fields {
		below, _ := below.(map[string]any)
		kind, text, _ := strings.Cut(field, ":")
		switch kind {
		case "k":
			var key map[string]any
			if json.Unmarshal([]byte(text), &key) != nil {
				continue
			}
			if owners.keys == nil {
				for name := range key {
					owners.keys = append(owners.keys, name)
				}
			}
			owners.byText[canonical(key)] = below
		case "v":
			var value any
			if json.Unmarshal([]byte(text), &value) == nil {
				owners.byText[canonical(value)] = below
			}
		case "i":
			if index, err := strconv.Atoi(text); err == nil {
				owners.byIndex[index] = below
			}
		}
	}
	return owners
}

// of returns the fields of an item, if it is owned.
func (o itemOwners) of(index int, item any) (map[string]any, bool) {
	if below, ok := o.byIndex[index]; ok {
		return below, true
	}
	if o.keys == nil {
		below, ok := o.byText[canonical(item)]
		return below, ok
	}
	content, _ := item.(map[string]any)
	key := make(map[string]any, len(o.keys))
	for _, name := range o.keys {
		if value, ok := content[name]; ok {
			key[name] = value
		}
	}
	below, ok := o.byText[canonical(key)]
	return below, ok
}

// canonical is the JSON of a value, which does not depend on the order of map
// keys.
func canonical(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // content came from a JSON parser
		return ""
	}
	return string(text)
}
