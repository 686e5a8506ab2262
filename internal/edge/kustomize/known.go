package kustomize

import (
	"bytes"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// maxLearned is how much text is read for names when a build fails.
const maxLearned = 4 << 20

// own are names that kustomize has itself.
var own = []string{
	"noNs", "noGrp", "noVer", "noKind", "noName", "v1", "Id", "ID", "resid", "ResId", "Gvk", "Group", "Version", "Kind", "Name", "Namespace",
	"isClusterScoped", "loader.New", "accumulateDirectory", "MalformedYAMLError", "Kustomization", "Component", "create", "merge", "replace",
	"Secret", "ConfigMap", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "AnnotationsTransformer", "ConfigMapGenerator",
	"HashTransformer", "ImageTagTransformer", "LabelTransformer", "NamespaceTransformer", "PatchJson6902Transformer", "PatchStrategicMergeTransformer",
	"PatchTransformer", "PrefixSuffixTransformer", "PrefixTransformer", "SuffixTransformer", "ReplicaCountTransformer", "SecretGenerator",
	"ValueAddTransformer", "ReplacementTransformer", "ScalarNode", "MappingNode", "SequenceNode", "AliasNode", "add", "remove", "move", "copy", "test",
}

// known returns what may be shown of an error: the names of files that are there or
// that a kustomization names, those of objects, and the fields that it, its patches
// and its replacements speak of. Nothing is learned where a value stands.
func (f *fileSystem) known(options tool.Kustomize) *told.Known {
	known := &told.Known{}
	known.Name(own...)
	known.Name(structNames()...)
	known.Path(konfig.RecognizedKustomizationFileNames()...)
	known.Text("is not in or below", "the folder of the kustomization that names it", "is a folder", "kustomize cannot cope with it")
	known.Path(f.top)
	known.Text(f.elsewhere()...)
	for _, component := range options.Components {
		known.Path(component, path.Join(path.Dir(f.top), component))
	}
	for _, patch := range options.Patches {
		learn(known, []byte(patch.Patch))
	}
	learned := 0
	for name, text := range f.read {
		if !f.secret[name] || looksLikeFile(name) || f.isThere(name) {
			known.Path(f.shown(name))
		}
		if learned += len(text); f.secret[name] || f.data[name] || learned > maxLearned {
			continue
		}
		if isKustomization(path.Base(name)) {
			learnFiles(known, path.Dir(name), text)
		}
		learn(known, text)
	}
	return known
}

// isThere reports whether the tree has a file, as opposed to what was put in place of
// the name of one.
func (f *fileSystem) isThere(name string) bool {
	tree, below := f.tree(name)
	_, err := tree.Stat(below)
	return err == nil
}

// learnFiles adds the names of the files that a kustomization names. Of the files of a
// generator of Secrets only those that are surely names: a value may stand there by
// mistake.
func learnFiles(known *told.Known, folder string, text []byte) {
	var k types.Kustomization
	if k.Unmarshal(text) != nil {
		return
	}
	k.FixKustomization()
	for _, r := range references(&k) {
		if r.field != secretFiles || looksLikeFile(r.text) {
			known.Path(r.text, path.Clean(r.text), path.Join(folder, r.text))
		}
	}
	for _, image := range k.Images {
		known.Text(image.Name, image.NewName)
	}
}

// extensions are those of files that hold secrets.
var extensions = []string{
	".env", ".properties", ".txt", ".pem", ".crt", ".cert", ".cer", ".key", ".json", ".yaml", ".yml", ".conf", ".cfg", ".ini", ".toml", ".p12", ".pfx",
	".jks", ".secret", ".secrets", ".enc", ".pub", ".xml",
}

// looksLikeFile reports whether a text is the name of a file and surely no value. A
// key may be in front.
func looksLikeFile(text string) bool {
	if key, file, ok := strings.Cut(text, "="); ok && plainName.MatchString(key) {
		text = file
	}
	return slices.Contains(extensions, path.Ext(text)) && !strings.ContainsAny(text, "= \t:@")
}

// learn adds what the documents of a text call things. One that is no YAML teaches
// nothing.
func learn(known *told.Known, text []byte) {
	decoder := yamlv3.NewDecoder(bytes.NewReader(text))
	for {
		var root yamlv3.Node
		if decoder.Decode(&root) != nil {
			return
		}
		learnNode(known, "", &root, 0)
	}
}

// What is learned of a mapping, by its keys: names, paths of fields, and YAML that
// stands as a text. Below unread there are values.
var (
	nameKeys  = []string{"name", "namespace", "kind", "apiVersion", "group", "version", "namePrefix", "nameSuffix"}
	pathKeys  = []string{"path", "fieldPath", "fieldPaths", "fieldpath"}
	inlined   = []string{"patch", "patches", "patchesStrategicMerge", "patchesJson6902", "transformers", "generators", "validators"}
	unread    = regexp.MustCompile(`(?i)^(?:data|stringData|binaryData|string_data|literals|value|values|env|envs|files|args|command)$`)
	separator = regexp.MustCompile(`=[^\]]*\]|[./\[\]]+`) // what a list is searched for is a value
	plainName = regexp.MustCompile(`^[A-Za-z0-9][-\w.*]*$`)
	slip      = regexp.MustCompile(`unknown field "(?:[^"]*\.)?([A-Za-z]+)"`)
)

// maxSlips is how many words of a message are compared with names.
const maxSlips = 8

// maxNesting bounds how deep is looked.
const maxNesting = 60

func learnNode(known *told.Known, key string, node *yamlv3.Node, depth int) {
	if depth > maxNesting || unread.MatchString(key) {
		return
	}
	switch node.Kind {
	case yamlv3.DocumentNode, yamlv3.SequenceNode:
		for _, below := range node.Content {
			learnNode(known, key, below, depth+1)
		}
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			learnNode(known, node.Content[i].Value, node.Content[i+1], depth+1)
		}
	case yamlv3.ScalarNode:
		learnText(known, key, node.Value)
	}
}

func learnText(known *told.Known, key, text string) {
	switch {
	case slices.Contains(inlined, key) && isInline(text):
		learn(known, []byte(text))
	case slices.Contains(nameKeys, key), slices.Contains(pathKeys, key):
		for _, part := range separator.Split(text, -1) {
			if plainName.MatchString(part) {
				known.Name(part)
			}
		}
		if plainName.MatchString(text) {
			known.Name(text)
		}
	}
}

// structNames returns how kustomize calls the fields of a kustomization.
func structNames() []string {
	var names []string
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] {
			return
		}
		seen[of] = true
		names = append(names, of.Name())
		for field := range of.Fields() {
			written, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, field.Name, written)
			visit(field.Type)
		}
	}
	visit(reflect.TypeFor[types.Kustomization]())
	return names
}
