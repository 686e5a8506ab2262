// Package declare reads what flags and files declare, and writes it as the
// custom resources have it: a source, an Application, an operation. It sends
// nothing anywhere.
package declare

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// Source is where something is declared and how it is rendered, as flags say.
type Source struct {
	source    syncline.Source
	helm      tool.Helm
	kustomize tool.Kustomize
	directory tool.Directory
	// What follows is brought into the form of the above by Read.
	valuesFile                       string
	sets, setStrings, setFiles       []string
	replicas, labels, annotations    []string
	extStr, extCode, tlaStr, tlaCode []string
}

// Bind adds the flags.
func (f *Source) Bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.source.RepoURL, "repo", "", "URL of the repository")
	flags.StringVar(&f.source.Path, "path", "", "folder in the repository")
	flags.StringVar(&f.source.TagPrefix, "tag-prefix", "", "prefix to cut from tags before a version constraint is applied")
	f.bindHelm(flags)
	f.bindKustomize(flags)
	f.bindDirectory(flags)
}

func (f *Source) bindHelm(flags *pflag.FlagSet) {
	flags.StringVar(&f.source.Chart, "helm-chart", "", "name of a chart in a Helm repository")
	flags.StringVar(&f.helm.ReleaseName, "release-name", "", "Helm release name (default the app's name)")
	flags.StringArrayVar(&f.helm.ValueFiles, "values", nil, "Helm values `file`, relative to the path; may be repeated")
	flags.BoolVar(&f.helm.IgnoreMissingValueFiles, "ignore-missing-value-files", false, "leave out values files that do not exist")
	flags.StringVar(&f.valuesFile, "values-literal-file", "", "file of this machine whose content becomes the Helm values; - is stdin")
	flags.StringArrayVar(&f.sets, "helm-set", nil, "Helm value as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.setStrings, "helm-set-string", nil, "Helm text value as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.setFiles, "helm-set-file", nil, "Helm value from a file of the repository as `NAME=PATH`; may be repeated")
	flags.BoolVar(&f.helm.SkipCRDs, "helm-skip-crds", false, "leave out the chart's crds folder")
	flags.BoolVar(&f.helm.SkipTests, "helm-skip-tests", false, "leave out the chart's tests")
	flags.BoolVar(&f.helm.SkipSchemaValidation, "helm-skip-schema-validation", false, "do not check values against the chart's schema")
	flags.StringVar(&f.helm.Namespace, "helm-namespace", "", "Helm release namespace (default the destination's)")
	flags.StringVar(&f.helm.KubeVersion, "helm-kube-version", "", "Kubernetes version that charts see (default the cluster's; without one, that which this program is built for)")
	flags.StringArrayVar(&f.helm.APIVersions, "helm-api-versions", nil, "`[GROUP/]VERSION/KIND` that charts see; may be repeated")
}

func (f *Source) bindKustomize(flags *pflag.FlagSet) {
	flags.StringVar(&f.kustomize.NamePrefix, "nameprefix", "", "kustomize name prefix")
	flags.StringVar(&f.kustomize.NameSuffix, "namesuffix", "", "kustomize name suffix")
	flags.StringVar(&f.kustomize.Namespace, "kustomize-namespace", "", "kustomize namespace")
	flags.StringArrayVar(&f.kustomize.Images, "kustomize-image", nil, "kustomize `image`, such as web:1.2 or web=mirror/web:1.2; may be repeated")
	flags.StringArrayVar(&f.replicas, "kustomize-replica", nil, "kustomize replicas as `NAME=COUNT`; may be repeated")
	flags.StringArrayVar(&f.labels, "kustomize-common-label", nil, "kustomize label as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.annotations, "kustomize-common-annotation", nil, "kustomize annotation as `NAME=VALUE`; may be repeated")
	flags.BoolVar(&f.kustomize.ForceCommonLabels, "kustomize-force-common-label", false, "let common labels replace existing ones")
	flags.BoolVar(&f.kustomize.ForceCommonAnnotations, "kustomize-force-common-annotation", false, "let common annotations replace existing ones")
	flags.BoolVar(&f.kustomize.LabelWithoutSelector, "kustomize-label-without-selector", false, "keep common labels out of selectors")
	flags.BoolVar(&f.kustomize.LabelIncludeTemplates, "kustomize-label-include-templates", false, "put common labels on templates")
	flags.StringArrayVar(&f.kustomize.Components, "kustomize-component", nil, "kustomize `component`, relative to the path; may be repeated")
	flags.BoolVar(&f.kustomize.IgnoreMissingComponents, "ignore-missing-components", false, "leave out components that do not exist")
	flags.StringVar(&f.kustomize.KubeVersion, "kustomize-kube-version", "", "Kubernetes version that kustomize's charts see")
	flags.StringArrayVar(&f.kustomize.APIVersions, "kustomize-api-versions", nil, "`[GROUP/]VERSION/KIND` that kustomize's charts see; may be repeated")
}

func (f *Source) bindDirectory(flags *pflag.FlagSet) {
	flags.BoolVar(&f.directory.Recurse, "directory-recurse", false, "read subfolders of a plain directory")
	flags.StringVar(&f.directory.Include, "directory-include", "", "glob of the files to read from a plain directory")
	flags.StringVar(&f.directory.Exclude, "directory-exclude", "", "glob of the files to leave out")
	flags.StringArrayVar(&f.extStr, "jsonnet-ext-var-str", nil, "jsonnet external variable as `NAME=TEXT`; may be repeated")
	flags.StringArrayVar(&f.extCode, "jsonnet-ext-var-code", nil, "jsonnet external variable as `NAME=CODE`; may be repeated")
	flags.StringArrayVar(&f.tlaStr, "jsonnet-tla-str", nil, "jsonnet top-level argument as `NAME=TEXT`; may be repeated")
	flags.StringArrayVar(&f.tlaCode, "jsonnet-tla-code", nil, "jsonnet top-level argument as `NAME=CODE`; may be repeated")
	flags.StringArrayVar(&f.directory.Jsonnet.Libs, "jsonnet-libs", nil, "jsonnet library `folder`, relative to the repository's root; may be repeated")
}

// Read returns the source that the flags declare. In is read for the file "-".
// The error is Invalid when the flags do not fit together.
func (f *Source) Read(flags *pflag.FlagSet, in io.Reader) (syncline.Source, error) {
	for _, step := range []func() error{f.readHelm, f.readKustomize, f.readJsonnet} {
		if err := step(); err != nil {
			return syncline.Source{}, err
		}
	}
	if f.valuesFile != "" {
		values, err := ReadFile(f.valuesFile, in)
		if err != nil {
			return syncline.Source{}, err
		}
		f.helm.Values = string(values)
	}
	return f.pick(flags)
}

// pick sets the options of the one tool that flags were given for.
func (f *Source) pick(flags *pflag.FlagSet) (syncline.Source, error) {
	source, first := f.source, ""
	var err error
	flags.Visit(func(flag *pflag.Flag) {
		tool := toolOf(flag.Name)
		switch {
		case tool == "" || tool == first:
			return
		case first != "":
			err = syncline.Errorf(syncline.Invalid, "flags for %s and for %s (--%s) cannot be used together", first, tool, flag.Name)
			return
		}
		first = tool
		switch tool {
		case "Helm":
			source.Helm = &f.helm
		case "kustomize":
			source.Kustomize = &f.kustomize
		case "a plain directory":
			source.Directory = &f.directory
		}
	})
	return source, err
}

// toolOf names the tool that a flag is for, or "".
func toolOf(flag string) string {
	switch flag {
	case "helm-chart":
		return ""
	case "values", "values-literal-file", "release-name", "ignore-missing-value-files":
		return "Helm"
	case "nameprefix", "namesuffix", "ignore-missing-components":
		return "kustomize"
	}
	tool, _, _ := strings.Cut(flag, "-")
	return map[string]string{
		"helm": "Helm", "kustomize": "kustomize",
		"directory": "a plain directory", "jsonnet": "a plain directory",
	}[tool]
}

func (f *Source) readHelm() error {
	for _, list := range []struct {
		flag   string
		values []string
		add    func(name, value string)
	}{
		{"helm-set", f.sets, func(name, value string) {
			f.setParameter(tool.HelmParameter{Name: name, Value: value})
		}},
		{"helm-set-string", f.setStrings, func(name, value string) {
			f.setParameter(tool.HelmParameter{Name: name, Value: value, ForceString: true})
		}},
		{"helm-set-file", f.setFiles, func(name, value string) {
			f.helm.FileParameters = slices.DeleteFunc(f.helm.FileParameters, func(p tool.HelmFileParameter) bool { return p.Name == name })
			f.helm.FileParameters = append(f.helm.FileParameters, tool.HelmFileParameter{Name: name, Path: value})
		}},
	} {
		if err := eachPair(list.flag, list.values, list.add); err != nil {
			return err
		}
	}
	return nil
}

// setParameter sets a parameter in place of one of the same name.
func (f *Source) setParameter(parameter tool.HelmParameter) {
	for i, other := range f.helm.Parameters {
		if other.Name == parameter.Name {
			f.helm.Parameters[i] = parameter
			return
		}
	}
	f.helm.Parameters = append(f.helm.Parameters, parameter)
}

func (f *Source) readKustomize() error {
	var err error
	if f.kustomize.CommonLabels, err = Pairs("kustomize-common-label", f.labels); err != nil {
		return err
	}
	if f.kustomize.CommonAnnotations, err = Pairs("kustomize-common-annotation", f.annotations); err != nil {
		return err
	}
	var wrong error
	err = eachPair("kustomize-replica", f.replicas, func(name, value string) {
		count, countErr := strconv.ParseInt(value, 10, 64)
		if countErr != nil {
			wrong = syncline.Errorf(syncline.Invalid, "--kustomize-replica %s=%s: %q is not a number", name, value, value)
		}
		f.kustomize.Replicas = append(f.kustomize.Replicas, tool.KustomizeReplica{Name: name, Count: count})
	})
	if err != nil {
		return err
	}
	return wrong
}

func (f *Source) readJsonnet() error {
	jsonnet := &f.directory.Jsonnet
	for _, list := range []struct {
		flag   string
		values []string
		to     *[]tool.JsonnetVar
		code   bool
	}{
		{"jsonnet-ext-var-str", f.extStr, &jsonnet.ExtVars, false},
		{"jsonnet-ext-var-code", f.extCode, &jsonnet.ExtVars, true},
		{"jsonnet-tla-str", f.tlaStr, &jsonnet.TLAs, false},
		{"jsonnet-tla-code", f.tlaCode, &jsonnet.TLAs, true},
	} {
		err := eachPair(list.flag, list.values, func(name, value string) {
			*list.to = append(*list.to, tool.JsonnetVar{Name: name, Value: value, Code: list.code})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachPair calls add for each NAME=VALUE.
func eachPair(flag string, values []string, add func(name, value string)) error {
	for _, pair := range values {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return syncline.Errorf(syncline.Invalid, "--%s %q is not NAME=VALUE", flag, pair)
		}
		add(name, value)
	}
	return nil
}

// Pairs reads NAME=VALUE texts into a map.
func Pairs(flag string, values []string) (map[string]string, error) {
	read := map[string]string{}
	err := eachPair(flag, values, func(name, value string) { read[name] = value })
	return read, err
}

// ReadFile reads a file of this machine; "-" is in.
func ReadFile(path string, in io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(in)
	}
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, syncline.Errorf(syncline.NotFound, "%w", err)
	}
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "%w", err)
	}
	return content, nil
}
