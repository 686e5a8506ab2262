package render

import (
	"context"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
)

// ServeProbed is [Serve] for the jobs of confinedtest too, which are called so.
func ServeProbed(ctx context.Context, in io.Reader, out io.Writer, tools Tools) error {
	return confined.Serve(ctx, in, out, confinedtest.Probed(tools.handle, func(job Job) string { return job.App }))
}

// ParseSource reads the tool options of a source as people write them.
func ParseSource(text []byte) (syncline.Source, error) {
	var argo argoSource
	if err := yaml.UnmarshalStrict(text, &argo); err != nil {
		return syncline.Source{}, err
	}
	return argo.over(syncline.Source{})
}
