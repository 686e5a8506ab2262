package oci_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/oci"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/fetchertest"
)

var nowhere = "sha256:" + strings.Repeat("1", 64)

// TestArtifactsAreLikeEverySource follows the tag latest.
func TestArtifactsAreLikeEverySource(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		s, store := newServer(t), newStore(t, oci.Options{})
		repo := s.repo("team/manifests")
		return fetchertest.Origin{
			Fetcher:    source.NewOCI(store, store),
			Repository: repo,
			Source:     syncline.Source{RepoURL: repo.Address.String()},
			Other:      syncline.Source{RepoURL: repo.Address.String(), TargetRevision: "none"},
			Nowhere:    nowhere,
			Publish:    func(content map[string]string) { s.push("team/manifests", "latest", files(t, content)) },
			Shut:       s.Close,
		}
	})
}

// TestChartsAreLikeEverySource follows a range of versions, of which there are more and
// more.
func TestChartsAreLikeEverySource(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		s, store := newServer(t), newStore(t, oci.Options{})
		s.push("charts/web", "2.0.0", files(t, map[string]string{"web/folder/file": "of another line"}))
		repo := s.repo("charts")
		version := 0
		return fetchertest.Origin{
			Fetcher:    source.NewOCI(store, store),
			Repository: repo,
			Source:     syncline.Source{RepoURL: repo.Address.String(), Chart: "web", TargetRevision: "1.x"},
			Other:      syncline.Source{RepoURL: repo.Address.String(), Chart: "web", TargetRevision: "^3"},
			Nowhere:    nowhere,
			Publish: func(content map[string]string) {
				packed := map[string]string{}
				for name, text := range content {
					packed["web/"+name] = text
				}
				version++
				s.push("charts/web", "1.0."+string(rune('0'+version))+"_build", layer{typeProof, []byte("signed")}, chart(t, packed))
			},
			Shut: s.Close,
		}
	})
}

// chart is a chart's layer.
func chart(t testing.TB, content map[string]string) layer {
	t.Helper()
	return layer{typeChart, gzipped(t, tarOf(t, content))}
}
