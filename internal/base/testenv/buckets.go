package testenv

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what S3 names objects by
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Buckets is a server that speaks S3 as far as it is read: it lists objects and gets them,
// for who signs each request by its keys. It is an [http.Handler].
type Buckets struct {
	// URL is its address, where it was started by [StartBuckets].
	URL string
	// AccessKey and SecretKey let in. Default: whoever asks is let in.
	AccessKey, SecretKey string
	// Region is the one for which requests are to be signed. Default: us-east-1.
	Region string
	// PageSize is how many objects a page of a listing has at most. Default: 1,000.
	PageSize int

	loopback

	mu      sync.Mutex
	buckets map[string]map[string]string
}

// StartBuckets starts a server without buckets, whose keys begin with a text. It stops when
// Close is called or ctx ends.
func StartBuckets(ctx context.Context, prefix string) (*Buckets, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a server of buckets: %w", err)
	}
	b := &Buckets{URL: "http://" + listener.Addr().String(), AccessKey: prefix + "-access", SecretKey: prefix + "-secret"}
	b.loopback = serve(ctx, listener, b)
	return b, nil
}

// Set makes the objects all that a bucket has, which is made where it is not there.
func (b *Buckets) Set(bucket string, objects map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buckets == nil {
		b.buckets = map[string]map[string]string{}
	}
	b.buckets[bucket] = maps.Clone(objects)
}

// Put puts an object into a bucket that is there.
func (b *Buckets) Put(bucket, key, content string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buckets[bucket][key] = content
}

// ServeHTTP answers a request as S3 does.
func (b *Buckets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := b.judge(r); refusal != nil {
		refusal.answer(w)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b.mu.Lock()
	objects, known := b.buckets[bucket]
	content, has := objects[key]
	all := maps.Clone(objects)
	b.mu.Unlock()
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		(&s3Error{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed"}).answer(w)
	case !known:
		(&s3Error{Status: http.StatusNotFound, Code: "NoSuchBucket"}).answer(w)
	case key == "":
		b.list(w, r.URL.Query(), all)
	case !has:
		(&s3Error{Status: http.StatusNotFound, Code: "NoSuchKey"}).answer(w)
	default:
		get(w, r, content)
	}
}

// s3Error is an answer that is not what was asked for.
type s3Error struct {
	XMLName xml.Name `xml:"Error"`
	Status  int      `xml:"-"`
	Code    string
	Region  string `xml:",omitempty"`
}

func (e *s3Error) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	_ = xml.NewEncoder(w).Encode(e)
}

func etagOf(content string) string {
	sum := md5.Sum([]byte(content)) //nolint:gosec // see above
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// get answers with an object.
func get(w http.ResponseWriter, r *http.Request, content string) {
	etag := etagOf(content)
	if want := r.Header.Get("If-Match"); want != "" && want != etag {
		(&s3Error{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed"}).answer(w)
		return
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "binary/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		sum := crc32.NewIEEE()
		_, _ = sum.Write([]byte(content))
		w.Header().Set("X-Amz-Checksum-Crc32", base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	_, _ = w.Write([]byte(content))
}

// listedObject is an object in a listing.
type listedObject struct {
	Key, ETag    string
	Size         int
	LastModified string
	StorageClass string
}

// list answers with a page of a listing.
func (b *Buckets) list(w http.ResponseWriter, query url.Values, objects map[string]string) {
	if query.Get("list-type") != "2" {
		(&s3Error{Status: http.StatusNotImplemented, Code: "NotImplemented"}).answer(w)
		return
	}
	after, err := base64.URLEncoding.DecodeString(query.Get("continuation-token"))
	if err != nil {
		(&s3Error{Status: http.StatusBadRequest, Code: "InvalidArgument"}).answer(w)
		return
	}
	page := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Prefix                string
		KeyCount              int
		IsTruncated           bool
		EncodingType          string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		Contents              []listedObject
	}{EncodingType: query.Get("encoding-type")}
	last := ""
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if !strings.HasPrefix(key, query.Get("prefix")) || key <= string(after) && len(after) > 0 {
			continue
		}
		if len(page.Contents) == cmp.Or(b.PageSize, 1000) {
			page.IsTruncated, page.NextContinuationToken = true, base64.URLEncoding.EncodeToString([]byte(last))
			break
		}
		last = key
		shown := key
		if page.EncodingType == "url" {
			shown = url.QueryEscape(key)
		}
		page.Contents = append(page.Contents, listedObject{
			Key: shown, ETag: etagOf(objects[key]), Size: len(objects[key]), LastModified: "2026-01-01T00:00:00.000Z", StorageClass: "STANDARD",
		})
	}
	page.KeyCount = len(page.Contents)
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

// judge says why a request is refused, nil when it is not: by its signature, as
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html has it.
func (b *Buckets) judge(r *http.Request) *s3Error {
	if b.AccessKey == "" {
		return nil
	}
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !found {
		return &s3Error{Status: http.StatusForbidden, Code: "AccessDenied"}
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(given, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	access, scope, _ := strings.Cut(parts["Credential"], "/")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	region := cmp.Or(b.Region, "us-east-1")
	switch {
	case access != b.AccessKey:
		return &s3Error{Status: http.StatusForbidden, Code: "InvalidAccessKeyId"}
	case err != nil || time.Since(at).Abs() > 15*time.Minute:
		return &s3Error{Status: http.StatusForbidden, Code: "RequestTimeTooSkewed"}
	case scope != at.Format("20060102")+"/"+region+"/s3/aws4_request":
		return &s3Error{Status: http.StatusBadRequest, Code: "AuthorizationHeaderMalformed", Region: region}
	}
	signature, err := hex.DecodeString(parts["Signature"])
	if err != nil || !hmac.Equal(signature, b.signature(r, at, scope, strings.Split(parts["SignedHeaders"], ";"))) {
		return &s3Error{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"}
	}
	return nil
}

// signature is the one that a request has to have.
func (b *Buckets) signature(r *http.Request, at time.Time, scope string, signed []string) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n", r.Method, canonical(r.URL.Path, true))
	var pairs []string
	for name, values := range r.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, canonical(name, false)+"="+canonical(value, false))
		}
	}
	slices.Sort(pairs)
	fmt.Fprintf(&text, "%s\n", strings.Join(pairs, "&"))
	for name := range r.Header { // all that begin so have to be signed
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			return nil
		}
	}
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&text, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&text, "\n%s\n%s", strings.Join(signed, ";"), r.Header.Get("X-Amz-Content-Sha256"))
	key := []byte("AWS4" + b.SecretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = authenticated(key, part)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return authenticated(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", at.Format("20060102T150405Z"), scope, sum))
}

func authenticated(key []byte, text string) []byte {
	sum := hmac.New(sha256.New, key)
	_, _ = sum.Write([]byte(text))
	return sum.Sum(nil)
}

// canonical escapes a text, byte for byte.
func canonical(text string, path bool) string {
	var escaped strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			escaped.WriteByte(c)
		default:
			fmt.Fprintf(&escaped, "%%%02X", c)
		}
	}
	return escaped.String()
}
