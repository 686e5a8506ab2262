package bucket_test

import (
	"context"
	"crypto/md5" //nolint:gosec // what S3 calls ETag
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/bucket"
	"github.com/syncline-io/syncline/internal/edge/token"
)

const said = "a message that nobody sees\x1b[31m hunter2"

func code(text string) string {
	return "<Error><Code>" + text + "</Code><Message>" + said + "</Message></Error>"
}

// TestWhatServersAnswer to a listing, and what follows from it.
func TestWhatServersAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		kind   syncline.Kind
		says   string
	}{
		"401":                    {http.StatusUnauthorized, said, syncline.Denied, "let the keys in Secret keys list the bucket"},
		"403":                    {http.StatusForbidden, code("AccessDenied"), syncline.Denied, "access was refused: the server answered 403"},
		"another signature":      {http.StatusForbidden, code("SignatureDoesNotMatch"), syncline.Denied, "check the keys in Secret keys"},
		"another time":           {http.StatusForbidden, code("RequestTimeTooSkewed"), syncline.Denied, "set the clock"},
		"a code of its own":      {http.StatusForbidden, code("nobody sees"), syncline.Denied, "access was refused"},
		"no bucket":              {http.StatusNotFound, code("NoSuchBucket"), syncline.NotFound, "there is no such bucket"},
		"404":                    {http.StatusNotFound, said, syncline.NotFound, "check endpoint and bucketName"},
		"400":                    {http.StatusBadRequest, said, syncline.Invalid, "server of provider generic"},
		"500":                    {http.StatusInternalServerError, said, syncline.Transient, "500 Internal Server Error"},
		"503":                    {http.StatusServiceUnavailable, code("ServiceUnavailable"), syncline.Transient, "503 Service Unavailable"},
		"slow down":              {http.StatusServiceUnavailable, code("SlowDown"), syncline.Transient, "asked too often"},
		"301":                    {http.StatusMovedPermanently, code("PermanentRedirect"), syncline.Invalid, "it is elsewhere, and nothing is sent on"},
		"307":                    {http.StatusTemporaryRedirect, said, syncline.Transient, "write the endpoint of the region"},
		"a page of the web":      {http.StatusOK, "<html>" + said, syncline.Invalid, "its listing cannot be read"},
		"nothing":                {http.StatusOK, "", syncline.Invalid, "its listing cannot be read"},
		"an old listing":         {http.StatusOK, "<ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>a</NextMarker></ListBucketResult>", syncline.Invalid, "ListObjectsV2"},
		"a size below nothing":   {http.StatusOK, listing(`<Key>a</Key><ETag>x</ETag><Size>-1</Size>`), syncline.Invalid, "more than 256 MiB"},
		"no entity tag":          {http.StatusOK, listing(`<Key>a</Key><Size>1</Size>`), syncline.Invalid, "without an entity tag"},
		"a tag with a space":     {http.StatusOK, listing(`<Key>a</Key><ETag>x y</ETag>`), syncline.Invalid, "without an entity tag"},
		"an object twice":        {http.StatusOK, listing(`<Key>a</Key><ETag>x</ETag>`, `<Key>a</Key><ETag>y</ETag>`), syncline.Transient, "listed twice"},
		"an escape that is none": {http.StatusOK, "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></ListBucketResult>", syncline.Invalid, "its listing cannot be read"},
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", map[string]string{"a": ""})
		s.status("/apps", test.status, test.body)
		_, err := store.Revision(t.Context(), s.repo("apps"), all)
		wants(t, name, err, test.kind, "/apps", test.says)
	}
}

func listing(contents ...string) string {
	return "<ListBucketResult><Contents>" + strings.Join(contents, "</Contents><Contents>") + "</Contents></ListBucketResult>"
}

// TestAnotherPrefix than was asked for is not taken.
func TestAnotherPrefix(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.status("list-type", http.StatusOK, listing(`<Key>b/a</Key><ETag>x</ETag>`))
	_, err := store.Revision(t.Context(), s.repo("apps"), upstream.Bucket{Provider: upstream.BucketGeneric, Prefix: "a/"})
	wants(t, "another prefix", err, syncline.Invalid, `"b/a"`)
}

// TestItIsNotAskedTooOften after it said so, and for one bucket alone.
func TestItIsNotAskedTooOften(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"a": ""})
	s.Set("other", map[string]string{"a": ""})
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/apps") {
			return false
		}
		w.Header().Set("Retry-After", "200")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	for range 2 {
		_, err := store.Revision(t.Context(), s.repo("apps"), all)
		wants(t, "429", err, syncline.Transient, "asked too often", "3m20s")
	}
	if asked := s.took(); len(asked) != 1 {
		t.Errorf("it was asked %q", asked)
	}
	if _, err := store.Revision(t.Context(), s.repo("other"), all); err != nil {
		t.Errorf("another bucket: %v", err)
	}
}

// TestNothingIsSentOn to where a server sends us, be it only a listing or a file.
func TestNothingIsSentOn(t *testing.T) {
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(other.Close)
	for _, part := range []string{"list-type", "/apps/a"} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", map[string]string{"a": "one"})
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.RequestURI(), part) {
				return false
			}
			w.Header().Set("Location", other.URL+r.URL.RequestURI())
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		})
		revision, err := store.Revision(t.Context(), s.repo("apps"), all)
		if err == nil {
			err = store.Fetch(t.Context(), s.repo("apps"), all, revision)
		}
		wants(t, part, err, syncline.Transient, "nothing is sent on", "write region eu-west-1")
	}
	if reached.Load() {
		t.Error("the other server was reached")
	}
}

// TestWhatChangesMeanwhile is not applied, neither whole nor in part, and is not kept.
func TestWhatChangesMeanwhile(t *testing.T) {
	for name, change := range map[string]func(s *server){
		"an object is another": func(s *server) { s.Put("apps", "b", "changed") },
		"an object is gone":    func(s *server) { s.Set("apps", map[string]string{"a": "one"}) },
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", map[string]string{"a": "one", "b": strings.Repeat("two", 1<<20)}) // b comes in its turn
		revision, err := store.Revision(t.Context(), s.repo("apps"), all)
		if err != nil {
			t.Fatal(err)
		}
		s.answer(func(_ http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.RawQuery, "list-type") && r.Header.Get("If-Match") == "" {
				t.Errorf("%s: %s is asked for as it is by now", name, r.URL.Path)
			}
			if r.URL.Path == "/apps/b" {
				change(s)
			}
			return false
		})
		err = store.Fetch(t.Context(), s.repo("apps"), all, revision)
		wants(t, name, err, syncline.Transient, `object "b" was changed since it was listed`)
		if _, err := store.Tree(t.Context(), s.repo("apps"), all, revision); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("%s: Tree: %v", name, err)
		}
		wants(t, name+", again", store.Fetch(t.Context(), s.repo("apps"), all, revision), syncline.Transient, "has another one now")
		s.answer(nil)
		if now, tree := fetch(t, store, s.repo("apps"), all); now == revision || files(t, tree)["a"] != "one" {
			t.Errorf("%s: afterwards it has %v", name, files(t, tree))
		}
	}
}

// TestWhatIsDamagedOnItsWay is not taken.
func TestWhatIsDamagedOnItsWay(t *testing.T) {
	const content = "content"
	sum := md5.Sum([]byte(content)) //nolint:gosec // see above
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	for name, test := range map[string]struct {
		head map[string]string
		body string
		kind syncline.Kind
		says string
	}{
		"nothing":                  {nil, content, "", ""},
		"another content":          {map[string]string{"ETag": etag}, "c0ntent", syncline.Transient, "entity tag, which is an MD5"},
		"encrypted by a key":       {map[string]string{"ETag": etag, "X-Amz-Server-Side-Encryption": "aws:kms"}, "c0ntent", "", ""},
		"another tag":              {map[string]string{"ETag": `"x"`}, content, syncline.Transient, "was changed since it was listed"},
		"less":                     {nil, content[1:], syncline.Transient, "has 6 bytes, and was listed with 7"},
		"more":                     {nil, content + "x", syncline.Transient, "has 8 bytes, and was listed with 7"},
		"less, without a length":   {map[string]string{"Transfer-Encoding": "chunked"}, content[1:], syncline.Transient, "has not the 7 bytes"},
		"more, without a length":   {map[string]string{"Transfer-Encoding": "chunked"}, content + "x", syncline.Transient, "has not the 7 bytes"},
		"another SHA-256":          {map[string]string{"X-Amz-Checksum-Sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}, content, syncline.Transient, "x-amz-checksum-sha256"},
		"the CRC-64":               {map[string]string{"X-Amz-Checksum-Crc64nvme": crc64}, content, "", ""},
		"another CRC-64":           {map[string]string{"X-Amz-Checksum-Crc64nvme": "AAAAAAAAAAA="}, content, syncline.Transient, "crc64nvme"},
		"another CRC-32C":          {map[string]string{"X-Goog-Hash": "crc32c=AAAAAA==,md5=" + "AAAA"}, content, syncline.Transient, "x-goog-hash crc32c"},
		"another MD5":              {map[string]string{"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, content, syncline.Transient, "Content-MD5"},
		"a checksum of parts":      {map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA==", "X-Amz-Checksum-Type": "COMPOSITE"}, content, "", ""},
		"a checksum that is none":  {map[string]string{"X-Amz-Checksum-Crc32": "AAAA-2"}, content, "", ""},
		"another CRC-32":           {map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}, content, syncline.Transient, "x-amz-checksum-crc32"},
		"another SHA-1, of Amazon": {map[string]string{"X-Amz-Checksum-Sha1": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, content, syncline.Transient, "x-amz-checksum-sha1"},
	} {
		s, store := newServer(t), newStore(t, bucket.Options{})
		s.Set("apps", map[string]string{"a": content})
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/apps/a" {
				return false
			}
			for header, value := range test.head {
				w.Header().Set(header, value)
			}
			_, _ = io.WriteString(w, test.body)
			return true
		})
		revision, err := store.Revision(t.Context(), s.repo("apps"), all)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, name, store.Fetch(t.Context(), s.repo("apps"), all, revision), test.kind, test.says)
	}
}

// crc64 is the CRC-64/NVME of "content", as aws-sdk and minio's crc64nvme compute it.
const crc64 = "lhVdXyVQTGE="

// TestConnections that are slow, dropped, refused or not to be made.
func TestConnections(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drop := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "<ListBucketResult>")
		panic(http.ErrAbortHandler)
	}
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "<ListBucketResult>")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, test := range map[string]struct {
		options bucket.Options
		answer  http.HandlerFunc
		says    string
	}{
		"no answer":          {bucket.Options{RequestTimeout: 50 * time.Millisecond}, hang, "it took too long"},
		"the whole listing":  {bucket.Options{ListTimeout: 50 * time.Millisecond}, hang, "it took too long"},
		"nothing more":       {bucket.Options{StallTimeout: 100 * time.Millisecond}, stall, "nothing came for too long"},
		"a connection ended": {bucket.Options{}, drop, "it ended too early"},
	} {
		s, store := newServer(t), newStore(t, test.options)
		s.Set("apps", map[string]string{"a": ""})
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			test.answer(w, r)
			return true
		})
		_, err := store.Revision(t.Context(), s.repo("apps"), all)
		wants(t, name, err, syncline.Transient, test.says, "/apps")
	}
	s, store := newServer(t), newStore(t, bucket.Options{})
	untrusted := s.repo("apps")
	untrusted.CA = nil
	_, err := store.Revision(t.Context(), untrusted, all)
	wants(t, "a certificate", err, syncline.Transient, "certificate")
	for _, address := range []string{"http://169.254.169.254/latest", "https://[fe80::1]/apps"} {
		_, err := store.Revision(t.Context(), upstream.Repository{Address: upstream.AddressOf(address), Declared: true}, all)
		wants(t, address, err, syncline.Invalid, "allow the address")
	}
}

// TestAConnectionThatEndsWithinAFile keeps nothing, and what came is not shown.
func TestAConnectionThatEndsWithinAFile(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"a": "one", "b": strings.Repeat("two", 1<<20)})
	revision, err := store.Revision(t.Context(), s.repo("apps"), all)
	if err != nil {
		t.Fatal(err)
	}
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/apps/b" {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(3<<20))
		_, _ = io.WriteString(w, strings.Repeat("two", 1<<10))
		panic(http.ErrAbortHandler)
	})
	wants(t, "Fetch", store.Fetch(t.Context(), s.repo("apps"), all, revision), syncline.Transient, "it ended too early")
	s.answer(nil)
	if _, tree := fetch(t, store, s.repo("apps"), all); len(files(t, tree)["b"]) != 3<<20 {
		t.Error("afterwards it is not whole")
	}
}

// TestWhoGivesUp ends what nobody else wants.
func TestWhoGivesUp(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"a": "one"})
	revision, err := store.Revision(t.Context(), s.repo("apps"), all)
	if err != nil {
		t.Fatal(err)
	}
	began, ended := make(chan struct{}), make(chan struct{})
	s.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		close(began)
		<-r.Context().Done()
		close(ended)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if err := store.Fetch(ctx, s.repo("apps"), all, revision); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	<-ended
}

// TestRegions: without one, the server is asked in which the bucket is.
func TestRegions(t *testing.T) {
	s := newServer(t)
	s.Region = "eu-test-1"
	s.Set("apps", map[string]string{"a": "one"})
	for _, region := range []string{"", "eu-test-1", "us-west-2"} {
		store := newStore(t, bucket.Options{})
		if _, err := store.Revision(t.Context(), s.repo("apps"), upstream.Bucket{Provider: upstream.BucketGeneric, Region: region}); err != nil {
			t.Errorf("region %q: %v", region, err)
		}
		s.took()
		if _, err := store.Revision(t.Context(), s.repo("apps"), upstream.Bucket{Provider: upstream.BucketGeneric, Region: region}); err != nil || len(s.took()) != 1 {
			t.Errorf("region %q is not remembered: %v", region, err)
		}
	}
}

// TestCredentials that are sent, and those that no bucket takes.
func TestCredentials(t *testing.T) {
	s, store := newServer(t), newStore(t, bucket.Options{})
	s.Set("apps", map[string]string{"a": "one"})
	nobody := s.repo("apps")
	nobody.Username, nobody.Password = "", ""
	_, err := store.Revision(t.Context(), nobody, all)
	wants(t, "nobody", err, syncline.Denied, "put keys that may list the bucket")
	for name, test := range map[string]struct {
		change func(repo *upstream.Repository)
		says   string
	}{
		"one key":                    {func(repo *upstream.Repository) { repo.Username = "" }, "put both an access key and a secret key there"},
		"a token":                    {func(repo *upstream.Repository) { repo.BearerToken = "hunter2" }, "a bearer token"},
		"a GitHub App":               {func(repo *upstream.Repository) { repo.Exchange.GitHub.ID = "1" }, "a GitHub App"},
		"what no Secret of ours has": {func(repo *upstream.Repository) { repo.Unsupported = "an SSH key" }, "an SSH key"},
	} {
		repo := s.repo("apps")
		test.change(&repo)
		_, err := store.Revision(t.Context(), repo, all)
		wants(t, name, err, syncline.Invalid, test.says, "Secret keys has")
	}
	open := &testenv.Buckets{}
	open.Set("apps", map[string]string{"a": "one"})
	public := httptest.NewServer(open)
	t.Cleanup(public.Close)
	_, tree := fetch(t, store, upstream.Repository{Address: upstream.AddressOf(public.URL + "/apps")}, all)
	if got := files(t, tree); got["a"] != "one" {
		t.Errorf("a public bucket has %v", got)
	}
}

// TestServiceAccountsOfGoogle are exchanged for tokens, and again when one has ended.
func TestServiceAccountsOfGoogle(t *testing.T) {
	tokens, err := testenv.StartTokens(t.Context(), "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tokens.Close() })
	objects := &testenv.Buckets{}
	objects.Set("apps", map[string]string{"a": "one", "b": "two"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asPassword := r.Clone(r.Context()) // as which the token was made to let in
		asPassword.SetBasicAuth(testenv.TokenAccount, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if !tokens.Admits(asPassword) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		objects.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	google := upstream.Bucket{Provider: upstream.BucketGCP}
	repo := upstream.Repository{Address: upstream.AddressOf(server.URL + "/apps"), Declared: true, Exchange: upstream.Exchange{Google: sealed.Text(tokens.Google)}}
	store := newStore(t, bucket.Options{Tokens: token.New(token.Options{})})
	_, tree := fetch(t, store, repo, google)
	if got := files(t, tree); !maps.Equal(got, map[string]string{"a": "one", "b": "two"}) {
		t.Errorf("it has %v", got)
	}
	tokens.Revoke()
	if _, err := store.Revision(t.Context(), repo, google); err != nil {
		t.Errorf("after the token has ended: %v", err)
	}
	_, err = newStore(t, bucket.Options{}).Revision(t.Context(), repo, google)
	wants(t, "without tokens", err, syncline.Invalid, "Google service account")
	_, err = store.Revision(t.Context(), repo, all)
	wants(t, "of another provider", err, syncline.Invalid, "Google service account")
}

// TestReasonsAreHidden of servers that no Secret names.
func TestReasonsAreHidden(t *testing.T) {
	texts := map[string]bool{}
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError, http.StatusTooManyRequests} {
		s, store := newServer(t), newStore(t, bucket.Options{HideReasons: true})
		s.status("/apps", status, said)
		repo := s.repo("apps")
		repo.Declared = false
		_, err := store.Revision(t.Context(), repo, all)
		wants(t, fmt.Sprint(status), err, syncline.Transient, "access was refused, or it is not there")
		texts[strings.ReplaceAll(syncline.Explain(err), s.Server.URL, "")] = true
	}
	if len(texts) != 1 {
		t.Errorf("reasons read as %v", texts)
	}
}

// TestWhatIsNoBucket is refused by its address and its provider.
func TestWhatIsNoBucket(t *testing.T) {
	store := newStore(t, bucket.Options{})
	for address, says := range map[string]string{
		"https://host": "is no bucket", "https://host/a/b": "is no bucket", "ssh://host/a": "is no bucket", "oci://host/a": "is no bucket", "https://host/a/../b": "address",
	} {
		_, err := store.Revision(t.Context(), upstream.Repository{Address: upstream.AddressOf(address)}, all)
		wants(t, address, err, syncline.Invalid, says)
	}
	repo := upstream.Repository{Address: upstream.AddressOf("https://host/a")}
	for says, objects := range map[string]upstream.Bucket{
		"provider \"swift\"": {Provider: "swift"}, "region": {Provider: upstream.BucketAWS, Region: "eu.evil/"}, "prefix or ignore": {Provider: upstream.BucketAWS, Ignore: strings.Repeat("a", 1<<17)},
	} {
		_, err := store.Revision(t.Context(), repo, objects)
		wants(t, says, err, syncline.Invalid, says)
	}
}
