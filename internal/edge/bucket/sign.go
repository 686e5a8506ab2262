package bucket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/sealed"
)

// bearer shows a token.
type bearer struct{ token sealed.Text }

func (b bearer) sign(request *http.Request, _ time.Time) {
	request.Header.Set("Authorization", "Bearer "+b.token.Reveal())
}

// signatureV4 signs for S3:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
type signatureV4 struct {
	accessKey string
	secretKey sealed.Text
	region    string
}

// emptySum is the SHA-256 of nothing, which is the body of what is signed.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (s signatureV4) sign(request *http.Request, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	request.Header.Set("X-Amz-Date", at)
	request.Header.Set("X-Amz-Content-Sha256", emptySum)
	names := []string{"host"}
	for name := range request.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") || name == "range" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		value := request.Header.Get(name)
		if name == "host" {
			value = request.URL.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	signed := strings.Join(names, ";")
	sum := sha256.Sum256([]byte(strings.Join([]string{
		request.Method, request.URL.EscapedPath(), request.URL.RawQuery, headers.String(), signed, emptySum,
	}, "\n")))
	scope := at[:8] + "/" + s.region + "/s3/aws4_request"
	key := []byte("AWS4" + s.secretKey.Reveal())
	for _, part := range []string{at[:8], s.region, "s3", "aws4_request"} {
		key = keyed(key, part)
	}
	signature := keyed(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(sum[:]))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.accessKey+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(signature))
}

func keyed(key []byte, text string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

// azureVersion is that of the protocol that is spoken.
const azureVersion = "2021-12-02"

// sharedKey signs by the key of an account:
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
type sharedKey struct {
	account string
	// key is decoded.
	key sealed.Text
}

func (s sharedKey) sign(request *http.Request, now time.Time) {
	request.Header.Set("X-Ms-Date", now.UTC().Format(http.TimeFormat))
	request.Header.Set("X-Ms-Version", azureVersion)
	var text strings.Builder
	text.WriteString(request.Method + "\n")
	for _, name := range []string{
		"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
		"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		text.WriteString(request.Header.Get(name) + "\n")
	}
	text.WriteString("x-ms-date:" + request.Header.Get("X-Ms-Date") + "\nx-ms-version:" + azureVersion + "\n")
	text.WriteString("/" + s.account + request.URL.EscapedPath())
	query := request.URL.Query()
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text.WriteString("\n" + name + ":" + strings.Join(query[name], ","))
	}
	signature := base64.StdEncoding.EncodeToString(keyed([]byte(s.key.Reveal()), text.String()))
	request.Header.Set("Authorization", "SharedKey "+s.account+":"+signature)
}

// accessSignature shows a shared access signature, which is a query.
type accessSignature struct{ query sealed.Text }

func (s accessSignature) sign(request *http.Request, _ time.Time) {
	request.Header.Set("X-Ms-Version", azureVersion)
	if request.URL.RawQuery != "" {
		request.URL.RawQuery += "&"
	}
	request.URL.RawQuery += s.query.Reveal()
}

// encoded writes a query as it is signed: sorted, and each byte that may mean something
// else escaped.
func encoded(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

// escapedPath writes a path as it is signed: all is escaped but letters, digits and -_.~
// between the slashes.
func escapedPath(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), "%2F", "/")
}
