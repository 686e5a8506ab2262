package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// Refs lists what a repository calls its revisions, by one request. Every call
// asks the server; whoever has many callers shares an answer.
//
// Errors: Invalid for an address that is not allowed, Denied, NotFound, and
// Transient when the server cannot be reached.
func (s *Store) Refs(ctx context.Context, repo upstream.Repository) (upstream.Refs, error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return upstream.Refs{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	t := gate.NewTicket(r.Host, nil, demand.Of(ctx))
	if err := s.enter(ctx, r, t, s.options.WaitTimeout); err != nil {
		return upstream.Refs{}, err
	}
	defer s.gate.Leave(t)
	ctx, cancel = context.WithTimeout(ctx, s.options.RefsTimeout) // redirects included
	defer cancel()
	return s.list(ctx, s.mirror(r), r)
}

// enter waits for a place at the gate, up to a time. The error says what it waited
// for, and names nobody who is in the way.
func (s *Store) enter(ctx context.Context, r *program.Remote, t *gate.Ticket, patience time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	why := s.gate.Enter(limited, t)
	if why == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return syncline.Errorf(syncline.Transient, "repository %s: waiting to ask its server: %w", r.Name, err)
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "repository %s could not be read within %s: %w", r.Name, patience, why),
		"it is tried again by itself; look for repositories of the project whose server does not answer")
}

// list lists the refs of a remote.
func (s *Store) list(ctx context.Context, m *mirror, r *program.Remote) (upstream.Refs, error) {
	var reader *refsReader
	place := longPlace{places: s.long}
	defer place.leave()
	err := s.talk(ctx, m, r, func(address string) program.Command {
		reader = newRefsReader(s.options.MaxRefs)
		reader.long = func() error { return place.enter(ctx) }
		return program.Command{
			Args:      []string{"ls-remote", "--quiet", "--symref", "--end-of-options", address},
			Timeout:   s.options.RefsTimeout,
			MaxOutput: maxListing,
			Each:      reader.read,
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
func (s *Store) talk(ctx context.Context, m *mirror, r *program.Remote, build func(address string) program.Command) error {
	address := m.address(r)
	for range maxRedirects {
		c := build(address)
		c.Remote = r
		_, fail := s.git.Run(ctx, c)
		if fail == nil {
			m.admit(r, address)
			return nil
		}
		switch fail.Cause() {
		case program.Redirected:
		case program.Unauthorized, program.NoRepository:
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
	return r.Unreadable(syncline.Invalid, fmt.Sprintf("it redirects more than %d times", maxRedirects), "")
}

// redirect finds where the server at address sends us: to the same repository under
// another scheme or spelling, or else that is an error, as only the address that was
// given was judged. git itself must not follow: it would send the credentials along,
// to whatever host and repository.
func (s *Store) redirect(ctx context.Context, r *program.Remote, address string) (string, error) {
	_, fail := s.git.Run(ctx, program.Command{
		Args:      []string{"ls-remote", "--quiet", "--end-of-options", address},
		Remote:    r,
		Timeout:   s.options.RefsTimeout,
		MaxOutput: maxListing,
		Each:      func([]byte) error { return nil },
		Trace:     true,
	})
	if fail == nil {
		return address, nil // it does not redirect any more
	}
	location, told := fail.Location()
	if !told {
		return "", fail
	}
	from, _ := url.Parse(address)
	to, err := from.Parse(location)
	if err != nil {
		return "", r.Unreadable(syncline.Invalid, "it redirects to what is not an address", "")
	}
	to.Path = strings.TrimSuffix(to.Path, "/info/refs")
	to.RawPath, to.RawQuery, to.User = "", "", nil
	same := strings.EqualFold(to.Host, from.Host) && to.Scheme == from.Scheme
	withTLS := from.Scheme == "http" && to.Scheme == "https" && strings.EqualFold(to.Hostname(), from.Hostname()) && (to.Port() == "" || to.Port() == "443")
	if !same && !withTLS { // another port of the host is another server
		return "", r.Unreadable(syncline.Invalid, "it redirects to "+r.Clean(to.String())+", which is another server",
			"if that is right, use the new address as the repository's URL")
	}
	if named(to.Path) != named(from.Path) {
		return "", r.Unreadable(syncline.Invalid, "it redirects to "+r.Clean(to.String())+", which is another repository: whether that may be read was not judged",
			"if it has moved there, use the new address as the repository's URL")
	}
	return to.String(), nil
}

// named is what a server calls a repository, however it ends.
func named(path string) string {
	return strings.ToLower(strings.TrimSuffix(strings.Trim(path, "/"), ".git"))
}

// classify makes an error for people of what talk returned.
func classify(err error, r *program.Remote) error {
	if fail, ok := err.(*program.RunError); ok { //nolint:errorlint // talk returns it as it is
		return fail.About(r)
	}
	return err
}
