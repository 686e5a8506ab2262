package bucket

import (
	"context"
	"encoding/base64"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// site is a bucket as it is reached in one way: what its server says for one way concerns
// no other.
type site struct {
	transport *transport.Transport
	pause     gate.Pause

	mu sync.Mutex
	// region is where the server said that the bucket is, "" when it did not.
	region string
}

// siteKey names a way: with another region the same server may answer otherwise.
type siteKey struct {
	access   upstream.Access
	provider upstream.BucketProvider
	region   string
}

// scope is the objects of a bucket that are meant, as they are reached in one way.
type scope struct {
	access upstream.Access
	bucket upstream.Bucket
}

// place is where the objects of a scope are.
type place struct {
	*site
	scope    scope
	repo     upstream.Repository
	bucket   upstream.Bucket
	protocol protocol
	// host is host and port, and name that of the bucket.
	host, name string
	options    *Options
	gate       *gate.Gate
	// hidden says that reasons are not told; see Options.HideReasons.
	hidden bool
}

// nameForm is that of a bucket's name, as loosely as any server has it.
var nameForm = regexp.MustCompile(`^[$A-Za-z0-9][A-Za-z0-9._-]{0,221}$`)

// place finds a bucket.
func (s *Store) place(repo upstream.Repository, bucket upstream.Bucket) (*place, error) {
	address := repo.Address
	if err := address.Err(); err != nil {
		return nil, err
	}
	name := strings.Trim(address.Path(), "/")
	if scheme := address.Scheme(); scheme != "http" && scheme != "https" || !nameForm.MatchString(name) {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s is no bucket", address),
			"write it as https://endpoint/bucket, where the bucket is one part")
	}
	p := &place{
		scope: scope{repo.Access(), bucket}, repo: repo, bucket: bucket, protocol: s3{},
		host: net.JoinHostPort(address.Host(), address.Port()), name: name,
		options: &s.options, gate: s.gate, hidden: s.options.HideReasons && !repo.Declared,
	}
	switch bucket.Provider {
	case upstream.BucketGeneric, upstream.BucketAWS, upstream.BucketGCP:
	case upstream.BucketAzure:
		p.protocol = azure{}
	default:
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: buckets of provider %.50q are not read", address, bucket.Provider),
			"write generic, aws, gcp or azure")
	}
	if bucket.Region != "" && !regionForm.MatchString(bucket.Region) {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: region %.100q is none: letters, digits and -", address, bucket.Region)
	}
	if len(bucket.Prefix) > longestKey || len(bucket.Ignore) > maxIgnore {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: prefix or ignore has more than the %d and %d bytes that are read", address, longestKey, maxIgnore)
	}
	var err error
	p.site, err = s.site(p)
	return p, err
}

// site returns what is remembered of a way to a bucket, with its connections.
func (s *Store) site(p *place) (*site, error) {
	key := siteKey{p.scope.access, p.bucket.Provider, p.bucket.Region}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.sites[key]; known != nil {
		return known, nil
	}
	to, err := transport.New(p.repo, p.host, transport.Options{
		Gate: dial.Gate{Allow: s.options.AllowAddresses}, StallTimeout: s.options.StallTimeout, PerHost: s.options.PerHost,
	})
	if err != nil {
		return nil, err
	}
	for other, known := range s.sites {
		if len(s.sites) < maxSites {
			break
		}
		known.transport.CloseIdleConnections()
		delete(s.sites, other) // any: it is made again if need be
	}
	made := &site{transport: to}
	s.sites[key] = made
	return made, nil
}

var (
	regionForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	// amazonForm is that of the servers of Amazon S3, for a region or for all.
	amazonForm = regexp.MustCompile(`^s3(?:[.-](?:dualstack\.|fips\.)?([a-z0-9-]+))?\.(amazonaws\.com(?:\.cn)?)$`)
)

// regionNow returns the region for which is signed.
func (p *place) regionNow() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch amazon := amazonForm.FindStringSubmatch(p.repo.Address.Host()); {
	case p.site.region != "":
		return p.site.region
	case p.bucket.Region != "":
		return p.bucket.Region
	case p.bucket.Provider == upstream.BucketGCP:
		return "auto"
	case amazon != nil && amazon[1] != "" && amazon[1] != "external-1":
		return amazon[1]
	}
	return "us-east-1"
}

// learn takes note of the region in which the server says that the bucket is, and reports
// whether that is another one than was asked in.
func (p *place) learn(region, asked string) bool {
	if !regionForm.MatchString(region) || region == asked {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.site.region = region
	return true
}

// url returns where an object is, or the bucket itself for "". Amazon's server for all
// regions sends requests on to that of the bucket's: it is asked itself.
func (p *place) url(key string) *url.URL {
	path := "/" + p.name
	if key != "" {
		path += "/" + key
	}
	u, _ := url.Parse(p.repo.Address.Origin()) // it was read from one
	p.mu.Lock()
	learned := p.site.region
	p.mu.Unlock()
	if amazon := amazonForm.FindStringSubmatch(u.Hostname()); amazon != nil && learned != "" {
		u.Host = "s3." + learned + "." + amazon[2]
	}
	u.Path, u.RawPath = path, escapedPath(path)
	return u
}

// anonymous reports whether there are no credentials.
func (p *place) anonymous() bool {
	return p.repo.Username == "" && p.repo.Password == "" && p.repo.BearerToken == "" && p.repo.Exchange == upstream.Exchange{}
}

// signer returns what tells the server who asks, and the repository with the token that it
// may have been had for.
func (p *place) signer(ctx context.Context) (signer, upstream.Repository, error) {
	if p.repo.Exchange.Google != "" && p.bucket.Provider == upstream.BucketGCP && p.options.Tokens != nil {
		signed, err := p.options.Tokens.Credentials(ctx, p.repo)
		return bearer{signed.Password}, signed, err
	}
	signer, err := p.ownSigner()
	return signer, p.repo, err
}

// ownSigner returns what tells the server who asks by credentials that are sent as they are.
func (p *place) ownSigner() (signer, error) {
	switch repo := p.repo; {
	case repo.Exchange != upstream.Exchange{}:
		return nil, p.unusable("a "+repo.Exchange.String(), "put an access key and a secret key there, or for Azure an account key or a shared access signature")
	case repo.Unsupported != "":
		return nil, p.unusable(repo.Unsupported, "put keys there that are sent as they are")
	case repo.BearerToken != "" && p.bucket.Provider == upstream.BucketGCP:
		return bearer{repo.BearerToken}, nil
	case repo.BearerToken != "":
		return nil, p.unusable("a bearer token", "put an access key and a secret key there")
	case p.anonymous():
		return nobody{}, nil
	case p.bucket.Provider == upstream.BucketAzure:
		return p.azureSigner()
	case repo.Password == "" || !printable.MatchString(repo.Username):
		return nil, p.unusable("a secret key alone, or an access key alone or with a character that is in none", "put both an access key and a secret key there")
	}
	return signatureV4{p.repo.Username, p.repo.Password, p.regionNow()}, nil
}

var printable = regexp.MustCompile(`^[\x21-\x7e]+$`)

// unusable says which credentials cannot be used.
func (p *place) unusable(what, hint string) error {
	where := "the settings of the repository have "
	if p.repo.Where != "" {
		where = p.repo.Where + " has "
	}
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s%s, by which no bucket of provider %s is read", where, what, p.bucket.Provider), hint)
}

// azureSigner tells an account's key from a shared access signature, which is a query with
// a signature.
func (p *place) azureSigner() (signer, error) {
	secret := strings.TrimSpace(p.repo.Password.Reveal())
	if strings.Contains(secret, "sig=") {
		query, err := url.ParseQuery(strings.TrimPrefix(secret, "?"))
		if err != nil {
			return nil, p.unusable("a shared access signature that is no query", "copy it anew")
		}
		return accessSignature{sealed.Text(encoded(query))}, nil
	}
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(key) == 0 {
		return nil, p.unusable("an account key that is not in Base64", "copy it anew, or put a shared access signature there")
	}
	account := p.repo.Username
	if account == "" {
		account, _, _ = strings.Cut(p.repo.Address.Host(), ".")
	}
	return sharedKey{account, sealed.Text(key)}, nil
}
