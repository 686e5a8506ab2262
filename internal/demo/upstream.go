package demo

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// upstream is a project of somebody else whose manifests the demo delivers. They are taken from its Go module, so that
// they are real and versioned, and none of them is kept in this source tree.
type upstream struct {
	module  string
	version string
	// sum is the module's hash as in go.sum: what was looked at is what is used.
	sum string
	// name is the folder below "upstream" that the files are put into.
	name string
	// folders are those of the module to take.
	folders []string
	// edit changes a file on its way; nil takes all as they are.
	edit func(name, content string) string
}

func upstreams() []upstream {
	return []upstream{
		{
			module:  "github.com/stefanprodan/podinfo", // a module path without /v6, so Go has no name for release 6.9.2
			version: "v1.8.1-0.20250910200901-e86405a8674e",
			sum:     "h1:ikpMMm5HbQT/1DehrPM+Lpwk3WAw/1Hg540eR+jsXus=",
			name:    "podinfo",
			folders: []string{"kustomize", "charts/podinfo"},
		},
		{
			module:  "github.com/cert-manager/cert-manager",
			version: "v1.21.2",
			sum:     "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
			name:    "cert-manager",
			folders: []string{"deploy/charts/cert-manager"},
			edit:    stampChart("v1.21.2"),
		},
		{
			module:  "github.com/argoproj/argo-rollouts",
			version: "v1.10.2",
			sum:     "h1:sEPWsY+HUvnXj3Vh0ejb+GDTceQ/palqhFo2FVQJMk0=",
			name:    "argo-rollouts",
			folders: []string{"manifests/namespace-install", "manifests/base", "manifests/role", "manifests/crds"},
		},
	}
}

// stampChart puts a version where cert-manager's sources have v0.0.0 until they are released: the chart's own version
// and that of its images, the two places where its release tool does the same.
func stampChart(version string) func(name, content string) string {
	return func(name, content string) string {
		if path.Base(name) != "Chart.yaml" {
			return content
		}
		return strings.NewReplacer(
			"\nversion: v0.0.0", "\nversion: "+version,
			"\nappVersion: v0.0.0", "\nappVersion: "+version,
		).Replace(content)
	}
}

// download is what `go mod download -json` says of one module.
type download struct {
	Path, Version, Sum, Zip, Error string
}

// loadUpstreams returns the files of all projects by their paths in the demo's repository.
func loadUpstreams(ctx context.Context, all []upstream) (map[string]string, error) {
	downloads, err := downloadModules(ctx, all)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, project := range all {
		found := downloads[project.module]
		if err := project.check(found); err != nil {
			return nil, err
		}
		if err := project.unpack(found.Zip, files); err != nil {
			return nil, fmt.Errorf("taking files from module %s@%s: %w", project.module, project.version, err)
		}
	}
	return files, nil
}

// downloadModules brings the modules into the module cache. Go answers for each of them, also when it could not build
// one, because that asks for a newer Go; its files are there all the same, and nothing is built here.
func downloadModules(ctx context.Context, all []upstream) (map[string]download, error) {
	args := []string{"mod", "download", "-json"}
	for _, project := range all {
		args = append(args, project.module+"@"+project.version)
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = os.TempDir() // outside of any module, whose go.sum would be looked at
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var output, problems bytes.Buffer
	command.Stdout, command.Stderr = &output, &problems
	failed := command.Run()
	downloads := map[string]download{}
	for decoder := json.NewDecoder(&output); ; {
		var found download
		switch err := decoder.Decode(&found); {
		case errors.Is(err, io.EOF):
			if len(downloads) == 0 && failed != nil {
				return nil, fmt.Errorf("downloading the upstream projects: %w: %s", failed, bytes.TrimSpace(problems.Bytes()))
			}
			return downloads, nil
		case err != nil:
			return nil, fmt.Errorf("reading what go mod download says: %w", err)
		}
		downloads[found.Path] = found
	}
}

func (u upstream) check(found download) error {
	switch {
	case found.Zip == "":
		return fmt.Errorf("module %s@%s could not be downloaded: %s: check the network and GOPROXY", u.module, u.version, found.Error)
	case found.Sum != u.sum:
		return fmt.Errorf("module %s@%s has the hash %s, not %s: it is not the one that the demo was written for", u.module, u.version, found.Sum, u.sum)
	}
	return nil
}

// unpack adds the files of the project's folders.
func (u upstream) unpack(archive string, files map[string]string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, file := range reader.File {
		name, inside := strings.CutPrefix(file.Name, u.module+"@"+u.version+"/")
		if !inside || !slices.ContainsFunc(u.folders, func(f string) bool { return strings.HasPrefix(name, f+"/") }) {
			continue
		}
		content, err := readZipped(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if u.edit != nil {
			content = u.edit(name, content)
		}
		files[path.Join("upstream", u.name, name)] = content
	}
	return nil
}

func readZipped(file *zip.File) (string, error) {
	reader, err := file.Open()
	if err != nil {
		return "", err
	}
	defer reader.Close()
	content, err := io.ReadAll(reader)
	return string(content), err
}
