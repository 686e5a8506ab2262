package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"
)

// push FOLDER REPOSITORY:TAG pushes a folder to the script's OCI registry, as a chart when it is one. REGISTRY gets host
// and port of the registry, which speaks plain HTTP, and DIGEST what the tag stands for then.
func push(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	repository, tag, found := strings.Cut(args[1], ":")
	if !found {
		return errUsage
	}
	if s.registry == nil {
		s.registry = httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		s.closing(func() error { s.registry.Close(); return nil })
		ts.Setenv("REGISTRY", strings.TrimPrefix(s.registry.URL, "http://"))
	}
	change, err := content(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	top, layer, config := "", "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.empty.v1+json"
	if text, ok := change.Files["Chart.yaml"]; ok {
		var about struct{ Name string }
		if err := yaml.Unmarshal([]byte(text), &about); err != nil {
			return err
		}
		top, layer, config = about.Name+"/", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/vnd.cncf.helm.config.v1+json"
	}
	packed, err := gzipped(top, change.Files)
	if err != nil {
		return err
	}
	to := s.registry.URL + "/v2/" + repository
	manifest := map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
	if manifest["config"], err = pushBlob(s.ctx, to, config, []byte("{}")); err != nil {
		return err
	}
	pushed, err := pushBlob(s.ctx, to, layer, packed)
	if err != nil {
		return err
	}
	manifest["layers"] = []any{pushed}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	ts.Setenv("DIGEST", fmt.Sprintf("sha256:%x", sha256.Sum256(text)))
	return send(s.ctx, http.MethodPut, to+"/manifests/"+tag, "application/vnd.oci.image.manifest.v1+json", text)
}

// pushBlob pushes a blob and returns its descriptor.
func pushBlob(ctx context.Context, to, mediaType string, blob []byte) (map[string]any, error) {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(blob)},
		send(ctx, http.MethodPost, to+"/blobs/uploads/?digest="+digest, "application/octet-stream", blob)
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
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return nil
}
