package convention

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/told"
)

// overrideFile begins the names of files that change how a source is rendered. Any App
// has the one that ends there, before its own.
const overrideFile = ".argocd-source"

// rendering is what Argo CD reads beside manifests, and the build environment.
func rendering() syncline.Rendering {
	return syncline.Rendering{
		Overrider: overrides{},
		Skip:      "+argocd:skip-file-rendering",
		Variables: variables{},
	}
}

// variables are those of the build environment.
type variables struct{}

// Fact returns what a variable is.
func (variables) Fact(name string) (syncline.Fact, bool) {
	switch name {
	case "ARGOCD_APP_NAME":
		return syncline.FactInstance, true
	case "ARGOCD_APP_NAMESPACE":
		return syncline.FactNamespace, true
	case "ARGOCD_APP_PROJECT_NAME":
		return syncline.FactProject, true
	case "ARGOCD_APP_REVISION":
		return syncline.FactRevision, true
	case "ARGOCD_APP_REVISION_SHORT":
		return syncline.FactRevision7, true
	case "ARGOCD_APP_REVISION_SHORT_8":
		return syncline.FactRevision8, true
	case "ARGOCD_APP_SOURCE_REPO_URL":
		return syncline.FactRepoURL, true
	case "ARGOCD_APP_SOURCE_PATH":
		return syncline.FactPath, true
	case "ARGOCD_APP_SOURCE_TARGET_REVISION":
		return syncline.FactTarget, true
	}
	return "", false
}

// overrides are .argocd-source.yaml and .argocd-source-INSTANCE.yaml, each a JSON merge
// patch (RFC 7386) of the options of the source's tool.
type overrides struct{}

// Files names the file for any App and that for this one.
func (overrides) Files(instance string) []string {
	return []string{overrideFile + ".yaml", overrideFile + "-" + instance + ".yaml"}
}

// IsFile reports whether the name begins so.
func (overrides) IsFile(name string) bool { return strings.HasPrefix(name, overrideFile) }

// errCount quotes nothing of what was found.
var errCount = errors.New("kustomize.replicas: a count is not a number")

// options are the part of a source that a file may change.
type options struct {
	Helm      *v1alpha1.ApplicationSourceHelm      `json:"helm,omitempty"`
	Kustomize *v1alpha1.ApplicationSourceKustomize `json:"kustomize,omitempty"`
	Directory *v1alpha1.ApplicationSourceDirectory `json:"directory,omitempty"`
	Plugin    *v1alpha1.ApplicationSourcePlugin    `json:"plugin,omitempty"`
}

// Override merges the content into the options of the source. They change how it is
// rendered, not what: repository, path, chart and revision stay.
func (overrides) Override(source syncline.Source, content map[string]any) (syncline.Source, error) {
	written := FromSource(source)
	base, err := asMap(options{written.Helm, written.Kustomize, written.Directory, written.Plugin})
	if err != nil {
		return source, quotingNothing(err)
	}
	patched := mergePatch(base, content)
	text, err := json.Marshal(patched)
	if err != nil {
		return source, quotingNothing(err)
	}
	var merged options
	if err := json.Unmarshal(text, &merged); err != nil {
		return source, quotingNothing(err)
	}
	if err := merged.check(); err != nil {
		return source, err
	}
	if hasNullCount(patched) {
		return source, errCount
	}
	changed := ToSource(v1alpha1.ApplicationSource{Helm: merged.Helm, Kustomize: merged.Kustomize, Directory: merged.Directory, Plugin: merged.Plugin})
	source.Helm, source.Kustomize, source.Directory, source.Plugin = changed.Helm, changed.Kustomize, changed.Directory, changed.Plugin
	return source, nil
}

// check finds what the types of the fields let pass, and the definition of Applications
// does not.
func (o options) check() error {
	if h := o.Helm; h != nil && h.ValuesObject != nil && !strings.HasPrefix(string(h.ValuesObject.Raw), "{") {
		return errors.New("helm.valuesObject: it is not an object")
	}
	if err := errors.Join(CheckPlugin(o.Plugin), CheckDirectory(o.Directory)); err != nil || o.Kustomize == nil {
		return err
	}
	for _, replica := range o.Kustomize.Replicas {
		if _, err := ReplicaCount(replica); err != nil {
			return errCount
		}
	}
	return nil
}

// hasNullCount reports whether a count is null, which would be read as 0.
func hasNullCount(patched any) bool {
	source, _ := patched.(map[string]any)
	kustomize, _ := source["kustomize"].(map[string]any)
	replicas, _ := kustomize["replicas"].([]any)
	return slices.ContainsFunc(replicas, func(replica any) bool {
		fields, _ := replica.(map[string]any)
		count, given := fields["count"]
		return given && count == nil
	})
}

// quotingNothing says which field has a value of the wrong type, and not the value.
func quotingNothing(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what, _, _ := strings.Cut(wrong.Value, " ") // the number itself may follow
		return fmt.Errorf("%s: a %s where a %s is expected", wrong.Field, what, wrong.Type)
	}
	return new(told.Known).Tell(err.Error())
}

func asMap(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	err = json.Unmarshal(text, &object)
	return object, err
}

// mergePatch merges a JSON merge patch (RFC 7386) into target.
func mergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for key, value := range changes {
		if value == nil {
			delete(object, key)
			continue
		}
		object[key] = mergePatch(object[key], value)
	}
	return object
}
