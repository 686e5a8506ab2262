package source_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// TestWhatOfABucketIsKnown without asking its server.
func TestWhatOfABucketIsKnown(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	fetcher := source.NewBucket(nil, nil)
	for _, test := range []struct {
		want source.Target
		id   string
		kind syncline.Kind
	}{
		{source.Target{}, "", ""},
		{source.Target{Revision: digest}, digest, ""},
		{source.Target{Revision: "HEAD"}, "", syncline.Invalid},
		{source.Target{Revision: "sha256:0"}, "", syncline.Invalid},
		{source.Target{TagPrefix: "v", Revision: digest}, "", syncline.Invalid},
	} {
		got, err := fetcher.Known(test.want)
		if got.ID != test.id || syncline.KindOf(err) != test.kind || err != nil && syncline.HintOf(err) == "" {
			t.Errorf("%+v is %+v, %v", test.want, got, err)
		}
	}
}

// TestBucketsAreTold by the source that declares them, and from each other by each letter.
func TestBucketsAreTold(t *testing.T) {
	objects := upstream.Bucket{Provider: upstream.BucketAWS}
	of := func(address string) syncline.Source { return syncline.Source{RepoURL: address, Bucket: objects} }
	if kind, err := of("https://h.example/a").Kind(); kind != syncline.SourceBucket || err != nil {
		t.Errorf("its kind is %s, %v", kind, err)
	}
	if kind, err := (syncline.Source{RepoURL: "https://h.example/a"}).Kind(); kind != syncline.SourceGit || err != nil {
		t.Errorf("without a bucket its kind is %s, %v", kind, err)
	}
	chart := of("https://h.example/a")
	chart.Chart = "web"
	if _, err := chart.Kind(); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "a bucket") {
		t.Errorf("a chart in a bucket: %v", err)
	}
	if of("https://h.example/a").Key() == of("https://h.example/a.git").Key() || of("https://h.example/a").Key() != of("https://H.example:443/a/").Key() {
		t.Error("two buckets are one, or one is two")
	}
	other := of("https://h.example/a")
	other.Bucket.Prefix = "apps/"
	if source.TargetOf(other) == source.TargetOf(of("https://h.example/a")) {
		t.Error("two prefixes mean the same")
	}
}
