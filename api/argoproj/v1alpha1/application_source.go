package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ApplicationSource says where manifests are and how they are made.
type ApplicationSource struct {
	// RepoURL is the address of a Git or Helm repository.
	RepoURL string `json:"repoURL"`
	// Path is a folder in a Git repository. Exclusive with chart.
	Path string `json:"path,omitempty"`
	// TargetRevision is a branch, tag, commit, HEAD or a semantic version
	// constraint. Absent means HEAD, or the newest chart.
	TargetRevision string `json:"targetRevision,omitempty"`
	// TagPrefix is cut from tags before they are compared with a constraint.
	TagPrefix string                      `json:"tagPrefix,omitempty"`
	Helm      *ApplicationSourceHelm      `json:"helm,omitempty"`
	Kustomize *ApplicationSourceKustomize `json:"kustomize,omitempty"`
	Directory *ApplicationSourceDirectory `json:"directory,omitempty"`
	Plugin    *ApplicationSourcePlugin    `json:"plugin,omitempty"`
	// Chart is the name of a chart in a Helm repository.
	Chart string `json:"chart,omitempty"`
	// Ref is the name under which other sources reach this one's files.
	Ref string `json:"ref,omitempty"`
	// Name is a stable name for people.
	Name string `json:"name,omitempty"`
}

// ApplicationSourceHelm holds the options of a chart.
type ApplicationSourceHelm struct {
	// ValueFiles are paths relative to the chart, absolute in the repository
	// when they begin with a slash, or $ref/path. Later ones win.
	ValueFiles              []string `json:"valueFiles,omitempty"`
	IgnoreMissingValueFiles bool     `json:"ignoreMissingValueFiles,omitempty"`
	// Parameters are single values; they win over everything else.
	Parameters []HelmParameter `json:"parameters,omitempty"`
	// FileParameters are single values read from files.
	FileParameters []HelmFileParameter `json:"fileParameters,omitempty"`
	// ReleaseName defaults to the Application's name.
	ReleaseName string `json:"releaseName,omitempty"`
	// Values is YAML text.
	Values string `json:"values,omitempty"`
	// ValuesObject is the same as an object, and wins over values.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	ValuesObject *runtime.RawExtension `json:"valuesObject,omitempty"`
	// Version is not read: there is one Helm.
	Version         string `json:"version,omitempty"`
	PassCredentials bool   `json:"passCredentials,omitempty"`
	// SkipCrds leaves out the chart's crds folder.
	SkipCrds             bool `json:"skipCrds,omitempty"`
	SkipTests            bool `json:"skipTests,omitempty"`
	SkipSchemaValidation bool `json:"skipSchemaValidation,omitempty"`
	// Namespace defaults to the destination's.
	Namespace string `json:"namespace,omitempty"`
	// KubeVersion and apiVersions replace what the cluster reports.
	KubeVersion string   `json:"kubeVersion,omitempty"`
	APIVersions []string `json:"apiVersions,omitempty"`
}

// HelmParameter is one value by its path, as in helm's --set.
type HelmParameter struct {
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
	// ForceString keeps the value a text, as in helm's --set-string.
	ForceString bool `json:"forceString,omitempty"`
}

// HelmFileParameter is one value read from a file, as in helm's --set-file.
type HelmFileParameter struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"`
}

// ApplicationSourceKustomize holds options that are laid over a kustomization.
type ApplicationSourceKustomize struct {
	NamePrefix string `json:"namePrefix,omitempty"`
	NameSuffix string `json:"nameSuffix,omitempty"`
	// Images are overrides such as name=registry/name:tag.
	Images                    []string          `json:"images,omitempty"`
	CommonLabels              map[string]string `json:"commonLabels,omitempty"`
	CommonAnnotations         map[string]string `json:"commonAnnotations,omitempty"`
	CommonAnnotationsEnvsubst bool              `json:"commonAnnotationsEnvsubst,omitempty"`
	ForceCommonLabels         bool              `json:"forceCommonLabels,omitempty"`
	ForceCommonAnnotations    bool              `json:"forceCommonAnnotations,omitempty"`
	LabelWithoutSelector      bool              `json:"labelWithoutSelector,omitempty"`
	LabelIncludeTemplates     bool              `json:"labelIncludeTemplates,omitempty"`
	// Version is not read: there is one kustomize.
	Version                 string             `json:"version,omitempty"`
	Namespace               string             `json:"namespace,omitempty"`
	Replicas                []KustomizeReplica `json:"replicas,omitempty"`
	Patches                 []KustomizePatch   `json:"patches,omitempty"`
	Components              []string           `json:"components,omitempty"`
	IgnoreMissingComponents bool               `json:"ignoreMissingComponents,omitempty"`
	// KubeVersion and apiVersions replace what the cluster reports.
	KubeVersion string   `json:"kubeVersion,omitempty"`
	APIVersions []string `json:"apiVersions,omitempty"`
}

// KustomizeReplica sets the replicas of the workloads of one name.
type KustomizeReplica struct {
	Name  string             `json:"name"`
	Count intstr.IntOrString `json:"count"`
}

// KustomizePatch is one entry of a kustomization's patches.
type KustomizePatch struct {
	Path    string             `json:"path,omitempty"`
	Patch   string             `json:"patch,omitempty"`
	Target  *KustomizeSelector `json:"target,omitempty"`
	Options map[string]bool    `json:"options,omitempty"`
}

// KustomizeSelector chooses the objects that a patch applies to.
type KustomizeSelector struct {
	Group              string `json:"group,omitempty"`
	Version            string `json:"version,omitempty"`
	Kind               string `json:"kind,omitempty"`
	Name               string `json:"name,omitempty"`
	Namespace          string `json:"namespace,omitempty"`
	AnnotationSelector string `json:"annotationSelector,omitempty"`
	LabelSelector      string `json:"labelSelector,omitempty"`
}

// ApplicationSourceDirectory holds the options of a folder of manifests.
type ApplicationSourceDirectory struct {
	Recurse bool `json:"recurse,omitempty"`
	// Jsonnet is always written, as Argo CD does.
	// +optional
	Jsonnet ApplicationSourceJsonnet `json:"jsonnet"`
	// Include and exclude are globs over paths; exclude wins.
	Include string `json:"include,omitempty"`
	Exclude string `json:"exclude,omitempty"`
	// DisableExtensionFilter reads files of any extension.
	DisableExtensionFilter bool `json:"disableExtensionFilter,omitempty"`
}

// ApplicationSourceJsonnet holds the options of jsonnet files.
type ApplicationSourceJsonnet struct {
	// ExtVars are external variables.
	ExtVars []JsonnetVar `json:"extVars,omitempty"`
	// TLAs are the arguments of the top-level function.
	TLAs []JsonnetVar `json:"tlas,omitempty"`
	// Libs are library folders, relative to the repository's root.
	Libs []string `json:"libs,omitempty"`
}

// JsonnetVar is a variable; its value is jsonnet when code is set.
type JsonnetVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code,omitempty"`
}

// ApplicationSourcePlugin has manifests made by a config management plugin.
type ApplicationSourcePlugin struct {
	Name       string            `json:"name,omitempty"`
	Env        []EnvEntry        `json:"env,omitempty"`
	Parameters []PluginParameter `json:"parameters,omitempty"`
}

// EnvEntry is an environment variable.
type EnvEntry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PluginParameter is a parameter of a plugin: a text, a map or a list.
type PluginParameter struct {
	Name   string            `json:"name,omitempty"`
	String *string           `json:"string,omitempty"`
	Map    map[string]string `json:"map,omitempty"`
	Array  []string          `json:"array,omitempty"`
}
