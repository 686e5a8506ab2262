package git

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// remote is a repository as git is told of it.
type remote struct {
	// url has no credentials.
	url string
	// key is the identity of the repository, name what people call it.
	key, name string
	// host is host and port, hostname without brackets.
	host, hostname, port string
	// proxy says that the repository's settings name a proxy.
	proxy bool
	// hidden says that its reasons are not told; see Options.HideReasons.
	hidden bool
	// config and env carry credentials, and are passed in the environment only.
	config []setting
	env    []string
	// handed are contents that git reads at handedPath, and that are on no disk.
	handed [][]byte
	// secrets are texts that no message may hold.
	secrets []string
	// withCredentials reports whether any are sent.
	withCredentials bool
	// unsupported names credentials that there are and that cannot be sent.
	unsupported string
}

// setting is one entry of git's configuration.
type setting struct{ key, value string }

// remote checks a repository's address and gathers what is needed to reach it.
func (s *Store) remote(repo upstream.Repository) (*remote, error) {
	address := repo.Address
	if err := address.Err(); err != nil {
		return nil, err
	}
	name := address.String()
	if strings.ContainsFunc(strings.TrimSpace(repo.BearerToken.Reveal()), isControl) {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: its bearer token contains a control character", name)
	}
	switch scheme := address.Scheme(); {
	case scheme == "ssh":
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: ssh is not supported", name),
			"use the repository's https address, with a user name and password or token")
	case scheme == "file" && s.options.AllowLocal && filepath.IsAbs(address.Path()):
		return &remote{url: address.Path(), key: address.Path(), name: name}, nil
	case scheme == "file", scheme == "oci":
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository address %q: only http and https addresses are allowed", name),
			"write it as https://host/path")
	}
	r := &remote{
		url: address.URL(), key: address.Key(), name: name,
		host: net.JoinHostPort(address.Host(), address.Port()), hostname: address.Host(), port: address.Port(),
		proxy: repo.Proxy != "", hidden: s.options.HideReasons && !repo.Declared,
		unsupported: repo.Unsupported,
	}
	r.authorize(repo)
	if err := s.secure(r, repo); err != nil {
		return nil, err
	}
	return r, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// authorize puts the credentials into a header that goes to this origin only.
// They are sent at once, which saves a request and serves servers that answer
// 404 to strangers.
func (r *remote) authorize(repo upstream.Repository) {
	address := repo.Address
	username, password := repo.Username, repo.Password.Reveal()
	r.secrets = append(r.secrets, address.Password().Reveal())
	if username == "" && password == "" {
		username, password = address.User(), address.Password().Reveal()
	}
	var header string
	switch token := strings.TrimSpace(repo.BearerToken.Reveal()); {
	case token != "":
		header = "Bearer " + token
		r.secrets = append(r.secrets, token)
	case password != "":
		if username == "" {
			username = "git"
		}
		basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
		header = "Basic " + basic
		r.secrets = append(r.secrets, password, basic)
	case username != "": // a token in the place of the user name
		basic := base64.StdEncoding.EncodeToString([]byte(username + ":"))
		header = "Basic " + basic
		r.secrets = append(r.secrets, username, basic)
	default:
		return
	}
	r.withCredentials = true
	r.config = append(r.config, setting{"http." + address.Origin() + "/.extraHeader", "Authorization: " + header})
	if address.Scheme() == "http" { // it may send us on to itself, with TLS
		r.config = append(r.config, setting{"http.https://" + address.HostInURL() + "/.extraHeader", "Authorization: " + header})
	}
}

// secure sets what concerns TLS and proxies.
func (s *Store) secure(r *remote, repo upstream.Repository) error {
	if repo.InsecureSkipVerify {
		r.config = append(r.config, setting{"http.sslVerify", "false"})
	}
	if len(repo.CA) > 0 {
		path, err := s.bundle(repo.CA)
		if err != nil {
			return syncline.Errorf(syncline.Internal, "repository %s: writing its CA certificates: %w", r.name, err)
		}
		r.config = append(r.config, setting{"http.sslCAInfo", path})
	}
	if len(repo.ClientCert) > 0 || repo.ClientKey != "" {
		if _, err := tls.X509KeyPair(repo.ClientCert, []byte(repo.ClientKey.Reveal())); err != nil {
			return syncline.Errorf(syncline.Invalid, "repository %s: its client certificate and key are no pair in PEM", r.name)
		}
		r.handed = [][]byte{repo.ClientCert, []byte(repo.ClientKey.Reveal())}
		r.config = append(r.config, setting{"http.sslCert", handedPath(0)}, setting{"http.sslKey", handedPath(1)})
		r.withCredentials = true
	}
	if repo.Proxy == "" {
		return nil
	}
	proxy, err := url.Parse(repo.Proxy)
	if err != nil || proxy.Host == "" || !proxySchemes.MatchString(proxy.Scheme) {
		return syncline.Errorf(syncline.Invalid, "repository %s: proxy %q is not an http, https or socks5 URL", r.name, upstream.Redact(repo.Proxy))
	}
	if password, ok := proxy.User.Password(); ok {
		r.secrets = append(r.secrets, password)
	}
	r.config = append(r.config, setting{"http.proxy", repo.Proxy})
	r.env = append(r.env, "NO_PROXY="+repo.NoProxy)
	return nil
}

var proxySchemes = regexp.MustCompile(`^(https?|socks5h?)$`)

// access identifies with what credentials the remote is reached, and by what way.
func (r *remote) access() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", r.url, r.config, r.env, r.handed))
}

// systemBundles are where systems keep the certificates that they trust.
func systemBundles() []string {
	return []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
}

// bundle writes certificates, together with those that the system trusts, to a
// file that is named after them.
func (s *Store) bundle(ca []byte) (string, error) {
	all := append([]byte{}, ca...)
	for _, path := range systemBundles() {
		if system, err := os.ReadFile(path); err == nil { // absent on other systems
			all = append(append(all, '\n'), system...)
			break
		}
	}
	sum := sha256.Sum256(all)
	path := filepath.Join(s.options.Dir, "ca-"+hex.EncodeToString(sum[:16])+".pem")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.CreateTemp(s.options.Dir, "ca-*.tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is renamed when all went well
	if _, err := file.Write(all); err != nil {
		_ = file.Close()
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(file.Name(), path)
}

var (
	fullName = regexp.MustCompile(`^[0-9a-f]{40}$`)
	abridged = regexp.MustCompile(`^[0-9a-f]{4,39}$`)
	refName  = regexp.MustCompile(`^refs/[^\x00-\x20\x7f~^:?*\[\\]+$`)
)

// checkCommit refuses what is not the full name of a commit.
func checkCommit(commit string) error {
	if !fullName.MatchString(commit) {
		return syncline.Errorf(syncline.Invalid, "%q is not the full name of a commit", commit)
	}
	return nil
}

// checkRef refuses what is not "", "HEAD" or the full name of a ref.
func checkRef(ref string) error {
	if ref == "" || ref == "HEAD" {
		return nil
	}
	bad := !refName.MatchString(ref) || strings.Contains(ref, "..") || strings.Contains(ref, "@{") ||
		strings.Contains(ref, "//") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".")
	for part := range strings.SplitSeq(ref, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return syncline.Errorf(syncline.Invalid, "%q is not the full name of a ref", ref)
	}
	return nil
}
