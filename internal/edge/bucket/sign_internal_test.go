package bucket

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/sealed"
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
