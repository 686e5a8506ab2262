package helm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/ignore"

	"github.com/syncline-io/syncline"
)

// maxChartBytes bounds the files of one chart and of its dependencies.
const maxChartBytes = 100 << 20

// load reads the chart in a folder, without what its .helmignore names, and with its
// dependencies.
func load(ctx context.Context, files syncline.Files, folder string) (*chart.Chart, error) {
	ahead := syncline.Prefetch{
		Files:   []string{path.Join(folder, ignore.HelmIgnore)},
		Folders: []string{folder, path.Join(folder, chartutil.TemplatesDir), path.Join(folder, chartutil.TemplatesTestsDir)},
	}
	ahead.From(files)
	rules, err := ignoreRules(files, folder)
	if err != nil {
		return nil, err
	}
	l := loading{files: files, folder: folder, left: maxChartBytes}
	loaded, err := l.read(ctx, files, folder, rules)
	if err != nil {
		return nil, err
	}
	if err := l.addMissing(ctx, loaded); err != nil {
		return nil, err
	}
	sortDependencies(loaded)
	return loaded, nil
}

// loading is of one chart with its dependencies.
type loading struct {
	files  syncline.Files
	folder string
	// left is how many bytes more they may have together.
	left int
}

// read reads the chart in a folder of a tree.
func (l *loading) read(ctx context.Context, files syncline.Tree, folder string, rules *ignore.Rules) (*chart.Chart, error) {
	reader := chartReader{files: files, folder: folder, rules: rules}
	if err := reader.walk(ctx, ""); err != nil {
		return nil, err
	}
	if err := reader.read(&l.left); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(reader.found, func(f *archive.BufferedFile) bool { return f.Name == "Chart.yaml" }) {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "Chart.yaml is missing"), "check the source's path")
	}
	return loader.LoadFiles(reader.found)
}

func ignoreRules(files syncline.Tree, folder string) (*ignore.Rules, error) {
	rules := ignore.Empty()
	text, err := files.ReadFile(path.Join(folder, ignore.HelmIgnore))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
		}
	}
	rules.AddDefaults()
	return rules, nil
}

// chartReader reads the files of a chart.
type chartReader struct {
	files  syncline.Tree
	folder string
	rules  *ignore.Rules
	names  []string // of all files, below folder
	found  []*archive.BufferedFile
}

// walk finds everything below a folder of the chart.
func (r *chartReader) walk(ctx context.Context, below string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := r.files.ReadDir(path.Join(r.folder, below))
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e syncline.Entry) bool {
		return r.rules.Ignore(path.Join(below, e.Name), fileInfo{e})
	})
	r.prefetchFolders(below, entries)
	for _, entry := range entries {
		name := path.Join(below, entry.Name)
		switch {
		case entry.Type == syncline.EntryDir:
			if err := r.walk(ctx, name); err != nil {
				return err
			}
		case entry.Type == syncline.EntrySubmodule:
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s is a submodule, which is not fetched", path.Join(r.folder, name)),
				"copy its files into the chart, or name it in "+ignore.HelmIgnore)
		default:
			r.names = append(r.names, name)
		}
	}
	return nil
}

// prefetchFolders announces that the folders among the entries are walked, too.
func (r *chartReader) prefetchFolders(below string, entries []syncline.Entry) {
	var folders []string
	for _, entry := range entries {
		if entry.Type == syncline.EntryDir {
			folders = append(folders, path.Join(r.folder, below, entry.Name))
		}
	}
	syncline.Prefetch{Folders: folders}.From(r.files)
}

// read reads the files, of no more bytes than are left.
func (r *chartReader) read(left *int) error {
	paths := make([]string, len(r.names))
	for i, name := range r.names {
		paths[i] = path.Join(r.folder, name)
	}
	for i, read := range syncline.ReadFiles(r.files, paths) {
		needless := (errors.Is(read.Err, syncline.ErrElsewhere) || errors.Is(read.Err, syncline.ErrLocked)) && !isPart(r.names[i])
		if read.Err != nil && !needless {
			return read.Err
		}
		if *left -= len(read.Data); *left < 0 {
			return syncline.Errorf(syncline.Invalid, "the chart, with its dependencies, is larger than %d MiB", maxChartBytes>>20)
		}
		text := bytes.TrimPrefix(read.Data, []byte("\xEF\xBB\xBF"))
		r.found = append(r.found, &archive.BufferedFile{Name: r.names[i], Data: text})
	}
	return nil
}

// isPart reports whether Helm itself reads a file of a chart. Templates may read the
// others, such as a picture for the documentation; see [pointedAt]. One that a template
// reads though it cannot be decrypted is in what is rendered as it is, where it is found.
func isPart(name string) bool {
	top, _, below := strings.Cut(name, "/")
	if below {
		return top == chartutil.TemplatesDir || top == chartutil.ChartsDir || top == "crds"
	}
	return slices.Contains([]string{
		chartutil.ChartfileName, chartutil.ValuesfileName, chartutil.SchemafileName, "Chart.lock", "requirements.yaml", "requirements.lock",
	}, name)
}

// pointedAt reports whether a template used the text of a file that only stands for
// content elsewhere, as it is or in base64.
func pointedAt(text string) bool {
	const pointer = "version https://git-lfs.github.com/spec/v1"
	return strings.Contains(text, pointer) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(pointer)))
}

// sortDependencies gives a chart's dependencies an order: the loader's changes
// from one call to the next.
func sortDependencies(c *chart.Chart) {
	sorted := slices.Clone(c.Dependencies())
	slices.SortStableFunc(sorted, func(a, b *chart.Chart) int {
		return cmp.Or(strings.Compare(a.Name(), b.Name()), strings.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(sorted...)
	for _, dependency := range sorted {
		sortDependencies(dependency)
	}
}

// checkChart returns why the chart cannot be installed.
func checkChart(c *chart.Chart, capabilities *common.Capabilities) error {
	if kind := c.Metadata.Type; kind != "" && kind != "application" {
		return syncline.Errorf(syncline.Invalid, "it is a %s chart, which cannot be installed", kind)
	}
	if missing := missingIn(c); len(missing) > 0 {
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "dependency %s of Chart.yaml is not in Chart.lock", missing[0].Name), vendor)
	}
	version := capabilities.KubeVersion.String()
	if wanted := c.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, version) {
		return syncline.Errorf(syncline.Invalid, "it needs Kubernetes %s and the cluster has %s", wanted, version)
	}
	return nil
}

// fileInfo shows an entry as Helm's ignore rules want it.
type fileInfo struct{ entry syncline.Entry }

func (i fileInfo) Name() string       { return i.entry.Name }
func (i fileInfo) Size() int64        { return 0 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) IsDir() bool        { return i.entry.Type == syncline.EntryDir }

func (i fileInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
