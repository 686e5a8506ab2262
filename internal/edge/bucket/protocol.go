package bucket

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
)

// protocol is how a listing is asked for and read.
type protocol interface {
	// query asks for the page of a listing that comes after a marker, "" for the first.
	query(prefix, after string) url.Values
	// read reads a page: the objects, and the marker of the next page, "" when it is the
	// last one.
	read(body []byte) (objects []object, next string, err error)
}

// signer tells the server who asks, by the headers of a request or its query.
type signer interface {
	sign(request *http.Request, now time.Time)
}

// nobody asks without credentials.
type nobody struct{}

func (nobody) sign(*http.Request, time.Time) {}

// s3 is the protocol of S3:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.
type s3 struct{}

func (s3) query(prefix, after string) url.Values {
	query := url.Values{"list-type": {"2"}, "max-keys": {"1000"}, "encoding-type": {"url"}} // a key may have what XML has not
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	if after != "" {
		query.Set("continuation-token", after)
	}
	return query
}

func (s3) read(body []byte) ([]object, string, error) {
	var page struct {
		XMLName   xml.Name `xml:"ListBucketResult"`
		Encoding  string   `xml:"EncodingType"`
		Truncated bool     `xml:"IsTruncated"`
		Next      string   `xml:"NextContinuationToken"`
		Contents  []struct {
			Key  string
			ETag string
			Size int64
		}
	}
	if err := xml.Unmarshal(body, &page); err != nil {
		return nil, "", unreadable("S3")
	}
	objects := make([]object, len(page.Contents))
	for i, c := range page.Contents {
		key := c.Key
		if strings.EqualFold(page.Encoding, "url") {
			var err error
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, "", unreadable("S3")
			}
		}
		objects[i] = object{key, strings.Trim(c.ETag, `"`), c.Size}
	}
	if !page.Truncated {
		return objects, "", nil
	}
	if page.Next == "" {
		return nil, "", failf(syncline.Invalid, "its server does not say how a listing goes on: it does not know ListObjectsV2")
	}
	return objects, page.Next, nil
}

// azure is the protocol of Azure Blob Storage:
// https://learn.microsoft.com/rest/api/storageservices/list-blobs.
type azure struct{}

func (azure) query(prefix, after string) url.Values {
	query := url.Values{"restype": {"container"}, "comp": {"list"}, "maxresults": {"1000"}}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	if after != "" {
		query.Set("marker", after)
	}
	return query
}

func (azure) read(body []byte) ([]object, string, error) {
	var page struct {
		XMLName xml.Name `xml:"EnumerationResults"`
		Blobs   []struct {
			Name struct {
				Text    string `xml:",chardata"`
				Encoded bool   `xml:",attr"`
			}
			ETag  string `xml:"Properties>Etag"`
			Size  int64  `xml:"Properties>Content-Length"`
			Class string `xml:"Properties>ResourceType"`
		} `xml:"Blobs>Blob"`
		Next string `xml:"NextMarker"`
	}
	if err := xml.Unmarshal(body, &page); err != nil {
		return nil, "", unreadable("Azure Blob Storage")
	}
	var objects []object
	for _, blob := range page.Blobs {
		key := blob.Name.Text
		if blob.Name.Encoded {
			var err error
			if key, err = url.PathUnescape(key); err != nil {
				return nil, "", unreadable("Azure Blob Storage")
			}
		}
		if blob.Class != "directory" { // of an account that has folders
			objects = append(objects, object{key, strings.Trim(blob.ETag, `"`), blob.Size})
		}
	}
	return objects, page.Next, nil
}

func unreadable(protocol string) error {
	return failf(syncline.Invalid, "its listing cannot be read").withHint("check that a server which speaks " + protocol + " is at its address")
}
