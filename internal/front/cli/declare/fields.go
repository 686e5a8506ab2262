package declare

import "reflect"

// Fields is a JSON object that is being written; what is empty can be left out.
type Fields map[string]any

// Set adds a field, unless the value is a zero value, or an empty list or map.
func (f Fields) Set(name string, value any) {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid() || v.IsZero():
	case (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0:
	default:
		f[name] = value
	}
}

// JSON returns the object as decoded JSON has it.
func (f Fields) JSON() map[string]any { return f }

// Texts returns a list as decoded JSON has it.
func Texts(list []string) []any {
	values := make([]any, 0, len(list))
	for _, text := range list {
		values = append(values, text)
	}
	return values
}

// textMap returns a map as decoded JSON has it.
func textMap(m map[string]string) map[string]any {
	values := make(map[string]any, len(m))
	for key, text := range m {
		values[key] = text
	}
	return values
}
