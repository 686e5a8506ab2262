package render

import (
	"encoding/json"
	"errors"
	"strconv"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// argoSource is the part of an Argo CD source that an override file may change,
// as people write it.
type argoSource struct {
	Helm      *argoHelm      `json:"helm,omitempty"`
	Kustomize *argoKustomize `json:"kustomize,omitempty"`
	Directory *argoDirectory `json:"directory,omitempty"`
}

type argoHelm struct {
	ReleaseName             string          `json:"releaseName,omitempty"`
	ValueFiles              []string        `json:"valueFiles,omitempty"`
	IgnoreMissingValueFiles bool            `json:"ignoreMissingValueFiles,omitempty"`
	Values                  string          `json:"values,omitempty"`
	ValuesObject            map[string]any  `json:"valuesObject,omitempty"`
	Parameters              []argoParameter `json:"parameters,omitempty"`
	FileParameters          []argoFile      `json:"fileParameters,omitempty"`
	SkipCRDs                bool            `json:"skipCrds,omitempty"`
	SkipTests               bool            `json:"skipTests,omitempty"`
	SkipSchemaValidation    bool            `json:"skipSchemaValidation,omitempty"`
	Namespace               string          `json:"namespace,omitempty"`
	KubeVersion             string          `json:"kubeVersion,omitempty"`
	APIVersions             []string        `json:"apiVersions,omitempty"`
	Version                 string          `json:"version,omitempty"`
	PassCredentials         bool            `json:"passCredentials,omitempty"`
}

type argoParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString,omitempty"`
}

type argoFile struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type argoKustomize struct {
	NamePrefix              string            `json:"namePrefix,omitempty"`
	NameSuffix              string            `json:"nameSuffix,omitempty"`
	Namespace               string            `json:"namespace,omitempty"`
	Images                  []string          `json:"images,omitempty"`
	CommonLabels            map[string]string `json:"commonLabels,omitempty"`
	CommonAnnotations       map[string]string `json:"commonAnnotations,omitempty"`
	ForceCommonLabels       bool              `json:"forceCommonLabels,omitempty"`
	ForceCommonAnnotations  bool              `json:"forceCommonAnnotations,omitempty"`
	AnnotationsEnvsubst     bool              `json:"commonAnnotationsEnvsubst,omitempty"`
	LabelWithoutSelector    bool              `json:"labelWithoutSelector,omitempty"`
	LabelIncludeTemplates   bool              `json:"labelIncludeTemplates,omitempty"`
	Replicas                []argoReplica     `json:"replicas,omitempty"`
	Patches                 []argoPatch       `json:"patches,omitempty"`
	Components              []string          `json:"components,omitempty"`
	IgnoreMissingComponents bool              `json:"ignoreMissingComponents,omitempty"`
	KubeVersion             string            `json:"kubeVersion,omitempty"`
	APIVersions             []string          `json:"apiVersions,omitempty"`
	Version                 string            `json:"version,omitempty"`
}

type argoReplica struct {
	Name  string `json:"name"`
	Count count  `json:"count"`
}

// count is a number that may be written as a text.
type count int64

// errCount quotes nothing of what was found.
var errCount = errors.New("kustomize.replicas: a count is not a number")

// UnmarshalJSON reads a number or a text of digits.
func (c *count) UnmarshalJSON(text []byte) error {
	var digits string
	if json.Unmarshal(text, &digits) != nil {
		digits = string(text)
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return errCount
	}
	*c = count(number)
	return nil
}

type argoPatch struct {
	Path    string          `json:"path,omitempty"`
	Patch   string          `json:"patch,omitempty"`
	Target  *argoSelector   `json:"target,omitempty"`
	Options map[string]bool `json:"options,omitempty"`
}

type argoSelector struct {
	Group              string `json:"group,omitempty"`
	Version            string `json:"version,omitempty"`
	Kind               string `json:"kind,omitempty"`
	Name               string `json:"name,omitempty"`
	Namespace          string `json:"namespace,omitempty"`
	LabelSelector      string `json:"labelSelector,omitempty"`
	AnnotationSelector string `json:"annotationSelector,omitempty"`
}

type argoDirectory struct {
	Recurse bool        `json:"recurse,omitempty"`
	Include string      `json:"include,omitempty"`
	Exclude string      `json:"exclude,omitempty"`
	Jsonnet argoJsonnet `json:"jsonnet,omitzero"`
}

type argoJsonnet struct {
	ExtVars []argoVar `json:"extVars,omitempty"`
	TLAs    []argoVar `json:"tlas,omitempty"`
	Libs    []string  `json:"libs,omitempty"`
}

type argoVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code,omitempty"`
}

// toArgo returns the source as an override file would write it.
func toArgo(source syncline.Source) argoSource {
	var argo argoSource
	if h := source.Helm; h != nil {
		argo.Helm = &argoHelm{
			ReleaseName: h.ReleaseName, ValueFiles: h.ValueFiles, IgnoreMissingValueFiles: h.IgnoreMissingValueFiles,
			Values:         h.Values,
			Parameters:     each(h.Parameters, func(p tool.HelmParameter) argoParameter { return argoParameter(p) }),
			FileParameters: each(h.FileParameters, func(p tool.HelmFileParameter) argoFile { return argoFile(p) }),
			SkipCRDs:       h.SkipCRDs, SkipTests: h.SkipTests, SkipSchemaValidation: h.SkipSchemaValidation,
			Namespace: h.Namespace, KubeVersion: h.KubeVersion, APIVersions: h.APIVersions,
			Version: h.Version, PassCredentials: h.PassCredentials,
		}
	}
	if k := source.Kustomize; k != nil {
		argo.Kustomize = &argoKustomize{
			NamePrefix: k.NamePrefix, NameSuffix: k.NameSuffix, Namespace: k.Namespace, Images: k.Images,
			CommonLabels: k.CommonLabels, CommonAnnotations: k.CommonAnnotations,
			ForceCommonLabels: k.ForceCommonLabels, ForceCommonAnnotations: k.ForceCommonAnnotations,
			AnnotationsEnvsubst: k.AnnotationsEnvsubst, LabelWithoutSelector: k.LabelWithoutSelector,
			LabelIncludeTemplates: k.LabelIncludeTemplates,
			Replicas: each(k.Replicas, func(r tool.KustomizeReplica) argoReplica {
				return argoReplica{Name: r.Name, Count: count(r.Count)}
			}),
			Patches: each(k.Patches, func(p tool.KustomizePatch) argoPatch {
				return argoPatch{Path: p.Path, Patch: p.Patch, Target: (*argoSelector)(p.Target), Options: p.Options}
			}),
			Components: k.Components, IgnoreMissingComponents: k.IgnoreMissingComponents,
			KubeVersion: k.KubeVersion, APIVersions: k.APIVersions, Version: k.Version,
		}
	}
	if d := source.Directory; d != nil {
		variable := func(v tool.JsonnetVar) argoVar { return argoVar(v) }
		argo.Directory = &argoDirectory{
			Recurse: d.Recurse, Include: d.Include, Exclude: d.Exclude,
			Jsonnet: argoJsonnet{
				ExtVars: each(d.Jsonnet.ExtVars, variable), TLAs: each(d.Jsonnet.TLAs, variable), Libs: d.Jsonnet.Libs,
			},
		}
	}
	return argo
}

// over returns source with the tool options of a.
func (a argoSource) over(source syncline.Source) (syncline.Source, error) {
	source.Helm, source.Kustomize, source.Directory = nil, nil, nil
	if h := a.Helm; h != nil {
		values, err := h.values()
		if err != nil {
			return source, err
		}
		source.Helm = &tool.Helm{
			ReleaseName: h.ReleaseName, ValueFiles: h.ValueFiles, IgnoreMissingValueFiles: h.IgnoreMissingValueFiles,
			Values:         values,
			Parameters:     each(h.Parameters, func(p argoParameter) tool.HelmParameter { return tool.HelmParameter(p) }),
			FileParameters: each(h.FileParameters, func(p argoFile) tool.HelmFileParameter { return tool.HelmFileParameter(p) }),
			SkipCRDs:       h.SkipCRDs, SkipTests: h.SkipTests, SkipSchemaValidation: h.SkipSchemaValidation,
			Namespace: h.Namespace, KubeVersion: h.KubeVersion, APIVersions: h.APIVersions,
			Version: h.Version, PassCredentials: h.PassCredentials,
		}
	}
	if k := a.Kustomize; k != nil {
		source.Kustomize = &tool.Kustomize{
			NamePrefix: k.NamePrefix, NameSuffix: k.NameSuffix, Namespace: k.Namespace, Images: k.Images,
			CommonLabels: k.CommonLabels, CommonAnnotations: k.CommonAnnotations,
			ForceCommonLabels: k.ForceCommonLabels, ForceCommonAnnotations: k.ForceCommonAnnotations,
			AnnotationsEnvsubst: k.AnnotationsEnvsubst, LabelWithoutSelector: k.LabelWithoutSelector,
			LabelIncludeTemplates: k.LabelIncludeTemplates,
			Replicas: each(k.Replicas, func(r argoReplica) tool.KustomizeReplica {
				return tool.KustomizeReplica{Name: r.Name, Count: int64(r.Count)}
			}),
			Patches: each(k.Patches, func(p argoPatch) tool.KustomizePatch {
				return tool.KustomizePatch{Path: p.Path, Patch: p.Patch, Target: (*tool.KustomizeSelector)(p.Target), Options: p.Options}
			}),
			Components: k.Components, IgnoreMissingComponents: k.IgnoreMissingComponents,
			KubeVersion: k.KubeVersion, APIVersions: k.APIVersions, Version: k.Version,
		}
	}
	if d := a.Directory; d != nil {
		variable := func(v argoVar) tool.JsonnetVar { return tool.JsonnetVar(v) }
		source.Directory = &tool.Directory{
			Recurse: d.Recurse, Include: d.Include, Exclude: d.Exclude,
			Jsonnet: tool.Jsonnet{
				ExtVars: each(d.Jsonnet.ExtVars, variable), TLAs: each(d.Jsonnet.TLAs, variable), Libs: d.Jsonnet.Libs,
			},
		}
	}
	return source, nil
}

// values returns the values as YAML; an object wins over text.
func (h *argoHelm) values() (string, error) {
	if h.ValuesObject == nil {
		return h.Values, nil
	}
	text, err := yaml.Marshal(h.ValuesObject)
	return string(text), err
}

func each[T, U any](elements []T, change func(T) U) []U {
	if elements == nil {
		return nil
	}
	changed := make([]U, len(elements))
	for i, element := range elements {
		changed[i] = change(element)
	}
	return changed
}
