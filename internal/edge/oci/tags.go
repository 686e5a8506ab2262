package oci

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// taglist is a list of tags as it was given, by what the registry calls that state.
type taglist struct {
	etag string
	tags []string
}

const (
	// maxPage is the size of the largest page of tags, and pageOf how many tags are asked
	// for at once.
	maxPage = 8 << 20
	pageOf  = "1000"
	// maxTagged is of how many repositories lists of tags are kept, and keptTags the
	// longest one.
	maxTagged, keptTags = 100, 2_000
)

// Tags lists the tags of a repository. It is an Invalid error when they are more than
// Options.MaxTags, and a NotFound error when there is no such repository.
func (s *Store) Tags(ctx context.Context, repo upstream.Repository) ([]string, error) {
	p, err := s.place(repo)
	if err != nil {
		return nil, err
	}
	tags, err := p.tags(ctx)
	return tags, p.explain(err)
}

// tags reads the pages of the list of tags.
func (p *place) tags(ctx context.Context) ([]string, error) {
	var all []string
	first := p.url("tags", "list?n="+pageOf)
	for next := first; next != ""; {
		tags, following, err := p.page(ctx, next, next == first)
		if err != nil {
			return nil, err
		}
		if all = append(all, tags...); len(all) > p.options.MaxTags || following != "" && len(tags) == 0 {
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "it has more tags than the %d among which a version is looked for, or a list of them without an end", p.options.MaxTags),
				"name a tag or a digest")
		}
		next = following
	}
	return all, nil
}

// page reads a page of the list of tags, and returns where the next one is, "" for the
// last. Of the first page a registry may say that it has not changed.
func (p *place) page(ctx context.Context, at string, first bool) (tags []string, next string, err error) {
	head := http.Header{}
	known, isKnown := p.tagged.list(p.memory)
	if first && isKnown {
		head.Set("If-None-Match", known.etag)
	}
	answer, err := p.get(ctx, at, head, maxPage)
	if err != nil {
		return nil, "", err
	}
	if answer.unchanged && isKnown {
		return known.tags, "", nil
	}
	if tags, err = tagsIn(answer.body); err != nil {
		return nil, "", err
	}
	next, err = p.nextPage(at, answer.head.Values("Link"))
	if etag := answer.head.Get("ETag"); err == nil && first && next == "" && etag != "" {
		p.tagged.keep(p.memory, taglist{etag, tags})
	}
	return tags, next, err
}

// tagsIn reads a page, and passes over what is no tag.
func tagsIn(body []byte) ([]string, error) {
	var page struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, failf(syncline.Transient, "its list of tags cannot be read").withHint("check that an OCI registry is at its address")
	}
	return slices.DeleteFunc(page.Tags, func(tag string) bool { return !tagForm.MatchString(tag) }), nil
}

// tagged are the lists of tags that have not changed since they were given. It is safe for
// concurrent use.
type tagged struct {
	mu sync.Mutex
	of map[*memory]taglist
}

func (t *tagged) list(of *memory) (taglist, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list, known := t.of[of]
	return list, known
}

func (t *tagged) keep(of *memory, list taglist) {
	if len(list.tags) > keptTags {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for other := range t.of {
		if len(t.of) < maxTagged {
			break
		}
		delete(t.of, other) // any: it is listed anew if need be
	}
	t.of[of] = list
}

var nextLink = regexp.MustCompile(`^\s*<([^<>]*)>.*;\s*rel="?next"?`)

// nextPage returns where the next page is: of the same registry and list.
func (p *place) nextPage(at string, links []string) (string, error) {
	for _, link := range links {
		found := nextLink.FindStringSubmatch(link)
		if found == nil {
			continue
		}
		here, err := url.Parse(at)
		if err != nil {
			return "", failf(syncline.Internal, "a page is at no address")
		}
		next, err := here.Parse(found[1])
		if err != nil || !p.is(next) || next.Path != here.Path || next.String() == at {
			return "", failf(syncline.Transient, "the next page of a list is elsewhere than the list")
		}
		return next.String(), nil
	}
	return "", nil
}

// Digest returns what a tag stands for now. It is a NotFound error when there is no
// such tag.
func (s *Store) Digest(ctx context.Context, repo upstream.Repository, tag string) (string, error) {
	p, err := s.place(repo)
	if err != nil {
		return "", err
	}
	if !tagForm.MatchString(tag) {
		return "", p.explain(syncline.Errorf(syncline.Invalid, "%q is not a tag", clean(tag)))
	}
	digest, err := p.digest(ctx, tag)
	if errors.Is(err, errNoSuch) {
		err = p.noTag(ctx, tag, err)
	}
	return digest, p.explain(err)
}

// digest asks what a tag stands for, without reading it where the registry tells.
func (p *place) digest(ctx context.Context, tag string) (string, error) {
	digest, err := p.head(ctx, tag)
	if err != nil || digestForm.MatchString(digest) {
		return digest, err
	}
	read, err := p.get(ctx, p.url("manifests", tag), manifestHead(), p.options.MaxManifest)
	if err != nil {
		return "", err
	}
	return digestOf(read.body), nil
}

// head asks for the digest of a tag, which a registry need not tell.
func (p *place) head(ctx context.Context, tag string) (string, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, p.options.RequestTimeout)
	defer cancel()
	answer, err := p.ask(ctx, http.MethodHead, p.url("manifests", tag), manifestHead())
	if err != nil {
		return "", err
	}
	_ = answer.Body.Close() // it has none
	return answer.Header.Get("Docker-Content-Digest"), nil
}

// noTag says that there is no such tag: where reasons are hidden only if a registry
// answers there, which shows its other tags.
func (p *place) noTag(ctx context.Context, tag string, err error) error {
	if p.hidden {
		if _, _, other := p.page(ctx, p.url("tags", "list?n=1"), false); other != nil {
			return err
		}
	}
	return syncline.WithHint(syncline.Errorf(syncline.NotFound, "it has no tag %q", tag), "check address and targetRevision")
}
