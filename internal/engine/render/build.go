package render

import (
	"context"
	"path"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// Helm renders the chart in a folder.
type Helm interface {
	Template(ctx context.Context, files syncline.Files, folder string, options syncline.Helm) ([]syncline.Manifest, error)
}

// Kustomize builds the kustomization in a folder.
type Kustomize interface {
	Build(ctx context.Context, files syncline.Tree, folder string, options syncline.Kustomize) ([]syncline.Manifest, error)
}

// Jsonnet evaluates one file to JSON. Libraries are looked for in the folder
// and in those of the options.
type Jsonnet interface {
	Evaluate(ctx context.Context, files syncline.Tree, folder, file string, options syncline.Jsonnet) ([]byte, error)
}

// Tools builds in this very process, by the given tools. It satisfies
// [Builder]; use it for trusted input only, because a build cannot be stopped.
type Tools struct {
	Helm      Helm
	Kustomize Kustomize
	Jsonnet   Jsonnet
}

// Build builds the job.
func (t Tools) Build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	output, err := t.build(ctx, job, inputs)
	return output, presentable(err)
}

func (t Tools) build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	folder, err := folderOf(job.Source.Path)
	if err != nil {
		return Output{}, err
	}
	job.Source.Path = folder
	inputs.Files = allPresent(inputs.Files)
	syncline.Expect(inputs.Files, looksOf(job))
	if err := checkFolder(folder, inputs.Files); err != nil {
		return Output{}, err
	}
	if job.Source, err = applyOverrides(job, inputs.Files); err != nil {
		return Output{}, err
	}
	tool, err := chooseTool(job.Source, inputs.Files)
	if err != nil {
		return Output{}, err
	}
	output, err := t.run(ctx, tool, job, inputs)
	if err == nil {
		err = checkSizes(ctx, output.Documents)
	}
	if err != nil {
		return Output{Tool: tool}, err
	}
	output.Tool = tool
	return output, nil
}

// looksOf returns what is looked at for any job.
func looksOf(job Job) syncline.Looks {
	folder := job.Source.Path
	looks := syncline.Looks{Entries: []string{folder}}
	for _, name := range overridesOf(job) {
		looks.Files = append(looks.Files, path.Join(folder, name))
	}
	if len(job.Source.Declared()) == 0 {
		for _, marker := range markers {
			looks.Entries = append(looks.Entries, path.Join(folder, marker.name))
		}
	}
	return looks
}

// The longest message of an error, and what is kept of the beginning and the
// end of a longer one. Tools repeat a line for every level of a recursion.
const (
	maxMessage  = 2000
	keptAtStart = 1200
	keptAtEnd   = 600
)

// What libraries quote of a document, which may be the value of a Secret: a password
// that begins with "*" is an alias to them.
var quotations = []struct {
	quoted *regexp.Regexp
	shown  string
}{
	{regexp.MustCompile("unknown anchor '[^']*' referenced"), `unknown anchor: put a text that begins with "*" in quotes`},
	{regexp.MustCompile("(cannot (?:unmarshal|decode) !!\\w+) `[^`]*`"), "$1"},
	{regexp.MustCompile(`invalid map key: (?s:.*)`), "a key that is a mapping or a list: put a text with braces in quotes"},
	{regexp.MustCompile(`(strconv\.\w+: parsing) "(?:[^"\\]|\\.)*"`), "$1 a text"},
	{regexp.MustCompile(`(parsing time) "(?:[^"\\]|\\.)*" as .*`), "$1"},
	{regexp.MustCompile(`'[^;]*' (does not match pattern|is not valid)`), "the value $1"},
	{regexp.MustCompile(`invalid literal source .*, expected key=value`), "a literal is not KEY=VALUE"},
	{regexp.MustCompile(`line \S[^:]* has invalid utf8 bytes(?s:.*)`), "a line is not UTF-8"},
	{regexp.MustCompile(`: node contents:(?s:.*)`), ""},
}

// presentable returns err with a message that quotes no values, and with the
// middle cut out of a long one.
func presentable(err error) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	for _, q := range quotations {
		message = q.quoted.ReplaceAllString(message, q.shown)
	}
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:keptAtStart], "") + " … " + strings.ToValidUTF8(message[len(message)-keptAtEnd:], "")
	}
	if message == err.Error() {
		return err
	}
	told := syncline.Errorf(syncline.KindOf(err), "%s", message)
	if hint := syncline.HintOf(err); hint != "" {
		told = syncline.WithHint(told, hint)
	}
	return told
}

// run runs the tool with the job's options, defaults filled in. Only charts may
// repeat keys, which Helm lets them.
func (t Tools) run(ctx context.Context, tool syncline.Tool, job Job, inputs Inputs) (Output, error) {
	env := environment(variables(inputs.Fact))
	folder := job.Source.Path
	switch tool {
	case syncline.ToolHelm:
		options := helmDefaults(job, env.helm(orZero(job.Source.Helm), inputs.Files.Refs), inputs.Fact)
		manifests, err := t.Helm.Template(ctx, inputs.Files, folder, options)
		if err != nil {
			return Output{}, err
		}
		return decodeAll(&decode.Decoder{LastKeyCounts: true}, manifests)
	case syncline.ToolKustomize:
		manifests, err := t.Kustomize.Build(ctx, inputs.Files, folder, env.kustomize(orZero(job.Source.Kustomize)))
		if err != nil {
			return Output{}, err
		}
		return decodeAll(&decode.Decoder{}, manifests)
	default:
		options := orZero(job.Source.Directory)
		options.Jsonnet = env.jsonnet(options.Jsonnet)
		d := directory{files: inputs.Files, folder: folder, options: options, jsonnet: t.Jsonnet, only: job.Only}
		return d.build(ctx)
	}
}

// helmDefaults fills in what the options leave to the App and its destination.
func helmDefaults(job Job, options syncline.Helm, fact func(string) (string, bool)) syncline.Helm {
	if options.ReleaseName == "" {
		options.ReleaseName = job.App
	}
	if options.Namespace == "" {
		options.Namespace = job.Namespace
	}
	if options.KubeVersion != "" && len(options.APIVersions) > 0 {
		return options
	}
	known, _ := fact(factCluster)
	version, apis, _ := strings.Cut(known, "\n")
	if options.KubeVersion == "" {
		options.KubeVersion = version
	}
	if len(options.APIVersions) == 0 && apis != "" {
		options.APIVersions = strings.Split(apis, ",")
	}
	return options
}

// decodeAll decodes what a tool made.
func decodeAll(decoder *decode.Decoder, manifests []syncline.Manifest) (Output, error) {
	var output Output
	for _, manifest := range manifests {
		found, err := decoder.Decode(manifest)
		if err != nil {
			return Output{}, err
		}
		output.Documents = append(output.Documents, found...)
	}
	output.Repeated, output.Bytes = decoder.Repeated, decoder.Bytes()
	return output, nil
}

// variables returns the facts that are variables of the build environment.
func variables(fact func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if strings.Contains(name, "/") {
			return "", false
		}
		return fact(name)
	}
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
