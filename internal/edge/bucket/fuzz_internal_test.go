package bucket

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
)

// FuzzListing has pages of whatever a server sends: what is taken of them are paths of
// files, once each.
func FuzzListing(f *testing.F) {
	f.Add(`<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>` +
		`<Contents><Key>a%2Fb+c</Key><ETag>"x"</ETag><Size>1</Size></Contents><Contents><Key>..%2F</Key><ETag>y</ETag></Contents></ListBucketResult>`)
	f.Add("\ufeff" + `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs><Blob><Name Encoded="true">a%00</Name><Properties><Etag>0x1</Etag>` +
		`<Content-Length>-1</Content-Length></Properties></Blob></Blobs><NextMarker>x</NextMarker></EnumerationResults>`)
	f.Add(strings.Repeat("<a>", 20_000))
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{Time: 5 * time.Second}.Run(t, func() {
			for _, spoken := range []protocol{s3{}, azure{}} {
				objects, _, err := spoken.read([]byte(text))
				if err != nil {
					continue
				}
				found, err := newIndex(objects, "")
				if err != nil {
					continue
				}
				for i, o := range found.objects {
					if path.Clean("/"+o.key) != "/"+o.key || strings.ContainsAny(o.key+o.etag, "\x00\n\\") || i > 0 && o.key == found.objects[i-1].key {
						t.Errorf("object %q is taken", o.key)
					}
				}
			}
		})
	})
}
