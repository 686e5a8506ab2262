package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// The media types of manifests, and of the lists of several.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// The media types of layers with files.
const (
	chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	fluxLayer  = "application/vnd.cncf.flux.content.v1.tar+gzip"
	tarLayer   = "application/vnd.oci.image.layer.v1.tar"
)

// hasFiles reports whether layers of a media type hold files.
func hasFiles(mediaType string) bool {
	return slices.Contains([]string{chartLayer, fluxLayer, tarLayer, tarLayer + "+gzip", tarLayer + "+zstd"}, mediaType)
}

// manifestHead asks for manifests of the kinds that are known.
func manifestHead() http.Header {
	return http.Header{"Accept": {strings.Join([]string{ociManifest, dockerManifest, ociIndex, dockerList}, ", ")}}
}

// descriptor is what a manifest says of something.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// manifest is what an artifact consists of.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
	// Manifests are those of an index.
	Manifests []json.RawMessage `json:"manifests"`
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// content reads what has a digest, by which it is judged.
func (p *place) content(ctx context.Context, kind, digest string, most int64) ([]byte, error) {
	answer, err := p.get(ctx, p.url(kind, digest), manifestHead(), most)
	if err != nil {
		return nil, err
	}
	if got := digestOf(answer.body); got != digest {
		return nil, failf(syncline.Transient, "what it gave for %s has the digest %s", digest, got)
	}
	return answer.body, nil
}

// manifest reads the manifest of a digest.
func (p *place) manifest(ctx context.Context, digest string) (manifest, error) {
	var m manifest
	body, err := p.content(ctx, "manifests", digest, p.options.MaxManifest)
	if errors.Is(err, errNoSuch) && !p.hidden {
		return m, syncline.WithHint(syncline.Errorf(syncline.NotFound, "it has no artifact %s", digest), "check address and targetRevision")
	}
	if err != nil {
		return m, err
	}
	if json.Unmarshal(body, &m) != nil {
		return m, about(digest, syncline.Errorf(syncline.Invalid, "its manifest cannot be read"))
	}
	return m, nil
}

// layer chooses the layer with the files of an artifact: of a chart the chart, without
// its signature, and else the only one of a media type that is known.
func (m manifest) layer(options *Options) (descriptor, error) {
	if m.Manifests != nil || m.MediaType == ociIndex || m.MediaType == dockerList {
		return descriptor{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "it is an index of %d manifests, as of an image for several platforms", len(m.Manifests)),
			"name one artifact by its digest, or push the files as one artifact")
	}
	if len(m.Layers) > options.MaxLayers {
		return descriptor{}, syncline.Errorf(syncline.Invalid, "it has %d layers: more than %d are not looked at", len(m.Layers), options.MaxLayers)
	}
	var found []descriptor
	var types []string
	for _, layer := range m.Layers {
		if layer.MediaType == chartLayer {
			found = []descriptor{layer}
			break
		}
		if hasFiles(layer.MediaType) {
			found = append(found, layer)
		}
		types = append(types, layer.MediaType)
	}
	switch {
	case len(found) > 1:
		return descriptor{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "it has %d layers that may hold its files", len(found)), "push them as one layer")
	case len(found) == 0:
		return descriptor{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "it has no layer of a known media type: %s", clean(strings.Join(types, ", "))),
			"push a chart, or files as "+tarLayer+"+gzip")
	}
	layer := found[0]
	switch err := checkDigest(layer.Digest); {
	case err != nil:
		return descriptor{}, err
	case layer.Size > options.MaxLayer:
		return descriptor{}, syncline.Errorf(syncline.Invalid, "its layer has %d bytes: more than %d are not fetched", layer.Size, options.MaxLayer)
	}
	return layer, nil
}
