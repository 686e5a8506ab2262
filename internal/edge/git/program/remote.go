package program

import (
	"cmp"
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

// Remote is a repository as git is told of it.
type Remote struct {
	// Repository is what this is made of.
	Repository upstream.Repository
	// URL has no credentials.
	URL string
	// Key is the identity of the repository, Name what people call it.
	Key, Name string
	// Host is host and port; "" of a folder.
	Host string
	// hostname is without brackets.
	hostname, port string
	// proxy says that the repository's settings name a proxy.
	proxy bool
	// hidden says that its reasons are not told; see Options.HideReasons.
	hidden bool
	// config and env carry credentials, and are passed in the environment only.
	config []Setting
	env    []string
	// handed are contents that git reads at handedPath, and that are on no disk.
	handed [][]byte
	// secrets are texts that no message may hold.
	secrets []string
	// authorization is the header of that name that goes with every request.
	authorization string
	// withCredentials reports whether any are sent.
	withCredentials bool
	// unsupported names credentials that there are and that cannot be sent, where says
	// where they are put, and authorities where certificates are.
	unsupported, where, authorities string
	// shell is how it is reached by ssh, with the private key of that digest; nil where
	// it is not.
	shell     *secureShell
	keyDigest [sha256.Size]byte
}

// Remote checks a repository's address and gathers what is needed to reach it.
func (g *Git) Remote(repo upstream.Repository) (*Remote, error) {
	address := repo.Address
	if err := address.Err(); err != nil {
		return nil, err
	}
	name := address.String()
	if strings.ContainsFunc(strings.TrimSpace(repo.BearerToken.Reveal()), isControl) {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: its bearer token contains a control character", name)
	}
	switch scheme := address.Scheme(); {
	case scheme == "file" && g.options.AllowLocal && filepath.IsAbs(address.Path()):
		return &Remote{Repository: repo, URL: address.Path(), Key: address.Path(), Name: name}, nil
	case scheme == "file", scheme == "oci":
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository address %q: only https, http and ssh addresses are allowed", name),
			"write it as https://host/path or ssh://user@host/path")
	}
	r := &Remote{
		Repository: repo,
		URL:        address.URL(), Key: address.Key(), Name: name,
		Host: net.JoinHostPort(address.Host(), address.Port()), hostname: address.Host(), port: address.Port(),
		proxy: repo.Proxy != "", hidden: g.options.HideReasons && !repo.Declared,
		unsupported: repo.Unsupported, where: cmp.Or(repo.Where, settings), authorities: cmp.Or(repo.CAIn, settings),
	}
	if address.Scheme() == "ssh" {
		return r, g.overSSH(r, repo)
	}
	r.authorize(repo)
	return r, g.secure(r, repo)
}

// settings are for messages where credentials and authorities are, when nothing says it.
const settings = "the repository's settings"

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// authorize puts the credentials into a header that goes to this origin only.
// They are sent at once, which saves a request and serves servers that answer
// 404 to strangers.
func (r *Remote) authorize(repo upstream.Repository) {
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
	r.withCredentials, r.authorization = true, header
	r.config = append(r.config, Setting{"http." + address.Origin() + "/.extraHeader", "Authorization: " + header})
	if address.Scheme() == "http" { // it may send us on to itself, with TLS
		r.config = append(r.config, Setting{"http.https://" + address.HostInURL() + "/.extraHeader", "Authorization: " + header})
	}
}

// Authorization returns the header of that name that the remote's server is sent, which
// no other is; "" is none.
func (r *Remote) Authorization() string { return r.authorization }

// IsShell reports whether it is reached by ssh.
func (r *Remote) IsShell() bool { return r.shell != nil }

// secure sets what concerns TLS and proxies.
func (g *Git) secure(r *Remote, repo upstream.Repository) error {
	if repo.InsecureSkipVerify {
		r.config = append(r.config, Setting{"http.sslVerify", "false"})
	}
	if len(repo.CA) > 0 {
		path, err := g.bundle(repo.CA)
		if err != nil {
			return syncline.Errorf(syncline.Internal, "repository %s: writing its CA certificates: %w", r.Name, err)
		}
		r.config = append(r.config, Setting{"http.sslCAInfo", path})
	}
	if len(repo.ClientCert) > 0 || repo.ClientKey != "" {
		if _, err := tls.X509KeyPair(repo.ClientCert, []byte(repo.ClientKey.Reveal())); err != nil {
			return syncline.Errorf(syncline.Invalid, "repository %s: its client certificate and key are no pair in PEM", r.Name)
		}
		r.handed = [][]byte{repo.ClientCert, []byte(repo.ClientKey.Reveal())}
		r.config = append(r.config, Setting{"http.sslCert", handedPath(0)}, Setting{"http.sslKey", handedPath(1)})
		r.withCredentials = true
	}
	if repo.Proxy == "" {
		return nil
	}
	proxy, err := url.Parse(repo.Proxy)
	if err != nil || proxy.Host == "" || !proxySchemes.MatchString(proxy.Scheme) {
		return syncline.Errorf(syncline.Invalid, "repository %s: proxy %q is not an http, https or socks5 URL", r.Name, upstream.Redact(repo.Proxy))
	}
	if password, ok := proxy.User.Password(); ok {
		r.secrets = append(r.secrets, password)
	}
	r.config = append(r.config, Setting{"http.proxy", repo.Proxy})
	r.env = append(r.env, "NO_PROXY="+repo.NoProxy)
	return nil
}

var proxySchemes = regexp.MustCompile(`^(https?|socks5h?)$`)

// Access identifies with what credentials the remote is reached, and by what way.
func (r *Remote) Access() [sha256.Size]byte {
	config := ""
	if r.shell != nil {
		config = r.shell.config
	}
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %x %q", r.URL, r.config, r.env, r.handed, config, r.keyDigest, exchangeOf(r.Repository)))
}

// exchangeOf is what tokens are exchanged for.
func exchangeOf(repo upstream.Repository) []string {
	github, azure := repo.Exchange.GitHub, repo.Exchange.Azure
	return []string{
		github.ID, github.Installation, github.API, github.Key.Reveal(),
		repo.Exchange.String(), azure.Client, azure.Tenant, azure.Authority, azure.Secret.Reveal(),
		repo.Exchange.Google.Reveal(),
	}
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
func (g *Git) bundle(ca []byte) (string, error) {
	all := append([]byte{}, ca...)
	for _, path := range systemBundles() {
		if system, err := os.ReadFile(path); err == nil { // absent on other systems
			all = append(append(all, '\n'), system...)
			break
		}
	}
	return g.named("ca-", all)
}

// named writes what is no secret to a file that is named after it.
func (g *Git) named(prefix string, content []byte) (string, error) {
	sum := sha256.Sum256(content)
	path := filepath.Join(g.options.Dir, prefix+hex.EncodeToString(sum[:16]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.CreateTemp(g.options.Dir, prefix+"*.tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is renamed when all went well
	if _, err := file.Write(content); err != nil {
		_ = file.Close()
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(file.Name(), path)
}
