package fetch_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstoretest"
	"github.com/syncline-io/syncline/internal/engine/signed"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/fetch"
)

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeBundle   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	typeSimple   = "application/vnd.dev.cosign.simplesigning.v1+json"
	typeConfig   = "application/vnd.oci.empty.v1+json"
	typeFlux     = "application/vnd.cncf.flux.content.v1.tar+gzip"
	typeChart    = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// gallery is a registry whose artifacts have to be signed, with a Sigstore.
type gallery struct {
	t       *testing.T
	content http.Handler
	server  *httptest.Server
	// asked is how many requests there were, and beside how many of them for signatures.
	asked, beside atomic.Int64
	sigstore      *sigstoretest.Sigstore
	sources       *signed.Sources
}

// Project satisfies [signed.Projects].
func (*gallery) Project(string) (syncline.Project, error) {
	return syncline.Project{Name: "shop"}, nil
}

// Repository satisfies [source.Credentials].
func (g *gallery) Repository(_ string, address upstream.Address) (upstream.Repository, error) {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw})
	return upstream.Repository{Address: address, Where: "the test", CA: ca}, nil
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{t: t, sigstore: sigstoretest.New(t)}
	g.content = registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	g.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		if strings.Contains(r.URL.Path, "/referrers/") || strings.HasSuffix(r.URL.Path, ".sig") {
			g.beside.Add(1)
		}
		g.content.ServeHTTP(w, r)
	}))
	t.Cleanup(g.server.Close)
	stores, err := fetch.Open(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stores.Close() })
	resolver := source.NewResolver(stores.Fetchers(), source.Options{})
	t.Cleanup(resolver.Close)
	g.sources = stores.Signed(resolver, g, source.New(resolver, g, nil), g, &fetch.Keys{})
	return g
}

// address is that of a repository.
func (g *gallery) address(path string) string {
	return "oci://" + strings.TrimPrefix(g.server.URL, "https://") + "/" + path
}

func (g *gallery) do(method, path, contentType string, body []byte) {
	g.t.Helper()
	request := httptest.NewRequest(method, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	answer := httptest.NewRecorder()
	g.content.ServeHTTP(answer, request)
	if answer.Code >= 300 {
		g.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// blob pushes bytes, and returns what a manifest says of them.
func (g *gallery) blob(path, mediaType string, data []byte) map[string]any {
	g.t.Helper()
	g.do(http.MethodPost, "/v2/"+path+"/blobs/uploads/?digest="+digestOf(data), "application/octet-stream", data)
	return map[string]any{"mediaType": mediaType, "digest": digestOf(data), "size": len(data)}
}

// manifest pushes layers under a tag, or by digest for "", and returns the digest.
func (g *gallery) manifest(path, tag string, of map[string]any) string {
	g.t.Helper()
	of["schemaVersion"], of["mediaType"], of["config"] = 2, typeManifest, g.blob(path, typeConfig, []byte("{}"))
	data, err := json.Marshal(of)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, name := range []string{tag, digestOf(data)} {
		if name != "" {
			g.do(http.MethodPut, "/v2/"+path+"/manifests/"+name, typeManifest, data)
		}
	}
	return digestOf(data)
}

// push pushes an artifact with one file, and returns its digest.
func (g *gallery) push(path, tag, mediaType, file, content string) string {
	g.t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	w := tar.NewWriter(zipped)
	if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(content))}); err != nil {
		g.t.Fatal(err)
	}
	_, err := io.WriteString(w, content)
	for _, err := range []error{err, w.Close(), zipped.Close()} {
		if err != nil {
			g.t.Fatal(err)
		}
	}
	return g.manifest(path, tag, map[string]any{"layers": []any{g.blob(path, mediaType, packed.Bytes())}})
}

// sign puts signatures beside an artifact, in the form that each has.
func (g *gallery) sign(path, digest string, signatures ...signing.Beside) {
	g.t.Helper()
	var layers []any
	for _, one := range signatures {
		if one.Bundle != nil {
			g.manifest(path, "", map[string]any{
				"artifactType": typeBundle, "layers": []any{g.blob(path, typeBundle, one.Bundle)},
				"subject":     map[string]any{"mediaType": typeManifest, "digest": digest, "size": 1},
				"annotations": map[string]string{"dev.sigstore.bundle.content": "dsse-envelope"}, // as cosign does
			})
			continue
		}
		layer := g.blob(path, typeSimple, one.Payload)
		annotations := map[string]string{"dev.cosignproject.cosign/signature": one.Signature}
		for name, text := range map[string]string{
			"certificate": one.Certificate, "bundle": one.Entry, "rfc3161timestamp": one.Stamp,
		} {
			if text != "" {
				annotations["dev.sigstore.cosign/"+name] = text
			}
		}
		layer["annotations"] = annotations
		layers = append(layers, layer)
	}
	if layers != nil {
		g.manifest(path, strings.Replace(digest, ":", "-", 1)+".sig", map[string]any{"layers": layers})
	}
}

// rule is that Jane signs, and who has one of the keys.
func (g *gallery) rule(keys map[string]string) *signing.Artifact {
	return &signing.Artifact{
		Keys: keys, Identities: []signing.Identity{{Issuer: "^https://accounts\\.example\\.com$", Subject: "^jane@example\\.com$"}},
		TrustedRoot: g.sigstore.TrustedRoot(nil), Field: "spec.verify",
	}
}

// tree returns the files of a source, and why they are not shown.
func (g *gallery) tree(from syncline.Source) (syncline.Tree, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	app := syncline.App{Project: "shop"}
	digest, err := g.sources.Resolve(ctx, app, from, 0)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.sources.Tree(ctx, app, from, digest)
}

// wants holds that a source is refused with texts, or is not without any.
func (g *gallery) wants(name string, from syncline.Source, kind syncline.Kind, says ...string) {
	g.t.Helper()
	tree, err := g.tree(from)
	if (err == nil) != (len(says) == 0) || (tree == nil) != (err != nil) || syncline.KindOf(err) != kind {
		g.t.Errorf("%s: the error is %v (%s), want %s %q", name, err, syncline.KindOf(err), kind, says)
		return
	}
	for _, want := range says {
		if text := syncline.Explain(err); !strings.Contains(text, want) {
			g.t.Errorf("%s: %q does not say %q", name, text, want)
		}
	}
}

// TestArtifacts: what a source demands of its artifact is held before a file is shown, in
// a real registry, and refused with artifact, signer and rule.
func TestArtifacts(t *testing.T) {
	g := newGallery(t)
	private, public := newSigner(t)
	_, strange := newSigner(t)
	day := sigstoretest.Since().AddDate(0, 0, 1)
	stranger := sigstoretest.New(t)
	other := "sha256:" + strings.Repeat("b", 64)
	for name, test := range map[string]struct {
		keys   map[string]string
		beside func(digest string) []signing.Beside
		says   string
	}{
		"unsigned": {beside: func(string) []signing.Beside { return nil }, says: "unsigned"},
		"a bundle": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{g.sigstore.Bundle(digest, sigstoretest.How{}).AsBundle()}
		}},
		"a layer": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{g.sigstore.Simple(digest, sigstoretest.How{}).AsLayer()}
		}},
		"a layer with a time stamp": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{g.sigstore.Simple(digest, sigstoretest.How{Stamped: day.Add(time.Minute)}).AsLayer()}
		}},
		"by a key": {
			keys:   map[string]string{"cosign.pub": public},
			beside: func(digest string) []signing.Beside { return []signing.Beside{simple(t, private, digest)} },
		},
		"by another key": {
			keys:   map[string]string{"cosign.pub": strange},
			beside: func(digest string) []signing.Beside { return []signing.Beside{simple(t, private, digest)} },
			says:   "a signature has no certificate that says by whom it is",
		},
		"by another identity, among others": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{
				simple(t, private, digest),
				g.sigstore.Bundle(digest, sigstoretest.How{Subject: "bob@example.com"}).AsBundle(),
			}
		}, says: `by "bob@example.com" of issuer "https://accounts.example.com", who may not sign`},
		"of another digest": {beside: func(string) []signing.Beside {
			return []signing.Beside{g.sigstore.Bundle(other, sigstoretest.How{}).AsBundle()}
		}, says: "a bundle is of another artifact"},
		"logged when the certificate had expired": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{g.sigstore.Bundle(digest, sigstoretest.How{Logged: day.Add(time.Hour)}).AsBundle()}
		}, says: "its certificate was not valid when it was signed"},
		"in another log": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{g.sigstore.Simple(digest, sigstoretest.How{Log: stranger.Log()}).AsLayer()}
		}, says: "no log that the trusted root knows has it"},
		"a good one after others": {beside: func(digest string) []signing.Beside {
			return []signing.Beside{
				stranger.Bundle(digest, sigstoretest.How{}).AsBundle(), simple(t, private, digest),
				g.sigstore.Bundle(digest, sigstoretest.How{}).AsBundle(),
			}
		}},
	} {
		path := "team/" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
		digest := g.push(path, "v1", typeFlux, "a.yaml", name)
		g.sign(path, digest, test.beside(digest)...)
		from := syncline.Source{RepoURL: g.address(path), TargetRevision: "v1", Signed: g.rule(test.keys)}
		if test.says == "" {
			g.wants(name, from, "")
			continue
		}
		g.wants(name, from, syncline.Denied, "artifact "+digest, g.address(path), test.says, "spec.verify demands a signature", "sign it by cosign")
		from.Signed = nil
		g.wants(name+", which nobody demands", from, "")
	}
}

// TestVerdictsOfArtifacts: what was found good is not asked for again, until the rule is
// another one; a chart is signed in its own repository.
func TestVerdictsOfArtifacts(t *testing.T) {
	g := newGallery(t)
	digest := g.push("team/web", "1.0.0", typeChart, "web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
	from := syncline.Source{RepoURL: g.address("team"), Chart: "web", TargetRevision: "1.0.0", Signed: g.rule(nil)}
	g.wants("before it is signed", from, syncline.Denied, "unsigned")
	g.sign("team/web", digest, g.sigstore.Bundle(digest, sigstoretest.How{}).AsBundle())
	g.wants("signed since", from, "")
	before := g.beside.Load()
	g.wants("once more", from, "")
	if more := g.beside.Load() - before; before == 0 || more > 0 {
		t.Errorf("%d more requests after %d", more, before)
	}
	from.Signed.Identities[0].Subject = "^bob@example\\.com$"
	g.wants("by another rule", from, syncline.Denied, `by "jane@example.com"`)
}

// TestRulesOfArtifacts that cannot be held are refused with what to do.
func TestRulesOfArtifacts(t *testing.T) {
	g := newGallery(t)
	digest := g.push("team/app", "v1", typeFlux, "a.yaml", "a")
	g.sign("team/app", digest, g.sigstore.Bundle(digest, sigstoretest.How{}).AsBundle())
	for name, test := range map[string]struct {
		change func(rule *signing.Artifact)
		says   []string
	}{
		"notation":     {func(r *signing.Artifact) { r.Provider = signing.Notation }, []string{"spec.verify: signatures of notation cannot be verified", "sign with cosign"}},
		"nobody":       {func(r *signing.Artifact) { r.Identities = nil }, []string{"it names nobody who may sign", "matchOIDCIdentity"}},
		"no root":      {func(r *signing.Artifact) { r.TrustedRoot = "{" }, []string{"spec.verify: the trusted root cannot be read", "cosign trusted-root create"}},
		"no key":       {func(r *signing.Artifact) { r.Keys = map[string]string{"cosign.pub": "x"} }, []string{"cosign.pub is not one public key in PEM", "give public keys in PEM"}},
		"another root": {func(r *signing.Artifact) { r.TrustedRoot = "" }, nil},
	} {
		rule := g.rule(nil)
		test.change(rule)
		from := syncline.Source{RepoURL: g.address("team/app"), TargetRevision: "v1", Signed: rule}
		if test.says == nil {
			g.wants(name, from, syncline.Denied, "no log that the trusted root knows has it")
			continue
		}
		g.wants(name, from, syncline.Invalid, test.says...)
	}
	inGit := syncline.Source{RepoURL: "https://git.example.com/team/app", Signed: g.rule(nil)}
	tree, err := g.sources.Tree(t.Context(), syncline.App{Project: "shop"}, inGit, strings.Repeat("a", 40))
	if tree != nil || syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "a signature of what is in no registry") {
		t.Errorf("the error is %v", err)
	}
}

// TestManySignatures: of more than are read none is (CVE-2023-33957, CVE-2024-29903), and
// few requests are made.
func TestManySignatures(t *testing.T) {
	const many = 10_000
	g := newGallery(t)
	digest := g.push("team/app", "v1", typeFlux, "a.yaml", "a")
	signature := g.sigstore.Bundle(digest, sigstoretest.How{})
	for i := range many {
		g.manifest("team/app", "", map[string]any{
			"artifactType": typeBundle, "layers": []any{}, "annotations": map[string]string{"n": fmt.Sprint(i)},
			"subject": map[string]any{"mediaType": typeManifest, "digest": digest, "size": 1},
		})
	}
	g.sign("team/app", digest, signature.AsBundle())
	from := syncline.Source{RepoURL: g.address("team/app"), TargetRevision: "v1", Signed: g.rule(nil)}
	g.wants("bundles", from, syncline.Invalid, digest, "more than the 1000 referrers that are read")

	digest = g.push("team/layers", "v1", typeFlux, "a.yaml", "b")
	layers := make([]any, many)
	for i := range layers {
		layers[i] = map[string]any{"mediaType": typeSimple, "digest": digest, "size": 1, "annotations": map[string]string{"dev.cosignproject.cosign/signature": "eA=="}}
	}
	g.manifest("team/layers", strings.Replace(digest, ":", "-", 1)+".sig", map[string]any{"layers": layers})
	from.RepoURL = g.address("team/layers")
	g.wants("layers", from, syncline.Invalid, digest, "more than the 50 signatures that are read")
	if asked := g.asked.Load(); asked > 50 {
		t.Errorf("%d requests", asked)
	}
}

func newSigner(t *testing.T) (private *ecdsa.PrivateKey, public string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// simple signs a digest by a key, as versions of cosign up to 2 do.
func simple(t *testing.T, key *ecdsa.PrivateKey, digest string) signing.Beside {
	t.Helper()
	document := fmt.Appendf(nil, `{"critical":{"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"}}`, digest)
	sum := sha256.Sum256(document)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signing.Beside{Payload: document, Signature: base64.StdEncoding.EncodeToString(signature)}
}
