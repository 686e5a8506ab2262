// Package upstream holds what is known of the repositories from which Apps are
// delivered: where they are, who means them, how they are reached, and what they
// call their revisions. It asks none of them.
package upstream

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Address is where a repository is. It is read once, in the one way in which
// everybody reads it: policies, credentials, mirrors and git. What could be read
// in two ways is refused, because then what is judged might not be what is asked
// for. The zero Address is refused too.
//
// It is comparable. It prints without user name and password.
type Address struct {
	scheme string
	user   string
	secret sealed.Text
	// host is in lower case; an IPv6 address has brackets.
	host string
	// port is "" where it is the scheme's own.
	port string
	// path is decoded, and begins with "/" but for a folder named by a word.
	path string
	// relative says that the path begins at the home of ssh's user.
	relative bool
	// charts says that it is of a Helm repository; see [Address.OfCharts].
	charts bool
	// written is the address as it was written, for messages: without secrets.
	written string
	problem string
	hint    string
	// refused is the text of an address with a problem, for its key.
	refused string
}

// The schemes of addresses.
const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	schemeSSH   = "ssh"
	schemeFile  = "file"
	schemeOCI   = "oci"
)

const maxAddress = 2048

// AddressOf reads an address: a URL of http, https, oci, ssh or file, the form
// "user@host:path" of ssh, or a folder. One of oci names a repository in a registry,
// and no user. One that is refused has no parts, is no
// other's equal by [Address.Key], and says why by [Address.Err]. White space
// around it does not count.
func AddressOf(text string) Address {
	text = strings.Trim(text, " \t\r\n")
	reader := addressReader{rest: text}
	a := reader.read()
	if reader.problem != "" {
		return Address{problem: reader.problem, hint: reader.hint, written: redacted(text), refused: text}
	}
	a.written = a.URL()
	if a.scheme == schemeSSH && !strings.Contains(text, "://") {
		a.written = text
	}
	return a
}

// Err returns an [*Error] when the address is refused, nil when it is not. The
// message shows nothing of the address that may be a secret.
func (a Address) Err() error {
	switch {
	case a.problem != "":
		return &Error{what: fmt.Sprintf("repository address %q", a.written), problem: a.problem, hint: a.hint}
	case a == Address{}:
		return &Error{what: `repository address ""`, problem: "it is empty", hint: writeURL}
	}
	return nil
}

// Error is why an address or a [Pattern] cannot be read.
type Error struct{ what, problem, hint string }

// Error names the address or the pattern, without secrets.
func (e *Error) Error() string { return e.what + ": " + e.problem }

// Unreadable returns what to write instead.
func (e *Error) Unreadable() string { return e.hint }

// String returns the address without credentials, for people. Of one that is
// refused it shows only what surely holds none.
func (a Address) String() string { return a.written }

// Format prints [Address.String], whatever the verb.
func (a Address) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

// MarshalText returns [Address.String].
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Scheme returns "http", "https", "oci", "ssh" or "file".
func (a Address) Scheme() string { return a.scheme }

// User returns the user name, if the address has one.
func (a Address) User() string { return a.user }

// Password returns the password, if the address has one.
func (a Address) Password() sealed.Text { return a.secret }

// Host returns the name or the IP address of the server, in lower case, and
// without brackets.
func (a Address) Host() string { return strings.Trim(a.host, "[]") }

// HostInURL returns the host as it is written in a URL: an IPv6 address has
// brackets.
func (a Address) HostInURL() string { return a.host }

// Port returns the port, which is the scheme's own when the address names none,
// and "" of a folder.
func (a Address) Port() string {
	if a.port != "" {
		return a.port
	}
	return defaultPort(a.scheme)
}

// Origin returns scheme, host and port as in "https://host:8443".
func (a Address) Origin() string {
	if a.port != "" {
		return a.scheme + "://" + a.host + ":" + a.port
	}
	return a.scheme + "://" + a.host
}

// Path returns the path, decoded.
func (a Address) Path() string { return a.path }

// IsRelative reports whether the address is one of the form "user@host:path": its path
// begins at the home of that user, where the server has such a place. By [Address.Key]
// it is the repository of the same path that begins at the root: hosts of repositories
// make no difference.
func (a Address) IsRelative() bool { return a.relative }

// URL returns the address as a server is asked for it, without credentials: the
// one way to write it. Of a folder it is the path.
func (a Address) URL() string {
	if a.scheme == schemeFile {
		return a.path
	}
	return a.Origin() + encodePath(a.path)
}

// SourceAddress reads the address of a source: where that names a chart it is one of a Helm
// repository, or of a registry. A bucket's is read like the former.
func SourceAddress(text, chart string, bucket Bucket) Address {
	switch {
	case chart != "":
		return ChartsAddress(text)
	case !bucket.IsZero():
		return AddressOf(text).OfCharts()
	}
	return AddressOf(text)
}

// ChartsAddress reads the address of what has charts: a Helm repository, or a registry. As in
// Argo CD it is one of a registry where it has no scheme, as in "registry.example.com/charts",
// whatever else says so.
func ChartsAddress(text string) Address {
	text = strings.Trim(text, " \t\r\n")
	if text != "" && !strings.HasPrefix(text, "/") && !strings.Contains(text, "@") && !strings.Contains(text, "://") {
		text = schemeOCI + "://" + text
	}
	return AddressOf(text).OfCharts()
}

// OfCharts returns the address as that of a Helm repository: its server tells a path
// from the same one with ".git" behind it, as a registry does and hosts of Git
// repositories do not.
func (a Address) OfCharts() Address {
	a.charts = a.scheme == schemeHTTP || a.scheme == schemeHTTPS
	return a
}

// OfGit returns the address as that of a Git repository.
func (a Address) OfGit() Address {
	a.charts = false
	return a
}

// Below returns the address of what has a name below this one, as a chart in a registry: of
// what has none this one.
func (a Address) Below(name string) Address {
	if name == "" {
		return a
	}
	below := AddressOf(strings.TrimSuffix(a.URL(), "/") + "/" + name)
	below.charts = a.charts && below.problem == ""
	return below
}

// Key returns the identity of the repository: two spellings of one address have
// one key. It is for comparing, and not for connecting. The key has no
// credentials, default port or trailing slash, and no ".git" where hosts of Git
// repositories are asked; scheme and host are in lower case. What is refused is its own
// key.
func (a Address) Key() string {
	switch {
	case a.problem != "":
		return a.refused
	case a.scheme == schemeFile:
		return a.path
	case a.scheme == "":
		return ""
	case a.scheme == schemeSSH && a.user != "":
		return a.scheme + "://" + a.user + "@" + strings.TrimPrefix(a.Origin(), "ssh://") + encodePath(a.bare())
	}
	return a.Origin() + encodePath(a.bare())
}

// Is reports whether two addresses are of one repository. Where only one of them is known
// to be of a Helm repository, the other is read so too.
func (a Address) Is(other Address) bool {
	a, other = alike(a, other)
	return a.Key() == other.Key()
}

// IsWithin reports whether the repository is the one at another address, or below it by
// whole parts of its path.
func (a Address) IsWithin(above Address) bool {
	a, above = alike(a, above)
	return strings.HasPrefix(a.Key()+"/", above.Key()+"/")
}

// alike returns two addresses as of the same kind.
func alike(a, b Address) (Address, Address) {
	if a.charts || b.charts {
		return a.OfCharts(), b.OfCharts()
	}
	return a, b
}

// Key returns the [Address.Key] of what is written.
func Key(address string) string { return AddressOf(address).Key() }

// Redact returns an address without a password or user name in it, for messages.
func Redact(address string) string { return AddressOf(address).String() }

// isExact reports whether each letter of the path counts.
func (a Address) isExact() bool { return a.charts || a.scheme == schemeOCI }

// bare returns the path without what is left out of a key.
func (a Address) bare() string {
	path := strings.TrimSuffix(a.path, "/")
	if at := len(path) - len(".git"); !a.isExact() && at > 0 && strings.EqualFold(path[at:], ".git") {
		path = strings.TrimSuffix(path[:at], "/")
	}
	return path
}

// redacted is what is shown of an address that is refused: what comes behind the
// last "@", when that is an address, and else the scheme alone.
func redacted(text string) string {
	scheme, _, found := strings.Cut(text, "://")
	if !found || !plain(scheme, "+") || len(scheme) > 16 {
		return "…"
	}
	if at := strings.LastIndexByte(text, '@'); at > len(scheme) {
		behind := addressReader{rest: scheme + "://" + text[at+1:]}
		if a := behind.read(); behind.problem == "" {
			return a.URL()
		}
	}
	return scheme + "://…"
}

func defaultPort(scheme string) string {
	switch scheme {
	case schemeHTTP:
		return "80"
	case schemeHTTPS, schemeOCI:
		return "443"
	case schemeSSH:
		return "22"
	default:
		return ""
	}
}
