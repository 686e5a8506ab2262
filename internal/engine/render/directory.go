package render

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// skipMarker in a file leaves it out, as in Argo CD.
const skipMarker = "+argocd:skip-file-rendering"

// directory renders a folder of plain manifests and jsonnet.
type directory struct {
	files   syncline.Tree
	folder  string
	options syncline.Directory
	jsonnet Jsonnet
	// only are the paths of the files to render; empty means all.
	only []string
}

// build renders all files that count, in the order of their paths. What jsonnet
// makes may depend on any file.
func (d directory) build(ctx context.Context) (Output, error) {
	paths, err := d.paths(ctx)
	if err != nil {
		return Output{}, err
	}
	output := Output{Apart: !slices.ContainsFunc(paths, isJsonnet)}
	var decoder decode.Decoder
	for some := range slices.Chunk(paths, readAtOnce) {
		found, err := d.read(ctx, some, &decoder)
		if err != nil {
			return Output{}, err
		}
		output.Documents = append(output.Documents, found...)
	}
	output.Bytes = decoder.Bytes()
	return output, nil
}

// paths returns the paths of the files that count.
func (d directory) paths(ctx context.Context) ([]string, error) {
	if len(d.only) > 0 {
		return d.only, nil
	}
	wanted, err := newFilter(d.options)
	if err != nil {
		return nil, err
	}
	names, err := d.walk(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range names {
		if wanted.matches(name) {
			paths = append(paths, path.Join(d.folder, name))
		}
	}
	return paths, nil
}

func isJsonnet(name string) bool { return path.Ext(name) == ".jsonnet" }

// readAtOnce is how many files are held at once.
const readAtOnce = 250

// read returns the documents of some files.
func (d directory) read(ctx context.Context, paths []string, decoder *decode.Decoder) ([]decode.Document, error) {
	var documents []decode.Document
	for i, read := range syncline.ReadFiles(d.files, paths) {
		if errors.Is(read.Err, fs.ErrNotExist) { // a link that leads nowhere
			continue
		}
		if read.Err != nil {
			return nil, read.Err
		}
		found, err := d.decode(ctx, syncline.Manifest{Origin: paths[i], Text: read.Data}, decoder)
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	return documents, ctx.Err()
}

// The bounds of a walk, which links to folders above themselves make endless.
const (
	maxFolders = 64
	maxFiles   = 100_000
)

// walk returns the paths below the folder of files that are manifests by their
// names, sorted.
func (d directory) walk(ctx context.Context, below string, depth int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	folder := path.Join(d.folder, below)
	if depth > maxFolders {
		return nil, syncline.Errorf(syncline.Invalid, "%s: folders nest deeper than %d", folder, maxFolders)
	}
	entries, err := d.files.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := path.Join(below, entry.Name)
		switch {
		case entry.Type == syncline.EntryDir && d.options.Recurse:
			deeper, err := d.walk(ctx, name, depth+1)
			if err != nil {
				return nil, err
			}
			names = append(names, deeper...)
		case (entry.Type == syncline.EntryFile || entry.Type == syncline.EntryLink) && isManifestName(entry.Name):
			names = append(names, name)
		}
		if len(names) > maxFiles {
			return nil, syncline.Errorf(syncline.Invalid, "%s: more than %d manifests", folder, maxFiles)
		}
	}
	return names, nil
}

func isManifestName(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json", ".jsonnet":
		return !strings.HasPrefix(name, ".argocd-source")
	}
	return false
}

// decode returns the documents of one file.
func (d directory) decode(ctx context.Context, manifest syncline.Manifest, decoder *decode.Decoder) ([]decode.Document, error) {
	if bytes.Contains(manifest.Text, []byte(skipMarker)) {
		return nil, nil
	}
	if isJsonnet(manifest.Origin) {
		text, err := d.jsonnet.Evaluate(ctx, d.files, d.folder, manifest.Origin, d.options.Jsonnet)
		if err != nil {
			return nil, err
		}
		return decoder.Decode(syncline.Manifest{Origin: manifest.Origin, Text: asList(text)})
	}
	documents, err := decoder.Decode(manifest)
	if path.Ext(manifest.Origin) != ".json" && unrelated(manifest.Text, documents, err) {
		return nil, nil
	}
	return documents, err
}

// unrelated reports whether a YAML file is of something else than Kubernetes,
// such as the configuration of a program. As in Argo CD, such a file may lie
// beside manifests. One that cannot be parsed but has the words of an object is
// a manifest with a mistake.
func unrelated(text []byte, documents []decode.Document, err error) bool {
	var syntax *decode.SyntaxError
	if err != nil && !errors.As(err, &syntax) {
		return false
	}
	if err != nil {
		for _, word := range []string{"apiVersion:", "kind:", "metadata:"} {
			if !bytes.Contains(text, []byte(word)) {
				return true
			}
		}
		return false
	}
	return !slices.ContainsFunc(documents, func(d decode.Document) bool {
		_, kind := d.Content["kind"]
		_, version := d.Content["apiVersion"]
		_, metadata := d.Content["metadata"]
		return kind || version && metadata
	})
}

// asList makes jsonnet's output, an object or an array of them, one document.
func asList(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("[")) {
		return text
	}
	return append(append([]byte(`{"apiVersion":"v1","kind":"List","items":`), text...), '}')
}

// filter chooses files by their paths below the folder.
type filter struct{ include, exclude *syncline.Pattern }

func newFilter(options syncline.Directory) (filter, error) {
	var f filter
	for _, pattern := range []struct {
		name, text string
		into       **syncline.Pattern
	}{
		{"include", options.Include, &f.include},
		{"exclude", options.Exclude, &f.exclude},
	} {
		if pattern.text == "" {
			continue
		}
		compiled := syncline.Glob(pattern.text)
		if err := compiled.Err(); err != nil {
			return f, syncline.Errorf(syncline.Invalid, "directory.%s: %w", pattern.name, err)
		}
		*pattern.into = &compiled
	}
	return f, nil
}

// matches reports whether the file counts. As in Argo CD, "*" matches "/" too.
func (f filter) matches(name string) bool {
	if f.exclude != nil && f.exclude.Matches(name) {
		return false
	}
	return f.include == nil || f.include.Matches(name)
}
