// Package kustomize builds kustomizations with kustomize's libraries, as
// `kustomize build` does. It reads files of the given trees only: it fetches nothing, and
// says which bases and charts from elsewhere it needs. It runs no plugins.
package kustomize

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provenance"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Version is that of the program whose libraries these are. Released programs are
// told theirs when they are linked.
const Version = "v5.8.2"

// schemas guards kustomize's schemas, which are state of the whole process: two
// builds at once would see each other's.
var schemas sync.Mutex

// Renderer builds kustomizations, one at a time. The zero Renderer is ready for use.
type Renderer struct {
	tainted atomic.Bool
}

// Tainted reports whether a build brought schemas of its own. They are reset
// after it, but a process that must not let one source influence another does
// well to end.
func (r *Renderer) Tainted() bool { return r.tainted.Load() }

// Build builds the kustomization in a folder with the options laid over it, and
// returns a manifest per object in kustomize's order. Charts are rendered by the given
// function. Its errors are Invalid, Denied where the kustomization asks for what is not
// done, or [upstream.NeedsError].
func (r *Renderer) Build(ctx context.Context, files syncline.Files, folder string, options tool.Kustomize, charts Charts) ([]syncline.Manifest, error) {
	fsys := &fileSystem{ctx: ctx, files: files, charts: charts, overlay: map[string][]byte{}, configs: map[string]bool{},
		namespaces: map[string]string{}, disputed: map[string]bool{},
		read: map[string][]byte{}, secret: map[string]bool{}, data: map[string]bool{}}
	made, file, err := r.build(fsys, folder, options)
	if err == nil {
		return made, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("kustomization %s: %w", file, ctx.Err())
	}
	if _, unmet := errors.AsType[upstream.NeedsError](err); unmet {
		return nil, err
	}
	if _, known := errors.AsType[*syncline.Error](err); !known {
		err = fsys.said(err.Error(), options)
	}
	return nil, fmt.Errorf("kustomization %s: %w", file, err)
}

// build also returns the path of the kustomization.
func (r *Renderer) build(fsys *fileSystem, folder string, options tool.Kustomize) (made []syncline.Manifest, file string, err error) {
	file, err = fsys.lay(folder, options)
	fsys.top = file
	if err != nil {
		return nil, file, err
	}
	built, err := r.run(fsys, folder)
	if err == nil {
		err = fsys.checkLists()
	}
	if err == nil {
		err = fsys.name(built)
	}
	if err != nil {
		return nil, file, err
	}
	made, err = manifests(built, file)
	return made, file, err
}

var (
	// restricted is what kustomize says of a file that it does not load.
	restricted = regexp.MustCompile(`security; file '([^']*)' is not in or below '([^']*)'`)
	// charted is what it says of a chart. The option that it names is not there.
	charted = regexp.MustCompile(`must specify --enable-helm`)
	// external is what it says of a program that makes or changes objects.
	external = regexp.MustCompile(`unable to load external plugin '([^']*)'`)
	// quotedConfig and quotedPatch are what it quotes at length.
	quotedConfig = regexp.MustCompile("(?s) with config: `.*`")
	quotedPatch  = regexp.MustCompile(`(?s)(?: from)? \[patch: ".*"\]`)
)

// said returns an error of kustomize on one line, in words that help here, with what
// may be shown of it.
func (f *fileSystem) said(message string, options tool.Kustomize) error {
	if circle := f.circle(message); circle != nil {
		return circle
	}
	message = strings.Join(strings.Fields(f.shown(message)), " ")
	if charted.MatchString(message) {
		return refuseChart("HelmChartInflationGenerator")
	}
	known := f.known(options)
	if outside := restricted.FindStringSubmatch(message); outside != nil {
		known.Path(outside[2])
		told := known.Tell("file " + outside[1] + " is not in or below " + outside[2] + ", the folder of the kustomization that names it")
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%w", told),
			"kustomize loads files of that folder only: move it there, or put a kustomization beside it and name its folder under resources")
	}
	for _, field := range slip.FindAllStringSubmatch(message, maxSlips) {
		known.Slip(field[1])
	}
	told := syncline.Errorf(syncline.Invalid, "%w", known.Tell(quotedPatch.ReplaceAllString(quotedConfig.ReplaceAllString(message, ""), "")))
	if plugin := external.FindStringSubmatch(message); plugin != nil {
		return syncline.WithHint(told, instead(plugin[1]))
	}
	return told
}

// instead says what to do without a plugin of kustomize. Those for sops, such as KSOPS, are
// not needed.
func instead(plugin string) string {
	if strings.Contains(strings.ToLower(plugin), "sops") {
		return "list the files that it decrypts under resources, or under secretGenerator: " +
			"what sops has encrypted is decrypted where it is read, by the keys of the project"
	}
	return "plugins of kustomize are not run: commit what it makes, or render the folder by a config management plugin"
}

func (r *Renderer) run(fsys *fileSystem, folder string) (built resmap.ResMap, err error) {
	schemas.Lock()
	defer schemas.Unlock()
	defer func() {
		if fsys.schemas {
			r.tainted.Store(true)
			openapi.ResetOpenAPI()
		}
		if p := recover(); p != nil { // kustomize panics on some input
			r.tainted.Store(true)
			openapi.ResetOpenAPI()
			err = fmt.Errorf("kustomize cannot cope with it: %v", p)
		}
	}()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified // as the program does
	built, err = krusty.MakeKustomizer(options).Run(fsys, path.Join(root, folder))
	if fsys.failed != nil {
		return nil, fsys.failed
	}
	return built, err
}

// name puts the program's version in the label that says who built an object, in
// place of what the libraries know of this program.
func (f *fileSystem) name(built resmap.ResMap) error {
	if !f.managed {
		return nil
	}
	unnamed := "kustomize-" + provenance.GetProvenance().Semver()
	for _, resource := range built.Resources() {
		labels := resource.GetLabels()
		if labels[konfig.ManagedbyLabelKey] != unnamed {
			continue
		}
		labels[konfig.ManagedbyLabelKey] = "kustomize-" + Version
		if err := resource.SetLabels(labels); err != nil {
			return err
		}
	}
	return nil
}

func manifests(built resmap.ResMap, origin string) ([]syncline.Manifest, error) {
	var made []syncline.Manifest
	for _, resource := range built.Resources() {
		text, err := resource.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		made = append(made, syncline.Manifest{Origin: origin, Text: text})
	}
	return made, nil
}

// isKustomization reports whether a file of that name is a kustomization.
func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}
