package oci_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// What one repository of a registry answers once concerns no other one, and does not last.
func TestEyesOneRepositoryOfARegistry(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"names another server of tokens": func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://169.254.169.254/token"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"is asked too often": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v2/attacker/") {
					answer(w)
					return
				}
				w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			}))
			defer server.Close()
			archives, err := archive.Open(archive.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			s := oci.New(oci.Options{Archives: archives})
			defer s.Close()
			at := func(path string) upstream.Repository {
				return upstream.Repository{Address: upstream.AddressOf("oci://" + strings.TrimPrefix(server.URL, "http://") + path), PlainHTTP: true}
			}
			if _, err := s.Digest(t.Context(), at("/victim/x"), "latest"); err != nil {
				t.Fatal("before:", err)
			}
			_, err = s.Digest(t.Context(), at("/attacker/x"), "latest")
			t.Log("the attacker:", err)
			if _, err := s.Digest(t.Context(), at("/victim/x"), "latest"); err != nil {
				t.Error("another repository, behind the attacker's:", err)
			}
		})
	}
}
