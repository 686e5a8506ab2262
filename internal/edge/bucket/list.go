package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/ignore"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// The bounds of what is read of answers, in bytes: of a page of a listing, in which 1,000
// keys may have three letters for each byte, and of a file with patterns.
const (
	maxPage   = 8 << 20
	maxIgnore = 64 << 10
)

// list lists the objects that are meant: those below the prefix that no pattern leaves out.
func (p *place) list(ctx context.Context) (*index, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.ListTimeout, errSlow)
	defer cancel()
	all, err := p.pages(ctx)
	if err != nil {
		return nil, err
	}
	root, err := p.rootPatterns(ctx, all)
	if err != nil {
		return nil, err
	}
	meant, err := p.meant(ctx, all, ignore.Rules{}.And("", root).And("", p.bucket.Ignore))
	if err != nil {
		return nil, err
	}
	return newIndex(meant, root)
}

// meant returns the objects that no pattern leaves out.
func (p *place) meant(ctx context.Context, all []object, rules ignore.Rules) ([]object, error) {
	var meant []object
	var size int64
	for i, o := range all {
		if i%1000 == 0 && ctx.Err() != nil {
			return nil, unsent(ctx, ctx.Err())
		}
		if isFolder(o.key) || o.key == ignore.File || rules.Leaves(o.key) {
			continue
		}
		if o.size < 0 || o.size > p.options.MaxBytes-size {
			return nil, p.tooMuch("more than %d MiB", p.options.MaxBytes>>20)
		}
		size += o.size
		meant = append(meant, o)
	}
	switch {
	case len(meant) > p.options.MaxObjects:
		return nil, p.tooMuch("more than %d objects", p.options.MaxObjects)
	case len(meant) == 0:
		return nil, syncline.WithHint(syncline.Errorf(syncline.NotFound, "the bucket has no object with prefix %.100q that is not left out", p.bucket.Prefix),
			"check prefix, ignore and "+ignore.File+"; nothing is deleted because a bucket is empty")
	}
	return meant, nil
}

func (p *place) tooMuch(format string, most any) error {
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "the bucket has "+format+" with prefix %.100q", most, p.bucket.Prefix),
		"write a longer prefix, or patterns of what to leave out in ignore or in "+ignore.File)
}

// pages lists all objects below the prefix.
func (p *place) pages(ctx context.Context) ([]object, error) {
	var all []object
	after := ""
	for range p.options.MaxPages {
		var objects []object
		next := ""
		err := p.ask(ctx, request{query: p.protocol.query(p.bucket.Prefix, after), timeout: p.options.RequestTimeout}, func(_ *http.Response, body io.Reader) error {
			text, err := io.ReadAll(io.LimitReader(body, maxPage+1))
			if err != nil {
				return err
			}
			if len(text) > maxPage {
				return failf(syncline.Invalid, "a page of its listing is larger than the %d bytes that are read", maxPage)
			}
			objects, next, err = p.protocol.read(text)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if !strings.HasPrefix(o.key, p.bucket.Prefix) {
				return nil, failf(syncline.Invalid, "its server lists object %s, which has not the prefix that was asked for", shownKey(o.key))
			}
		}
		if all = append(all, objects...); len(all) > p.options.MaxListed {
			return nil, p.tooMuch("more than %d objects, with those that are left out,", p.options.MaxListed)
		}
		if next == "" {
			return all, nil
		}
		after = next
	}
	return nil, failf(syncline.Invalid, "its listing has more than %d pages", p.options.MaxPages)
}

// rootPatterns returns the patterns at the root of the bucket, "" for none. Where the
// listing would not show their file, it is looked for.
func (p *place) rootPatterns(ctx context.Context, all []object) (string, error) {
	var text bytes.Buffer
	if !strings.HasPrefix(ignore.File, p.bucket.Prefix) {
		err := p.receive(ctx, object{key: ignore.File, size: -1}, &text)
		if errors.Is(err, errNoObject) {
			return "", nil
		}
		return text.String(), err
	}
	for _, o := range all {
		if o.key == ignore.File {
			err := p.patterns(ctx, o, &text)
			return text.String(), err
		}
	}
	return "", nil
}

// patterns gets a file of patterns.
func (p *place) patterns(ctx context.Context, o object, to io.Writer) error {
	if o.size > maxIgnore {
		return syncline.Errorf(syncline.Invalid, "object %s has %d bytes: at most %d of patterns are read", shownKey(o.key), o.size, maxIgnore)
	}
	return p.get(ctx, o, to)
}

// get writes the bytes of an object as it was listed.
func (p *place) get(ctx context.Context, o object, to io.Writer) error {
	err := p.receive(ctx, o, to)
	if errors.Is(err, errNoObject) || errors.Is(err, errChanged) {
		return failf(syncline.Transient, "object %s was changed since it was listed: %w", shownKey(o.key), errChanged)
	}
	return err
}

// receive writes the bytes of an object. Of one that was not listed, whose size is -1,
// there are no more than there may be of patterns.
func (p *place) receive(ctx context.Context, o object, to io.Writer) error {
	asking := request{key: o.key, header: http.Header{}, timeout: p.options.FetchTimeout}
	if o.etag != "" {
		asking.header.Set("If-Match", `"`+o.etag+`"`)
	}
	if p.bucket.Provider == upstream.BucketGeneric || p.bucket.Provider == upstream.BucketAWS {
		asking.header.Set("X-Amz-Checksum-Mode", "ENABLED")
	}
	return p.ask(ctx, asking, func(answer *http.Response, body io.Reader) error {
		etag := strings.Trim(answer.Header.Get("ETag"), `"`)
		switch {
		case o.etag != "" && etag != "" && etag != o.etag:
			return errChanged
		case o.size >= 0 && answer.ContentLength >= 0 && answer.ContentLength != o.size:
			return failf(syncline.Transient, "object %s has %d bytes, and was listed with %d", shownKey(o.key), answer.ContentLength, o.size)
		}
		return o.copy(to, body, checksumsOf(answer, etag))
	})
}

// copy writes the bytes of an object, and holds them against its size and checksums.
func (o object) copy(to io.Writer, body io.Reader, sums []checksum) error {
	most := o.size
	if most < 0 {
		most = maxIgnore
	}
	all := []io.Writer{to}
	for _, sum := range sums {
		all = append(all, sum.sum)
	}
	n, err := io.Copy(io.MultiWriter(all...), io.LimitReader(body, most))
	if err != nil {
		return err
	}
	if more, _ := io.CopyN(io.Discard, body, 1); more > 0 || n < o.size {
		return failf(syncline.Transient, "object %s has not the %d bytes that it should", shownKey(o.key), most)
	}
	for _, sum := range sums {
		if err := sum.verify(o.key); err != nil {
			return err
		}
	}
	return nil
}
