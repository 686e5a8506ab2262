package program

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
)

// Resolver says which addresses a name has. A [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// asked reports whether a server at an address may be asked.
func (g *Git) asked(ip netip.Addr) bool { return dial.Gate{Allow: g.options.AllowAddresses}.Asks(ip) }

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
	} else if found, err = g.options.Resolver.LookupNetIP(ctx, "ip", r.hostname); err != nil || len(found) == 0 {
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
	return r.Unreadable(syncline.Invalid, dial.ErrNotAsked.Error(),
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
