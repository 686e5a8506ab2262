package render

import (
	"context"
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// Plugins are programs beside this one that render what no tool here does.
type Plugins interface {
	// Discover reports whether any of them looks at files to find out whether it supports
	// them.
	Discover(ctx context.Context) (bool, error)
	// Match returns the name of the first that supports a folder of files, "" when none
	// does.
	Match(ctx context.Context, call tool.PluginCall, files syncline.Tree, folder string) (name string, err error)
	// Generate has the one that a call names render a folder.
	Generate(ctx context.Context, call tool.PluginCall, files syncline.Tree, folder string) ([]syncline.Manifest, error)
}

// Plugged builds by a Builder, and has Plugins render the sources that ask for one. It
// satisfies [Builder]. What they make is decoded by the Builder, as any input is. What
// they read is not known: they are taken to read everything.
type Plugged struct {
	Builder Builder
	Plugins Plugins
}

// Build builds the job.
func (p Plugged) Build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	var unknown error // what plugins support
	if len(job.Only) == 0 {
		job.Discover, unknown = p.Plugins.Discover(ctx)
		job.Discover = job.Discover || unknown != nil
	}
	output, err := p.Builder.Build(ctx, job, inputs)
	switch {
	case err != nil || output.Wanted == nil:
		return output, err
	case output.Wanted.Name == "" && unknown != nil:
		return Output{}, syncline.WithHint(fmt.Errorf("the source names no tool, and it is not known whether a plugin is for it: %w", unknown), syncline.HintOf(unknown))
	}
	job.Discover = false
	if job.Generated, err = p.generate(ctx, *output.Wanted, pathOf(job.Source), inputs.Files.Tree); err != nil {
		return Output{Tool: output.Tool}, err
	}
	return p.Builder.Build(ctx, job, inputs)
}

// generate has a plugin render a folder. It returns nil where none supports the files of a
// source that may do without.
func (p Plugged) generate(ctx context.Context, call tool.PluginCall, folder string, files syncline.Tree) (*Generated, error) {
	if call.Name == "" {
		var err error
		call.Name, err = p.Plugins.Match(ctx, call, record.Whole(files, folder), folder)
		switch {
		case err != nil:
			return nil, err
		case call.Name == "" && call.Optional:
			return nil, nil //nolint:nilnil // no plugin is asked
		case call.Name == "":
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.Transient, "no plugin supports the files of this source"),
				"name the plugin in the source, or look at discover in the plugin.yaml of each")
		}
	}
	manifests, err := p.Plugins.Generate(ctx, call, record.Whole(files, ""), folder)
	if err != nil {
		return nil, err
	}
	return &Generated{manifests}, nil
}

// pluginOf returns what a source asks of a plugin, by its options or for having none.
func pluginOf(options *tool.Plugin, rendering syncline.Rendering, inputs Inputs) *tool.PluginCall {
	call := &tool.PluginCall{Optional: options.IsEmpty()}
	if options != nil {
		call.Name = options.Name
	}
	if rendering.Variables != nil {
		call.Environ = rendering.Variables.Environ(options, clusterOf(inputs.Fact), func(fact syncline.Fact) string {
			value, _ := inputs.Fact(string(fact))
			return value
		})
	}
	return call
}
