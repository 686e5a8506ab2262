package bucket_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/bucket"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/fetchertest"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestBucketsAreLikeEverySource has a bucket that is written anew with each revision.
func TestBucketsAreLikeEverySource(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", nil)
		return origin(s.repo("apps"), store, all, func(content map[string]string) { s.Set("apps", content) }, s.Server.Close)
	})
}

// TestContainersAreLikeEverySource are those of Azure.
func TestContainersAreLikeEverySource(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		s, store := newAzure(t), newStore(t, bucket.Options{})
		publish := func(content map[string]string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.blobs = maps.Clone(content)
		}
		return origin(s.repo(), store, upstream.Bucket{Provider: upstream.BucketAzure}, publish, s.Close)
	})
}

func origin(repo upstream.Repository, store *bucket.Store, objects upstream.Bucket, publish func(map[string]string), shut func()) fetchertest.Origin {
	none := objects
	none.Prefix = "nothing/"
	return fetchertest.Origin{
		Fetcher:    source.NewBucket(store, store),
		Repository: repo,
		Source:     syncline.Source{RepoURL: repo.Address.String(), Bucket: objects},
		Other:      syncline.Source{RepoURL: repo.Address.String(), Bucket: none},
		Nowhere:    "sha256:" + strings.Repeat("1", 64),
		Fleeting:   true,
		Publish:    publish,
		Shut:       shut,
	}
}

// TestTreeIsLikeEveryTree puts each content into a bucket of its own.
func TestTreeIsLikeEveryTree(t *testing.T) {
	lacks := treetest.Lacks{Executables: true, Links: true, Submodules: true}
	treetest.Run(t, lacks, func(t testing.TB, content treetest.Content) syncline.Tree {
		s := newServer(t)
		s.Set("content", content.Files)
		_, tree := fetch(t, newStore(t, bucket.Options{}), s.repo("content"), all)
		return tree
	})
}
