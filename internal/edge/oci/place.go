package oci

import (
	"cmp"
	"net"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// place is a repository in a registry.
type place struct {
	*registry
	*memory
	// name is what people call it, path what the registry does.
	name, path string
	// hidden says that reasons are not told; see Options.HideReasons.
	hidden bool
	// where says where credentials are put, authorities where certificates are, and
	// unsupported which credentials there are that cannot be used.
	where, authorities, unsupported string
	// passesTo reports whether credentials may be sent to a host besides the registry's.
	passesTo func(host string) bool
}

// pathForm is that of a repository's name, as the distribution specification has it.
var pathForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// place finds a repository. The names of Docker Hub are read as every client does.
func (s *Store) place(repo upstream.Repository) (*place, error) {
	address := repo.Address
	if err := address.Err(); err != nil {
		return nil, err
	}
	if address.Scheme() != "oci" {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s is in no OCI registry", address), "write it as oci://host/path")
	}
	path, host, port := strings.Trim(address.Path(), "/"), address.Host(), address.Port()
	if hub, below, is := address.Hub(); is {
		host, path = hub, below
	}
	if !pathForm.MatchString(path) || len(path) > 255 {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: no registry has a repository of that name", address),
			"write lower-case letters, digits and - . _ between slashes, at most 255 in all")
	}
	scheme := "https"
	if repo.PlainHTTP {
		scheme = "http"
		if port == "443" { // that of TLS, which no address needs to name
			port = "80"
		}
	}
	r, err := s.registry(repo, scheme, net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	return &place{
		registry: r, memory: s.memory(repo), name: address.String(), path: path,
		hidden: s.options.HideReasons && !repo.Declared, passesTo: repo.PassesTo,
		where: cmp.Or(repo.Where, "its repository Secret"), authorities: cmp.Or(repo.CAIn, "the repository's settings"),
		unsupported: unsupported(repo),
	}, nil
}

// unsupported names the credentials of a repository that no registry is sent, or is "".
func unsupported(repo upstream.Repository) string {
	if exchange := repo.Exchange.String(); exchange != "" {
		return "credentials of the kind " + exchange
	}
	return repo.Unsupported
}

// hostname returns the host without its port.
func (p *place) hostname() string {
	host, _, _ := net.SplitHostPort(p.host) // it was joined
	return host
}

// url returns where something of the repository is.
func (p *place) url(kind, name string) string {
	return p.scheme + "://" + p.host + "/v2/" + p.path + "/" + kind + "/" + name
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// checkDigest refuses what is no digest that can be computed.
func checkDigest(digest string) error {
	if !digestForm.MatchString(digest) {
		return syncline.Errorf(syncline.Invalid, "%q is not a digest: sha256: and 64 hexadecimal digits", clean(digest))
	}
	return nil
}

var tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
