package application

import (
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// toSources translates a source and sources: when there are sources, the source
// does not count.
func toSources(source *v1alpha1.ApplicationSource, sources []v1alpha1.ApplicationSource) []syncline.Source {
	if len(sources) == 0 && source != nil {
		sources = []v1alpha1.ApplicationSource{*source}
	}
	return each(sources, toSource)
}

func toSource(s v1alpha1.ApplicationSource) syncline.Source {
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
	}
}

// fromSource is the inverse of toSource.
func fromSource(s syncline.Source) v1alpha1.ApplicationSource {
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
	}
}

func toHelm(h *v1alpha1.ApplicationSourceHelm) *tool.Helm {
	if h == nil {
		return nil
	}
	return &tool.Helm{
		ReleaseName:             h.ReleaseName,
		ValueFiles:              each(h.ValueFiles, same),
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
		APIVersions:          each(h.APIVersions, same),
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
		Images:                  each(k.Images, same),
		CommonLabels:            orNil(k.CommonLabels),
		CommonAnnotations:       orNil(k.CommonAnnotations),
		ForceCommonLabels:       k.ForceCommonLabels,
		ForceCommonAnnotations:  k.ForceCommonAnnotations,
		AnnotationsEnvsubst:     k.CommonAnnotationsEnvsubst,
		LabelWithoutSelector:    k.LabelWithoutSelector,
		LabelIncludeTemplates:   k.LabelIncludeTemplates,
		Replicas:                each(k.Replicas, toReplica),
		Patches:                 each(k.Patches, toPatch),
		Components:              each(k.Components, same),
		IgnoreMissingComponents: k.IgnoreMissingComponents,
		KubeVersion:             k.KubeVersion,
		APIVersions:             each(k.APIVersions, same),
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

// toReplica translates a count that is not a number to 0; checkReplicas names it.
func toReplica(r v1alpha1.KustomizeReplica) tool.KustomizeReplica {
	n, _ := count(r.Count)
	return tool.KustomizeReplica{Name: r.Name, Count: n}
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
			Libs:    each(d.Jsonnet.Libs, same),
		},
	}
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

func same(text string) string { return text }

// orNil returns nil for an empty map. JSON cannot tell the two apart once they
// were written, and equal sources have to stay equal.
func orNil[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}
