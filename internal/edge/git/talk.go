package git

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// Tokens exchanges credentials that no server of repositories takes for such as they
// take.
type Tokens interface {
	// Credentials returns the repository with others in place of its Exchange. Its errors
	// name the repository.
	Credentials(ctx context.Context, repo upstream.Repository) (upstream.Repository, error)
	// Refused takes note that the server did not let in what Credentials returned.
	Refused(repo, signed upstream.Repository)
}

// signed returns the remote with what its server takes in place of what is exchanged
// for that.
func (s *Store) signed(ctx context.Context, r *program.Remote) (*program.Remote, error) {
	if r.Repository.Exchange == (upstream.Exchange{}) {
		return r, nil
	}
	if s.options.Tokens == nil {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: its credentials, those of a %s, cannot be used here", r.Name, r.Repository.Exchange)
	}
	repo, err := s.options.Tokens.Credentials(ctx, r.Repository)
	if err != nil {
		return nil, err
	}
	return s.git.Remote(repo)
}

// maxRedirects is how often a server may send us on.
const maxRedirects = 5

// talk runs a command that talks to the remote, following redirects within the
// remote's host. The mirror remembers where they lead. A token that is refused may have
// ended early: another one is tried, once.
func (s *Store) talk(ctx context.Context, m *mirror, r *program.Remote, build func(address string) program.Command) error {
	address := m.address(r)
	signed, err := s.signed(ctx, r)
	if err != nil {
		return err
	}
	again := false
	for range maxRedirects {
		c := build(address)
		c.Remote = signed
		_, fail := s.git.Run(ctx, c)
		if fail == nil {
			m.admit(r, address)
			return nil
		}
		switch cause := fail.Cause(); {
		case cause == program.Redirected:
		case cause == program.Unauthorized && signed != r && !again:
			again = true
			s.options.Tokens.Refused(r.Repository, signed.Repository)
			if signed, err = s.signed(ctx, r); err != nil {
				return err
			}
			continue
		case cause == program.Unauthorized, cause == program.NoRepository:
			m.expel(r)
			return fail
		default:
			return fail
		}
		next, err := s.redirect(ctx, signed, address)
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
func classify(err error) error {
	if fail, ok := err.(*program.RunError); ok { //nolint:errorlint // talk returns it as it is
		return fail.About()
	}
	return err
}
