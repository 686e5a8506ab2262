package upstream_test

import (
	"testing"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

func TestKey(t *testing.T) {
	for _, same := range [][]string{
		{
			"https://example.com/team/app", "https://example.com/team/app.git", "https://example.com/team/app/",
			"https://EXAMPLE.com:443/team/app.git/", "HTTPS://user:secret@example.com/team/app", " https://example.com/team/app\n",
		},
		{"git@example.com:team/app.git", "ssh://git@example.com/team/app", "ssh://git:pw@Example.com:22/team/app.git"},
		{"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a.git"},
		{"https://example.com/Team/App"},
		{"https://example.com:8443/team/app"},
		{"ssh://other@example.com/team/app"},
		{"/srv/repo"},
		{"/srv/repo.git"},
		{"not an address"},
		{""},
	} {
		key := upstream.Key(same[0])
		for _, address := range same {
			if got := upstream.Key(address); got != key {
				t.Errorf("Key(%q) = %q, want %q", address, got, key)
			}
		}
		if again := upstream.Key(key); again != key {
			t.Errorf("Key(%q) = %q, want itself", key, again)
		}
	}
	if a, b := upstream.Key("https://example.com/Team/App"), upstream.Key("https://example.com/team/app"); a == b {
		t.Errorf("paths of different case have one key %q", a)
	}
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:secret@example.com/a":  "https://example.com/a",
		"https://tok@en@example.com/a":       "https://example.com/a",
		"https://example.com/a@b":            "https://example.com/a@b",
		"ssh://git@example.com/a":            "ssh://example.com/a",
		"git@example.com:team/app.git":       "git@example.com:team/app.git",
		"https://user:p%40ss@example.com:99": "https://example.com:99",
	} {
		if got := upstream.Redact(address); got != want {
			t.Errorf("Redact(%q) = %q, want %q", address, got, want)
		}
	}
}
