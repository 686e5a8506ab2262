package plan

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// differences lists where two contents of one object differ, with the values of
// a Secret masked, leaving out what the API server sets and what the rules
// ignore. It changes both contents.
func differences(ctx context.Context, live, desired map[string]any, rules ignoreRules, sensitive bool) ([]syncline.Field, error) {
	live, err := rules.strip(ctx, withoutServerFields(live))
	if err != nil {
		return nil, err
	}
	desired, err = rules.strip(ctx, withoutServerFields(desired))
	if err != nil {
		return nil, err
	}
	withoutEmptyMetadata(live, desired)
	if sensitive {
		sealed.Mask(live, desired)
	}
	var fields []syncline.Field
	walk("", live, desired, &fields)
	return fields, nil
}

// withoutServerFields removes what the API server sets and what is never
// compared.
func withoutServerFields(object map[string]any) map[string]any {
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(object, "metadata", field)
	}
	unstructured.RemoveNestedField(object, "metadata", "annotations", lastApplied)
	delete(object, "status")
	return object
}

// withoutEmptyMetadata removes maps that are empty on both sides, as stripping
// leaves them: to have none is the same.
func withoutEmptyMetadata(live, desired map[string]any) {
	a, _ := live["metadata"].(map[string]any)
	b, _ := desired["metadata"].(map[string]any)
	for _, field := range []string{"annotations", "labels"} {
		if isEmpty(a[field]) && isEmpty(b[field]) {
			delete(a, field)
			delete(b, field)
		}
	}
}

func isEmpty(value any) bool {
	entries, isMap := value.(map[string]any)
	return value == nil || isMap && len(entries) == 0
}

// walk appends the differences below path. Maps are compared key by key, and
// lists of named elements name by name, so that an inserted container is one
// difference and not one for each that follows it.
func walk(path string, live, desired any, fields *[]syncline.Field) {
	if reflect.DeepEqual(live, desired) {
		return
	}
	liveMap, ok1 := live.(map[string]any)
	desiredMap, ok2 := desired.(map[string]any)
	if ok1 && ok2 {
		for _, key := range keysOf(liveMap, desiredMap) {
			walk(path+step(key), liveMap[key], desiredMap[key], fields)
		}
		return
	}
	liveList, ok1 := live.([]any)
	desiredList, ok2 := desired.([]any)
	if ok1 && ok2 {
		walkLists(path, liveList, desiredList, fields)
		return
	}
	*fields = append(*fields, field(path, live, desired))
}

func field(path string, live, desired any) syncline.Field {
	return syncline.Field{Path: strings.TrimPrefix(path, "."), Live: live, Desired: desired}
}

func walkLists(path string, live, desired []any, fields *[]syncline.Field) {
	liveByName, ok1 := byName(live)
	desiredByName, ok2 := byName(desired)
	if ok1 && ok2 {
		before := len(*fields)
		for _, name := range keysOf(liveByName, desiredByName) {
			walk(fmt.Sprintf("%s[name=%s]", path, name), liveByName[name], desiredByName[name], fields)
		}
		if len(*fields) == before { // the same elements in another order
			*fields = append(*fields, field(path, live, desired))
		}
		return
	}
	for i := range max(len(live), len(desired)) {
		walk(fmt.Sprintf("%s[%d]", path, i), at(live, i), at(desired, i), fields)
	}
}

// byName indexes a list whose elements all have a name of their own.
func byName(list []any) (map[string]any, bool) {
	named := map[string]any{}
	for _, element := range list {
		fields, _ := element.(map[string]any)
		name, ok := fields["name"].(string)
		if _, repeated := named[name]; !ok || repeated {
			return nil, false
		}
		named[name] = element
	}
	return named, true
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func keysOf(a, b map[string]any) []string {
	keys := make([]string, 0, len(a)+len(b))
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// step is the piece of path that leads to a key: ".key", or the key in brackets
// when it is not a plain word.
func step(key string) string {
	if strings.ContainsAny(key, "./[]") {
		return fmt.Sprintf("[%q]", key)
	}
	return "." + key
}
