package program

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/syncline-io/syncline"
)

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
func (g *Git) asked(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if embedded := netip.MustParsePrefix("64:ff9b::/96"); embedded.Contains(ip) { // NAT64
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	contains := func(p netip.Prefix) bool { return p.Contains(ip) }
	return slices.ContainsFunc(g.options.AllowAddresses, contains) || !slices.ContainsFunc(neverAsked(), contains)
}

// way is how one run reaches its remote.
type way struct {
	settings []Setting
	env      []string
	// end lets go of what the way needs.
	end func()
}

// reach looks up the remote's host, and has git connect to the addresses that were
// found and checked, whatever the name means a moment later. Behind a proxy it is the
// proxy that looks up.
func (g *Git) reach(ctx context.Context, r *Remote) (way, error) {
	to := way{end: func() {}}
	if r.hostname == "" || r.shell == nil && r.proxied() {
		return to, nil
	}
	found, err := g.lookUp(ctx, r)
	if err != nil {
		return to, err
	}
	if r.shell != nil {
		to.env, to.end, err = g.shellTo(r, found[0])
		return to, err
	}
	if _, err := netip.ParseAddr(r.hostname); err != nil { // a name
		to.settings = r.pins(found)
	}
	return to, nil
}

// lookUp returns the addresses of the remote's host, all of which may be asked.
func (g *Git) lookUp(ctx context.Context, r *Remote) ([]netip.Addr, error) {
	var found []netip.Addr
	if ip, err := netip.ParseAddr(r.hostname); err == nil {
		found = []netip.Addr{ip}
	} else if found, err = net.DefaultResolver.LookupNetIP(ctx, "ip", r.hostname); err != nil || len(found) == 0 {
		return nil, r.Unreadable(syncline.Transient, "could not resolve host "+r.hostname, "")
	}
	for i, ip := range found {
		if !g.asked(ip) {
			return nil, r.notAsked()
		}
		found[i] = ip.Unmap()
	}
	return found, nil
}

// pins keep git to addresses of the remote's host.
func (r *Remote) pins(found []netip.Addr) []Setting {
	var addresses []string
	for _, ip := range found {
		if ip.Is6() {
			addresses = append(addresses, "["+ip.String()+"]")
		} else {
			addresses = append(addresses, ip.String())
		}
	}
	var settings []Setting
	for _, port := range slices.Compact([]string{r.port, "443"}) { // it may send us on to itself, with TLS
		settings = append(settings, Setting{"http.curloptResolve", r.hostname + ":" + port + ":" + strings.Join(addresses, ",")})
	}
	return settings
}

// proxied reports whether a proxy is asked for the remote.
func (r *Remote) proxied() bool {
	if r.proxy {
		return true
	}
	target, err := url.Parse(r.URL)
	if err != nil {
		return false
	}
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(target)
	return err == nil && proxy != nil
}

func (r *Remote) notAsked() error {
	return r.Unreadable(syncline.Invalid, "its server has an address that is not asked, because services of the machine or the cloud answer there",
		"if a repository is there, allow the address by --git-allow-addresses")
}

// Unreadable says why a repository cannot be read. Of one that the operator did
// not name, whoever reads the error learns nothing of the network: all reasons
// read alike, and the log has them.
func (r *Remote) Unreadable(kind syncline.Kind, reason, hint string) error {
	if r.hidden {
		slog.Info("a repository that no Secret names cannot be read", "repository", r.Name, "reason", reason)
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "repository %s: access was refused, or it is not there, or it cannot be reached", r.Name),
			"check the address; if it is private, "+r.credentialsHint()+"; the log of the agent has the reason")
	}
	err := syncline.Errorf(kind, "repository %s cannot be read: %s", r.Name, reason)
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}
