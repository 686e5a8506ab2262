package input

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// The module that holds podinfo's chart and manifests. Its path lacks /v6, so Go
// has no name for release 6.9.2; its hash is as in go.sum.
const (
	podinfo        = "github.com/stefanprodan/podinfo"
	podinfoVersion = "v1.8.1-0.20250910200901-e86405a8674e"
	podinfoSum     = "h1:ikpMMm5HbQT/1DehrPM+Lpwk3WAw/1Hg540eR+jsXus="
)

// The folders of a render input.
const (
	// PodinfoChart is the chart.
	PodinfoChart = "charts/podinfo"
	// podinfoBase are its manifests for kustomize.
	podinfoBase = "kustomize"
)

// Values returns the values of one of many releases of podinfo.
func Values(release int) map[string]any {
	return map[string]any{
		"replicaCount": int64(1 + release%5),
		"ui":           map[string]any{"message": fmt.Sprintf("release %d", release)},
		"ingress":      map[string]any{"enabled": release%2 == 0},
		"hpa":          map[string]any{"enabled": release%3 == 0, "maxReplicas": int64(10)},
	}
}

// Overlay is the folder of one of many overlays of podinfo.
func Overlay(overlay int) string { return fmt.Sprintf("overlays/%04d", overlay) }

// Renders returns podinfo's chart and base, and so many overlays, as files by
// their paths. It downloads podinfo's Go module when it is not there.
func Renders(ctx context.Context, overlays int) (map[string]string, error) {
	files, err := podinfoFiles(ctx)
	if err != nil {
		return nil, err
	}
	for i := range overlays {
		files[path.Join(Overlay(i), "kustomization.yaml")] = fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: overlay-%[1]d
nameSuffix: "-%[1]d"
resources: [../../%[2]s]
images:
- {name: ghcr.io/stefanprodan/podinfo, newTag: 6.9.%[1]d}
patches:
- target: {kind: Deployment}
  patch: |
    - {op: add, path: /metadata/labels, value: {overlay: "%[1]d"}}
`, i, podinfoBase)
	}
	return files, nil
}

// Write writes files into a folder.
func Write(folder string, files map[string]string) error {
	for name, text := range files {
		target := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// podinfoFiles returns the files of podinfo's chart and base by their paths.
func podinfoFiles(ctx context.Context) (map[string]string, error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", podinfo+"@"+podinfoVersion)
	command.Dir = os.TempDir() // outside of any module, whose go.sum would be looked at
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var output, problems bytes.Buffer
	command.Stdout, command.Stderr = &output, &problems
	failed := command.Run() // also when the module asks for a newer Go, and its files are there
	var found struct{ Zip, Sum, Error string }
	if err := json.Unmarshal(output.Bytes(), &found); err != nil || found.Zip == "" {
		return nil, fmt.Errorf("downloading podinfo: %w: %s %s", failed, found.Error, bytes.TrimSpace(problems.Bytes()))
	}
	if found.Sum != podinfoSum {
		return nil, fmt.Errorf("podinfo %s has the hash %s, not %s", podinfoVersion, found.Sum, podinfoSum)
	}
	return unpack(found.Zip)
}

func unpack(archive string) (map[string]string, error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	files := map[string]string{}
	for _, file := range reader.File {
		name := strings.TrimPrefix(file.Name, podinfo+"@"+podinfoVersion+"/")
		if !strings.HasPrefix(name, PodinfoChart+"/") && !strings.HasPrefix(name, podinfoBase+"/") {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(content)
		content.Close()
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", name, err)
		}
		files[name] = string(text)
	}
	return files, nil
}
