package plan

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
)

// formerManager is under which Argo CD wrote before it named its field manager.
const formerManager = "argocd-application-controller"

// isUnowned reports whether declared fields of a live object are not ours as they
// should be, as after a restore from a backup or when its managedFields were lost. It
// has to be applied then even if it is as declared: what leaves the source later
// would neither be removed nor pruned.
func isUnowned(in inquiry, current, applied syncline.Object) bool {
	c, content := in.change, current.Reveal().Object
	wanted, version := appliedEntry(applied.Reveal().Object, c.Desired.Manager())
	if isAnybodys(content, wanted, version) {
		return true
	}
	switch {
	case c.Role == syncline.RoleNamespace:
		return appliedBy(content, c.Desired.Manager()) == nil
	case c.Desired.Annotation(syncline.AnnotationTracking) != "":
		return !in.live.Made && current.Annotation(syncline.AnnotationTracking) == c.Desired.Annotation(syncline.AnnotationTracking)
	}
	return appliedBy(content, syncline.FieldManager, clientSideManager, formerManager) == nil
}

// appliedEntry returns what a manager applied of an object, in which version.
func appliedEntry(content map[string]any, manager string) (fields map[string]any, version any) {
	for _, entry := range managersOf(content) {
		if entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			fields, _ = entry["fieldsV1"].(map[string]any)
			return fields, entry["apiVersion"]
		}
	}
	return nil, nil
}

// isAnybodys reports whether nobody owns some of the fields that are live in an
// object. What somebody else took over is theirs, and what is not there was removed.
// Fields in another version are not compared.
func isAnybodys(content, fields map[string]any, version any) bool {
	var owned map[string]any
	for _, entry := range managersOf(content) {
		if entry["apiVersion"] != version && entry["subresource"] == nil {
			return false
		}
		of, _ := entry["fieldsV1"].(map[string]any)
		owned = together(owned, of)
	}
	part, _ := ownPart(content, fields).(map[string]any)
	return holdsValue(mapWithoutFields(part, owned))
}

// holdsValue reports whether there is anything in a value but empty maps and lists.
func holdsValue(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range v {
			if holdsValue(below) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, holdsValue)
	}
	return value != nil
}

// adopting adds to what was found of an object that its declared fields become ours.
// Where nothing else counts it is written for that, and what is ignored with it. A
// replacement does not make them ours: it comes first.
func adopting(ctx context.Context, in inquiry, current, applied syncline.Object, found answer) (answer, error) {
	differs := len(found.fields) > 0
	if differs && in.change.Options.Has("Replace=true") || !isUnowned(in, current, applied) {
		return found, nil
	}
	found.adopt = true
	if differs {
		return found, nil
	}
	fields, err := changed(ctx, in, current, applied, ignoreRules{})
	found.fields = append(fields, syncline.Field{Path: "metadata.managedFields", Desired: in.change.Desired.Manager()})
	return found, err
}
