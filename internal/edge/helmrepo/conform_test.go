package helmrepo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/fetchertest"
)

// TestChartsAreLikeEveryFetcher reads real repositories over HTTP.
func TestChartsAreLikeEveryFetcher(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		r, published := newRepository(t), 0
		store := newStore(t, helmrepo.Options{})
		return fetchertest.Origin{
			Fetcher:    source.NewHelm(store, store),
			Repository: r.upstream(),
			Source:     syncline.Source{RepoURL: r.url(), Chart: "web"},
			Other:      syncline.Source{RepoURL: r.url(), Chart: "none"},
			Nowhere:    "1.0.99@sha256:" + strings.Repeat("0", 64),
			Publish: func(files map[string]string) {
				published++
				r.publish(t, "web", fmt.Sprintf("1.0.%d", published), files)
			},
			Shut: r.Close,
		}
	})
}
