package render

import (
	"os"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// environment substitutes the variables of the build environment, such as
// $ARGOCD_APP_NAME, where Argo CD does.
type environment func(name string) (string, bool)

// expand replaces $VAR and ${VAR}, and $$ by $. An unknown variable is empty.
func (e environment) expand(text string) string {
	return os.Expand(text, func(name string) string {
		if name == "$" {
			return "$"
		}
		value, _ := e(name)
		return value
	})
}

// helm substitutes in parameters and in paths of files.
func (e environment) helm(options tool.Helm, refs map[string]syncline.Tree) tool.Helm {
	path := func(text string) string { return e.path(text, refs) }
	options.ValueFiles = mapped(options.ValueFiles, path)
	options.Parameters = mapped(options.Parameters, func(p tool.HelmParameter) tool.HelmParameter {
		p.Value = e.expand(p.Value)
		return p
	})
	options.FileParameters = mapped(options.FileParameters, func(p tool.HelmFileParameter) tool.HelmFileParameter {
		p.Path = path(p.Path)
		return p
	})
	return options
}

// path substitutes in the path of a file. A first element that is not a variable
// names another source and stays, even when there is none, for the error.
func (e environment) path(text string, refs map[string]syncline.Tree) string {
	name, rest, ok := strings.Cut(strings.TrimPrefix(text, "$"), "/")
	if !ok || !strings.HasPrefix(text, "$") || refs[name] == nil && e.begins(text) {
		return e.expand(text)
	}
	return "$" + name + "/" + e.expand(rest)
}

// begins reports whether text begins with a variable of the environment.
func (e environment) begins(text string) bool {
	known, first := false, true
	os.Expand(text, func(name string) string {
		if first {
			_, known = e(name)
			first = false
		}
		return ""
	})
	return known
}

// kustomize substitutes in images, in common labels, and in common annotations
// where that is asked for.
func (e environment) kustomize(options tool.Kustomize) tool.Kustomize {
	options.Images = mapped(options.Images, e.expand)
	options.CommonLabels = e.values(options.CommonLabels)
	if options.AnnotationsEnvsubst {
		options.CommonAnnotations = e.values(options.CommonAnnotations)
	}
	return options
}

// jsonnet substitutes in the values of variables.
func (e environment) jsonnet(options tool.Jsonnet) tool.Jsonnet {
	variable := func(v tool.JsonnetVar) tool.JsonnetVar {
		v.Value = e.expand(v.Value)
		return v
	}
	options.ExtVars = mapped(options.ExtVars, variable)
	options.TLAs = mapped(options.TLAs, variable)
	return options
}

func (e environment) values(texts map[string]string) map[string]string {
	expanded := make(map[string]string, len(texts))
	for key, value := range texts {
		expanded[key] = e.expand(value)
	}
	return expanded
}

// mapped returns the results of change for each element, leaving the slice alone.
func mapped[T any](elements []T, change func(T) T) []T {
	changed := slices.Clone(elements)
	for i := range changed {
		changed[i] = change(changed[i])
	}
	return changed
}
