package bucket

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/ignore"
	"github.com/syncline-io/syncline/internal/edge/archive"
)

// delivery is the objects of an index on their way into an archive.
type delivery struct {
	*place
	index *index
	// before is what the bucket had, as it was fetched, and files how that is shown; nil
	// for nothing.
	before *index
	files  *archive.Tree
	// read is what was read already: patterns.
	read map[string][]byte
}

// unpack puts the objects into an archive, and returns its digest.
func (d *delivery) unpack(ctx context.Context, to *archive.Store) (archive.Digest, error) {
	objects, err := d.kept(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	from, in := io.Pipe()
	var group sync.WaitGroup
	group.Go(func() { in.CloseWithError(d.pour(ctx, objects, in)) })
	digest, err := to.Put(ctx, from, "")
	cancel()
	_ = from.Close()
	group.Wait()
	return digest, err
}

// maxPatterns is how many files of patterns there may be below the root.
const maxPatterns = 100

// kept returns the objects that are not left out: by what Flux leaves out of every source,
// by the patterns at the root and in folders, or by those that the source declares.
func (d *delivery) kept(ctx context.Context) ([]object, error) {
	rules := ignore.Rules{}.And("", ignore.Usual).And("", d.index.root)
	var below []object
	for _, o := range d.index.objects {
		if path.Base(o.key) == ignore.File {
			below = append(below, o)
		}
	}
	if len(below) > maxPatterns {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the bucket has %d files %s: at most %d are read", len(below), ignore.File, maxPatterns),
			"write patterns at the root of the bucket, or as ignore")
	}
	slices.SortStableFunc(below, func(a, b object) int { return strings.Count(a.key, "/") - strings.Count(b.key, "/") })
	for _, o := range below {
		var text bytes.Buffer
		if err := d.patterns(ctx, o, &text); err != nil {
			return nil, err
		}
		d.read[o.key] = text.Bytes()
		rules = rules.And(path.Dir(o.key), text.String())
	}
	rules = rules.And("", d.bucket.Ignore)
	return slices.DeleteFunc(slices.Clone(d.index.objects), func(o object) bool { return rules.Leaves(o.key) }), ctx.Err()
}

// unchanged reports whether an object is one that was fetched before.
func (d *delivery) unchanged(o object) bool {
	if d.files == nil {
		return false
	}
	was, known := d.before.find(o.key)
	if !known || was != o {
		return false
	}
	entry, err := d.files.Stat(o.key) // it may have been left out
	return err == nil && entry.Type == syncline.EntryFile
}

// patterns gets a file of patterns, or takes it from what was fetched before.
func (d *delivery) patterns(ctx context.Context, o object, to io.Writer) error {
	if d.unchanged(o) {
		return d.files.Copy(to, o.key)
	}
	return d.place.patterns(ctx, o, to)
}

// part is an object in the order of the archive.
type part struct {
	object
	// ready is closed when data or err are there.
	ready chan struct{}
	data  []byte
	err   error
}

// The bounds of what is got ahead of its turn, and so in memory: as many objects of such a
// size at most.
const (
	maxAhead     = 8
	maxAheadSize = 1 << 20
)

// pour writes the objects as a tar archive. While one is written, those behind it are got.
func (d *delivery) pour(ctx context.Context, objects []object, to io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	parts := make(chan *part, maxAhead)
	group.Go(func() {
		defer close(parts)
		for _, o := range objects {
			next := &part{object: o, ready: make(chan struct{})}
			select {
			case parts <- next:
			case <-ctx.Done():
				return
			}
			if d.isAhead(o) {
				group.Go(func() { d.load(ctx, next) })
			} else {
				close(next.ready)
			}
		}
	})
	packed := tar.NewWriter(to)
	for next := range parts {
		<-next.ready
		if err := d.write(ctx, next, packed); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return syncline.Errorf(syncline.Transient, "waiting for it: %w", err)
	}
	return packed.Close()
}

// isAhead reports whether an object is got ahead of its turn.
func (d *delivery) isAhead(o object) bool {
	return o.size <= maxAheadSize && d.read[o.key] == nil && !d.unchanged(o)
}

// load gets an object into memory.
func (d *delivery) load(ctx context.Context, next *part) {
	defer close(next.ready)
	data := bytes.NewBuffer(make([]byte, 0, next.size))
	next.err = d.get(ctx, next.object, data)
	next.data = data.Bytes()
}

// write writes one object.
func (d *delivery) write(ctx context.Context, next *part, packed *tar.Writer) error {
	if next.err != nil {
		return next.err
	}
	if err := packed.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: next.key, Mode: 0o644, Size: next.size}); err != nil {
		return err
	}
	data := next.data
	if data == nil {
		data = d.read[next.key]
	}
	switch {
	case data != nil:
		_, err := packed.Write(data)
		return err
	case d.unchanged(next.object):
		return d.files.Copy(packed, next.key)
	}
	return d.get(ctx, next.object, packed)
}
