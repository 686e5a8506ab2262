// Package tool holds what may be declared of the tools that render: the options of
// Helm, of kustomize, and of a folder of manifests and jsonnet. It is data alone.
package tool

// Helm holds the options of a Helm source.
//
// Precedence of values, lowest first: the chart's own values.yaml, ValueFiles
// in order, Values, then Parameters and FileParameters.
type Helm struct {
	// ReleaseName defaults to the App's name.
	ReleaseName string
	// ValueFiles are paths relative to the chart's folder, absolute in the
	// repository when they begin with "/", or "$ref/path". Globs are expanded.
	ValueFiles              []string
	IgnoreMissingValueFiles bool
	// Values is YAML text.
	Values         string
	Parameters     []HelmParameter
	FileParameters []HelmFileParameter
	// SkipCRDs leaves out the chart's crds folder.
	SkipCRDs bool
	// SkipTests leaves out objects with the hook annotation "test".
	SkipTests            bool
	SkipSchemaValidation bool
	// Namespace defaults to the destination's namespace.
	Namespace string
	// KubeVersion and APIVersions replace what the cluster reports.
	KubeVersion string
	APIVersions []string
	// Version and PassCredentials do nothing but say that Helm is meant.
	Version         string
	PassCredentials bool
}

// IsEmpty reports whether nothing is declared.
func (h *Helm) IsEmpty() bool {
	return h == nil || h.ReleaseName == "" && h.Values == "" && h.Namespace == "" && h.KubeVersion == "" && h.Version == "" &&
		len(h.ValueFiles)+len(h.Parameters)+len(h.FileParameters)+len(h.APIVersions) == 0 &&
		!h.IgnoreMissingValueFiles && !h.SkipCRDs && !h.SkipTests && !h.SkipSchemaValidation && !h.PassCredentials
}

// HelmParameter is one --set, or --set-string when ForceString.
type HelmParameter struct {
	Name        string
	Value       string
	ForceString bool
}

// HelmFileParameter is one --set-file.
type HelmFileParameter struct {
	Name string
	Path string
}

// Kustomize holds the options of a kustomize source. They are laid over the
// kustomization in memory; no file is changed.
type Kustomize struct {
	NamePrefix              string
	NameSuffix              string
	Namespace               string
	Images                  []string
	CommonLabels            map[string]string
	CommonAnnotations       map[string]string
	ForceCommonLabels       bool
	ForceCommonAnnotations  bool
	AnnotationsEnvsubst     bool
	LabelWithoutSelector    bool
	LabelIncludeTemplates   bool
	Replicas                []KustomizeReplica
	Patches                 []KustomizePatch
	Components              []string
	IgnoreMissingComponents bool
	KubeVersion             string
	APIVersions             []string
	// Version does nothing but say that kustomize is meant.
	Version string
}

// IsEmpty reports whether nothing is declared, but for fields that only say how
// others are meant.
func (k *Kustomize) IsEmpty() bool {
	return k == nil || k.NamePrefix == "" && k.NameSuffix == "" && k.Namespace == "" && k.KubeVersion == "" && k.Version == "" &&
		len(k.Images)+len(k.CommonLabels)+len(k.CommonAnnotations)+len(k.Replicas)+len(k.Patches)+len(k.Components)+len(k.APIVersions) == 0 &&
		!k.IgnoreMissingComponents
}

// KustomizeReplica sets the replicas of the workloads called Name.
type KustomizeReplica struct {
	Name  string
	Count int64
}

// KustomizePatch is one entry of a kustomization's patches.
type KustomizePatch struct {
	Path    string
	Patch   string
	Target  *KustomizeSelector
	Options map[string]bool
}

// KustomizeSelector chooses the objects that a patch applies to.
type KustomizeSelector struct {
	Group, Version, Kind, Name, Namespace string
	LabelSelector, AnnotationSelector     string
}

// Directory holds the options of a source of plain manifests and jsonnet.
type Directory struct {
	Recurse bool
	// Include and Exclude are globs over paths relative to the source's path,
	// with {a,b} alternatives. Empty Include means every manifest; Exclude wins.
	Include string
	Exclude string
	Jsonnet Jsonnet
}

// IsEmpty reports whether nothing is declared.
func (d *Directory) IsEmpty() bool {
	return d == nil || !d.Recurse && d.Include == "" && d.Exclude == "" &&
		len(d.Jsonnet.ExtVars)+len(d.Jsonnet.TLAs)+len(d.Jsonnet.Libs) == 0
}

// Jsonnet holds the variables and library folders of jsonnet files.
type Jsonnet struct {
	ExtVars []JsonnetVar
	TLAs    []JsonnetVar
	// Libs are library folders, relative to the repository's root.
	Libs []string
}

// JsonnetVar is a variable. Its value is jsonnet when Code, else a string.
type JsonnetVar struct {
	Name  string
	Value string
	Code  bool
}
