package render

import (
	"cmp"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// Helm renders the chart in a folder.
type Helm interface {
	Template(ctx context.Context, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error)
}

// Charts renders a chart as [Helm] does, in the place of the helm program that kustomize
// would start.
type Charts = func(ctx context.Context, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error)

// Kustomize builds the kustomization in a folder, with the charts that it asks for.
type Kustomize interface {
	Build(ctx context.Context, files syncline.Files, folder string, options tool.Kustomize, charts Charts) ([]syncline.Manifest, error)
}

// Jsonnet evaluates one file to JSON. Libraries are looked for in the folder
// and in those of the options.
type Jsonnet interface {
	Evaluate(ctx context.Context, files syncline.Tree, folder, file string, options tool.Jsonnet) ([]byte, error)
}

// Tools builds in this very process, by the given tools. It satisfies
// [Builder]; use it for trusted input only, because a build cannot be stopped.
type Tools struct {
	Helm      Helm
	Kustomize Kustomize
	Jsonnet   Jsonnet
	// Dialects are those whose files and variables jobs may ask for, by their names.
	Dialects syncline.Dialects
}

// Build builds the job, or says what else it needs.
func (t Tools) Build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	output, err := t.build(ctx, job, inputs)
	if needs, ok := errors.AsType[upstream.NeedsError](err); ok {
		return Output{Tool: output.Tool, Needs: needs}, nil
	}
	return output, presentable(err, job.ShowSecrets)
}

func (t Tools) build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	rendering, err := t.renderingOf(job)
	if err != nil {
		return Output{}, err
	}
	job.Source.Path = pathOf(job.Source)
	inputs.Files = allPresent(inputs.Files)
	prefetchOf(job, rendering.Overrider).From(inputs.Files)
	if job.Source, err = applyOverrides(job, rendering.Overrider, inputs.Files); err != nil {
		return Output{}, err
	}
	if job.Discover && len(job.Source.Declared()) == 0 {
		return Output{Wanted: pluginOf(job.Source.Plugin, rendering, inputs)}, nil
	}
	tool, err := chooseTool(job.Source, inputs.Files)
	switch {
	case err != nil:
		return Output{}, err
	case job.Generated != nil:
		tool = syncline.ToolPlugin
	case tool == syncline.ToolPlugin:
		return Output{Tool: tool, Wanted: pluginOf(job.Source.Plugin, rendering, inputs)}, nil
	}
	output, err := t.run(ctx, tool, job, inputs, rendering)
	if err == nil {
		err = checkSizes(ctx, output.Documents)
	}
	if err != nil {
		return Output{Tool: tool}, err
	}
	output.Tool = tool
	return output, nil
}

// pathOf returns the folder of a source, cleaned; "" for the root.
func pathOf(source syncline.Source) string {
	return strings.TrimPrefix(path.Join("/", source.Path), "/")
}

// renderingOf returns what the dialect of a job lets files and variables change.
func (t Tools) renderingOf(job Job) (syncline.Rendering, error) {
	if job.Dialect == "" {
		return syncline.Rendering{}, nil
	}
	for _, dialect := range t.Dialects {
		if dialect.Name == job.Dialect {
			return dialect.Rendering, nil
		}
	}
	return syncline.Rendering{}, syncline.Errorf(syncline.Internal, "what renders does not know the dialect %q", job.Dialect)
}

// prefetchOf returns what is looked at for any job.
func prefetchOf(job Job, overrider syncline.Overrider) syncline.Prefetch {
	folder := job.Source.Path
	ahead := syncline.Prefetch{Entries: []string{folder}}
	for _, name := range overridesOf(job, overrider) {
		ahead.Files = append(ahead.Files, path.Join(folder, name))
	}
	if len(job.Source.Declared()) == 0 {
		for _, marker := range markers {
			ahead.Entries = append(ahead.Entries, path.Join(folder, marker.name))
		}
	}
	return ahead
}

// The longest message of an error, and what is kept of the beginning and the
// end of a longer one. Tools repeat a line for every level of a recursion.
const (
	maxMessage  = 2000
	keptAtStart = 1200
	keptAtEnd   = 600
)

// howToSee is what a person may do who needs what is not shown.
const howToSee = "`syncline render --show-secrets` on your own machine shows what is hidden"

// presentable returns err with a message of bounded length that quotes no values: what
// a tool says is shown as far as package told knows it to be harmless. The errors of
// tools come from package told; one that has neither gone through it nor been given a
// kind is judged here. With showSecrets everything is shown.
func presentable(err error, showSecrets bool) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	message := err.Error()
	said, isTold := errors.AsType[*told.Error](err)
	if !isTold && syncline.KindOf(err) == syncline.Internal {
		said = new(told.Known).Tell(message)
		message, isTold = said.Error(), true
	}
	hint := syncline.HintOf(err)
	switch {
	case isTold && showSecrets:
		message = strings.Replace(message, said.Error(), said.Reveal(), 1)
	case isTold && said.Hides() && hint == "":
		hint = howToSee
	}
	return worded(err, bounded(message), hint)
}

// bounded returns a message with the middle cut out of a long one.
func bounded(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:keptAtStart], "") + " … " + strings.ToValidUTF8(message[len(message)-keptAtEnd:], "")
}

// worded returns an error of the kind of err with another message and hint.
func worded(err error, message, hint string) error {
	if message == err.Error() && hint == syncline.HintOf(err) {
		return err
	}
	shown := syncline.Errorf(syncline.KindOf(err), "%s", message)
	if hint != "" {
		shown = syncline.WithHint(shown, hint)
	}
	return shown
}

// run runs the tool with the job's options, defaults filled in. Only charts may
// repeat keys, which Helm lets them.
func (t Tools) run(ctx context.Context, tool syncline.Tool, job Job, inputs Inputs, rendering syncline.Rendering) (Output, error) {
	env := environmentOf(rendering, inputs)
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
		kustomize := env.kustomize(orZero(job.Source.Kustomize))
		manifests, err := t.Kustomize.Build(ctx, inputs.Files, folder, kustomize, t.charts(kustomize, inputs.Fact))
		if err != nil {
			return Output{}, err
		}
		return decodeAll(&decode.Decoder{}, manifests)
	case syncline.ToolPlugin:
		return decodeAll(&decode.Decoder{}, job.Generated.Manifests)
	default:
		options := orZero(job.Source.Directory)
		options.Jsonnet = env.jsonnet(options.Jsonnet)
		d := directory{files: inputs.Files, folder: folder, options: options, jsonnet: t.Jsonnet, only: job.Only, rendering: rendering}
		return d.build(ctx)
	}
}

// helmDefaults fills in what the options leave to the App and its destination.
func helmDefaults(job Job, options tool.Helm, fact func(string) (string, bool)) tool.Helm {
	if options.ReleaseName == "" {
		options.ReleaseName = job.App
	}
	if options.Namespace == "" {
		options.Namespace = job.Namespace
	}
	return withCapabilities(options, fact)
}

// charts renders the charts of a kustomization for the cluster that the options name, else
// for that of the destination.
func (t Tools) charts(kustomize tool.Kustomize, fact func(string) (string, bool)) Charts {
	return func(ctx context.Context, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error) {
		options.KubeVersion = cmp.Or(options.KubeVersion, kustomize.KubeVersion)
		if len(options.APIVersions) == 0 {
			options.APIVersions = kustomize.APIVersions
		}
		return t.Helm.Template(ctx, files, folder, withCapabilities(options, fact))
	}
}

// withCapabilities fills in what the options leave to the cluster.
func withCapabilities(options tool.Helm, fact func(string) (string, bool)) tool.Helm {
	if options.KubeVersion != "" && len(options.APIVersions) > 0 {
		return options
	}
	cluster := clusterOf(fact)
	if options.KubeVersion == "" {
		options.KubeVersion = cluster.KubeVersion
	}
	if len(options.APIVersions) == 0 {
		options.APIVersions = cluster.APIVersions
	}
	return options
}

// clusterOf returns what is known of the destination.
func clusterOf(fact func(string) (string, bool)) syncline.Capabilities {
	known, _ := fact(factCluster)
	version, apis, _ := strings.Cut(known, "\n")
	cluster := syncline.Capabilities{KubeVersion: version}
	if apis != "" {
		cluster.APIVersions = strings.Split(apis, ",")
	}
	return cluster
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

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
