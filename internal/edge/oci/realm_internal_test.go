package oci

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// TestWhereCredentialsAreSent for a token: nowhere but to who has the registry, and where
// its settings say.
func TestWhereCredentialsAreSent(t *testing.T) {
	for _, test := range []struct {
		registry, realm string
		sent            bool
	}{
		{"registry-1.docker.io", "https://auth.docker.io/token", true},
		{"ghcr.io", "https://ghcr.io/token", true},
		{"registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
		{"quay.io", "https://quay.io/v2/auth", true},
		{"registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", true},
		{"registry.corp.example.co.uk", "https://login.example.co.uk/token", true},
		{"registry.corp.lan", "https://gitlab.corp.lan/jwt/auth", true},
		{"registry.team.svc.cluster.local", "https://auth.team.svc.cluster.local/token", true},
		{"10.0.0.1", "https://10.0.0.1:5001/token", true},
		{"allowed.example.com", "https://tokens.example.net/token", true}, // by its settings
		{"registry.team.svc.cluster.local", "https://evil.other.svc.cluster.local/token", false},
		{"registry.example.com", "https://example.com.evil.net/token", false},
		{"registry.example.com", "https://evilexample.com/token", false},
		{"registry.example.co.uk", "https://evil.co.uk/token", false},
		{"corp.github.io", "https://evil.github.io/token", false},
		{"registry", "https://evil/token", false},
		{"registry.lan", "https://evil.lan/token", false},
		{"10.0.0.1", "https://10.0.0.2/token", false},
		{"registry.example.com", "http://registry.example.com/token", false}, // without TLS
		{"registry.example.com", "https://me@registry.example.com/token", false},
		{"registry.example.com", "https:///token", false},
	} {
		repo := upstream.Repository{Address: upstream.AddressOf("oci://" + test.registry + "/a"), Username: "me", Password: "p"}
		if test.registry == "allowed.example.com" {
			repo.PassTo = []string{"tokens.example.net"}
		}
		store := New(Options{})
		p, err := store.place(repo)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.mayGiveTokens(test.realm); (err == nil) != test.sent {
			t.Errorf("%s for %s: %v", test.realm, test.registry, err)
		}
		_ = store.Close()
	}
	p, err := New(Options{}).place(upstream.Repository{Address: upstream.AddressOf("oci://registry.example.com/a")})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.mayGiveTokens("https://tokens.example.net/token"); err != nil {
		t.Errorf("without credentials there are none to send: %v", err)
	}
	p.auth.username = "me"
	if err := p.mayGiveTokens("https://tokens.example.net/token"); p.explain(err) == nil || syncline.KindOf(p.explain(err)) != syncline.Denied {
		t.Errorf("the error is %v", err)
	}
}
