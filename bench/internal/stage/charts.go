package stage

import (
	"context"
	"errors"
	"path"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

// Charts are where the chart of releases is published: one of a Helm repository, a registry and a Git repository.
type Charts struct {
	shape  input.Shape
	server *testenv.ChartServer
	// git has nothing but repo, so that what it counts is of the chart.
	git  *testenv.GitServer
	repo *testenv.GitRepo
}

// indexSize is about how long the index of the Helm repository is, in bytes.
const indexSize = 20 << 20

// registryFolder is what the repository of the chart is below of in the registry.
const registryFolder = "charts"

// startCharts starts what has the chart by the shape, with its first version.
func (s *Stage) startCharts(ctx context.Context, shape input.Shape) (err error) {
	s.Charts = &Charts{shape: shape}
	if s.Charts.server, err = testenv.StartCharts(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.Charts.git, err = testenv.StartGit(context.WithoutCancel(ctx), testenv.GitOptions{Dir: filepath.Join(s.Folder, "charts")})
	if err != nil {
		return err
	}
	if s.Charts.repo, err = s.Charts.git.Create(ctx, "charts"); err != nil {
		return err
	}
	if err := s.Charts.server.Crowd(input.OtherCharts(indexSize)); err != nil {
		return err
	}
	if err := s.Charts.Publish(ctx, input.ChartFirst); err != nil {
		return err
	}
	if shape != input.FromRegistry {
		return nil
	}
	return s.allowPlain(ctx)
}

func (c *Charts) close() error {
	var failures []error
	if c.server != nil {
		failures = append(failures, c.server.Close())
	}
	if c.git != nil {
		failures = append(failures, c.git.Close())
	}
	return errors.Join(failures...)
}

// allowPlain lets the registry be asked over plain HTTP, by a Secret as people have it.
func (s *Stage) allowPlain(ctx context.Context) error {
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{
			"name": "charts", "namespace": input.ControlNamespace,
			"labels": map[string]any{"argocd.argoproj.io/secret-type": "repository"},
		},
		"stringData": map[string]any{"type": "oci", "url": s.Charts.URL(), "insecureOCIForceHttp": "true"},
	}}
	_, err := s.API.Create(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), secret)
	return err
}

// URL is the address that Applications name.
func (c *Charts) URL() string {
	switch c.shape {
	case input.FromRepository:
		return c.server.Repository()
	case input.FromRegistry:
		return "oci://" + c.server.Registry() + "/" + registryFolder
	}
	return c.repo.URL
}

// Publish publishes a version of the chart.
func (c *Charts) Publish(ctx context.Context, version string) error {
	files := input.Chart(version)
	if c.shape == input.FromGit {
		below := map[string]string{}
		for name, text := range files {
			below[path.Join(input.ChartName, name)] = text
		}
		commit, err := c.repo.Commit(ctx, testenv.GitCommit{Message: version, Files: below})
		if err != nil {
			return err
		}
		return c.repo.Tag(ctx, version, commit, "")
	}
	chart, err := testenv.PackChart(files)
	switch {
	case err != nil:
		return err
	case c.shape == input.FromRegistry:
		return c.server.PushChart(ctx, registryFolder, chart)
	}
	return c.server.Publish(chart)
}

// Asked are counts of requests for a chart.
type Asked struct {
	// Lists are those for which versions there are: an index, tags or refs.
	Lists int
	// Downloads are those for what a version has.
	Downloads int
}

// Asked returns what was asked for since the beginning; downloads are those of the version.
func (c *Charts) Asked(version string) (Asked, error) {
	if c.shape == input.FromGit {
		return Asked{c.git.Count(testenv.GitListRefs), c.git.Count(testenv.GitFetchPack)}, nil
	}
	chart, err := testenv.PackChart(input.Chart(version))
	if c.shape == input.FromRegistry {
		of := "GET /v2/" + registryFolder + "/" + input.ChartName
		return Asked{c.server.Count(of + "/tags/list"), c.server.Count(of + "/blobs/" + chart.Digest())}, err
	}
	return Asked{c.server.Count("GET /charts/index.yaml"), c.server.Count("GET /charts/" + chart.File())}, err
}

// Minus returns what was asked for since before.
func (a Asked) Minus(before Asked) Asked {
	return Asked{a.Lists - before.Lists, a.Downloads - before.Downloads}
}
