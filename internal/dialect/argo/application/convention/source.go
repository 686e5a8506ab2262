package convention

import (
	"errors"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// ToSource translates a source as an Application declares it.
func ToSource(s v1alpha1.ApplicationSource) syncline.Source {
	return syncline.Source{
		RepoURL:        s.RepoURL,
		Path:           s.Path,
		Chart:          s.Chart,
		TargetRevision: s.TargetRevision,
		TagPrefix:      s.TagPrefix,
		Ref:            s.Ref,
		Name:           s.Name,
		Helm:           toHelm(s.Helm),
		Kustomize:      toKustomize(s.Kustomize),
		Directory:      toDirectory(s.Directory),
		Plugin:         toPlugin(s.Plugin),
	}
}

// FromSource is the inverse of [ToSource].
func FromSource(s syncline.Source) v1alpha1.ApplicationSource {
	return v1alpha1.ApplicationSource{
		RepoURL:        s.RepoURL,
		Path:           s.Path,
		Chart:          s.Chart,
		TargetRevision: s.TargetRevision,
		TagPrefix:      s.TagPrefix,
		Ref:            s.Ref,
		Name:           s.Name,
		Helm:           fromHelm(s.Helm),
		Kustomize:      fromKustomize(s.Kustomize),
		Directory:      fromDirectory(s.Directory),
		Plugin:         fromPlugin(s.Plugin),
	}
}

func toHelm(h *v1alpha1.ApplicationSourceHelm) *tool.Helm {
	if h == nil {
		return nil
	}
	return &tool.Helm{
		ReleaseName:             h.ReleaseName,
		ValueFiles:              append([]string(nil), h.ValueFiles...),
		IgnoreMissingValueFiles: h.IgnoreMissingValueFiles,
		Values:                  values(h),
		Parameters: each(h.Parameters, func(p v1alpha1.HelmParameter) tool.HelmParameter {
			return tool.HelmParameter(p)
		}),
		FileParameters: each(h.FileParameters, func(p v1alpha1.HelmFileParameter) tool.HelmFileParameter {
			return tool.HelmFileParameter(p)
		}),
		SkipCRDs:             h.SkipCrds,
		SkipTests:            h.SkipTests,
		SkipSchemaValidation: h.SkipSchemaValidation,
		Namespace:            h.Namespace,
		KubeVersion:          h.KubeVersion,
		APIVersions:          append([]string(nil), h.APIVersions...),
		Version:              h.Version,
		PassCredentials:      h.PassCredentials,
	}
}

// values returns the values as YAML text; valuesObject wins, and JSON is YAML.
func values(h *v1alpha1.ApplicationSourceHelm) string {
	if h.ValuesObject != nil && len(h.ValuesObject.Raw) > 0 {
		return string(h.ValuesObject.Raw)
	}
	return h.Values
}

func fromHelm(h *tool.Helm) *v1alpha1.ApplicationSourceHelm {
	if h == nil {
		return nil
	}
	return &v1alpha1.ApplicationSourceHelm{
		ReleaseName:             h.ReleaseName,
		ValueFiles:              h.ValueFiles,
		IgnoreMissingValueFiles: h.IgnoreMissingValueFiles,
		Values:                  h.Values,
		Parameters: each(h.Parameters, func(p tool.HelmParameter) v1alpha1.HelmParameter {
			return v1alpha1.HelmParameter(p)
		}),
		FileParameters: each(h.FileParameters, func(p tool.HelmFileParameter) v1alpha1.HelmFileParameter {
			return v1alpha1.HelmFileParameter(p)
		}),
		SkipCrds:             h.SkipCRDs,
		SkipTests:            h.SkipTests,
		SkipSchemaValidation: h.SkipSchemaValidation,
		Namespace:            h.Namespace,
		KubeVersion:          h.KubeVersion,
		APIVersions:          h.APIVersions,
		Version:              h.Version,
		PassCredentials:      h.PassCredentials,
	}
}

func toKustomize(k *v1alpha1.ApplicationSourceKustomize) *tool.Kustomize {
	if k == nil {
		return nil
	}
	return &tool.Kustomize{
		NamePrefix:              k.NamePrefix,
		NameSuffix:              k.NameSuffix,
		Namespace:               k.Namespace,
		Images:                  append([]string(nil), k.Images...),
		CommonLabels:            orNil(k.CommonLabels),
		CommonAnnotations:       orNil(k.CommonAnnotations),
		ForceCommonLabels:       k.ForceCommonLabels,
		ForceCommonAnnotations:  k.ForceCommonAnnotations,
		AnnotationsEnvsubst:     k.CommonAnnotationsEnvsubst,
		LabelWithoutSelector:    k.LabelWithoutSelector,
		LabelIncludeTemplates:   k.LabelIncludeTemplates,
		Replicas:                each(k.Replicas, toReplica),
		Patches:                 each(k.Patches, toPatch),
		Components:              append([]string(nil), k.Components...),
		IgnoreMissingComponents: k.IgnoreMissingComponents,
		KubeVersion:             k.KubeVersion,
		APIVersions:             append([]string(nil), k.APIVersions...),
		Version:                 k.Version,
	}
}

func fromKustomize(k *tool.Kustomize) *v1alpha1.ApplicationSourceKustomize {
	if k == nil {
		return nil
	}
	return &v1alpha1.ApplicationSourceKustomize{
		NamePrefix:                k.NamePrefix,
		NameSuffix:                k.NameSuffix,
		Namespace:                 k.Namespace,
		Images:                    k.Images,
		CommonLabels:              k.CommonLabels,
		CommonAnnotations:         k.CommonAnnotations,
		CommonAnnotationsEnvsubst: k.AnnotationsEnvsubst,
		ForceCommonLabels:         k.ForceCommonLabels,
		ForceCommonAnnotations:    k.ForceCommonAnnotations,
		LabelWithoutSelector:      k.LabelWithoutSelector,
		LabelIncludeTemplates:     k.LabelIncludeTemplates,
		Replicas:                  each(k.Replicas, fromReplica),
		Patches:                   each(k.Patches, fromPatch),
		Components:                k.Components,
		IgnoreMissingComponents:   k.IgnoreMissingComponents,
		KubeVersion:               k.KubeVersion,
		APIVersions:               k.APIVersions,
		Version:                   k.Version,
	}
}

// toReplica translates a count that is not a number to 0; see [ReplicaCount].
func toReplica(r v1alpha1.KustomizeReplica) tool.KustomizeReplica {
	n, _ := ReplicaCount(r)
	return tool.KustomizeReplica{Name: r.Name, Count: n}
}

// ReplicaCount reads a count, which may be written as a text.
func ReplicaCount(r v1alpha1.KustomizeReplica) (int64, error) {
	if r.Count.Type == intstr.Int {
		return int64(r.Count.IntVal), nil
	}
	return strconv.ParseInt(r.Count.StrVal, 10, 64)
}

func fromReplica(r tool.KustomizeReplica) v1alpha1.KustomizeReplica {
	if r.Count > math.MaxInt32 || r.Count < math.MinInt32 {
		return v1alpha1.KustomizeReplica{Name: r.Name, Count: intstr.FromString(strconv.FormatInt(r.Count, 10))}
	}
	return v1alpha1.KustomizeReplica{Name: r.Name, Count: intstr.FromInt32(int32(r.Count))}
}

func toPatch(p v1alpha1.KustomizePatch) tool.KustomizePatch {
	patch := tool.KustomizePatch{Path: p.Path, Patch: p.Patch, Options: orNil(p.Options)}
	if t := p.Target; t != nil {
		patch.Target = &tool.KustomizeSelector{
			Group: t.Group, Version: t.Version, Kind: t.Kind, Name: t.Name, Namespace: t.Namespace,
			LabelSelector: t.LabelSelector, AnnotationSelector: t.AnnotationSelector,
		}
	}
	return patch
}

func fromPatch(p tool.KustomizePatch) v1alpha1.KustomizePatch {
	patch := v1alpha1.KustomizePatch{Path: p.Path, Patch: p.Patch, Options: p.Options}
	if t := p.Target; t != nil {
		patch.Target = &v1alpha1.KustomizeSelector{
			Group: t.Group, Version: t.Version, Kind: t.Kind, Name: t.Name, Namespace: t.Namespace,
			LabelSelector: t.LabelSelector, AnnotationSelector: t.AnnotationSelector,
		}
	}
	return patch
}

func toDirectory(d *v1alpha1.ApplicationSourceDirectory) *tool.Directory {
	if d == nil {
		return nil
	}
	toVar := func(v v1alpha1.JsonnetVar) tool.JsonnetVar { return tool.JsonnetVar(v) }
	return &tool.Directory{
		Recurse: d.Recurse,
		Include: d.Include,
		Exclude: d.Exclude,
		Jsonnet: tool.Jsonnet{
			ExtVars: each(d.Jsonnet.ExtVars, toVar),
			TLAs:    each(d.Jsonnet.TLAs, toVar),
			Libs:    append([]string(nil), d.Jsonnet.Libs...),
		},
	}
}

// CheckDirectory finds what would deliver other files than those that are meant.
func CheckDirectory(d *v1alpha1.ApplicationSourceDirectory) error {
	if d != nil && d.DisableExtensionFilter {
		return errors.New("directory.disableExtensionFilter is not supported yet: have the names of manifests end in .yaml, .yml, .json or .jsonnet")
	}
	return nil
}

func fromDirectory(d *tool.Directory) *v1alpha1.ApplicationSourceDirectory {
	if d == nil {
		return nil
	}
	fromVar := func(v tool.JsonnetVar) v1alpha1.JsonnetVar { return v1alpha1.JsonnetVar(v) }
	return &v1alpha1.ApplicationSourceDirectory{
		Recurse: d.Recurse,
		Include: d.Include,
		Exclude: d.Exclude,
		Jsonnet: v1alpha1.ApplicationSourceJsonnet{
			ExtVars: each(d.Jsonnet.ExtVars, fromVar),
			TLAs:    each(d.Jsonnet.TLAs, fromVar),
			Libs:    d.Jsonnet.Libs,
		},
	}
}

// orNil returns nil for an empty map. JSON cannot tell the two apart once they
// were written, and equal sources have to stay equal.
func orNil[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

// each translates a list; an empty one becomes nil.
func each[A, B any](list []A, translate func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	translated := make([]B, len(list))
	for i, entry := range list {
		translated[i] = translate(entry)
	}
	return translated
}
