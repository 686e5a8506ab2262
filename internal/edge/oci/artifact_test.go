package oci_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// TestWhatHoldsFiles is one layer, of a media type that Argo CD, Flux or Helm push.
func TestWhatHoldsFiles(t *testing.T) {
	s := newServer(t)
	plain := tarOf(t, map[string]string{"dir/a": "text"})
	for name, layers := range map[string][]layer{
		"tar":              {{typeTar, plain}},
		"gzip":             {{typeTar + "+gzip", gzipped(t, plain)}},
		"zstd":             {{typeTar + "+zstd", zstandard(t, plain)}},
		"flux":             {{typeFlux, gzipped(t, plain)}},
		"chart":            {{typeProof, []byte("signed")}, chart(t, map[string]string{"web/dir/a": "text"})},
		"chart-and-more":   {{typeTar, plain}, chart(t, map[string]string{"web/dir/a": "text"})},
		"with-other-types": {{"application/json", []byte("{}")}, {typeTar, plain}},
	} {
		store, repo := newStore(t, oci.Options{}), s.repo("team/"+name)
		digest := s.push("team/"+name, "1", layers...)
		if err := store.Fetch(t.Context(), repo, digest); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tree, err := store.Tree(t.Context(), repo, digest)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := tree.ReadFile("dir/a"); err != nil || string(got) != "text" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestWhatHoldsNone is refused with what to do.
func TestWhatHoldsNone(t *testing.T) {
	s := newServer(t)
	plain := tarOf(t, map[string]string{"a": "text"})
	many := make([]layer, 101)
	for i := range many {
		many[i] = layer{"application/json", fmt.Append(nil, i)}
	}
	for name, test := range map[string]struct {
		layers []layer
		says   []string
	}{
		"none":      {nil, []string{"no layer of a known media type"}},
		"unknown":   {[]layer{{"text/\x1b[31m" + strings.Repeat("x", 1000), plain}}, []string{"no layer of a known media type: text/·[31mxxx", "push"}},
		"several":   {[]layer{{typeTar, plain}, {typeFlux, gzipped(t, plain)}}, []string{"2 layers that may hold its files", "one layer"}},
		"many":      {many, []string{"101 layers", "100"}},
		"no-tar":    {[]layer{{typeTar, []byte(strings.Repeat("no tar", 1000))}}, nil},
		"no-folder": {[]layer{chart(t, map[string]string{"Chart.yaml": "", "values.yaml": ""})}, []string{"not in one folder"}},
		"escapes":   {[]layer{{typeTar, tarOf(t, map[string]string{"../a": ""})}}, []string{"../a"}},
	} {
		store, repo := newStore(t, oci.Options{}), s.repo("team/"+name)
		digest := s.push("team/"+name, "1", test.layers...)
		err := store.Fetch(t.Context(), repo, digest)
		if err == nil {
			_, err = store.Tree(t.Context(), repo, digest)
		}
		wants(t, name, err, syncline.Invalid, append(test.says, repo.Address.String(), digest)...)
	}
}

// TestManifestsThatAreNone are refused: an index, what cannot be read, and layers that
// are larger than they may be or have no digest.
func TestManifestsThatAreNone(t *testing.T) {
	s := newServer(t)
	huge := map[string]any{"mediaType": typeTar, "digest": nowhere, "size": int64(1) << 40}
	for name, test := range map[string]struct {
		content map[string]any
		says    string
	}{
		"index":     {map[string]any{"mediaType": typeIndex, "manifests": []any{}}, "an index of 0 manifests"},
		"large":     {map[string]any{"mediaType": typeManifest, "layers": []any{huge}}, "1099511627776 bytes: more than 268435456"},
		"no-digest": {map[string]any{"mediaType": typeManifest, "layers": []any{map[string]any{"mediaType": typeTar, "digest": "../../x"}}}, "not a digest"},
		"no-layers": {map[string]any{"mediaType": typeManifest, "layers": "none"}, "cannot be read"},
	} {
		store, repo := newStore(t, oci.Options{}), s.repo("team/"+name)
		digest := s.manifest("team/"+name, "1", test.content)
		wants(t, name, store.Fetch(t.Context(), repo, digest), syncline.Invalid, repo.Address.String(), digest, test.says)
	}
}

// TestALayerThatIsNotShown: a manifest that names what only others may read gets nobody
// what the repository does not have.
func TestALayerThatIsNotShown(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{})
	private := files(t, map[string]string{"secret": "canary"})
	digest := s.push("team/private", "1", private)
	if err := store.Fetch(t.Context(), s.repo("team/private"), digest); err != nil {
		t.Fatal(err)
	}
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v2/team/thief/blobs/") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	stolen := s.push("team/thief", "1", private)
	wants(t, "who has not the layer", store.Fetch(t.Context(), s.repo("team/thief"), stolen), syncline.NotFound, "not there")
	if _, err := store.Tree(t.Context(), s.repo("team/thief"), stolen); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("who has not the layer reads it: %v", err)
	}
	s.answer(nil)
	if err := store.Fetch(t.Context(), s.repo("team/thief"), stolen); err != nil {
		t.Errorf("who has it: %v", err)
	}
}

// TestTheSameTwice costs nothing the second time. Who reads another repository has it shown
// there.
func TestTheSameTwice(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{})
	one := files(t, map[string]string{"a": "1"})
	digest := s.push("team/app", "1", one)
	s.push("team/copy", "1", one)
	for _, test := range []struct {
		path             string
		manifests, blobs int
	}{{"team/app", 1, 1}, {"team/app", 0, 0}, {"team/copy", 1, 1}, {"team/copy", 0, 0}} {
		s.count("")
		if err := store.Fetch(t.Context(), s.repo(test.path), digest); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		asked := strings.Join(s.asked, "\n")
		s.mu.Unlock()
		if m, b := strings.Count(asked, "/manifests/"), strings.Count(asked, "/blobs/"); m != test.manifests || b != test.blobs {
			t.Errorf("%s: %d manifests and %d layers were asked for", test.path, m, b)
		}
	}
}

// TestRepositoriesThatAreNone are refused before anybody is asked.
func TestRepositoriesThatAreNone(t *testing.T) {
	store := newStore(t, oci.Options{})
	for address, says := range map[string]string{
		"oci://registry.example.com":              "no registry has a repository of that name",
		"oci://registry.example.com/Upper":        "no registry has a repository of that name",
		"oci://registry.example.com/a--/b":        "no registry has a repository of that name",
		"oci://registry.example.com/a/v2/../../x": "..",
		"oci://user:hunter2@registry.example.com": "names no user",
		"https://registry.example.com/a":          "oci://",
	} {
		_, err := store.Digest(t.Context(), upstream.Repository{Address: upstream.AddressOf(address)}, "1")
		wants(t, address, err, syncline.Invalid, says)
	}
	_, err := store.Digest(t.Context(), upstream.Repository{Address: upstream.AddressOf("oci://registry.example.com/a")}, "a/../b")
	wants(t, "no tag", err, syncline.Invalid, "not a tag")
}

// TestTags are paged, and not without an end.
func TestTags(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{MaxTags: 3000})
	pages := 0
	next := func(text string) {
		pages = 0
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			pages++
			link := strings.NewReplacer("{page}", fmt.Sprint(pages)).Replace(text)
			if pages < 3 || strings.Contains(text, "ever") {
				w.Header().Set("Link", link)
			}
			var tags []string
			for i := range 500 {
				tags = append(tags, fmt.Sprintf(`"%d.%d.0"`, pages, i))
			}
			fmt.Fprintf(w, `{"name":"x","tags":[%s, "\u001b[31m", ""]}`, strings.Join(tags, ","))
			return true
		})
	}
	next(`</v2/team/app/tags/list?n=500&last={page}>; rel="next"`)
	tags, err := store.Tags(t.Context(), s.repo("team/app"))
	if err != nil || len(tags) != 1500 || tags[1499] != "3.499.0" {
		t.Errorf("%d tags, %v", len(tags), err)
	}
	for text, says := range map[string]string{
		`</v2/team/app/tags/list?ever={page}>; rel="next"`:       "more tags than the 3000",
		`</v2/team/other/tags/list?page={page}>; rel="next"`:     "elsewhere",
		`<https://example.com/v2/team/app/tags/list>; rel=next`:  "elsewhere",
		`</v2/team/app/tags/list?n=1000>; rel="next"`:            "elsewhere",
		`<http://{page}>; rel="next"`:                            "elsewhere",
		`<https://[::>; rel="next"`:                              "elsewhere",
		`</v2/team/app/tags/list?page={page}>; rel="previous"`:   "",
		`</v2/team/app/tags/list?empty&ever={page}>; rel="next"`: "more tags than the 3000",
	} {
		next(text)
		if says == "" {
			if tags, err := store.Tags(t.Context(), s.repo("team/app")); err != nil || len(tags) != 500 {
				t.Errorf("%s: %d tags, %v", text, len(tags), err)
			}
			continue
		}
		_, err := store.Tags(t.Context(), s.repo("team/app"))
		if err == nil || !strings.Contains(err.Error(), says) || pages > 8 {
			t.Errorf("%s: after %d pages the error is %v, want %q", text, pages, err, says)
		}
	}
}

// TestTagsThatHaveNotChanged are not sent again where the registry can tell.
func TestTagsThatHaveNotChanged(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{})
	full, etag := 0, `"one"`
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
		full++
		fmt.Fprintf(w, `{"tags":["%d.0.0"]}`, full)
		return true
	})
	for i, want := range []string{"1.0.0", "1.0.0", "2.0.0"} {
		if i == 2 {
			etag = `"two"`
		}
		if tags, err := store.Tags(t.Context(), s.repo("team/app")); err != nil || len(tags) != 1 || tags[0] != want {
			t.Errorf("%q, %v, want %s", tags, err, want)
		}
	}
	if full != 2 {
		t.Errorf("it was sent %d times", full)
	}
}

// TestDigestsThatTheRegistryDoesNotTell are those of what it gives.
func TestDigestsThatTheRegistryDoesNotTell(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{})
	digest := s.push("team/app", "1", files(t, map[string]string{"a": "1"}))
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		s.content.ServeHTTP(withoutDigest{w}, r)
		return true
	})
	if got, err := store.Digest(t.Context(), s.repo("team/app"), "1"); err != nil || got != digest {
		t.Errorf("%s, %v, want %s", got, err, digest)
	}
}

// withoutDigest is an answer without the header with the digest.
type withoutDigest struct{ http.ResponseWriter }

func (w withoutDigest) WriteHeader(code int) {
	w.Header().Del("Docker-Content-Digest")
	w.ResponseWriter.WriteHeader(code)
}

// TestReferrers are listed by the registry, or by the tag that stands for it.
func TestReferrers(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1", files(t, map[string]string{"a": "1"}))
	sign := func(kind, tag string) string {
		return s.manifest("team/app", tag, map[string]any{
			"schemaVersion": 2, "mediaType": typeManifest, "artifactType": kind, "layers": []any{},
			"config":  s.blob("team/app", kind, []byte("{}")), // of which this registry tells the type
			"subject": map[string]any{"mediaType": typeManifest, "digest": digest, "size": 1},
		})
	}
	signature, sbom := sign("example/signature", "s"), sign("example/sbom", "b")
	check := func(what string, kind string, want ...string) {
		t.Helper()
		found, err := newStore(t, oci.Options{MaxReferrers: 5}).Referrers(t.Context(), s.repo("team/app"), digest, kind)
		if err != nil || len(found) != len(want) {
			t.Errorf("%s: %+v, %v", what, found, err)
			return
		}
		for _, digest := range want {
			if !strings.Contains(fmt.Sprint(found), digest) {
				t.Errorf("%s: %+v lacks %s", what, found, digest)
			}
		}
	}
	check("all", "", signature, sbom)
	check("signatures", "example/signature", signature)
	s.status("/referrers/", http.StatusNotFound)
	check("a registry that knows none", "")
	one := fmt.Sprintf(`{"digest":"%s","artifactType":"example/signature"}`, signature)
	tagged := func(list ...string) {
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/manifests/"+strings.Replace(digest, ":", "-", 1)) {
				fmt.Fprintf(w, `{"manifests":[%s]}`, strings.Join(list, ","))
				return true
			}
			w.WriteHeader(http.StatusNotFound)
			return true
		})
	}
	tagged(one, `{"digest":"../x","artifactType":"example/signature"}`, fmt.Sprintf(`{"digest":"%s","artifactType":"example/sbom"}`, sbom))
	check("by a tag", "example/signature", signature)
	tagged(one, one, one, one, one, one)
	_, err := newStore(t, oci.Options{MaxReferrers: 5}).Referrers(t.Context(), s.repo("team/app"), digest, "")
	wants(t, "too many", err, syncline.Invalid, "more than the 5 referrers")
}

// TestSignatures are read in both forms, and bounded (CVE-2023-33957, CVE-2024-29902).
func TestSignatures(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1", files(t, map[string]string{"a": "1"}))
	const simple, bundle = "application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json"
	check := func(what string, want ...signing.Beside) {
		t.Helper()
		found, err := newStore(t, oci.Options{}).Signatures(t.Context(), s.repo("team/app"), digest)
		if err != nil || fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
	}
	check("none")
	layer := func(mediaType, signature, content string) map[string]any {
		described := s.blob("team/app", mediaType, []byte(content))
		described["annotations"] = map[string]string{"dev.cosignproject.cosign/signature": signature}
		return described
	}
	tagged := func(layers ...any) {
		s.manifest("team/app", strings.Replace(digest, ":", "-", 1)+".sig", map[string]any{
			"schemaVersion": 2, "mediaType": typeManifest, "config": s.blob("team/app", "application/vnd.oci.image.config.v1+json", []byte("{}")), "layers": layers,
		})
	}
	tagged(layer(simple, "abc", "payload"), layer("text/plain", "abc", "other"), layer(simple, "", "unsigned"))
	one := signing.Beside{Payload: []byte("payload"), Signature: "abc"}
	check("by a tag", one)
	refer := func(layers ...any) {
		s.manifest("team/app", "bundle", map[string]any{
			"schemaVersion": 2, "mediaType": typeManifest, "artifactType": bundle, "layers": layers,
			"config":  s.blob("team/app", bundle, []byte("{}")),
			"subject": map[string]any{"mediaType": typeManifest, "digest": digest, "size": 1},
		})
	}
	refer(s.blob("team/app", bundle, []byte(`{"bundle":1}`)))
	check("both", one, signing.Beside{Bundle: []byte(`{"bundle":1}`)})

	of := func(annotations map[string]string, content string) {
		s.manifest("team/app", "", map[string]any{
			"schemaVersion": 2, "mediaType": typeManifest, "artifactType": bundle, "layers": []any{s.blob("team/app", bundle, []byte(content))},
			"config":  s.blob("team/app", "application/vnd.oci.empty.v1+json", []byte("{}")),
			"subject": map[string]any{"mediaType": typeManifest, "digest": digest, "size": 1}, "annotations": annotations,
		})
	}
	of(map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}, "attests")
	check("but no attestation", one, signing.Beside{Bundle: []byte(`{"bundle":1}`)})
	of(map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}, "2")
	found, err := newStore(t, oci.Options{}).Signatures(t.Context(), s.repo("team/app"), digest)
	if err != nil || len(found) != 3 {
		t.Errorf("what the registry knows by its configuration alone: %+v, %v", found, err)
	}

	var many []any
	for i := range 51 {
		many = append(many, layer(simple, "abc", fmt.Sprint(i)))
	}
	tagged(many...)
	_, err = newStore(t, oci.Options{}).Signatures(t.Context(), s.repo("team/app"), digest)
	wants(t, "too many", err, syncline.Invalid, "more than the 50 signatures")
	tagged(layer(simple, "abc", strings.Repeat("x", 1<<20+1)))
	_, err = newStore(t, oci.Options{}).Signatures(t.Context(), s.repo("team/app"), digest)
	wants(t, "too large", err, syncline.Invalid, "larger than")
	s.status(".sig", http.StatusInternalServerError)
	_, err = newStore(t, oci.Options{}).Signatures(t.Context(), s.repo("team/app"), digest)
	wants(t, "a server that fails is no server without signatures", err, syncline.Transient)
}
