package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// AWSCredentials are an access key.
type AWSCredentials struct {
	AccessKey    string
	SecretKey    sealed.Text
	SessionToken sealed.Text
}

// AWS decrypts by AWS KMS. See https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html.
type AWS struct {
	Client      *Client
	Credentials AWSCredentials

	mu sync.Mutex
	// roles are the credentials of roles that were assumed, at most maxRoles.
	roles map[string]assumed
}

// maxRoles is how many roles are assumed at once.
const maxRoles = 32

type assumed struct {
	credentials AWSCredentials
	until       time.Time
}

// AWSKey is a key as a file names it.
type AWSKey struct {
	ARN string
	// Role is assumed before. Empty for none.
	Role string
	// Context is what was encrypted along with the key.
	Context map[string]string
}

// arn has the partition and the region of a key.
func arn() *regexp.Regexp {
	return regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):kms:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:(?:key|alias)/[A-Za-z0-9/_-]{1,256}$`)
}

// Decrypt unwraps a key.
func (a *AWS) Decrypt(ctx context.Context, key AWSKey, wrapped string) ([]byte, error) {
	parts := arn().FindStringSubmatch(key.ARN)
	if parts == nil {
		return nil, wrong("ARN of a key", key.ARN)
	}
	region, domain := parts[2], "amazonaws.com"
	if parts[1] == "aws-cn" {
		domain += ".cn"
	}
	credentials, err := a.as(ctx, key.Role, region, domain)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"KeyId": key.ARN, "CiphertextBlob": wrapped, "EncryptionContext": key.Context})
	if err != nil {
		return nil, wrong("encryption context", key.ARN)
	}
	request, err := newRequest(ctx, "https://kms."+region+"."+domain+"/", "application/x-amz-json-1.1", body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Amz-Target", "TrentService.Decrypt")
	if err := sign(request, credentials, scope{region, "kms"}, a.Client.now()); err != nil {
		return nil, err
	}
	var answer struct{ Plaintext string }
	if err := a.Client.post(request, &answer); err != nil {
		return nil, err
	}
	return notEmpty(base64.StdEncoding.DecodeString(answer.Plaintext))
}

// as returns the credentials of a role, which are asked for anew shortly before their
// end. See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
func (a *AWS) as(ctx context.Context, role, region, domain string) (AWSCredentials, error) {
	if role == "" {
		return a.Credentials, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.roles[role]; ok && a.Client.now().Before(known.until) {
		return known.credentials, nil
	}
	request, err := formRequest(ctx, "https://sts."+region+"."+domain+"/", url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"syncline"},
	})
	if err != nil {
		return AWSCredentials{}, err
	}
	if err := sign(request, a.Credentials, scope{region, "sts"}, a.Client.now()); err != nil {
		return AWSCredentials{}, err
	}
	var text []byte
	if err := a.Client.post(request, &text); err != nil {
		return AWSCredentials{}, err
	}
	var answer struct {
		AccessKey  string    `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		SecretKey  string    `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token      string    `xml:"AssumeRoleResult>Credentials>SessionToken"`
		Expiration time.Time `xml:"AssumeRoleResult>Credentials>Expiration"`
	}
	if xml.Unmarshal(text, &answer) != nil || answer.AccessKey == "" {
		return AWSCredentials{}, syncline.Errorf(syncline.Invalid, "the service answered no credentials for the role")
	}
	credentials := AWSCredentials{answer.AccessKey, sealed.Text(answer.SecretKey), sealed.Text(answer.Token)}
	if len(a.roles) >= maxRoles || a.roles == nil {
		a.roles = map[string]assumed{}
	}
	a.roles[role] = assumed{credentials, answer.Expiration.Add(-earlier)}
	return credentials, nil
}

// scope is for what a request is signed.
type scope struct{ region, service string }

// sign signs a request by AWS Signature Version 4. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func sign(request *http.Request, credentials AWSCredentials, s scope, now time.Time) error {
	at := now.UTC().Format("20060102T150405Z")
	request.Header.Set("X-Amz-Date", at)
	if token := credentials.SessionToken.Reveal(); token != "" {
		request.Header.Set("X-Amz-Security-Token", token)
	}
	body, err := bodyOf(request)
	if err != nil {
		return err
	}
	headers := map[string]string{"host": request.URL.Host}
	for name := range request.Header {
		headers[strings.ToLower(name)] = strings.TrimSpace(request.Header.Get(name))
	}
	names := slices.Sorted(maps.Keys(headers))
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + headers[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		request.Method, request.URL.EscapedPath(), strings.ReplaceAll(request.URL.Query().Encode(), "+", "%20"), lines.String(), signed, hexSum(body),
	}, "\n")
	credential := strings.Join([]string{at[:8], s.region, s.service, "aws4_request"}, "/")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", at, credential, hexSum([]byte(canonical))}, "\n")
	key := []byte("AWS4" + credentials.SecretKey.Reveal())
	for _, part := range []string{at[:8], s.region, s.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential="+credentials.AccessKey+"/"+credential+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
	return nil
}

// bodyOf returns the body that a request will send.
func bodyOf(request *http.Request) ([]byte, error) {
	if request.GetBody == nil {
		return nil, nil
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func hexSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
