package kustomize

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Charts renders the chart in a folder of a tree: what kustomize would have the helm
// program do.
type Charts = func(ctx context.Context, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error)

// inflation is one chart that a kustomization asks for.
type inflation struct {
	types.HelmGlobals
	types.HelmChart
	// folder is that of the kustomization.
	folder string
}

// inflate renders the charts of a kustomization, and makes them resources of it. It
// reports whether there are any.
func (f *fileSystem) inflate(file string, k *types.Kustomization) (bool, error) {
	asked, err := f.inflations(file, k)
	if err != nil || len(asked) == 0 {
		return false, err
	}
	var needs upstream.NeedsError
	for i, chart := range asked {
		text, err := f.rendered(file, chart)
		if need, ok := errors.AsType[upstream.NeedsError](err); ok {
			needs = append(needs, need...)
			continue
		}
		if err != nil {
			return false, fmt.Errorf("helmCharts: chart %s: %w", chart.Name, err)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		name := ".helm-chart-" + strconv.Itoa(i) + ".yaml"
		f.overlay[path.Join(chart.folder, name)] = text
		k.Resources = append(k.Resources, name)
	}
	if len(needs) > 0 {
		return false, needs
	}
	return true, nil
}

// passNamespace notes the namespace that the charts get in what a kustomization builds
// upon.
func (f *fileSystem) passNamespace(folder string, k *types.Kustomization) {
	namespace := cmp.Or(k.Namespace, f.namespaces[folder])
	for _, text := range slices.Concat(k.Resources, k.Components) {
		to := strings.TrimPrefix(path.Join(f.absolute(folder), text), root+"/")
		if before, known := f.namespaces[to]; known && before != namespace || f.disputed[folder] && k.Namespace == "" {
			f.disputed[to] = true
		}
		f.namespaces[to] = namespace
	}
}

// inflations takes the charts that a kustomization asks for out of it.
func (f *fileSystem) inflations(file string, k *types.Kustomization) ([]inflation, error) {
	folder := path.Dir(file)
	var asked []inflation
	for _, chart := range k.HelmCharts {
		one := inflation{HelmChart: chart, folder: folder}
		if k.HelmGlobals != nil {
			one.HelmGlobals = *k.HelmGlobals
		}
		if one.Namespace = cmp.Or(one.Namespace, k.Namespace); one.Namespace == "" && f.disputed[folder] {
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "helmCharts: chart %s is in a base of kustomizations with different namespaces", one.Name),
				"set its field namespace")
		}
		one.Namespace = cmp.Or(one.Namespace, f.namespaces[folder])
		asked = append(asked, one)
	}
	if k.HelmGlobals != nil && k.HelmGlobals.ConfigHome != "" {
		return nil, refuseConfig()
	}
	k.HelmCharts, k.HelmGlobals = nil, nil
	var others []string
	for _, generator := range k.Generators {
		chart, is, err := f.generator(folder, generator)
		switch {
		case err != nil:
			return nil, err
		case is:
			asked = append(asked, chart)
		default:
			others = append(others, generator)
		}
	}
	k.Generators = others
	return asked, nil
}

// generator reads the configuration of a generator, when it is one of a chart alone.
func (f *fileSystem) generator(folder, config string) (chart inflation, is bool, err error) {
	text := []byte(config)
	if !isInline(config) {
		if isRemote(config) || !fs.ValidPath(path.Clean(config)) { // kustomize refuses it
			return chart, false, nil
		}
		tree, name := f.tree(path.Join(folder, config))
		if text, err = tree.ReadFile(name); err != nil {
			return chart, false, nil //nolint:nilerr // kustomize says what is wrong with it
		}
	}
	var about struct{ Kind string }
	if err := yaml.Unmarshal(text, &about); err != nil {
		return chart, false, nil //nolint:nilerr // kustomize says what is wrong with it
	}
	if about.Kind != "HelmChartInflationGenerator" || strings.Contains(string(text), "\n---") {
		return chart, false, nil
	}
	if err := yaml.Unmarshal(text, &chart); err != nil {
		return chart, false, syncline.Errorf(syncline.Invalid, "HelmChartInflationGenerator: %w", f.said(err.Error(), tool.Kustomize{}))
	}
	chart.folder = folder
	return chart, true, nil
}

// rendered returns what a chart renders to, marked as made by Helm.
func (f *fileSystem) rendered(file string, chart inflation) ([]byte, error) {
	if err := chart.check(); err != nil {
		return nil, err
	}
	files, folder, err := f.chartFiles(file, chart)
	if err != nil {
		return nil, err
	}
	values, err := f.values(chart, files, folder)
	if err != nil {
		return nil, err
	}
	options := tool.Helm{
		ReleaseName: cmp.Or(chart.ReleaseName, "release-name"), Namespace: cmp.Or(chart.Namespace, "default"),
		KubeVersion: chart.KubeVersion, APIVersions: chart.ApiVersions, SkipCRDs: !chart.IncludeCRDs, SkipTests: chart.SkipTests,
	}
	files.Refs = maps.Clone(files.Refs)
	if files.Refs == nil {
		files.Refs = map[string]syncline.Tree{}
	}
	files.Refs[valuesRef] = values
	for _, name := range slices.Sorted(maps.Keys(values)) {
		options.ValueFiles = append(options.ValueFiles, "$"+valuesRef+"/"+name)
	}
	manifests, err := f.charts(f.ctx, files, folder, options)
	if err != nil {
		return nil, err
	}
	return marked(manifests, chart.SkipHooks)
}

// check refuses what cannot be done.
func (c inflation) check() error {
	for _, name := range append(c.AdditionalValuesFiles, c.ValuesFile) {
		if isRemote(name) {
			return refuseRemote("helmCharts", name)
		}
	}
	switch {
	case c.Name == "" || c.Name != path.Base(c.Name) || c.Name == ".." || c.Name == ".":
		return syncline.Errorf(syncline.Invalid, "its name is none of a chart")
	case c.ConfigHome != "":
		return refuseConfig()
	case c.NameTemplate != "":
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "nameTemplate is not supported"), "write releaseName")
	case !slices.Contains([]string{"", "merge", "override", "replace"}, c.ValuesMerge):
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "valuesMerge is none of merge, override and replace"), "write one of them")
	}
	return nil
}

// refuseConfig says that there is no configuration of the helm program.
func refuseConfig() error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "configHome: no helm program is run that would read it"), "take it out; credentials are in the Secrets of repositories")
}

// chartFiles returns a tree and the folder in it where a chart is: below the folder for
// charts, when it is there, as with kustomize, else what is given of its repository.
func (f *fileSystem) chartFiles(file string, chart inflation) (syncline.Files, string, error) {
	at, err := f.inTree(f.absolute(chart.committed()))
	if err != nil {
		return syncline.Files{}, "", err
	}
	if mountOf(at) != mountOf(chart.folder) {
		return syncline.Files{}, "", syncline.Errorf(syncline.Invalid, "chartHome leads out of the repository")
	}
	tree, folder := f.tree(at)
	entry, err := tree.Stat(folder)
	switch {
	case err == nil && entry.Type == syncline.EntryDir:
		return syncline.Files{Tree: tree, Refs: f.files.Refs}, folder, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return syncline.Files{}, "", err
	case chart.Repo == "":
		return syncline.Files{}, "", syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "it names no repo, and there is no chart in %s", f.shown(at)), "add repo, or commit the chart there")
	}
	fetched, err := upstream.Given(f.files.Refs, chart.remote(f.shown(file)))
	return syncline.Files{Tree: fetched, Refs: f.files.Refs}, "", err
}

// committed returns the folder of a chart that is committed.
func (c inflation) committed() string {
	home := path.Join(c.folder, cmp.Or(c.ChartHome, types.HelmDefaultHome))
	if c.Version != "" && c.Repo != "" {
		home = path.Join(home, c.Name+"-"+c.Version)
	}
	return path.Join(home, c.Name)
}

// remote returns where a chart is that is not committed.
func (c inflation) remote(file string) upstream.Remote {
	version := c.Version
	if version == "" && c.Devel {
		version = ">0.0.0-0"
	}
	return upstream.Remote{RepoURL: strings.TrimSuffix(c.Repo, "/"), Chart: c.Name, TargetRevision: version, By: file + ": helmCharts"}
}

// valuesRef is how the value files of a chart are reached.
const valuesRef = "values"

// values returns the value files for a chart, which count in the order of their names.
func (f *fileSystem) values(chart inflation, files syncline.Files, folder string) (texts, error) {
	made := texts{}
	add := func(text []byte) { made[fmt.Sprintf("%03d.yaml", len(made))] = text }
	inline := len(chart.ValuesInline) > 0
	var base []byte
	var err error
	switch {
	case inline && chart.ValuesMerge == "replace":
	case chart.ValuesFile != "":
		base, err = f.valueFile(chart.folder, chart.ValuesFile)
	case inline:
		if base, err = files.ReadFile(path.Join(folder, "values.yaml")); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && inline {
		base, err = merged(base, chart.ValuesInline, chart.ValuesMerge)
	}
	if err != nil {
		return nil, err
	}
	if len(base) > 0 {
		add(base)
	}
	for _, name := range chart.AdditionalValuesFiles {
		text, err := f.valueFile(chart.folder, name)
		if err != nil {
			return nil, err
		}
		add(text)
	}
	return made, nil
}

// valueFile reads a value file, which is in or below the folder of the kustomization.
func (f *fileSystem) valueFile(folder, name string) ([]byte, error) {
	if path.IsAbs(name) || !fs.ValidPath(path.Clean(name)) {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "a value file is not in or below the folder of the kustomization"), "move it there, and name it by a relative path")
	}
	tree, below := f.tree(path.Join(folder, name))
	text, err := tree.ReadFile(below)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, syncline.Errorf(syncline.Invalid, "value file %s does not exist", f.shown(path.Join(folder, name)))
	}
	return text, err
}

// merged lays the values of a kustomization over those of a file, or below them.
func merged(file []byte, values map[string]any, how string) ([]byte, error) {
	inline, err := kyaml.FromMap(values)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(file)) > 0 && how != "replace" {
		from, err := kyaml.Parse(string(file))
		if err != nil {
			return nil, err
		}
		over, below := inline, from
		if how == "merge" {
			over, below = from, inline
		}
		if inline, err = merge2.Merge(over, below, kyaml.MergeOptions{}); err != nil {
			return nil, err
		}
	}
	if inline == nil {
		return nil, nil
	}
	text, err := inline.String()
	return []byte(text), err
}

// marked returns manifests as one text in which each object says, for kustomize alone, that
// Helm made it.
func marked(manifests []syncline.Manifest, skipHooks bool) ([]byte, error) {
	var made bytes.Buffer
	for _, manifest := range manifests {
		node, err := kyaml.Parse(string(manifest.Text))
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s is no YAML", manifest.Origin)
		}
		if node.IsNilOrEmpty() {
			continue
		}
		if _, hook := node.GetAnnotations()["helm.sh/hook"]; hook && skipHooks {
			continue
		}
		if err := node.PipeE(kyaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s is no object", manifest.Origin)
		}
		text, err := node.String()
		if err != nil {
			return nil, err
		}
		made.WriteString("---\n" + text)
	}
	return made.Bytes(), nil
}

// texts is a Tree of a few files without a folder.
type texts map[string][]byte

var _ syncline.Tree = texts{}

// Stat describes a file.
func (t texts) Stat(name string) (syncline.Entry, error) {
	if name == "" {
		return syncline.Entry{Type: syncline.EntryDir}, nil
	}
	if _, ok := t[name]; !ok {
		return syncline.Entry{}, fs.ErrNotExist
	}
	return syncline.Entry{Name: name, Type: syncline.EntryFile}, nil
}

// ReadFile returns a file.
func (t texts) ReadFile(name string) ([]byte, error) {
	text, ok := t[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return text, nil
}

// ReadDir lists the files.
func (t texts) ReadDir(name string) ([]syncline.Entry, error) {
	if name != "" {
		return nil, fs.ErrNotExist
	}
	var entries []syncline.Entry
	for _, file := range slices.Sorted(maps.Keys(t)) {
		entries = append(entries, syncline.Entry{Name: file, Type: syncline.EntryFile})
	}
	return entries, nil
}
