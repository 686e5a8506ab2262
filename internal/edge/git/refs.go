package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Refs lists what a repository calls its revisions, by one request. Every call
// asks the server; whoever has many callers shares an answer.
//
// Errors: Invalid for an address that is not allowed, Denied, NotFound, and
// Transient when the server cannot be reached.
func (s *Store) Refs(ctx context.Context, repo upstream.Repository) (upstream.Refs, error) {
	r, err := s.remote(repo)
	if err != nil {
		return upstream.Refs{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	t := newTicket(r.host, nil, demand.Of(ctx))
	if err := s.enter(ctx, r, t, s.options.WaitTimeout); err != nil {
		return upstream.Refs{}, err
	}
	defer s.gate.leave(t)
	ctx, cancel = context.WithTimeout(ctx, s.options.RefsTimeout) // redirects included
	defer cancel()
	return s.list(ctx, s.mirror(r), r)
}

// enter waits for a place at the gate, up to a time. The error says what it waited
// for, and names nobody who is in the way.
func (s *Store) enter(ctx context.Context, r *remote, t *ticket, patience time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	why := s.gate.enter(limited, t)
	if why == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return syncline.Errorf(syncline.Transient, "repository %s: waiting to ask its server: %w", r.name, err)
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "repository %s could not be read within %s: %w", r.name, patience, why),
		"it is tried again by itself; look for repositories of the project whose server does not answer")
}

// list lists the refs of a remote.
func (s *Store) list(ctx context.Context, m *mirror, r *remote) (upstream.Refs, error) {
	var reader *refsReader
	place := longPlace{places: s.long}
	defer place.leave()
	err := s.talk(ctx, m, r, func(address string) command {
		reader = newRefsReader(s.options.MaxRefs)
		reader.long = func() error { return place.enter(ctx) }
		return command{
			args:      []string{"ls-remote", "--quiet", "--symref", "--end-of-options", address},
			timeout:   s.options.RefsTimeout,
			maxOutput: maxListing,
			each:      reader.read,
		}
	})
	if err != nil {
		return upstream.Refs{}, classify(err, r)
	}
	return reader.refs, nil
}

// maxListing is how much a server may say when it lists its refs, in bytes. Most
// of a long list are refs of requests to merge, which are passed over.
const maxListing = 1 << 30

// refsReader reads what ls-remote --symref prints, line by line.
type refsReader struct {
	refs upstream.Refs
	// long is asked before more is read than longList. Default: nobody is.
	long func() error
	// left and leftOthers are how many bytes of branches and tags, and of other
	// refs, are taken.
	left, leftOthers int64
	// taken is how many bytes are.
	taken int
}

func newRefsReader(most int64) *refsReader {
	return &refsReader{refs: upstream.Refs{Commits: map[string]string{}}, left: most, leftOthers: most / 4}
}

var errTooManyRefs = errors.New("too many refs")

func (r *refsReader) read(line []byte) error {
	value, name, ok := strings.Cut(string(line), "\t")
	if target, symbolic := strings.CutPrefix(value, "ref: "); symbolic {
		if name == "HEAD" {
			r.refs.Head = target
		}
		return nil
	}
	if !ok || !fullName.MatchString(value) {
		return nil
	}
	if name != "HEAD" && !strings.HasPrefix(name, "refs/heads/") && !strings.HasPrefix(name, "refs/tags/") {
		if r.leftOthers -= int64(len(line)); r.leftOthers < 0 {
			return nil
		}
	} else if r.left -= int64(len(line)); r.left < 0 {
		r.refs.Commits = nil // whoever reads the next list has the memory
		return errTooManyRefs
	}
	if err := r.take(len(line)); err != nil {
		return err
	}
	// The commit of an annotated tag follows the tag's own line.
	r.refs.Commits[strings.TrimSuffix(name, "^{}")] = value
	return nil
}

// take counts what is taken, and asks before that is a long list.
func (r *refsReader) take(size int) error {
	before := r.taken
	r.taken += size
	if before <= longList && r.taken > longList && r.long != nil {
		return r.long()
	}
	return nil
}

// maxRedirects is how often a server may send us on.
const maxRedirects = 5

// talk runs a command that talks to the remote, following redirects within the
// remote's host. The mirror remembers where they lead.
func (s *Store) talk(ctx context.Context, m *mirror, r *remote, build func(address string) command) error {
	address := m.address(r)
	for range maxRedirects {
		c := build(address)
		c.remote = r
		_, fail := s.run(ctx, c)
		if fail == nil {
			m.admit(r, address)
			return nil
		}
		switch fail.cause() {
		case redirected:
		case unauthorized, noRepository:
			m.expel(r)
			return fail
		default:
			return fail
		}
		next, err := s.redirect(ctx, r, address)
		if err != nil {
			return err
		}
		address = next
	}
	return r.unreadable(syncline.Invalid, fmt.Sprintf("it redirects more than %d times", maxRedirects), "")
}

// redirect finds where the server at address sends us: to the same repository under
// another scheme or spelling, or else that is an error, as only the address that was
// given was judged. git itself must not follow: it would send the credentials along,
// to whatever host and repository.
func (s *Store) redirect(ctx context.Context, r *remote, address string) (string, error) {
	_, fail := s.run(ctx, command{
		args:      []string{"ls-remote", "--quiet", "--end-of-options", address},
		remote:    r,
		timeout:   s.options.RefsTimeout,
		maxOutput: maxListing,
		each:      func([]byte) error { return nil },
		trace:     true,
	})
	if fail == nil {
		return address, nil // it does not redirect any more
	}
	found := location.FindSubmatch([]byte(fail.messages))
	if found == nil {
		return "", fail
	}
	from, _ := url.Parse(address)
	to, err := from.Parse(string(bytes.TrimSpace(found[1])))
	if err != nil {
		return "", r.unreadable(syncline.Invalid, "it redirects to what is not an address", "")
	}
	to.Path = strings.TrimSuffix(to.Path, "/info/refs")
	to.RawPath, to.RawQuery, to.User = "", "", nil
	secure := to.Scheme == from.Scheme || from.Scheme == "http" && to.Scheme == "https"
	if !secure || !strings.EqualFold(to.Hostname(), from.Hostname()) || to.Scheme == from.Scheme && !strings.EqualFold(to.Host, from.Host) {
		return "", r.unreadable(syncline.Invalid, "it redirects to "+r.clean(to.String())+", which is another server",
			"if that is right, use the new address as the repository's URL")
	}
	if named(to.Path) != named(from.Path) {
		return "", r.unreadable(syncline.Invalid, "it redirects to "+r.clean(to.String())+", which is another repository: whether that may be read was not judged",
			"if it has moved there, use the new address as the repository's URL")
	}
	return to.String(), nil
}

// named is what a server calls a repository, however it ends.
func named(path string) string {
	return strings.ToLower(strings.TrimSuffix(strings.Trim(path, "/"), ".git"))
}

var location = regexp.MustCompile(`(?im)recv header: location: (\S+)`)

// classify makes an error for people of what talk returned.
func classify(err error, r *remote) error {
	if fail, ok := err.(*runError); ok { //nolint:errorlint // talk returns it as it is
		return fail.classified(r)
	}
	return err
}
