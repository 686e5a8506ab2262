package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// userValues merges what the options say over the chart's own values, lowest
// first: value files, values, parameters, parameters from files.
func userValues(files syncline.Files, folder string, options tool.Helm) (map[string]any, error) {
	merged := map[string]any{}
	valueFiles, err := resolveAll(files, folder, options)
	if err != nil {
		return nil, err
	}
	for _, file := range valueFiles {
		text, err := file.read()
		if err != nil {
			return nil, fmt.Errorf("value file: %w", err)
		}
		values, err := loader.LoadValues(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("value file %s: %w", file, err)
		}
		merged = loader.MergeMaps(merged, values)
	}
	values, err := loader.LoadValues(strings.NewReader(options.Values))
	if err != nil {
		return nil, fmt.Errorf("helm.values: %w", err)
	}
	merged = loader.MergeMaps(merged, values)
	return merged, setParameters(merged, files, folder, options)
}

// setParameters sets parameters in the order in which the helm program does:
// plain ones, those that are texts, those from files.
func setParameters(values map[string]any, files syncline.Files, folder string, options tool.Helm) error {
	for _, forceString := range []bool{false, true} {
		parse := strvals.ParseInto
		if forceString {
			parse = strvals.ParseIntoString
		}
		for _, p := range options.Parameters {
			if p.ForceString != forceString {
				continue
			}
			if err := parse(p.Name+"="+escapeCommas(p.Value), values); err != nil {
				return fmt.Errorf("helm.parameters: %s: %w", p.Name, err)
			}
		}
	}
	for _, p := range options.FileParameters {
		content := func(path []rune) (any, error) {
			file, err := resolve(files, folder, string(path))
			if err != nil {
				return nil, err
			}
			text, err := file.read()
			return string(text), err
		}
		if err := strvals.ParseIntoFile(p.Name+"="+escapeCommas(p.Path), values, content); err != nil {
			return fmt.Errorf("helm.fileParameters: %s: %w", p.Name, err)
		}
	}
	return nil
}

// escapeCommas keeps commas within a value, which would begin the next
// parameter. As in Argo CD, a value in braces is a list and stays as it is.
func escapeCommas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var escaped strings.Builder
	for i, c := range []byte(value) {
		if c == ',' && (i == 0 || value[i-1] != '\\') {
			escaped.WriteByte('\\')
		}
		escaped.WriteByte(c)
	}
	return escaped.String()
}

// valueFile is a file of the source's own or of another repository.
type valueFile struct {
	tree syncline.Tree
	ref  string
	path string
}

func (f valueFile) String() string {
	if f.ref != "" {
		return "$" + f.ref + "/" + f.path
	}
	return f.path
}

func (f valueFile) read() ([]byte, error) {
	text, err := f.tree.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, syncline.Errorf(syncline.Invalid, "%s does not exist", f)
	}
	return text, err
}

// resolve finds what a path in the options names: a file relative to the
// chart, one from the root of the repository when it begins with "/", or one of
// another source when it begins with "$ref/".
func resolve(files syncline.Files, folder, name string) (valueFile, error) {
	file := valueFile{tree: files.Tree}
	switch {
	case strings.HasPrefix(name, "secrets://"), strings.HasPrefix(name, "secrets+"): // of the plugin helm-secrets
		return file, syncline.WithHint(
			syncline.Errorf(syncline.Denied, "%s: plugins of Helm are not run", name),
			"name the file alone: what sops has encrypted is decrypted where it is read, by the keys of the project")
	case strings.Contains(name, "://"):
		return file, syncline.WithHint(
			syncline.Errorf(syncline.Denied, "%s: values are not fetched from URLs", name),
			"put the file into a repository and name it as a value file, or as another source with ref")
	case strings.HasPrefix(name, "$"):
		ref, rest, _ := strings.Cut(name[1:], "/")
		tree, ok := files.Refs[ref]
		if !ok {
			return file, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: no source of the App has ref %q", name, ref),
				"correct the name, or set ref in the source that has the file")
		}
		file.tree, file.ref = tree, ref
		file.path = path.Clean("./" + strings.TrimLeft(rest, "/"))
	case strings.HasPrefix(name, "/"):
		file.path = path.Clean("./" + strings.TrimLeft(name, "/"))
	default:
		file.path = path.Join(".", folder, name)
	}
	if file.path == ".." || strings.HasPrefix(file.path, "../") {
		return file, syncline.Errorf(syncline.Invalid, "%s leaves the repository", name)
	}
	return file, nil
}

// resolveAll returns the value files in their order, globs expanded. A file
// that is also named without a glob keeps the place where it is named so.
func resolveAll(files syncline.Files, folder string, options tool.Helm) ([]valueFile, error) {
	named := map[string]bool{}
	for _, name := range options.ValueFiles {
		if file, err := resolve(files, folder, name); err == nil && !isGlob(file.path) {
			named[file.String()] = true
		}
	}
	var all []valueFile
	seen := map[string]bool{}
	for _, name := range options.ValueFiles {
		file, err := resolve(files, folder, name)
		if err != nil {
			return nil, fmt.Errorf("helm.valueFiles: %w", err)
		}
		matches, err := file.existing(options.IgnoreMissingValueFiles)
		if err != nil {
			return nil, fmt.Errorf("helm.valueFiles: %w", err)
		}
		for _, match := range matches {
			key := match.String()
			if seen[key] || isGlob(file.path) && named[key] {
				continue
			}
			seen[key] = true
			all = append(all, match)
		}
	}
	return all, nil
}

// existing returns the files that the path names; it is an error that there are
// none, unless that is ignored.
func (f valueFile) existing(ignoreMissing bool) ([]valueFile, error) {
	matches, err := f.matches()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	if len(matches) == 0 && !ignoreMissing {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s does not exist", f),
			"correct the path, or set helm.ignoreMissingValueFiles")
	}
	return matches, nil
}

func isGlob(path string) bool { return strings.ContainsAny(path, "*?[") }

// matches returns the files that the path names and that exist.
func (f valueFile) matches() ([]valueFile, error) {
	if !isGlob(f.path) {
		_, err := f.tree.Stat(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []valueFile{f}, err
	}
	paths, err := doublestar.Glob(globFS{f.tree}, f.path, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, err
	}
	var matches []valueFile
	for _, p := range paths {
		matches = append(matches, valueFile{tree: f.tree, ref: f.ref, path: p})
	}
	return matches, nil
}

// globFS shows a tree as the glob library wants it. It opens no files.
type globFS struct{ tree syncline.Tree }

func (g globFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

func (g globFS) Stat(name string) (fs.FileInfo, error) {
	entry, err := g.tree.Stat(treePath(name))
	if err != nil {
		return nil, err
	}
	return fileInfo{entry}, nil
}

func (g globFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := g.tree.ReadDir(treePath(name))
	if err != nil {
		return nil, err
	}
	infos := make([]fs.DirEntry, len(entries))
	for i, entry := range entries {
		infos[i] = fs.FileInfoToDirEntry(fileInfo{entry})
	}
	return infos, nil
}

func treePath(name string) string {
	if name == "." {
		return ""
	}
	return name
}
