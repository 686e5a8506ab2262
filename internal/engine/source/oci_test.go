package source_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// registry is one in memory: digests by tag, of repositories by the keys of their addresses.
type registry struct {
	mu   sync.Mutex
	tags map[string]map[string]string
	// heads and lists count the requests by tag, and for tags.
	heads map[string]int
	lists int
	fails error
}

func (r *registry) Digest(_ context.Context, repo upstream.Repository, tag string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heads[tag]++
	if r.fails != nil {
		return "", r.fails
	}
	digest := r.tags[repo.Address.Key()][tag]
	if digest == "" {
		return "", syncline.Errorf(syncline.NotFound, "repository %s: it has no tag %q", repo.Address, tag)
	}
	return digest, nil
}

func (r *registry) Tags(_ context.Context, repo upstream.Repository) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists++
	return slices.Sorted(maps.Keys(r.tags[repo.Address.Key()])), r.fails
}

// do calls a function while nobody is answered.
func (r *registry) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

const ociURL = "oci://registry.example.com/team"

// newRegistry has tags, each of a digest that is named after it.
func newRegistry(path string, tags ...string) *registry {
	r := &registry{tags: map[string]map[string]string{ociURL + path: {}}, heads: map[string]int{}}
	for _, tag := range tags {
		r.tags[ociURL+path][tag] = "digest of " + tag
	}
	return r
}

// TestWhatTargetsOfRegistriesMean compares the rules of artifacts and charts.
func TestWhatTargetsOfRegistriesMean(t *testing.T) {
	artifacts := []string{"latest", "1.0.0", "1.2.0", "v1.10.0", "1.x", "2.0.0-rc.1", "2", "web-3.0.0", "web-3.1.0", "web-latest", "no version"}
	charts := []string{"1.0.0", "1.2.0", "1.2.0_build.1", "1.2", "v1.10.0", "2.0.0-rc.1", "latest"}
	for _, test := range []struct {
		tags             []string
		chart            string
		revision, prefix string
		want             string // "" is nothing, "!" is refused
	}{
		{artifacts, "", "", "", "latest"},
		{artifacts, "", "", "web-", "web-latest"},
		{artifacts, "", "1.2.0", "", "1.2.0"},
		{artifacts, "", "1.x", "", "1.x"}, // a tag comes first
		{artifacts, "", "2", "", "2"},
		{artifacts, "", "1.*", "", "v1.10.0"},
		{artifacts, "", "~1.2", "", "1.2.0"},
		{artifacts, "", "*", "", "2"},
		{artifacts, "", ">=2.0.0-0 <2.0.0", "", "2.0.0-rc.1"},
		{artifacts, "", "*", "web-", "web-3.1.0"},
		{artifacts, "", "3.0.0", "web-", "web-3.0.0"},
		{artifacts, "", "1.10.0", "", ""}, // an exact version is no constraint
		{artifacts, "", "^9", "", ""},
		{artifacts, "", "none", "", ""},
		{artifacts, "", "feature/x", "", "!"},
		{artifacts, "", "no version", "", "!"},
		{artifacts, "", "sha256:1234", "", "!"},
		{artifacts, "", "a@sha512:1234", "", "!"},
		{artifacts, "", strings.Repeat("1", 600), "", "!"},
		{charts, "web", "", "", "v1.10.0"},
		{charts, "web", "1.2.0+build.1", "", "1.2.0_build.1"},
		{charts, "web", "~1.2.0", "", "1.2.0_build.1"},
		{charts, "web", "1.10.0", "", "v1.10.0"},
		{charts, "web", "1.2", "", "1.2"},
		{charts, "web", "2.0.0-rc.1", "", "2.0.0-rc.1"},
		{charts, "web", ">0.0.0-0", "", "2.0.0-rc.1"},
		{charts, "web", ">=2", "", ""},
		{charts, "web", "latest", "", "latest"},
		{[]string{"1.0.0-rc.1"}, "web", "", "", ""},
		{nil, "web", "", "", ""},
		{nil, "", "", "", ""},
	} {
		path := strings.TrimSuffix("/"+test.chart, "/")
		known := newRegistry(path, test.tags...)
		fetcher := source.NewOCI(known, nil)
		want := source.Target{Revision: test.revision, TagPrefix: test.prefix, Chart: test.chart}
		if _, err := fetcher.Known(want); (err != nil) != (test.want == "!") || err != nil && syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%+v: Known: %v", want, err)
		}
		if test.want == "!" {
			continue
		}
		listing, err := fetcher.List(t.Context(), upstream.Repository{Address: upstream.AddressOf(ociURL)}, fetcher.Scope(want))
		if err != nil {
			t.Errorf("%+v: %v", want, err)
			continue
		}
		found, err := listing.Resolve(t.Context(), want)
		if test.want == "" {
			if syncline.KindOf(err) != syncline.NotFound || !strings.Contains(err.Error(), ociURL+path) || found.ID != "" {
				t.Errorf("%+v: %+v, %v", want, found, err)
			}
			continue
		}
		id := "digest of " + test.want
		if test.chart != "" { // whose version is told too
			id = strings.ReplaceAll(test.want, "_", "+") + "@" + id
		}
		if err != nil || found.By != test.want || found.ID != id {
			t.Errorf("%+v is %+v, %v, want %s", want, found, err, id)
		}
	}
}

// TestDigestsStandForThemselves, also behind a tag.
func TestDigestsStandForThemselves(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for _, test := range []struct{ chart, text, id, by string }{
		{"", digest, digest, ""}, {"", "1.2@" + digest, digest, "1.2"},
		{"web", digest, digest, ""}, {"web", "1.2@" + digest, "1.2@" + digest, "1.2"}, {"web", "1.2+b@" + digest, "1.2+b@" + digest, "1.2_b"},
	} {
		known, err := source.NewOCI(nil, nil).Known(source.Target{Revision: test.text, Chart: test.chart})
		if err != nil || known.ID != test.id || known.By != test.by {
			t.Errorf("%+v is %+v, %v", test, known, err)
		}
	}
}

// TestWhoFollowsATag has it asked for once with all others, polled, and forgotten with the
// last of them; each tag by itself.
func TestWhoFollowsATag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := newRegistry("", "1", "2", "1.5.0", "latest")
		declared := []syncline.Source{{RepoURL: ociURL, TargetRevision: "1"}, {RepoURL: ociURL, TargetRevision: "2"}, {RepoURL: ociURL, TargetRevision: "~1.5"}}
		told := make(chan string, 100)
		resolver := source.NewResolver(source.Fetchers{syncline.SourceOCI: source.NewOCI(known, nil)}, source.Options{
			Changed: func(key string) { told <- key },
			Declared: func(string) (now []syncline.Source) {
				known.do(func() { now = declared })
				return now
			},
		})
		stage := source.New(resolver, everybody{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- resolver.Poll(ctx) }()
		resolve := func(from syncline.Source, want string) {
			t.Helper()
			if got, err := stage.Resolve(t.Context(), syncline.App{}, from, time.Hour); err != nil || got != want {
				t.Errorf("%s is %s, %v, want %s", from.TargetRevision, got, err, want)
			}
		}
		for range 100 {
			resolve(declared[0], "digest of 1")
			resolve(declared[1], "digest of 2")
			resolve(declared[2], "digest of 1.5.0")
		}
		known.do(func() {
			if !maps.Equal(known.heads, map[string]int{"1": 1, "2": 1, "1.5.0": 1}) || known.lists != 1 {
				t.Errorf("asked for %v, and tags %d times", known.heads, known.lists)
			}
			known.tags[ociURL]["1"] = "another"
		})
		toldWithin(t, told, 4*time.Minute, ociURL)
		resolve(declared[0], "another")
		known.do(func() { known.tags[ociURL]["1.5.1"] = "a newer one" })
		toldWithin(t, told, 4*time.Minute, ociURL)
		resolve(declared[2], "a newer one")
		known.do(func() { declared = declared[1:] })
		<-time.After(10 * time.Minute) // by the clock of the test
		known.do(func() { known.heads = map[string]int{} })
		<-time.After(10 * time.Minute)
		known.do(func() {
			if known.heads["1"] != 0 || known.heads["2"] < 2 {
				t.Errorf("of what nobody declares any more it is asked: %v", known.heads)
			}
		})
		cancel()
		if err := <-ended; err == nil {
			t.Error("polling has ended before it was told")
		}
		resolver.Close()
	})
}
