package source

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
)

const tags = "refs/tags/"

// listed is what one listing showed. Its targets are looked for without the lock of
// the Resolver: that takes its time where there are many tags. It is safe for
// concurrent use.
type listed struct {
	refs syncline.Refs
	// at is when the listing began, and number which of the repository's it is.
	at     time.Time
	number int
	// digest is another one when the refs are others.
	digest uint64

	mu sync.Mutex
	// going are the targets that somebody looks for now.
	going map[target]*looking
	// prefixes hold the versions behind the tag prefixes that were asked for last, and
	// lean says that they are not kept any more.
	prefixes []*prefix
	lean     bool
	// parsed counts the tags that were read as versions, and looked how often a
	// target was looked for.
	parsed, looked int
}

// looking is one look for a target, for all who want it at the same time.
type looking struct {
	done  chan struct{}
	found Revision
	err   error
}

// prefix holds the versions that stand behind a tag prefix, the highest first.
type prefix struct {
	name     string
	mu       sync.Mutex
	versions []taggedVersion
	done     bool
}

// taggedVersion is a tag that is a version.
type taggedVersion struct {
	version *semver.Version
	ref     string
}

// maxPrefixes is of how many tag prefixes the versions are kept.
const maxPrefixes = 4

var seed = maphash.MakeSeed()

func newListed(refs syncline.Refs, at time.Time) *listed {
	l := &listed{refs: refs, at: at, going: map[target]*looking{}}
	for ref, commit := range refs.Commits {
		l.digest += maphash.String(seed, ref+" "+commit) // in whatever order
	}
	return l
}

// look returns what a target stands for; what it found is told to keep before
// anybody looks for the same again.
func (l *listed) look(ctx context.Context, want target, keep func(Revision)) (Revision, error) {
	for {
		l.mu.Lock()
		other := l.going[want]
		if other == nil {
			break
		}
		l.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return Revision{}, ctx.Err()
		}
		if other.err == nil {
			return other.found, nil
		} // it gave up
	}
	own := &looking{done: make(chan struct{})}
	l.going[want] = own
	l.looked++
	l.mu.Unlock()
	own.found, own.err = l.match(ctx, want)
	own.found.At = l.at
	if own.err == nil {
		keep(own.found)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.going, want)
	close(own.done)
	return own.found, own.err
}

// versions returns the versions behind a tag prefix, the highest first, and of equal
// ones that whose tag comes first: so that they always give the same tag.
func (l *listed) versions(ctx context.Context, name string) ([]taggedVersion, error) {
	p := l.prefix(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return p.versions, nil
	}
	var found []taggedVersion
	var seen int
	for ref := range l.refs.Commits {
		if seen++; seen%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if text, ok := strings.CutPrefix(ref, tags+name); ok {
			if version, err := semver.NewVersion(text); err == nil {
				found = append(found, taggedVersion{version, ref})
			}
		}
	}
	slices.SortFunc(found, func(a, b taggedVersion) int {
		if order := b.version.Compare(a.version); order != 0 {
			return order
		}
		return strings.Compare(a.ref, b.ref)
	})
	p.versions, p.done = found, true
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parsed += len(found)
	return found, nil
}

// prefix returns the place of the versions behind a tag prefix.
func (l *listed) prefix(name string) *prefix {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := slices.IndexFunc(l.prefixes, func(p *prefix) bool { return p.name == name }); at >= 0 {
		return l.prefixes[at]
	}
	if len(l.prefixes) == maxPrefixes {
		l.prefixes = slices.Delete(l.prefixes, 0, 1)
	}
	p := &prefix{name: name}
	if !l.lean {
		l.prefixes = append(l.prefixes, p)
	}
	return p
}

// forgetVersions gives back what is only kept while many targets are looked for.
func (l *listed) forgetVersions() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prefixes, l.lean = nil, true
}
