package oci

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Referrer is an artifact that says something of another, such as a signature.
type Referrer struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
}

// Referrers lists what refers to a digest, of one type of artifact or of all for "": as
// the registry tells, or by the tag that stands for that where it cannot. It is an Invalid
// error when there are more than Options.MaxReferrers.
func (s *Store) Referrers(ctx context.Context, repo upstream.Repository, digest, artifactType string) ([]Referrer, error) {
	p, err := s.place(repo)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(digest); err != nil {
		return nil, p.explain(err)
	}
	all, err := p.referrers(ctx, digest)
	if errors.Is(err, errNoSuch) {
		all, err = p.taggedReferrers(ctx, digest)
	}
	if err != nil {
		return nil, p.explain(err)
	}
	var found []Referrer
	for _, one := range all {
		if digestForm.MatchString(one.Digest) && (artifactType == "" || one.ArtifactType == artifactType) {
			found = append(found, one)
		}
	}
	return found, nil
}

// referrers reads the pages of the list of referrers.
func (p *place) referrers(ctx context.Context, digest string) ([]Referrer, error) {
	var all []Referrer
	for next := p.url("referrers", digest); next != ""; {
		answer, err := p.get(ctx, next, http.Header{"Accept": {ociIndex}}, p.options.MaxManifest)
		if err != nil {
			return nil, err
		}
		page, err := p.index(answer.body)
		if err != nil {
			return nil, err
		}
		following, err := p.nextPage(next, answer.head.Values("Link"))
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(all) > p.options.MaxReferrers || following != "" && len(page) == 0 {
			return nil, p.tooMany(digest)
		}
		next = following
	}
	return all, nil
}

// taggedReferrers reads what is tagged as the referrers of a digest, which may be
// nothing.
func (p *place) taggedReferrers(ctx context.Context, digest string) ([]Referrer, error) {
	tag := strings.Replace(digest, ":", "-", 1)
	answer, err := p.get(ctx, p.url("manifests", tag), http.Header{"Accept": {ociIndex}}, p.options.MaxManifest)
	if errors.Is(err, errNoSuch) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := p.index(answer.body)
	if err == nil && len(all) > p.options.MaxReferrers {
		err = p.tooMany(digest)
	}
	return all, err
}

func (p *place) tooMany(digest string) error {
	return syncline.Errorf(syncline.Invalid, "artifact %s has more than the %d referrers that are read, or a list of them without an end", digest, p.options.MaxReferrers)
}

// index reads a list of referrers.
func (p *place) index(body []byte) ([]Referrer, error) {
	var list struct {
		Manifests []Referrer `json:"manifests"`
	}
	if json.Unmarshal(body, &list) != nil {
		return nil, failf(syncline.Transient, "its list of referrers cannot be read")
	}
	return list.Manifests, nil
}
