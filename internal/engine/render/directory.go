package render

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// skipMarker in a file leaves it out, as in Argo CD.
const skipMarker = "+argocd:skip-file-rendering"

// directory renders a folder of plain manifests and jsonnet.
type directory struct {
	files   syncline.Tree
	folder  string
	options tool.Directory
	jsonnet Jsonnet
	// only are the paths of the files to render; empty means all.
	only []string
}

// build renders all files that count, in the order of their paths. What jsonnet
// makes may depend on any file.
func (d directory) build(ctx context.Context) (Output, error) {
	paths, left, err := d.paths(ctx)
	if err != nil {
		return Output{}, err
	}
	output := Output{Apart: !slices.ContainsFunc(paths, isJsonnet), PassedOver: left}
	var decoder decode.Decoder
	for some := range slices.Chunk(paths, readAtOnce) {
		if err := d.read(ctx, some, &decoder, &output); err != nil {
			return Output{}, err
		}
	}
	output.Bytes = decoder.Bytes()
	return output, nil
}

// paths returns the paths of the files that count, and what the options leave out.
func (d directory) paths(ctx context.Context) (paths []string, left []PassedOver, err error) {
	if len(d.only) > 0 {
		return d.only, nil, nil
	}
	wanted, err := newFilter(d.options)
	if err != nil {
		return nil, nil, err
	}
	w := walker{directory: d, wanted: wanted}
	if err := w.walk(ctx, "", 0); err != nil {
		return nil, nil, err
	}
	return w.paths, w.left, nil
}

func isJsonnet(name string) bool { return path.Ext(name) == ".jsonnet" }

// readAtOnce is how many files are held at once.
const readAtOnce = 250

// read adds the documents of some files to output.
func (d directory) read(ctx context.Context, paths []string, decoder *decode.Decoder, output *Output) error {
	for i, read := range syncline.ReadFiles(d.files, paths) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if read.Err != nil {
			return excludable(read.Err)
		}
		found, passed, err := d.decode(ctx, syncline.Manifest{Origin: paths[i], Text: read.Data}, decoder)
		if err != nil {
			return err
		}
		output.Documents = append(output.Documents, found...)
		if passed != nil {
			output.PassedOver = append(output.PassedOver, *passed)
		}
	}
	return ctx.Err()
}

// excludable tells what to do about a file that cannot be read. Leaving it out
// would prune its objects.
func excludable(err error) error {
	if syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) != "" {
		return err
	}
	return syncline.WithHint(err, "correct the file, or name it in directory.exclude when it is no manifest")
}

// The bounds of a walk, which links to folders above themselves make endless.
const (
	maxNesting = 64
	maxFolders = 10_000
	maxFiles   = 100_000
)

// maxLeft is how many files and folders are told of that the options leave out.
const maxLeft = 1000

// walker finds the files that count.
type walker struct {
	directory
	wanted  filter
	folders int
	paths   []string
	left    []PassedOver
}

// leave takes note of what the options leave out.
func (w *walker) leave(name, why string) {
	if len(w.left) < maxLeft {
		w.left = append(w.left, PassedOver{File: path.Join(w.folder, name), Why: why, Meant: true})
	}
}

// walk adds the paths below the folder of files that are manifests by their names
// and that are wanted, in the order of their names.
func (w *walker) walk(ctx context.Context, below string, depth int) error {
	folder := path.Join(w.folder, below)
	w.folders++
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case depth > maxNesting:
		return syncline.Errorf(syncline.Invalid, "%s: folders nest deeper than %d", folder, maxNesting)
	case w.folders > maxFolders:
		return syncline.Errorf(syncline.Invalid, "%s: more than %d folders", w.folder, maxFolders)
	}
	entries, err := w.files.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.visit(ctx, entry, path.Join(below, entry.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

// visit looks at one entry of a folder.
func (w *walker) visit(ctx context.Context, entry syncline.Entry, name string, depth int) error {
	switch {
	case entry.Type == syncline.EntryDir && w.options.Recurse:
		return w.walk(ctx, name, depth+1)
	case entry.Type == syncline.EntryDir, entry.Type == syncline.EntrySubmodule && !w.options.Recurse:
		w.leave(name, "it is a folder, and directory.recurse is not set")
	case entry.Type == syncline.EntrySubmodule:
		if w.wanted.excludes(name) || w.wanted.excludes(name+"/any.yaml") {
			w.leave(name, "directory.exclude names it")
			return nil
		}
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s is a submodule, which is not fetched", path.Join(w.folder, name)),
			"use the submodule's repository as a source, copy its files, or name it in directory.exclude")
	case !isManifestName(entry.Name):
	case w.wanted.excludes(name):
		w.leave(name, "directory.exclude names it")
	case !w.wanted.includes(name):
		w.leave(name, "directory.include does not name it")
	default:
		if w.paths = append(w.paths, path.Join(w.folder, name)); len(w.paths) > maxFiles {
			return syncline.Errorf(syncline.Invalid, "%s: more than %d manifests", w.folder, maxFiles)
		}
	}
	return nil
}

// isManifestName reports whether a file may be a manifest by its name, also one
// that is in capitals.
func isManifestName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json", ".jsonnet":
		return !strings.HasPrefix(name, ".argocd-source")
	}
	return false
}

// decode returns the documents of one file, or says that it is none of ours.
func (d directory) decode(ctx context.Context, manifest syncline.Manifest, decoder *decode.Decoder) ([]decode.Document, *PassedOver, error) {
	if bytes.Contains(manifest.Text, []byte(skipMarker)) {
		return nil, &PassedOver{File: manifest.Origin, Why: "it has the marker " + skipMarker, Meant: true}, nil
	}
	if ext := path.Ext(manifest.Origin); ext != strings.ToLower(ext) {
		return d.capitals(manifest)
	}
	if isJsonnet(manifest.Origin) {
		documents, err := d.evaluate(ctx, manifest, decoder)
		return documents, nil, err
	}
	documents, err := decoder.Decode(manifest)
	isJSON := path.Ext(manifest.Origin) == ".json" // which is no program's configuration
	switch {
	case err != nil && isJSON:
		return nil, nil, excludable(err)
	case err == nil && areManifests(documents, isJSON):
		return documents, nil, nil
	}
	if why := whatElse(manifest.Origin, decode.UTF8(manifest.Text), documents, err); why != "" {
		return nil, &PassedOver{File: manifest.Origin, Why: why, Meant: decode.Blank(manifest.Text)}, nil
	}
	if err != nil && isBinary(manifest.Text) {
		err = excludable(err)
	}
	return documents, nil, err
}

// evaluate returns the documents of a file of jsonnet.
func (d directory) evaluate(ctx context.Context, manifest syncline.Manifest, decoder *decode.Decoder) ([]decode.Document, error) {
	text, err := d.jsonnet.Evaluate(ctx, d.files, d.folder, manifest.Origin, d.options.Jsonnet)
	if err != nil {
		return nil, err
	}
	return decoder.Decode(syncline.Manifest{Origin: manifest.Origin, Text: asList(text)})
}

func areManifests(documents []decode.Document, isJSON bool) bool {
	return slices.ContainsFunc(documents, isWhole) || isJSON && len(documents) > 0
}

// isWhole reports whether a document looks like an object.
func isWhole(d decode.Document) bool {
	return isObject(d.Content) && d.Content["metadata"] != nil
}

// capitals passes over a file that is a manifest but for the capitals in its name,
// as Argo CD does, unless it has objects.
func (d directory) capitals(manifest syncline.Manifest) ([]decode.Document, *PassedOver, error) {
	text := decode.UTF8(manifest.Text)
	if suspicious.Match(text) {
		return nil, nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s has objects, and files whose names end in capitals are not rendered", manifest.Origin),
			"rename it to end in "+strings.ToLower(path.Ext(manifest.Origin))+", or name it in directory.exclude")
	}
	return nil, &PassedOver{File: manifest.Origin, Why: "its name ends in capitals"}, nil
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
type filter struct{ include, exclude *glob.Pattern }

func newFilter(options tool.Directory) (filter, error) {
	var f filter
	for _, pattern := range []struct {
		name, text string
		into       **glob.Pattern
	}{
		{"include", options.Include, &f.include},
		{"exclude", options.Exclude, &f.exclude},
	} {
		if pattern.text == "" {
			continue
		}
		compiled := glob.Compile(pattern.text)
		if err := compiled.Err(); err != nil {
			return f, syncline.Errorf(syncline.Invalid, "directory.%s: %w", pattern.name, err)
		}
		*pattern.into = &compiled
	}
	return f, nil
}

// matches reports whether the file counts. As in Argo CD, "*" matches "/" too.
func (f filter) includes(name string) bool { return f.include == nil || f.include.Matches(name) }

func (f filter) excludes(name string) bool { return f.exclude != nil && f.exclude.Matches(name) }
