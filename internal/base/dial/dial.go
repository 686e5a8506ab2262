// Package dial connects to servers that somebody named who may not reach whatever this
// machine can: at no address at which services of the machine or of the cloud answer. It
// speaks no protocol.
package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrNotAsked is that a server has an address that is not asked.
var ErrNotAsked = errors.New("its server has an address that is not asked, because services of the machine or the cloud answer there")

// Gate says which addresses are asked. The zero value lets no exception.
type Gate struct {
	// Allow are addresses that are asked though services of the machine or the cloud are
	// usually there.
	Allow []netip.Prefix
}

// neverAsked are addresses that nothing of ours is at, but services that trust whoever
// is on the machine or on its network: metadata of clouds, link-local neighbours, and
// what stands for this machine or for many.
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

// Asks reports whether a server at an address may be asked.
func (g Gate) Asks(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if embedded := netip.MustParsePrefix("64:ff9b::/96"); embedded.Contains(ip) { // NAT64
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	contains := func(p netip.Prefix) bool { return p.Contains(ip) }
	return slices.ContainsFunc(g.Allow, contains) || !slices.ContainsFunc(neverAsked(), contains)
}

// AsksHost reports whether a host may be asked as far as its name tells: it may be an
// address.
func (g Gate) AsksHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err != nil || g.Asks(ip)
}

// Dialer returns a Dialer that gives up after a while, and for which every address that a
// name stands for is judged at the moment of connecting: what a name means a moment later
// does not matter. Its errors are [ErrNotAsked] where that is why.
func (g Gate) Dialer(patience time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: patience, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !g.Asks(at.Addr()) {
			return ErrNotAsked
		}
		return nil
	}}
}
