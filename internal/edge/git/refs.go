package git

import (
	"context"
	"errors"
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
		return upstream.Refs{}, classify(err)
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
