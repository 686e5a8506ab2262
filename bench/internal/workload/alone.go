package workload

import (
	"fmt"
	"maps"
	"path/filepath"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/syncline-io/syncline/bench/internal/input"
)

// The tools of W7.
const (
	AloneHelm      = "charts"
	AloneKustomize = "overlays"
)

// Alone renders every step-th input, from the first to the last, by a tool's
// library and nothing else.
func Alone(tool, folder string, first, last, step int) error {
	for i := first; i < last; i += step {
		build := aloneHelm
		if tool == AloneKustomize {
			build = aloneKustomize
		}
		size, err := build(folder, i)
		if err != nil {
			return fmt.Errorf("%s %d: %w", tool, i, err)
		}
		if size == 0 {
			return fmt.Errorf("%s %d renders to nothing", tool, i)
		}
	}
	return nil
}

// aloneHelm loads the chart, renders it, and puts what came of it in order, as
// `helm template` does.
func aloneHelm(folder string, i int) (size int, err error) {
	chart, err := loader.LoadDir(filepath.Join(folder, input.PodinfoChart))
	if err != nil {
		return 0, err
	}
	release := common.ReleaseOptions{Name: fmt.Sprintf("release-%d", i), Namespace: "default", IsInstall: true}
	values, err := util.ToRenderValues(chart, input.Values(i), release, common.DefaultCapabilities)
	if err != nil {
		return 0, err
	}
	texts, err := engine.Render(chart, values)
	if err != nil {
		return 0, err
	}
	maps.DeleteFunc(texts, func(name, _ string) bool { return filepath.Base(name) == "NOTES.txt" })
	hooks, manifests, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	return len(hooks) + len(manifests), err
}

// aloneKustomize builds the overlay, as `kustomize build` does.
func aloneKustomize(folder string, i int) (size int, err error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(folder, input.Overlay(i)))
	if err != nil {
		return 0, err
	}
	text, err := built.AsYaml()
	return len(text), err
}
