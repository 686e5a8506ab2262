// Package helm renders charts with Helm's libraries, as `helm template` does.
// It reads files of the given trees only, talks to no cluster, and installs and
// fetches nothing: what it needs besides, it says.
package helm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	_ "time/tzdata" // templates name time zones, and a container may have none
	"unicode"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// DefaultKubeVersion is the version of Kubernetes that charts see when the
// options name none: that of the client libraries.
const DefaultKubeVersion = "v1.37.0"

// Version is that of the program whose libraries these are. Released programs are
// told theirs when they are linked.
const Version = "v4.3.1"

// Renderer renders charts. The zero Renderer is ready for use, also concurrently.
type Renderer struct{}

// Template renders the chart in a folder: its CRDs first, then its objects in
// Helm's order of installation, then its hooks. Its errors are Invalid.
func (Renderer) Template(ctx context.Context, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error) {
	loaded, err := load(ctx, files, folder)
	if err == nil {
		var manifests []syncline.Manifest
		if manifests, err = template(ctx, loaded, files, folder, options); err == nil {
			return manifests, nil
		}
	}
	if _, unmet := errors.AsType[upstream.NeedsError](err); !unmet && syncline.KindOf(err) == syncline.Internal && ctx.Err() == nil {
		hint := syncline.HintOf(err)
		err = syncline.Errorf(syncline.Invalid, "%w", tell(loaded, folder, options, err.Error()))
		if hint != "" {
			err = syncline.WithHint(err, hint)
		}
	}
	return nil, fmt.Errorf("chart %s: %w", nameOf(loaded, folder), err)
}

// nameOf is what a chart is called in messages: its folder, or its name where that is all of a
// repository or of an archive.
func nameOf(loaded *chart.Chart, folder string) string {
	switch {
	case folder != "":
		return folder
	case loaded != nil && loaded.Metadata != nil && loaded.Metadata.Name != "":
		return fmt.Sprintf("%.100q", loaded.Metadata.Name)
	}
	return "in the root of the repository"
}

func template(ctx context.Context, loaded *chart.Chart, files syncline.Files, folder string, options tool.Helm) ([]syncline.Manifest, error) {
	values, err := userValues(files, folder, options)
	if err != nil {
		return nil, err
	}
	capabilities, err := newCapabilities(options)
	if err != nil {
		return nil, err
	}
	if err := checkChart(loaded, capabilities); err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, err
	}
	scope, err := renderScope(loaded, values, options, capabilities)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Engine{CustomTemplateFuncs: offline()}.RenderWithContext(ctx, loaded, scope)
	if err != nil {
		return nil, err
	}
	return assemble(loaded, folder, texts, options)
}

// offline replaces the functions that would look outside. What they answer is
// what Helm answers without a cluster and without DNS.
func offline() map[string]any {
	return map[string]any{
		"lookup": func(string, string, string, string) (map[string]any, error) {
			return map[string]any{}, nil
		},
		"getHostByName": func(string) string { return "" },
	}
}

// renderScope returns what templates see.
func renderScope(c *chart.Chart, values map[string]any, options tool.Helm, capabilities *common.Capabilities) (common.Values, error) {
	if err := chartutil.ValidateReleaseName(options.ReleaseName); err != nil {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "release name %q: %w", options.ReleaseName, err),
			"set helm.releaseName to a shorter name of lower-case letters, digits and dashes")
	}
	namespace := options.Namespace
	if namespace == "" {
		namespace = "default"
	}
	release := common.ReleaseOptions{Name: options.ReleaseName, Namespace: namespace, Revision: 1, IsInstall: true}
	scope, err := util.ToRenderValuesWithSchemaValidation(c, values, release, capabilities, true)
	if err != nil || options.SkipSchemaValidation {
		return scope, err
	}
	merged, err := scope.Table("Values")
	if err != nil {
		return nil, err
	}
	return scope, validate(c, merged)
}

func newCapabilities(options tool.Helm) (*common.Capabilities, error) {
	version := options.KubeVersion
	if version == "" {
		version = DefaultKubeVersion
	}
	parsed, err := common.ParseKubeVersion(version)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "Kubernetes version %q: %w", version, err)
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *parsed
	capabilities.HelmVersion.Version, capabilities.HelmVersion.GitTreeState = Version, "clean"
	capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), options.APIVersions...)
	return capabilities, nil
}

// assemble puts what was rendered in order, and leaves out notes and partials.
func assemble(c *chart.Chart, folder string, texts map[string]string, options tool.Helm) ([]syncline.Manifest, error) {
	for name := range texts {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(texts, name)
		}
	}
	hooks, objects, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var made printed
	if !options.SkipCRDs {
		for _, crd := range c.CRDObjects() {
			made.add(crd.Filename, string(crd.File.Data))
		}
	}
	for _, object := range objects {
		made.add(object.Name, object.Content)
	}
	made.trimLast()
	for _, hook := range hooks {
		if options.SkipTests && slices.Contains(hook.Events, release.HookTest) {
			continue
		}
		made.add(hook.Path, hook.Manifest)
	}
	return made.manifests(folder)
}

// printed is what the helm program prints, before it is parsed. It ends every
// manifest with a newline, which counts where a text ends a manifest, and trims the
// end of the last one that is not a hook.
type printed []struct{ name, text string }

func (p *printed) add(name, text string) {
	*p = append(*p, struct{ name, text string }{name, text + "\n"})
}

func (p printed) trimLast() {
	if last := len(p) - 1; last >= 0 {
		p[last].text = strings.TrimRightFunc(p[last].text, unicode.IsSpace) + "\n"
	}
}

// manifests names the files that they come from.
func (p printed) manifests(folder string) ([]syncline.Manifest, error) {
	manifests := make([]syncline.Manifest, len(p))
	for i, one := range p {
		_, inChart, _ := strings.Cut(one.name, "/")
		manifests[i] = syncline.Manifest{Origin: path.Join(folder, inChart), Text: []byte(one.text)}
		if pointedAt(one.text) {
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s uses a file of Git LFS, which is not fetched", manifests[i].Origin),
				"enable Git LFS in the repository's settings, or commit the file itself: take it out of .gitattributes, then run `git add --renormalize`")
		}
	}
	return manifests, nil
}
