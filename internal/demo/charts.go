package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"sigs.k8s.io/yaml"
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

// chart is a chart as it is published.
type chart struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	archive []byte
}

// digest is that of the archive.
func (c chart) digest() string { return digestOf(c.archive) }

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// takeChart makes a chart of a folder of the files, which has no more of it then.
func takeChart(files map[string]string, folder string) (chart, error) {
	var c chart
	if err := yaml.Unmarshal([]byte(files[folder+"/Chart.yaml"]), &c); err != nil || c.Name == "" || c.Version == "" {
		return c, fmt.Errorf("%s has no Chart.yaml with a name and a version (%w)", folder, err)
	}
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	tarred := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		inside, found := strings.CutPrefix(name, folder+"/")
		if !found {
			continue
		}
		if err := tarred.WriteHeader(&tar.Header{Name: path.Join(c.Name, inside), Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return c, err
		}
		if _, err := io.WriteString(tarred, files[name]); err != nil {
			return c, err
		}
		delete(files, name)
	}
	if err := tarred.Close(); err != nil {
		return c, err
	}
	err := compressed.Close()
	c.archive = archive.Bytes()
	return c, err
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
	mux := http.NewServeMux()
	mux.Handle("/v2/", registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	if err := serveChart(mux, inRepository); err != nil {
		return err
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when it is closed
	}()
	s.closing(func(context.Context) error { defer func() { <-done }(); return server.Close() })
	host := listener.Addr().String()
	s.charts, s.registry = "http://"+host+"/charts", "oci://"+host
	if err := push(ctx, "http://"+host+"/v2/charts/"+inRegistry.Name, inRegistry); err != nil {
		return err
	}
	s.say.sayf("a Helm repository is at %s with %s %s, an OCI registry at %s with %s %s", s.charts, inRepository.Name, inRepository.Version,
		s.registry, inRegistry.Name, inRegistry.Version)
	return nil
}

// serveChart serves a repository that has one chart.
func serveChart(mux *http.ServeMux, c chart) error {
	file := c.Name + "-" + c.Version + ".tgz"
	index, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "entries": map[string]any{c.Name: []any{map[string]any{
		"name": c.Name, "version": c.Version, "digest": strings.TrimPrefix(c.digest(), "sha256:"), "urls": []string{file},
	}}}})
	for name, content := range map[string][]byte{"index.yaml": index, file: c.archive} {
		mux.HandleFunc("/charts/"+name, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	}
	return err
}

// push pushes a chart to a repository of a registry, at the address of its API, with its version as the tag (OCI
// distribution-spec, as Helm does it).
func push(ctx context.Context, repository string, c chart) error {
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	descriptor := func(mediaType string, blob []byte) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": digestOf(blob), "size": len(blob)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor("application/vnd.cncf.helm.config.v1+json", config),
		"layers": []any{descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", c.archive)},
	})
	if err != nil {
		return err
	}
	for _, blob := range [][]byte{config, c.archive} {
		if err := send(ctx, http.MethodPost, repository+"/blobs/uploads/?digest="+digestOf(blob), "application/octet-stream", blob); err != nil {
			return err
		}
	}
	return send(ctx, http.MethodPut, repository+"/manifests/"+c.Version, "application/vnd.oci.image.manifest.v1+json", manifest)
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
