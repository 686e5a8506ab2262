// Package kustomize builds kustomizations with kustomize's libraries, as
// `kustomize build` does. It reads files of the given tree only: it fetches no
// remote bases, runs no plugins, and inflates no charts.
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
// returns a manifest per object in kustomize's order. Its errors are Invalid, or
// Denied where the kustomization asks for what is not done.
func (r *Renderer) Build(ctx context.Context, files syncline.Tree, folder string, options syncline.Kustomize) ([]syncline.Manifest, error) {
	fsys := &fileSystem{ctx: ctx, files: files, overlay: map[string][]byte{}, configs: map[string]bool{},
		read: map[string][]byte{}, secret: map[string]bool{}}
	file, err := fsys.lay(folder, options)
	fsys.top = file
	if err == nil {
		var built resmap.ResMap
		if built, err = r.run(fsys, folder); err == nil {
			if err = fsys.name(built); err == nil {
				return manifests(built, file)
			}
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("kustomization %s: %w", file, ctx.Err())
	}
	if _, known := errors.AsType[*syncline.Error](err); !known {
		err = fsys.said(err.Error())
	}
	return nil, fmt.Errorf("kustomization %s: %w", file, err)
}

var (
	// restricted is what kustomize says of a file that it does not load.
	restricted = regexp.MustCompile(`security; file '([^']*)' is not in or below '([^']*)'`)
	// charted is what it says of a chart. The option that it names is not there.
	charted = regexp.MustCompile(`must specify --enable-helm`)
)

// said returns an error of kustomize on one line, in words that help here.
func (f *fileSystem) said(message string) error {
	message = strings.Join(strings.Fields(strings.ReplaceAll(message, root+"/", "")), " ")
	if charted.MatchString(message) {
		return refuseChart("HelmChartInflationGenerator")
	}
	if outside := restricted.FindStringSubmatch(message); outside != nil {
		folder := outside[2]
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "file %s is not in or below %s, the folder of the kustomization that names it", outside[1], folder),
			"kustomize loads files of that folder only: move it there, or put a kustomization beside it and name its folder under resources")
	}
	return syncline.Errorf(syncline.Invalid, "%s", f.hide(message))
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
			err = syncline.Errorf(syncline.Invalid, "kustomize cannot cope with it: %v", p)
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
			return nil, syncline.Errorf(syncline.Invalid, "kustomization %s: %s: %w", origin, resource.CurId(), err)
		}
		made = append(made, syncline.Manifest{Origin: origin, Text: text})
	}
	return made, nil
}

// isKustomization reports whether a file of that name is a kustomization.
func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}
