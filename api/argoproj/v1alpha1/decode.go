package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// FieldError is a field of a resource that cannot be read.
type FieldError struct {
	// Path is the field's, such as "spec.source.path". Indexes of lists are
	// left out.
	Path string
	// Problem says what is wrong and what the field has to be.
	Problem string
}

// Error returns the path and the problem.
func (e *FieldError) Error() string { return e.Path + " " + e.Problem }

// Within reports whether the field is in the given top-level one, or is it.
func (e *FieldError) Within(section string) bool {
	return e.Path == section || strings.HasPrefix(e.Path, section+".")
}

// DecodeApplication reads an Application leniently: a field that cannot be read
// is left empty and yields a [FieldError], and all others are read. The
// Application is never nil; the errors are in the order of their paths. Fields
// that the type does not have are passed over.
func DecodeApplication(u *unstructured.Unstructured) (*Application, []*FieldError) {
	app := &Application{}
	problems := decodeSections(u.Object, map[string]any{
		"apiVersion": &app.APIVersion,
		"kind":       &app.Kind,
		"metadata":   &app.ObjectMeta,
		"spec":       &app.Spec,
		"operation":  &app.Operation,
		"status":     &app.Status,
	})
	return app, problems
}

// DecodeAppProject reads an AppProject as [DecodeApplication] reads an
// Application.
func DecodeAppProject(u *unstructured.Unstructured) (*AppProject, []*FieldError) {
	project := &AppProject{}
	problems := decodeSections(u.Object, map[string]any{
		"apiVersion": &project.APIVersion,
		"kind":       &project.Kind,
		"metadata":   &project.ObjectMeta,
		"spec":       &project.Spec,
		"status":     &project.Status,
	})
	return project, problems
}

// Verbatim is the top-level field that [DecodeApplication] also reads where it is its JSON, a
// [json.RawMessage]: the maps of a status that lists thousands of objects take many times as
// much memory.
const Verbatim = "status"

// decodeSections decodes each top-level field into its target.
func decodeSections(content map[string]any, targets map[string]any) []*FieldError {
	var problems []*FieldError
	for _, section := range slices.Sorted(maps.Keys(targets)) {
		value, ok := content[section]
		if !ok {
			continue
		}
		problems = append(problems, decodeSection(section, value, targets[section])...)
	}
	return problems
}

// decodeSection decodes one top-level field. When that fails it goes on field by
// field, so that one bad field hides no other.
func decodeSection(section string, value, target any) []*FieldError {
	err := decodeValue(value, target)
	if err == nil {
		return nil
	}
	if text, ok := value.(json.RawMessage); ok && kjson.Unmarshal(text, &value) != nil {
		return []*FieldError{fieldError(section, err)}
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return []*FieldError{fieldError(section, err)}
	}
	var problems []*FieldError
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := decodeValue(map[string]any{name: fields[name]}, target); err != nil {
			problems = append(problems, fieldError(section, named(name, err)))
		}
	}
	return problems
}

func decodeValue(value, target any) error {
	if text, ok := value.(json.RawMessage); ok {
		return kjson.Unmarshal(text, target)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return kjson.Unmarshal(text, target)
}

// named puts the field's name on an error that does not say where it happened.
func named(name string, err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return err
	}
	return &FieldError{Path: name, Problem: "cannot be read: " + err.Error()}
}

func fieldError(section string, err error) *FieldError {
	var mismatch *json.UnmarshalTypeError
	var field *FieldError
	switch {
	case errors.As(err, &field):
		return &FieldError{Path: section + "." + field.Path, Problem: field.Problem}
	case errors.As(err, &mismatch):
		path := section
		if mismatch.Field != "" {
			path += "." + mismatch.Field
		}
		return &FieldError{Path: path, Problem: fmt.Sprintf("is %s: it has to be %s", a(mismatch.Value), describe(mismatch.Type))}
	}
	return &FieldError{Path: section, Problem: "cannot be read: " + err.Error()}
}

// a puts an article before the JSON type that a decoder found. A number comes
// with its text.
func a(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	switch kind {
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

// describe says in words what JSON a Go type takes.
func describe(t reflect.Type) string {
	if t == reflect.TypeFor[runtime.RawExtension]() {
		return "an object"
	}
	switch t.Kind() {
	case reflect.String:
		return "a text; put it in quotes"
	case reflect.Bool:
		return "true or false, without quotes"
	case reflect.Int32, reflect.Int64:
		return "a whole number, without quotes"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}
