package bucket_test

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what Azure calls Content-MD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/bucket"
)

// azureServer is a container of Azure Blob Storage, as far as it is read, with an account's
// key or a shared access signature.
type azureServer struct {
	*httptest.Server

	mu    sync.Mutex
	blobs map[string]string
}

// The credentials of the container.
var (
	accountKey = base64.StdEncoding.EncodeToString([]byte("hunter2 the key of the account"))
	accessSAS  = "?sv=2021-12-02&sp=rl&sig=hunter2%2Bsignature%3D"
)

func newAzure(t testing.TB) *azureServer {
	t.Helper()
	s := &azureServer{}
	s.Server = httptest.NewUnstartedServer(s)
	s.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *azureServer) repo() upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf(s.URL + "/apps"), Declared: true, Username: "account", Password: sealed.Text(accountKey)}
}

// ServeHTTP answers a request as
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api has it.
func (s *azureServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Ms-Version") == "" || !s.lets(r) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>nobody sees</Message></Error>")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	container, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	content, known := s.blobs[name]
	query := r.URL.Query()
	switch {
	case container != "apps":
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>ContainerNotFound</Code></Error>")
	case name == "" && query.Get("restype") == "container" && query.Get("comp") == "list":
		s.list(w, query.Get("prefix"), query.Get("marker"))
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != `"`+blobTag(content)+`"`:
		w.WriteHeader(http.StatusPreconditionFailed)
	default:
		sum := md5.Sum([]byte(content)) //nolint:gosec // see above
		w.Header().Set("ETag", `"`+blobTag(content)+`"`)
		w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
		_, _ = io.WriteString(w, content)
	}
}

// blobTag is an entity tag as Azure makes them: of nothing in the content.
func blobTag(content string) string {
	sum := sha256.Sum256([]byte(content))
	return fmt.Sprintf("0x%X", sum[:8])
}

// list answers with a page of two blobs, and with folders.
func (s *azureServer) list(w http.ResponseWriter, prefix, marker string) {
	type blob struct {
		Name  string
		Etag  string `xml:"Properties>Etag"`
		Size  string `xml:"Properties>Content-Length"`
		Class string `xml:"Properties>ResourceType"`
	}
	page := struct {
		XMLName xml.Name `xml:"EnumerationResults"`
		Blobs   []blob   `xml:"Blobs>Blob"`
		Next    string   `xml:"NextMarker"`
	}{}
	for _, name := range slices.Sorted(maps.Keys(s.blobs)) {
		if !strings.HasPrefix(name, prefix) || name < marker {
			continue
		}
		if len(page.Blobs) == 4 {
			page.Next = name
			break
		}
		folder, _, _ := strings.Cut(name, "/")
		page.Blobs = append(page.Blobs, blob{prefix + folder, `0x1`, "0", "directory"},
			blob{name, blobTag(s.blobs[name]), strconv.Itoa(len(s.blobs[name])), "file"})
	}
	_, _ = io.WriteString(w, "\ufeff"+xml.Header) // Azure puts a byte order mark in front
	_ = xml.NewEncoder(w).Encode(page)
}

// lets reports whether a request has the shared access signature, or one of the account's key.
func (s *azureServer) lets(r *http.Request) bool {
	query := r.URL.Query()
	if query.Get("sig") == "hunter2+signature=" && query.Get("sp") == "rl" && query.Get("sv") == "2021-12-02" {
		return true
	}
	lines := []string{r.Method}
	for name := range strings.FieldsSeq("Content-Encoding Content-Language Content-Length Content-MD5 Content-Type Date If-Modified-Since If-Match If-None-Match If-Unmodified-Since Range") {
		lines = append(lines, r.Header.Get(name))
	}
	lines = append(lines, "x-ms-date:"+r.Header.Get("x-ms-date"), "x-ms-version:"+r.Header.Get("x-ms-version"), "/account"+r.URL.EscapedPath())
	for _, name := range slices.Sorted(maps.Keys(query)) {
		lines = append(lines, name+":"+query.Get(name))
	}
	key, _ := base64.StdEncoding.DecodeString(accountKey)
	sum := hmac.New(sha256.New, key)
	_, _ = io.WriteString(sum, strings.Join(lines, "\n"))
	return r.Header.Get("Authorization") == "SharedKey account:"+base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// TestContainersOfAzure are read by each kind of credentials that is sent as it is.
func TestContainersOfAzure(t *testing.T) {
	s := newAzure(t)
	s.blobs = map[string]string{"a b/ü+c": "one", "a b/d": "two", "e": "three", ".sourceignore": "e\n"}
	container := upstream.Bucket{Provider: upstream.BucketAzure}
	byKey, bySAS, wrong := s.repo(), s.repo(), s.repo()
	bySAS.Username, bySAS.Password = "", sealed.Text(accessSAS)
	wrong.Password = sealed.Text(base64.StdEncoding.EncodeToString([]byte("hunter2")))
	for name, repo := range map[string]upstream.Repository{"the key of the account": byKey, "a shared access signature": bySAS} {
		_, tree := fetch(t, newStore(t, bucket.Options{}), repo, container)
		if got := files(t, tree); !maps.Equal(got, map[string]string{"a b/ü+c": "one", "a b/d": "two"}) {
			t.Errorf("by %s: %v", name, got)
		}
	}
	store := newStore(t, bucket.Options{})
	_, err := store.Revision(t.Context(), wrong, container)
	wants(t, "another key", err, syncline.Denied, "the credentials were refused", "AuthenticationFailed")
	wrong.Password = "hunter2 is no key"
	_, err = store.Revision(t.Context(), wrong, container)
	wants(t, "no key", err, syncline.Invalid, "an account key that is not in Base64", "copy it anew")
	elsewhere := s.repo()
	elsewhere.Address = upstream.AddressOf(s.URL + "/other")
	_, err = store.Revision(t.Context(), elsewhere, container)
	wants(t, "no container", err, syncline.NotFound, "there is no such bucket")
	s.Close()
	_, err = store.Revision(t.Context(), bySAS, container)
	wants(t, "no server, whose address has a secret", err, syncline.Transient, "/apps")
	identity := s.repo()
	identity.Exchange.Azure.Workload = true
	_, err = store.Revision(t.Context(), identity, container)
	wants(t, "an identity", err, syncline.Invalid, "Azure workload identity", "shared access signature")
}
