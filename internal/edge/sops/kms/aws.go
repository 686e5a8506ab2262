package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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
	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// AWS decrypts by AWS KMS. See https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html.
type AWS struct {
	client *Client
	own    exchange.AccessKey
	// workload is the one role that is assumed in place of having a key; nil for none.
	workload *exchange.AWSRole

	mu sync.Mutex
	// roles are the keys of roles that were assumed, at most maxRoles.
	roles map[string]*exchange.Kept[exchange.AccessKey]
}

// maxRoles is how many roles are assumed at once.
const maxRoles = 32

// NewAWS decrypts by the rights of an access key, and of roles that these let it assume.
func NewAWS(c *Client, own exchange.AccessKey) *AWS { return &AWS{client: c, own: own} }

// NewAWSWorkload decrypts by the rights of the role that the cluster gave to this Pod, or
// of another one that is not "", and of no role that a file names: that would be for
// whoever writes the file to choose.
func NewAWSWorkload(c *Client, role string) (*AWS, error) {
	workload, err := exchange.AWSWorkload(c.getenv, role)
	return &AWS{client: c, workload: &workload}, err
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
	if err := sign(request, credentials, scope{region, "kms"}, a.client.now()); err != nil {
		return nil, err
	}
	var answer struct{ Plaintext string }
	if err := a.client.post(request, &answer); err != nil {
		return nil, err
	}
	return notEmpty(base64.StdEncoding.DecodeString(answer.Plaintext))
}

// as returns the key of a role, which is asked for anew shortly before its end. See
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
func (a *AWS) as(ctx context.Context, role, region, domain string) (exchange.AccessKey, error) {
	service := "https://sts." + region + "." + domain + "/"
	switch {
	case a.workload != nil && role != "" && role != a.workload.ARN:
		return exchange.AccessKey{}, syncline.Errorf(syncline.Denied, "its role %.200q is not assumed by the identity of this Pod, which a file does not choose", role)
	case a.workload != nil:
		return a.role(a.workload.ARN).Get(ctx, a.client.now, func(ctx context.Context) (exchange.AccessKey, time.Duration, error) {
			return a.workload.AccessKey(ctx, a.client.tokens(), service)
		})
	case role == "":
		return a.own, nil
	}
	return a.role(role).Get(ctx, a.client.now, func(ctx context.Context) (exchange.AccessKey, time.Duration, error) {
		request, err := formRequest(ctx, service, url.Values{
			"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"syncline"},
		})
		if err == nil {
			err = sign(request, a.own, scope{region, "sts"}, a.client.now())
		}
		if err != nil {
			return exchange.AccessKey{}, 0, err
		}
		return a.client.tokens().AssumeRole(request)
	})
}

// role returns where the key of a role is kept.
func (a *AWS) role(name string) *exchange.Kept[exchange.AccessKey] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.roles[name] == nil {
		if len(a.roles) >= maxRoles || a.roles == nil {
			a.roles = map[string]*exchange.Kept[exchange.AccessKey]{}
		}
		a.roles[name] = exchange.NewKept[exchange.AccessKey]()
	}
	return a.roles[name]
}

// scope is for what a request is signed.
type scope struct{ region, service string }

// sign signs a request by AWS Signature Version 4. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func sign(request *http.Request, credentials exchange.AccessKey, s scope, now time.Time) error {
	at := now.UTC().Format("20060102T150405Z")
	request.Header.Set("X-Amz-Date", at)
	if token := credentials.Session.Reveal(); token != "" {
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
	key := []byte("AWS4" + credentials.Secret.Reveal())
	for _, part := range []string{at[:8], s.region, s.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential="+credentials.ID+"/"+credential+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
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
