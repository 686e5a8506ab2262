package syncline

import "fmt"

// Source says where desired state is declared and how it is rendered, as one
// entry of an Argo CD Application's spec.source or spec.sources.
type Source struct {
	// RepoURL is the address of the repository.
	RepoURL string
	// Path is the folder in the repository, slash-separated; "" is its root.
	Path string
	// Chart is the name of a chart in a Helm repository, or below an address in a
	// registry; exclusive with Path.
	Chart string
	// TargetRevision is a branch, tag, commit, fully qualified ref, HEAD or a
	// semantic version constraint over tags. Empty means HEAD. In a registry it is a
	// tag, a digest or a constraint; empty means the tag latest, and of a chart the
	// highest version.
	TargetRevision string
	// TagPrefix is cut from tags before they are compared with a constraint.
	TagPrefix string
	// Ref is the name under which other sources reach this one's files, as in
	// "$ref/path". Empty when they cannot.
	Ref string
	// Name is a stable name for people. Empty when the source has none.
	Name string

	// At most one of these is declared; when none is, the files decide the tool.
	// See [Source.Declared].
	Helm      *Helm
	Kustomize *Kustomize
	Directory *Directory
}

// Address returns where the repository is, read.
func (s Source) Address() Address { return AddressOf(s.RepoURL) }

// Key names the repository of the source: it is asked once for all sources of one
// Key, and what happens to it is told by that name. See [Address.Key].
func (s Source) Key() string { return s.Address().Key() }

// Kind returns what holds the files, as far as the declaration tells. It is an
// Invalid error that names the field where no source can be so.
func (s Source) Kind() (SourceKind, error) {
	inRegistry := s.Address().Scheme() == schemeOCI
	switch {
	case s.Chart == "" && inRegistry:
		return SourceOCI, nil
	case s.Chart == "":
		return SourceGit, nil
	}
	for _, field := range []struct {
		name     string
		declared bool
	}{
		{"path", s.Path != ""}, {"tagPrefix", s.TagPrefix != ""},
		{"kustomize", !s.Kustomize.isEmpty()}, {"directory", !s.Directory.isEmpty()},
	} {
		if field.declared {
			return "", WithHint(Errorf(Invalid, "chart %q and %s: no source has both", s.Chart, field.name), "keep one of them")
		}
	}
	if inRegistry {
		return SourceOCI, nil
	}
	return SourceHelm, nil
}

// IsOnlyRead reports whether the source, as one of several, is there for its files to
// be reached by others: nothing is rendered from it, as in Argo CD.
func (s Source) IsOnlyRead() bool { return s.Ref != "" && s.Path == "" && s.Chart == "" }

// SourceKind says what holds a Source's files.
type SourceKind string

// The kinds of source.
const (
	// SourceGit is a folder of a Git repository.
	SourceGit SourceKind = "Git"
	// SourceHelm is a chart of a Helm repository.
	SourceHelm SourceKind = "Helm"
	// SourceOCI is an artifact in an OCI registry, which may be a chart.
	SourceOCI SourceKind = "OCI"
)

// Declared returns the tools that the source has options of. Options that say
// nothing are no options, as in Argo CD: programs leave them behind.
func (s Source) Declared() []Tool {
	var declared []Tool
	if !s.Helm.isEmpty() {
		declared = append(declared, ToolHelm)
	}
	if !s.Kustomize.isEmpty() {
		declared = append(declared, ToolKustomize)
	}
	if !s.Directory.isEmpty() {
		declared = append(declared, ToolDirectory)
	}
	return declared
}

// Tool is what renders a Source.
type Tool string

// The tools. Jsonnet files are rendered by ToolDirectory, as in Argo CD.
const (
	ToolHelm      Tool = "Helm"
	ToolKustomize Tool = "Kustomize"
	ToolDirectory Tool = "Directory"
)

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

func (h *Helm) isEmpty() bool {
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

// isEmpty leaves out the fields that only say how others are meant.
func (k *Kustomize) isEmpty() bool {
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

func (d *Directory) isEmpty() bool {
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

// Repository is how to reach the repository at an address.
type Repository struct {
	Address Address
	// Declared says that the operator named the repository, or its server, by a
	// repository Secret.
	Declared bool
	// Username and Password are sent as HTTP basic authentication. A token
	// alone goes with any user name.
	Username string
	Password Sealed
	// BearerToken is sent as an HTTP Authorization header instead.
	BearerToken Sealed
	// Unsupported names credentials that the repository Secret has and Syncline
	// cannot use, where it has no others.
	Unsupported string
	// ForceBasicAuth sends the credentials without waiting to be asked.
	ForceBasicAuth bool
	// InsecureSkipVerify accepts any certificate of the server.
	InsecureSkipVerify bool
	// PlainHTTP reaches a registry by HTTP without TLS.
	PlainHTTP bool
	// CA holds PEM certificates that are trusted besides the system's.
	CA []byte
	// ClientCert and ClientKey are PEM, for mutual TLS.
	ClientCert []byte
	ClientKey  Sealed
	// Proxy is the URL of an HTTP proxy; NoProxy lists hosts that bypass it.
	Proxy   string
	NoProxy string
}

// Access is a way to a repository: its address, and with what credentials and
// settings it is reached. It is comparable: what is known by one Access is no
// other's, be it an answer or an error. It prints nothing.
type Access struct {
	key, user              string
	inAddress              Sealed
	username               string
	password, bearer       Sealed
	declared, basic, trust bool
	plain                  bool
	ca, cert               string
	certKey                Sealed
	proxy                  Sealed
	noProxy                string
}

// Access returns the way to the repository. Two spellings of its address are one.
func (r Repository) Access() Access {
	return Access{
		key: r.Address.Key(), user: r.Address.User(), inAddress: r.Address.Password(),
		username: r.Username, password: r.Password, bearer: r.BearerToken,
		declared: r.Declared, basic: r.ForceBasicAuth, trust: r.InsecureSkipVerify, plain: r.PlainHTTP,
		ca: string(r.CA), cert: string(r.ClientCert), certKey: r.ClientKey,
		proxy: Sealed(r.Proxy), noProxy: r.NoProxy,
	}
}

// Format prints nothing of what it holds.
func (Access) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("access")) }

// Refs is what a repository calls its revisions, at one moment.
type Refs struct {
	// Head is the full name of the branch that HEAD points to, such as
	// "refs/heads/main". Empty when HEAD is detached or missing.
	Head string
	// Commits maps the full name of each ref, and "HEAD", to a commit. An
	// annotated tag maps to the commit that it tags.
	Commits map[string]string
}
