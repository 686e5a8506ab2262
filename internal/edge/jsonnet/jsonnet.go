// Package jsonnet evaluates jsonnet files. It imports files of the given tree
// only, and offers no native functions.
package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// maxStack bounds how deep calls nest, as the jsonnet program does.
const maxStack = 500

// Renderer evaluates jsonnet files. The zero Renderer is ready for use, also
// concurrently.
type Renderer struct{}

// Evaluate evaluates a file to JSON. An import is looked for beside the file
// that imports, then in the library folders, last named first, then in folder.
// Its errors are Invalid.
func (Renderer) Evaluate(ctx context.Context, files syncline.Tree, folder, file string, options tool.Jsonnet) ([]byte, error) {
	paths := &importer{ctx: ctx, files: files, found: map[string]jsonnet.Contents{}}
	for _, named := range slices.Backward(options.Libs) {
		lib, err := inRepository("", named)
		if err != nil {
			return nil, fmt.Errorf("directory.jsonnet.libs: %w", err)
		}
		paths.libs = append(paths.libs, lib)
	}
	paths.libs = append(paths.libs, folder)
	vm := newVM(options, paths)
	text, err := vm.EvaluateFile(file)
	switch {
	case err == nil:
		return []byte(text), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", file, ctx.Err())
	case paths.failed != nil:
		return nil, fmt.Errorf("%s: %w", file, paths.failed)
	}
	return nil, syncline.Errorf(syncline.Invalid, "%s: %w", file, paths.known(file, options).Tell(oneLine(withoutCode(err.Error()))))
}

func newVM(options tool.Jsonnet, paths *importer) *jsonnet.VM {
	vm := jsonnet.MakeVM()
	vm.MaxStack = maxStack
	vm.Importer(paths)
	vm.SetTraceOut(io.Discard)
	vm.ErrorFormatter.SetMaxStackTraceSize(5)
	for _, v := range options.ExtVars {
		if v.Code {
			vm.ExtCode(v.Name, v.Value)
		} else {
			vm.ExtVar(v.Name, v.Value)
		}
	}
	for _, v := range options.TLAs {
		if v.Code {
			vm.TLACode(v.Name, v.Value)
		} else {
			vm.TLAVar(v.Name, v.Value)
		}
	}
	return vm
}

// withoutCode cuts off the lines of code that follow the message of an error that is
// found before anything is evaluated.
func withoutCode(message string) string {
	if said, _, ok := strings.Cut(message, "\n\n"); ok && !strings.HasPrefix(message, "RUNTIME ERROR") {
		return said
	}
	return message
}

// oneLine puts the message and the trace that follow it on one line.
func oneLine(message string) string {
	var parts []string
	for line := range strings.Lines(message) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// importer finds imports in a tree.
type importer struct {
	ctx   context.Context
	files syncline.Tree
	libs  []string
	// found holds what was read by path: the library wants the same contents
	// for the same path.
	found  map[string]jsonnet.Contents
	failed error
}

// Import finds what importedFrom imports as importedPath.
func (i *importer) Import(importedFrom, importedPath string) (jsonnet.Contents, string, error) {
	if err := i.ctx.Err(); err != nil {
		return jsonnet.Contents{}, "", err
	}
	folders := append([]string{path.Dir(importedFrom)}, i.libs...)
	for _, folder := range folders {
		file, err := inRepository(folder, importedPath)
		if err != nil {
			return jsonnet.Contents{}, "", i.fail(err)
		}
		contents, err := i.read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return jsonnet.Contents{}, "", i.fail(err)
		}
		return contents, file, nil
	}
	return jsonnet.Contents{}, "", fmt.Errorf("couldn't open import %q: it is neither beside the file nor in a library folder", importedPath)
}

func (i *importer) read(file string) (jsonnet.Contents, error) {
	if contents, ok := i.found[file]; ok {
		return contents, nil
	}
	entry, err := i.files.Stat(file)
	if err != nil {
		return jsonnet.Contents{}, err
	}
	if entry.Type == syncline.EntryDir || entry.Type == syncline.EntrySubmodule {
		return jsonnet.Contents{}, syncline.Errorf(syncline.Invalid, "import of %s: it is not a file", file)
	}
	text, err := i.files.ReadFile(file)
	if err != nil {
		return jsonnet.Contents{}, err
	}
	i.found[file] = jsonnet.MakeContentsRaw(text)
	return i.found[file], nil
}

// fail notes the first error that is not a missing file, because the library
// keeps only its text.
func (i *importer) fail(err error) error {
	if i.failed == nil {
		i.failed = err
	}
	return err
}

// inRepository returns the path of name, which is relative to folder or, with a
// "/" in front, to the root.
func inRepository(folder, name string) (string, error) {
	file := path.Join(".", folder, name)
	if strings.HasPrefix(name, "/") {
		file = path.Clean("./" + strings.TrimLeft(name, "/"))
	}
	switch {
	case file == ".." || strings.HasPrefix(file, "../"):
		return "", syncline.Errorf(syncline.Invalid, "import of %q leaves the repository", name)
	case file == ".":
		return "", nil
	}
	return file, nil
}
