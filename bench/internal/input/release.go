package input

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// The shapes of releases: many apps of one chart, each with a file of values of its own in a
// monorepo. They say what has the chart.
const (
	// FromRepository is a Helm repository with many other charts.
	FromRepository Shape = "Helm repository"
	// FromRegistry is an OCI registry.
	FromRegistry Shape = "OCI registry"
	// FromGit is a Git repository with a tag for each version.
	FromGit Shape = "Git tags"
)

// ReleaseShapes returns them all.
func ReleaseShapes() []Shape { return []Shape{FromRepository, FromRegistry, FromGit} }

// IsRelease reports whether apps of the shape are releases of a chart.
func (s Shape) IsRelease() bool { return slices.Contains(ReleaseShapes(), s) }

// The chart of releases.
const (
	// ChartName is its name.
	ChartName = "web"
	// ChartRange is which of its versions are wanted.
	ChartRange = ">=1.0.0 <2.0.0"
	// ChartFirst is the version that there is at the beginning.
	ChartFirst = "1.0.0"
)

// ChartLabel is the label by which objects of a release tell the version of their chart.
const ChartLabel = "helm.sh/chart"

// NewReleases makes the input of so many releases. They come to the same objects as the apps of [New] in a
// monorepo, but for the label.
func NewReleases(shape Shape, count int) (Input, error) {
	in := Input{Shape: shape, Files: map[string]string{}}
	for i := range count {
		name := fmt.Sprintf("app-%04d", i)
		app := App{Name: name, Path: "apps/" + name, Chart: shape, Namespace: "apps", Deployment: name}
		in.Files[app.valuesFile()] = values("first")
		if err := in.addManifests(app, labelled(Manifests(name, "first"), ChartName+"-"+ChartFirst)); err != nil {
			return Input{}, err
		}
	}
	return in, nil
}

func (a App) valuesFile() string { return path.Join(a.Path, "values.yaml") }

func values(value string) string { return "value: " + value + "\n" }

// EditValues changes the values of a release.
func (a App) EditValues(value string) Edit {
	return Edit{File: a.valuesFile(), Text: values(value), Object: a.In(a.Deployment), Value: value}
}

// labelled puts the label of the chart onto the objects of files.
func labelled(files map[string]string, chart string) map[string]string {
	labelled := maps.Clone(files)
	for name, text := range files {
		labelled[name] = strings.Replace(text, "labels: {", "labels: {"+ChartLabel+": "+chart+", ", 1)
	}
	return labelled
}

// Chart returns the files of a version of the chart of releases. Their names are by a helper, as charts have it.
func Chart(version string) map[string]string {
	files := map[string]string{
		"Chart.yaml":  fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", ChartName, version),
		"values.yaml": values("none") + "nameOverride: \"\"\n",
		"templates/_helpers.tpl": `{{- define "web.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}
`,
	}
	templates := Manifests(`{{ include "web.name" . }}`, `{{ .Values.value }}`)
	for name, text := range labelled(templates, `{{ .Chart.Name }}-{{ .Chart.Version }}`) {
		files["templates/"+name] = text
	}
	return files
}

// release returns the sources of an app that is a release.
func (a App) release(at Addresses) []any {
	chart := map[string]any{
		"repoURL": at.Charts, "targetRevision": ChartRange,
		"helm": map[string]any{"valueFiles": []any{"$values/" + a.valuesFile()}},
	}
	if a.Chart == FromGit {
		chart["path"] = ChartName
	} else {
		chart["chart"] = ChartName
	}
	return []any{chart, map[string]any{"repoURL": at.Repo, "targetRevision": "main", "ref": "values"}}
}

// OtherCharts returns entries of an index of about so many bytes, each as long as the public repositories have them, and
// written as `helm repo index` does.
func OtherCharts(size int) string {
	const versions = 50
	var text strings.Builder
	for chart := 0; text.Len() < size; chart++ {
		fmt.Fprintf(&text, "  other-%03d:\n", chart)
		for version := range versions {
			digest := sha256.Sum256([]byte{byte(chart), byte(chart >> 8), byte(version)})
			fmt.Fprintf(&text, otherChart, chart, versions-version, digest)
		}
	}
	return text.String()
}

const otherChart = `  - annotations:
      category: Infrastructure
      images: |
        - name: other-%03[1]d
          image: registry.example/charts/other-%03[1]d:4.%[2]d.1-debian-12-r%[2]d
        - name: os-shell
          image: registry.example/charts/os-shell:12-debian-12-r%[2]d
      licenses: Apache-2.0
    apiVersion: v2
    appVersion: 4.%[2]d.1
    created: "2026-05-01T10:00:00.000000000Z"
    dependencies:
    - name: common
      repository: oci://registry.example/charts
      tags:
      - common
      version: 2.x.x
    description: Other %03[1]d stores what applications tell it, replicates it between its nodes and answers questions about it.
    digest: %[3]x
    home: https://charts.example/other-%03[1]d
    icon: https://charts.example/other-%03[1]d/icon.png
    keywords:
    - database
    - replication
    maintainers:
    - name: Charts
      url: https://github.example/charts
    name: other-%03[1]d
    sources:
    - https://github.example/charts/tree/main/other-%03[1]d
    urls:
    - https://charts.example/other-%03[1]d-%[2]d.0.0.tgz
    version: %[2]d.0.0
`
