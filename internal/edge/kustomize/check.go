package kustomize

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// check returns a kustomization as kustomize is shown it: with bases from elsewhere where
// they are at hand, and charts rendered. It refuses one that refers to anything else outside
// the tree, and notes what else it brings. One that cannot be parsed is left to kustomize to
// judge.
func (f *fileSystem) check(file string, text []byte) ([]byte, error) {
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return text, nil //nolint:nilerr // kustomize says what is wrong with it
	}
	k.FixKustomization()
	if err := f.confine(file, &k); err != nil {
		return nil, err
	}
	changed, err := f.complete(file, &k)
	if err != nil {
		return nil, err
	}
	if file == f.top {
		f.managed = slices.Contains(k.BuildMetadata, types.ManagedByLabelOption)
	}
	if len(k.OpenAPI) > 0 || len(k.Crds) > 0 {
		f.schemas = true
	}
	f.noteData(path.Dir(file), &k)
	for _, r := range references(&k) {
		if isRemote(r.text) {
			return nil, refuseRemote(r.field, r.text)
		}
	}
	if err := f.checkConfigs(file, &k); err != nil || !changed {
		return text, err
	}
	return yaml.Marshal(&k)
}

// complete puts into a kustomization what it names elsewhere, and reports whether that is
// anything.
func (f *fileSystem) complete(file string, k *types.Kustomization) (bool, error) {
	brought, err := f.bring(file, k)
	needs, unmet := errors.AsType[upstream.NeedsError](err)
	if err != nil && !unmet {
		return false, err
	}
	f.passNamespace(path.Dir(file), k)
	inflated, err := f.inflate(file, k)
	more, unmet := errors.AsType[upstream.NeedsError](err)
	if err != nil && !unmet {
		return false, err
	}
	if needs = append(needs, more...); len(needs) > 0 {
		return false, needs
	}
	return brought || inflated, nil
}

// noteData notes which files hold the data of generated objects.
func (f *fileSystem) noteData(folder string, k *types.Kustomization) {
	for _, g := range k.SecretGenerator {
		for _, name := range dataFiles(g.KvPairSources) {
			f.secret[path.Join(folder, name)] = true
		}
	}
	for _, g := range k.ConfigMapGenerator {
		for _, name := range dataFiles(g.KvPairSources) {
			f.data[path.Join(folder, name)] = true
		}
	}
}

// checkConfigs refuses the inline configuration of generators and transformers
// that is not allowed, and notes which files are configuration.
func (f *fileSystem) checkConfigs(file string, k *types.Kustomization) error {
	for _, config := range slices.Concat(k.Generators, k.Transformers, k.Validators) {
		if isInline(config) {
			if err := checkConfig([]byte(config)); err != nil {
				return err
			}
			continue
		}
		f.configs[path.Join(path.Dir(file), config)] = true
	}
	return nil
}

// refuseChart says that a field asks for a chart.
func refuseChart(field string) error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "%s: a chart is inflated by itself only", field),
		"put it under helmCharts of the kustomization, or into a file of its own under generators")
}

// secretFiles is the field whose files become a Secret: a value may stand there by
// mistake.
const secretFiles = "secretGenerator"

// refuseRemote says that a field names something remote, without the password that an
// address may have.
func refuseRemote(field, text string) error {
	shown := strconv.Quote(userinfo.ReplaceAllString(text, "$1"))
	if field == secretFiles {
		shown = "a file"
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "%s: %s is remote, and a render fetches nothing", field, shown),
		"copy the files into the repository")
}

var userinfo = regexp.MustCompile(`(://)[^/]*@`)

// reference is a text of a kustomization that names a file or a folder.
type reference struct{ field, text string }

// references returns everything in a kustomization that names files.
func references(k *types.Kustomization) []reference {
	var all []reference
	add := func(field string, texts ...string) {
		for _, text := range texts {
			all = append(all, reference{field, text})
		}
	}
	add("resources", k.Resources...)
	add("components", k.Components...)
	add("crds", k.Crds...)
	add("configurations", k.Configurations...)
	add("generators", singleLines(k.Generators)...)
	add("transformers", singleLines(k.Transformers)...)
	add("validators", singleLines(k.Validators)...)
	add("openapi.path", k.OpenAPI["path"])
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		add("patches", p.Path)
	}
	for _, p := range k.PatchesStrategicMerge {
		add("patchesStrategicMerge", singleLines([]string{string(p)})...)
	}
	for _, r := range k.Replacements {
		add("replacements", r.Path)
	}
	for _, g := range k.ConfigMapGenerator {
		add("configMapGenerator", dataFiles(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		add(secretFiles, dataFiles(g.KvPairSources)...)
	}
	return all
}

// singleLines returns the texts that can be paths: the others are inline YAML.
func singleLines(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), isInline)
}

// isInline reports whether a text is YAML itself, and not the path of a file.
func isInline(text string) bool { return strings.Contains(text, "\n") || strings.HasPrefix(text, "{") }

// dataFiles returns the files of a generator, without the keys before "=".
func dataFiles(sources types.KvPairSources) []string {
	files := slices.Clone(sources.EnvSources)
	for _, source := range sources.FileSources {
		if _, file, ok := strings.Cut(source, "="); ok {
			files = append(files, file)
		}
		files = append(files, source)
	}
	return files
}

// remote matches what kustomize takes for the address of a repository or a
// file: a scheme, a forced protocol, a user at a host, and GitHub without either.
var remote = regexp.MustCompile(`(?i)^(git::|[a-z][a-z0-9+.-]*:/|https?:|[a-z][a-z0-9-]*@[^/:]*[/:]|(www\.)?github\.com[/:]|gh:)`)

func isRemote(text string) bool { return remote.MatchString(text) }

// checkConfig refuses the configuration of a generator or transformer that
// names something remote. One that cannot be parsed is left to kustomize.
func checkConfig(text []byte) error {
	for document := range strings.SplitSeq(string(text), "\n---") {
		var config map[string]any
		if err := yaml.Unmarshal([]byte(document), &config); err != nil {
			continue
		}
		if kind, _ := config["kind"].(string); strings.HasPrefix(kind, "HelmChart") {
			return refuseChart("kind " + kind)
		}
		field := "configuration"
		if kind, _ := config["kind"].(string); strings.Contains(kind, "Secret") {
			field = secretFiles
		}
		if err := checkFields(field, config, false); err != nil {
			return err
		}
	}
	return nil
}

// checkFields looks for remote names in the fields that name files.
func checkFields(of string, value any, named bool) error {
	switch value := value.(type) {
	case map[string]any:
		for field, below := range value {
			if err := checkFields(of, below, isFileField(field)); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range value {
			if err := checkFields(of, element, named); err != nil {
				return err
			}
		}
	case string:
		_, file, _ := strings.Cut(value, "=") // a key may be in front of the file
		if named && (isRemote(value) || isRemote(file)) {
			return refuseRemote(of, value)
		}
	}
	return nil
}

func isFileField(name string) bool {
	return slices.Contains([]string{"path", "paths", "files", "env", "envs"}, name)
}
