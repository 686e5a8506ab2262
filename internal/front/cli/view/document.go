package view

import (
	"reflect"

	"github.com/syncline-io/syncline"
)

// Document is a plan for programs to read. Keeps are left out.
func Document(plan syncline.Plan) map[string]any {
	changes := []any{}
	for _, change := range plan.Changes {
		if change.Action != syncline.Keep || change.Err != nil {
			changes = append(changes, changeDocument(change))
		}
	}
	return map[string]any{
		"app": plan.App.String(), "revisions": texts(plan.Revisions), "pruneDigest": string(plan.PruneDigest()),
		"differs": Differs(plan), "changes": changes,
	}
}

func changeDocument(change syncline.Change) map[string]any {
	f := fields{
		"kind": change.Ref.Kind, "name": change.Ref.Name, "role": string(change.Role),
		"action": string(change.Action), "phase": string(change.Phase), "wave": change.Wave,
	}
	f.set("group", change.Ref.Group)
	f.set("namespace", change.Ref.Namespace)
	f.set("version", change.Version)
	f.set("why", change.Why)
	if change.Err != nil {
		f["error"] = change.Err.Error()
	}
	var differences []any
	for _, field := range change.Fields {
		difference := fields{"path": field.Path}
		difference.set("live", field.Live)
		difference.set("desired", field.Desired)
		differences = append(differences, map[string]any(difference))
	}
	f.set("fields", differences)
	if ShowsWhole(change) {
		f["desired"] = change.Desired.Redacted()
	}
	return f
}

// fields is a JSON object that is being written.
type fields map[string]any

// set adds a field, unless the value is a zero value, or an empty list or map.
func (f fields) set(name string, value any) {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid() || v.IsZero():
	case (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0:
	default:
		f[name] = value
	}
}

// texts returns a list as decoded JSON has it.
func texts(list []string) []any {
	values := make([]any, 0, len(list))
	for _, text := range list {
		values = append(values, text)
	}
	return values
}
