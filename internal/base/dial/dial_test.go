package dial_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/dial"
)

func TestAddressesThatAreNotAsked(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.1": true, "127.0.0.1": true, "192.168.1.1": true, "93.184.216.34": true, "::1": true, "fd00::1": true, "2001:db8::1": true,
		"169.254.169.254": false, "0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "255.255.255.255": false,
		"fe80::1": false, "fe80::1%eth0": false, "ff02::1": false, "fd00:ec2::254": false, "fd20:ce::254": false,
		"::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::a00:1": true,
		"100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
	} {
		if got := (dial.Gate{}).Asks(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is asked: %t", text, got)
		}
	}
	allowing := dial.Gate{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.1.0/24")}}
	if !allowing.AsksHost("169.254.1.9") || allowing.AsksHost("169.254.169.254") || !allowing.AsksHost("host") {
		t.Error("what is allowed is not what is asked")
	}
}

// TestItIsJudgedWhenConnecting, whatever the name.
func TestItIsJudgedWhenConnecting(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial.Gate{}.Dialer(time.Minute).DialContext(t.Context(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for _, at := range []string{"169.254.169.254:80", "[fe80::1]:80", "0.0.0.0:" + port, "[::]:" + port} {
		if _, err := (dial.Gate{}).Dialer(time.Minute).DialContext(t.Context(), "tcp", at); !errors.Is(err, dial.ErrNotAsked) {
			t.Errorf("%s: the error is %v", at, err)
		}
	}
}
