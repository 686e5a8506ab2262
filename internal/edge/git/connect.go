package git

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/syncline-io/syncline"
)

// Resolver says which addresses a name has. A [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// neverAsked are addresses that no repository is at, but services that trust
// whoever is on the machine or on its network: metadata of clouds, link-local
// neighbours, and what stands for this machine or for many.
func neverAsked() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/128", "fe80::/10", "ff00::/8",
		"fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

// asked reports whether a server at an address may be asked.
func (s *Store) asked(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if embedded := netip.MustParsePrefix("64:ff9b::/96"); embedded.Contains(ip) { // NAT64
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	contains := func(p netip.Prefix) bool { return p.Contains(ip) }
	return slices.ContainsFunc(s.options.AllowAddresses, contains) || !slices.ContainsFunc(neverAsked(), contains)
}

// pin looks up the remote's host, and returns what makes git connect to the
// addresses that were found and checked, whatever the name means a moment later.
// Behind a proxy it is the proxy that looks up.
func (s *Store) pin(ctx context.Context, r *remote) ([]setting, error) {
	if r.hostname == "" || r.proxied() {
		return nil, nil
	}
	if ip, err := netip.ParseAddr(r.hostname); err == nil {
		if !s.asked(ip) {
			return nil, r.notAsked()
		}
		return nil, nil
	}
	found, err := s.options.Resolver.LookupNetIP(ctx, "ip", r.hostname)
	if err != nil {
		return nil, r.unreadable(syncline.Transient, "could not resolve host "+r.hostname, "")
	}
	var addresses []string
	for _, ip := range found {
		if !s.asked(ip) {
			return nil, r.notAsked()
		}
		if ip = ip.Unmap(); ip.Is6() {
			addresses = append(addresses, "["+ip.String()+"]")
		} else {
			addresses = append(addresses, ip.String())
		}
	}
	var settings []setting
	for _, port := range slices.Compact([]string{r.port, "443"}) { // it may send us on to itself, with TLS
		settings = append(settings, setting{"http.curloptResolve", r.hostname + ":" + port + ":" + strings.Join(addresses, ",")})
	}
	return settings, nil
}

// proxied reports whether a proxy is asked for the remote.
func (r *remote) proxied() bool {
	if r.proxy {
		return true
	}
	target, err := url.Parse(r.url)
	if err != nil {
		return false
	}
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(target)
	return err == nil && proxy != nil
}

func (r *remote) notAsked() error {
	return r.unreadable(syncline.Invalid, "its server has an address that is not asked, because services of the machine or the cloud answer there",
		"if a repository is there, allow the address by --git-allow-addresses")
}

// unreadable says why a repository cannot be read. Of one that the operator did
// not name, whoever reads the error learns nothing of the network: all reasons
// read alike, and the log has them.
func (r *remote) unreadable(kind syncline.Kind, reason, hint string) error {
	if r.hidden {
		slog.Info("a repository that no Secret names cannot be read", "repository", r.name, "reason", reason)
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "repository %s: access was refused, or it is not there, or it cannot be reached", r.name),
			"check the address; if it is private, "+r.credentialsHint()+"; the log of the agent has the reason")
	}
	err := syncline.Errorf(kind, "repository %s cannot be read: %s", r.name, reason)
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}
