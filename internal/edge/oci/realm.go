package oci

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/syncline-io/syncline"
)

// mayGiveTokens reports why a server of tokens is not asked that a registry names. Where
// there are credentials they would go there, and whoever answers for one repository of a
// registry could have them sent anywhere: so the server has to be of the registry's own
// host or domain, or one that the repository's settings name.
func (p *place) mayGiveTokens(realm string) error {
	at, err := url.Parse(realm)
	if err != nil || at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != p.scheme {
		return failf(syncline.Transient, "it names no server of tokens that is asked: an address without TLS, or none")
	}
	own, host := p.hostname(), strings.ToLower(at.Hostname())
	if p.auth.has() && !related(own, host) && !p.passesTo(host) {
		return failf(syncline.Denied, "it wants the credentials sent to %s, which is not of its own domain", clean(host)).
			withHint("if its tokens are given out there, let the repository's settings pass the credentials on to that host")
	}
	return nil
}

// related reports whether two hosts are of one owner, as far as their names tell: they are
// one, or of one domain that somebody has registered. In names that are not public, such as
// those of a cluster, they have to be in the same domain.
func related(a, b string) bool {
	if a == b {
		return true
	}
	if _, err := netip.ParseAddr(a); err == nil {
		return false
	}
	_, above, _ := strings.Cut(a, ".")
	suffix, icann := publicsuffix.PublicSuffix(a)
	if icann || strings.Contains(suffix, ".") { // a public one, or one that a company lists
		registered, err := publicsuffix.EffectiveTLDPlusOne(a)
		return err == nil && (b == registered || strings.HasSuffix(b, "."+registered))
	}
	_, other, _ := strings.Cut(b, ".")
	return strings.Contains(above, ".") && above == other
}
