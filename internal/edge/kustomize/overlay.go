package kustomize

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// lay puts a changed kustomization over the one in a folder, as Argo CD changes
// it with `kustomize edit`, and returns the path of the file.
func (f *fileSystem) lay(folder string, options tool.Kustomize) (string, error) {
	file, text, err := f.kustomization(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "there is no kustomization.yaml in the folder"), "check the source's path")
	}
	if err != nil {
		return path.Join(folder, konfig.DefaultKustomizationFileName()), err
	}
	e := editor{fsys: f, folder: folder, options: options}
	if !e.needed() {
		return file, nil
	}
	if err := e.k.Unmarshal(text); err != nil {
		return file, err
	}
	e.k.FixKustomization()
	if err := e.edit(); err != nil {
		return file, err
	}
	f.overlay[file], err = yaml.Marshal(&e.k)
	return file, err
}

// kustomization returns the kustomization of a folder.
func (f *fileSystem) kustomization(folder string) (file string, text []byte, err error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if file, err = f.inTree(path.Join(root, folder, name)); err != nil {
			return "", nil, err
		}
		tree, below := f.tree(file)
		if text, err = tree.ReadFile(below); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return file, text, err
}

// editor changes one kustomization.
type editor struct {
	fsys    *fileSystem
	folder  string
	options tool.Kustomize
	k       types.Kustomization
}

// needed reports whether the options change anything.
func (e *editor) needed() bool {
	o := e.options
	return o.NamePrefix != "" || o.NameSuffix != "" || o.Namespace != "" ||
		len(o.Images)+len(o.CommonLabels)+len(o.CommonAnnotations)+len(o.Replicas)+len(o.Patches)+len(o.Components) > 0
}

func (e *editor) edit() error {
	e.k.NamePrefix = cmp.Or(e.options.NamePrefix, e.k.NamePrefix)
	e.k.NameSuffix = cmp.Or(e.options.NameSuffix, e.k.NameSuffix)
	e.k.Namespace = cmp.Or(e.options.Namespace, e.k.Namespace)
	for _, step := range []func() error{e.images, e.replicas, e.labels, e.annotations, e.patches, e.components} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// patches appends patches to those of the kustomization.
func (e *editor) patches() error {
	for _, p := range e.options.Patches {
		patch := types.Patch{Path: p.Path, Patch: p.Patch}
		if t := p.Target; t != nil {
			patch.Target = &types.Selector{
				ResId: resid.ResId{
					Gvk:       resid.Gvk{Group: t.Group, Version: t.Version, Kind: t.Kind},
					Name:      t.Name,
					Namespace: t.Namespace,
				},
				LabelSelector:      t.LabelSelector,
				AnnotationSelector: t.AnnotationSelector,
			}
		}
		if len(p.Options) > 0 {
			patch.Options = &types.PatchArgs{
				AllowNameChange: p.Options["allowNameChange"],
				AllowKindChange: p.Options["allowKindChange"],
			}
		}
		e.k.Patches = append(e.k.Patches, patch)
	}
	return nil
}

// components appends those that the kustomization has not, and leaves out
// missing ones where that is asked for.
func (e *editor) components() error {
	for _, component := range e.options.Components {
		if slices.Contains(e.k.Components, component) {
			continue
		}
		if e.options.IgnoreMissingComponents && !isRemote(component) {
			_, _, err := e.fsys.kustomization(path.Join(e.folder, component))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
		}
		e.k.Components = append(e.k.Components, component)
	}
	return nil
}

// replicas replaces the replicas of the same names.
func (e *editor) replicas() error {
	if len(e.options.Replicas) == 0 {
		return nil
	}
	byName := map[string]types.Replica{}
	for _, r := range e.k.Replicas {
		byName[r.Name] = r
	}
	for _, r := range e.options.Replicas {
		byName[r.Name] = types.Replica{Name: r.Name, Count: r.Count}
	}
	e.k.Replicas = sortedValues(byName)
	return nil
}

// keepMark in place of a name, tag or digest keeps what the kustomization has.
const keepMark = "*"

// images replaces the images of the same names.
func (e *editor) images() error {
	if len(e.options.Images) == 0 {
		return nil
	}
	byName := map[string]types.Image{}
	for _, image := range e.k.Images {
		byName[image.Name] = image
	}
	for _, text := range e.options.Images {
		image, err := parseImage(text)
		if err != nil {
			return err
		}
		old := byName[image.Name]
		for _, field := range []struct {
			now *string
			old string
		}{{&image.NewName, old.NewName}, {&image.NewTag, old.NewTag}, {&image.Digest, old.Digest}} {
			if *field.now == keepMark {
				*field.now = field.old
			}
		}
		byName[image.Name] = image
	}
	e.k.Images = sortedValues(byName)
	return nil
}

// labels adds labels, to selectors too unless that is not wanted.
func (e *editor) labels() error {
	if len(e.options.CommonLabels) == 0 {
		return nil
	}
	if !e.options.LabelWithoutSelector {
		if e.k.CommonLabels == nil {
			e.k.CommonLabels = map[string]string{}
		}
		return addTo(e.k.CommonLabels, e.options.CommonLabels, e.options.ForceCommonLabels, "label")
	}
	at := slices.IndexFunc(e.k.Labels, func(l types.Label) bool {
		return !l.IncludeSelectors && l.IncludeTemplates == e.options.LabelIncludeTemplates
	})
	if at < 0 {
		at = len(e.k.Labels)
		e.k.Labels = append(e.k.Labels, types.Label{
			Pairs: map[string]string{}, IncludeTemplates: e.options.LabelIncludeTemplates,
		})
	}
	return addTo(e.k.Labels[at].Pairs, e.options.CommonLabels, e.options.ForceCommonLabels, "label")
}

func (e *editor) annotations() error {
	if len(e.options.CommonAnnotations) == 0 {
		return nil
	}
	if e.k.CommonAnnotations == nil {
		e.k.CommonAnnotations = map[string]string{}
	}
	return addTo(e.k.CommonAnnotations, e.options.CommonAnnotations, e.options.ForceCommonAnnotations, "annotation")
}

// addTo adds pairs; one that is there already needs force.
func addTo(pairs, added map[string]string, force bool, what string) error {
	for _, key := range slices.Sorted(maps.Keys(added)) {
		if _, taken := pairs[key]; taken && !force {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s %s is in the kustomization already", what, key),
				"force common labels or annotations in the source to replace it")
		}
		pairs[key] = added[key]
	}
	return nil
}

// sortedValues returns the values in the order of their keys.
func sortedValues[T any](m map[string]T) []T {
	var values []T
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}
