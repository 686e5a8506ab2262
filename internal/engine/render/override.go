package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// applyOverrides merges .argocd-source.yaml and .argocd-source-INSTANCE.yaml of
// the source's folder into the source, in this order. They change how it is
// rendered, not what: repository, path, chart and revision stay.
func applyOverrides(job Job, files syncline.Tree) (syncline.Source, error) {
	source := job.Source
	for _, name := range overridesOf(job) {
		file := path.Join(source.Path, name)
		text, err := files.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return source, fmt.Errorf("read overrides: %w", err)
		}
		if source, err = override(source, syncline.Manifest{Origin: file, Text: text}); err != nil {
			return source, err
		}
	}
	return source, nil
}

// overridesOf names the files that override the source.
func overridesOf(job Job) []string {
	return []string{".argocd-source.yaml", ".argocd-source-" + job.Instance + ".yaml"}
}

// override merges one file into the source.
func override(source syncline.Source, file syncline.Manifest) (syncline.Source, error) {
	var decoder decode.Decoder
	patches, err := decoder.Decode(file)
	if err != nil || len(patches) == 0 {
		return source, err
	}
	if len(patches) > 1 {
		return source, syncline.Errorf(syncline.Invalid, "%s: several documents where one is expected", file.Origin)
	}
	if _, ok := patches[0].Content["plugin"]; ok {
		return source, syncline.Errorf(syncline.Invalid, "%s: plugin: config management plugins are not supported", file.Origin)
	}
	base, err := asMap(toArgo(source))
	if err != nil {
		return source, err
	}
	text, err := json.Marshal(mergePatch(base, patches[0].Content))
	if err != nil {
		return source, err
	}
	var merged argoSource
	if err := json.Unmarshal(text, &merged); err != nil {
		return source, syncline.Errorf(syncline.Invalid, "%s: %w", file.Origin, wrongType(err))
	}
	return merged.over(source)
}

// wrongType says which field has a value of the wrong type.
func wrongType(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what, _, _ := strings.Cut(wrong.Value, " ") // the number itself may follow
		return fmt.Errorf("%s: a %s where a %s is expected", wrong.Field, what, wrong.Type)
	}
	if errors.Is(err, errCount) {
		return err
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
