package upstream

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Repository is how to reach the repository at an address.
type Repository struct {
	Address Address
	// Declared says that the operator named the repository, or its server, by a
	// repository Secret.
	Declared bool
	// Where says for messages where credentials for it are, or are to be put.
	Where string
	// Username and Password are sent as HTTP basic authentication. A token
	// alone goes with any user name.
	Username string
	Password sealed.Text
	// BearerToken is sent as an HTTP Authorization header instead.
	BearerToken sealed.Text
	// Exchange is how a token is had that is sent instead of all of these.
	Exchange Exchange
	// LFS says that pointers of Git LFS stand for what the repository's LFS server has.
	LFS bool
	// Unsupported names credentials that the repository Secret has and Syncline
	// cannot use, where it has no others.
	Unsupported string
	// SSHKey is a private key in PEM, without a passphrase, for addresses of ssh.
	SSHKey sealed.Text
	// KnownHosts are the keys of servers that are trusted for ssh, as in OpenSSH's file
	// known_hosts, and KnownHostsIn says where they are from, for messages.
	KnownHosts   []byte
	KnownHostsIn string
	// ForceBasicAuth sends the credentials without waiting to be asked.
	ForceBasicAuth bool
	// InsecureSkipVerify accepts any certificate, or key for ssh, of the server.
	InsecureSkipVerify bool
	// PlainHTTP reaches a registry by HTTP without TLS.
	PlainHTTP bool
	// CA holds PEM certificates that are trusted besides the system's, and CAIn says for
	// messages where they are put.
	CA   []byte
	CAIn string
	// ClientCert and ClientKey are PEM, for mutual TLS.
	ClientCert []byte
	ClientKey  sealed.Text
	// PassTo are the hosts besides its server's to which its credentials may be sent, when
	// the server or what is there names them. Default: none.
	PassTo []string
	// Proxy is the URL of an HTTP proxy; NoProxy lists hosts that bypass it.
	Proxy   string
	NoProxy string
	// Others says how whoever reads this repository reaches another one that it names,
	// or why they may not. Default: they do not.
	Others func(address Address) (Repository, error)
}

// PassesTo reports whether credentials may be sent to a host besides the server's.
func (r Repository) PassesTo(host string) bool {
	return slices.ContainsFunc(r.PassTo, func(may string) bool { return strings.EqualFold(may, host) })
}

// Access is a way to a repository: its address, and with what credentials and
// settings it is reached. It is comparable: what is known by one Access is no
// other's, be it an answer or an error. It prints nothing.
type Access struct {
	key, user              string
	charts                 bool
	inAddress              sealed.Text
	username               string
	password, bearer       sealed.Text
	declared, basic, trust bool
	plain                  bool
	ca, cert               string
	certKey, sshKey        sealed.Text
	knownHosts             string
	passTo                 string
	proxy                  sealed.Text
	noProxy                string
	exchange               Exchange
	lfs                    bool
}

// Access returns the way to the repository. Two spellings of its address are one.
func (r Repository) Access() Access {
	return Access{
		key: r.Address.Key(), charts: r.Address.charts, user: r.Address.User(), inAddress: r.Address.Password(),
		username: r.Username, password: r.Password, bearer: r.BearerToken,
		declared: r.Declared, basic: r.ForceBasicAuth, trust: r.InsecureSkipVerify, plain: r.PlainHTTP,
		ca: string(r.CA), cert: string(r.ClientCert), certKey: r.ClientKey,
		sshKey: r.SSHKey, knownHosts: string(r.KnownHosts),
		passTo: strings.Join(r.PassTo, " "), proxy: sealed.Text(r.Proxy), noProxy: r.NoProxy,
		exchange: r.Exchange, lfs: r.LFS,
	}
}

// Format prints nothing of what it holds.
func (Access) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("access")) }

// Refs is what a repository calls its revisions, at one moment.
type Refs struct {
	// Head is the full name of the branch that HEAD points to, such as
	// "refs/heads/main". Empty when HEAD is detached or missing.
	Head string
	// Commits maps the full name of each ref, and "HEAD", to a commit. An
	// annotated tag maps to the commit that it tags.
	Commits map[string]string
}

// Commit is what a repository says of one revision.
type Commit struct {
	// Hash is the full name of the commit.
	Hash    string
	Author  string
	Email   string
	Date    time.Time
	Message string
}
