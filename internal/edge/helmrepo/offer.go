package helmrepo

import (
	"net/http"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// offer is what a repository was found to offer.
type offer struct {
	charts upstream.Charts
	size   int
	// tag and modified are what the server said of its index.
	tag, modified string
	used          time.Time
}

func newOffer(charts upstream.Charts, header http.Header) *offer {
	o := &offer{charts: charts, tag: header.Get("ETag"), modified: header.Get("Last-Modified"), size: 1}
	for _, versions := range charts {
		o.size += 1 + len(versions)
	}
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

// offers are those that were asked for last, up to so many versions.
type offers struct {
	byAccess   map[upstream.Access]*offer
	size, most int
}

// keep keeps the newest offer of a repository.
func (o *offers) keep(access upstream.Access, newest *offer) {
	if old := o.byAccess[access]; old != nil {
		o.size -= old.size
	}
	newest.used = time.Now()
	o.byAccess[access] = newest
	for o.size += newest.size; o.size > o.most && len(o.byAccess) > 1; {
		last := access
		for other, known := range o.byAccess {
			if known.used.Before(o.byAccess[last].used) {
				last = other
			}
		}
		if last == access {
			return
		}
		o.size -= o.byAccess[last].size
		delete(o.byAccess, last)
	}
}
