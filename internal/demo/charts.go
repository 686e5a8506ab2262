package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

const (
	// exampleCharts and exampleRegistry stand in the examples where the addresses of a Helm repository and of an OCI
	// registry belong.
	exampleCharts   = "https://charts.example.com"
	exampleRegistry = "oci://registry.example.com"
	// repositoryChart is the chart that the repository has, and registryChart that of the registry.
	repositoryChart = "upstream/podinfo/charts/podinfo"
	registryChart   = "upstream/cert-manager/deploy/charts/cert-manager"
)

// takeChart makes a chart of a folder of the files, which has no more of it then.
func takeChart(files map[string]string, folder string) (testenv.Chart, error) {
	taken := map[string]string{}
	for name, content := range files {
		if inside, found := strings.CutPrefix(name, folder+"/"); found {
			taken[inside] = content
			delete(files, name)
		}
	}
	c, err := testenv.PackChart(taken)
	if err != nil {
		return c, fmt.Errorf("%s: %w", folder, err)
	}
	return c, nil
}

// startCharts serves two of the upstream charts: one in a Helm repository, one in an OCI registry, both over plain HTTP.
func (s *stage) startCharts(ctx context.Context, upstream map[string]string) error {
	inRepository, err := takeChart(upstream, repositoryChart)
	if err != nil {
		return err
	}
	inRegistry, err := takeChart(upstream, registryChart)
	if err != nil {
		return err
	}
	server, err := testenv.StartCharts(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	s.closing(func(context.Context) error { return server.Close() })
	s.charts, s.registry = server.Repository(), "oci://"+server.Registry()
	if err := server.Publish(inRepository); err != nil {
		return err
	}
	if err := server.PushChart(ctx, "charts", inRegistry); err != nil {
		return err
	}
	s.say.sayf("a Helm repository is at %s with %s %s, an OCI registry at %s with %s %s", s.charts, inRepository.Name, inRepository.Version,
		s.registry, inRegistry.Name, inRegistry.Version)
	return nil
}
