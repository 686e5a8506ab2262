package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// applyOverrides lets the files of the source's folder change how it is rendered, as
// far as its dialect has any that do.
func applyOverrides(job Job, overrider syncline.Overrider, files syncline.Tree) (syncline.Source, error) {
	source := job.Source
	for _, name := range overridesOf(job, overrider) {
		file := path.Join(source.Path, name)
		text, err := files.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return source, fmt.Errorf("read overrides: %w", err)
		}
		if source, err = override(source, overrider, syncline.Manifest{Origin: file, Text: text}); err != nil {
			return source, err
		}
	}
	return source, nil
}

// overridesOf names the files that override the source.
func overridesOf(job Job, overrider syncline.Overrider) []string {
	if overrider == nil {
		return nil
	}
	return overrider.Files(job.Instance)
}

// override lets one file change the source; an empty one changes nothing.
func override(source syncline.Source, overrider syncline.Overrider, file syncline.Manifest) (syncline.Source, error) {
	var decoder decode.Decoder
	documents, err := decoder.Decode(file)
	if err != nil || len(documents) == 0 {
		return source, err
	}
	if len(documents) > 1 {
		return source, syncline.Errorf(syncline.Invalid, "%s: several documents where one is expected", file.Origin)
	}
	changed, err := overrider.Override(source, documents[0].Content)
	if err != nil {
		return source, syncline.Errorf(syncline.Invalid, "%s: %w", file.Origin, err)
	}
	return changed, nil
}
