package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Artifact is what a tag of an OCI registry stands for: one layer with its configuration, each with its media type.
type Artifact struct {
	Config, Layer         []byte
	ConfigType, LayerType string
}

// Artifact returns the chart as `helm push` makes it.
func (c Chart) Artifact() (Artifact, error) {
	config, err := json.Marshal(c)
	return Artifact{
		Config: config, ConfigType: "application/vnd.cncf.helm.config.v1+json",
		Layer: c.Archive, LayerType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
	}, err
}

// FilesArtifact returns files, by their paths, as an artifact of no particular kind.
func FilesArtifact(files map[string]string) (Artifact, error) {
	layer, err := PackFiles("", files)
	return Artifact{
		Config: []byte("{}"), ConfigType: "application/vnd.oci.empty.v1+json",
		Layer: layer, LayerType: "application/vnd.oci.image.layer.v1.tar+gzip",
	}, err
}

// PushChart pushes a chart to the repository of its name below a folder, with its version as the tag, as `helm push` does.
func (s *ChartServer) PushChart(ctx context.Context, folder string, c Chart) error {
	artifact, err := c.Artifact()
	if err != nil {
		return err
	}
	_, err = s.Push(ctx, folder+"/"+c.Name, c.Version, artifact)
	return err
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// Push makes or moves a tag of a repository of the registry, by the registry's own API, and returns the digest of the
// manifest that it stands for.
func (s *ChartServer) Push(ctx context.Context, repository, tag string, artifact Artifact) (digest string, err error) {
	descriptor := func(mediaType string, blob []byte) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": digestOf(blob), "size": len(blob)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor(artifact.ConfigType, artifact.Config), "layers": []any{descriptor(artifact.LayerType, artifact.Layer)},
	})
	if err != nil {
		return "", err
	}
	at := "http://" + s.host + "/v2/" + repository
	for _, blob := range [][]byte{artifact.Config, artifact.Layer} {
		if err := send(ctx, http.MethodPost, at+"/blobs/uploads/?digest="+digestOf(blob), "application/octet-stream", blob); err != nil {
			return "", err
		}
	}
	return digestOf(manifest), send(ctx, http.MethodPut, at+"/manifests/"+tag, manifestType, manifest)
}

func send(ctx context.Context, method, url, mediaType string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return nil
}
