package bucket

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// TestSignaturesOfAmazon are those of the examples that Amazon publishes:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
func TestSignaturesOfAmazon(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	signer := signatureV4{"AKIAIOSFODNN7EXAMPLE", sealed.Text("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1"}
	for _, test := range []struct{ name, to, byteRange, want string }{
		{"GET Object", "/test.txt", "bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"GET Bucket Lifecycle", "/?lifecycle=", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"Get Bucket (List Objects)", "/?max-keys=2&prefix=J", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://examplebucket.s3.amazonaws.com"+test.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.byteRange != "" {
			request.Header.Set("Range", test.byteRange)
		}
		signer.sign(request, at)
		if got := request.Header.Get("Authorization"); !strings.HasSuffix(got, ", Signature="+test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestRegionsOfAmazon are told by the servers' names; the one that a server names is asked
// at Amazon's alone, and at no host that it makes up.
func TestRegionsOfAmazon(t *testing.T) {
	for _, test := range []struct{ address, declared, region, learned, host string }{
		{"https://s3.amazonaws.com/apps", "", "us-east-1", "eu-west-1", "s3.eu-west-1.amazonaws.com"},
		{"https://s3.eu-west-1.amazonaws.com/apps", "", "eu-west-1", "eu-west-2", "s3.eu-west-2.amazonaws.com"},
		{"https://s3-eu-west-1.amazonaws.com/apps", "", "eu-west-1", "eu-west-2", "s3.eu-west-2.amazonaws.com"},
		{"https://s3.dualstack.eu-west-1.amazonaws.com/apps", "", "eu-west-1", "eu-west-2", "s3.eu-west-2.amazonaws.com"},
		{"https://s3.cn-north-1.amazonaws.com.cn/apps", "", "cn-north-1", "cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"},
		{"https://s3.amazonaws.com/apps", "eu-west-3", "eu-west-3", "", "s3.amazonaws.com"},
		{"https://s3.amazonaws.com/apps", "", "us-east-1", "evil.example/", "s3.amazonaws.com"},
		{"https://s3.amazonaws.com.evil.example/apps", "", "us-east-1", "eu-west-1", "s3.amazonaws.com.evil.example"},
		{"https://minio.example:9000/apps", "", "us-east-1", "eu-west-1", "minio.example:9000"},
	} {
		p := &place{
			site: &site{}, name: "apps", bucket: upstream.Bucket{Provider: upstream.BucketAWS, Region: test.declared},
			repo: upstream.Repository{Address: upstream.AddressOf(test.address)},
		}
		if got := p.regionNow(); got != test.region {
			t.Errorf("%s is in %q, want %q", test.address, got, test.region)
		}
		p.learn(test.learned, test.region)
		if got := p.url("a b"); got.Host != test.host || got.EscapedPath() != "/apps/a%20b" {
			t.Errorf("%s, in %q, is asked at %s, want %s", test.address, test.learned, got, test.host)
		}
	}
}
