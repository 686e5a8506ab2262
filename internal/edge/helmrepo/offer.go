package helmrepo

import (
	"net/http"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// offer is what a repository was found to offer.
type offer struct {
	charts upstream.Charts
	// bytes is how much memory it takes.
	bytes int
	// tag and modified are what the server said of its index.
	tag, modified string
	used          time.Time
}

func newOffer(charts upstream.Charts, header http.Header) *offer {
	o := &offer{charts: charts, tag: header.Get("ETag"), modified: header.Get("Last-Modified")}
	o.bytes = charts.Bytes() + len(o.tag) + len(o.modified)
	return o
}

// conditions returns what lets the server say that its index is the same.
func (o *offer) conditions() http.Header {
	header := http.Header{}
	if o == nil {
		return header
	}
	if o.tag != "" {
		header.Set("If-None-Match", o.tag)
	}
	if o.modified != "" {
		header.Set("If-Modified-Since", o.modified)
	}
	return header
}

// offers are those that were asked for last, up to so many bytes.
type offers struct {
	byAccess    map[upstream.Access]*offer
	bytes, most int
}

// forget drops the offer of a repository.
func (o *offers) forget(access upstream.Access) {
	if old := o.byAccess[access]; old != nil {
		o.bytes -= old.bytes
		delete(o.byAccess, access)
	}
}

// keep keeps the newest offer of a repository.
func (o *offers) keep(access upstream.Access, newest *offer) {
	o.forget(access)
	newest.used = time.Now()
	o.byAccess[access] = newest
	for o.bytes += newest.bytes; o.bytes > o.most && len(o.byAccess) > 1; {
		last := access
		for other, known := range o.byAccess {
			if known.used.Before(o.byAccess[last].used) {
				last = other
			}
		}
		if last == access {
			return
		}
		o.forget(last)
	}
}
