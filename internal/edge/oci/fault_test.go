package oci_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// TestAnswersThatAreNone become errors of their kinds, which say what was asked for.
func TestAnswersThatAreNone(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	address := s.repo("team/app").Address.String()
	for status, kind := range map[int]syncline.Kind{
		401: syncline.Denied, 403: syncline.Denied, 404: syncline.NotFound, 405: syncline.Invalid, 429: syncline.Transient,
		500: syncline.Transient, 503: syncline.Transient,
	} {
		for part, ask := range map[string]func(*oci.Store) error{
			"/tags/":      func(store *oci.Store) error { _, err := store.Tags(t.Context(), s.repo("team/app")); return err },
			"/manifests/": func(store *oci.Store) error { return store.Fetch(t.Context(), s.repo("team/app"), digest) },
			"/blobs/":     func(store *oci.Store) error { return store.Fetch(t.Context(), s.repo("team/app"), digest) },
			"/referrers/": func(store *oci.Store) error {
				_, err := store.Referrers(t.Context(), s.repo("team/app"), digest, "")
				if status == http.StatusNotFound && err == nil { // it has none by their tag
					return syncline.Errorf(syncline.NotFound, "%s", address)
				}
				return err
			},
		} {
			s.status(part, status)
			wants(t, fmt.Sprintf("%s answered by %d", part, status), ask(newStore(t, oci.Options{})), kind, address)
		}
	}
	s.status("", http.StatusNotFound)
	_, err := newStore(t, oci.Options{}).Digest(t.Context(), s.repo("team/app"), "1.0.0")
	wants(t, "no tag", err, syncline.NotFound, address, `no tag "1.0.0"`)
	wants(t, "no digest", newStore(t, oci.Options{}).Fetch(t.Context(), s.repo("team/app"), "1.0.0"), syncline.Invalid, address, "sha256:")
}

// TestTooManyRequests are followed by none until the registry says so.
func TestTooManyRequests(t *testing.T) {
	for what, test := range map[string]struct{ header, value, says string }{
		"seconds":         {"Retry-After", "120", "2m0s"},
		"a date":          {"Retry-After", time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat), "m"},
		"nothing":         {"X", "", "1m0s"},
		"for ever":        {"Retry-After", strconv.Itoa(1 << 30), "5m0s"},
		"nothing is left": {"RateLimit-Remaining", "0;w=21600", "1m0s"},
	} {
		s, store := newServer(t), newStore(t, oci.Options{})
		s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
		s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set(test.header, test.value)
			if test.header == "RateLimit-Remaining" {
				return false
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		for range 3 {
			if _, err := store.Digest(t.Context(), s.repo("team/app"), "1.0.0"); err != nil {
				wants(t, what, err, syncline.Transient, "asked too often", test.says)
			}
		}
		if n := s.count(""); n != 1 {
			t.Errorf("%s: %d requests", what, n)
		}
	}
	s, store := newServer(t), newStore(t, oci.Options{})
	s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	for range 2 {
		_, err := store.Digest(t.Context(), s.repo("team/app"), "1.0.0")
		wants(t, "at once", err, syncline.Transient, "asked too often")
	}
	if n := s.count(""); n != 2 {
		t.Errorf("at once: %d requests", n)
	}
}

// TestConnectionsThatEnd half way, or hang, are errors that pass.
func TestConnectionsThatEnd(t *testing.T) {
	s := newServer(t)
	whole := files(t, map[string]string{"a": strings.Repeat("0123456789", 10_000)})
	digest := s.push("team/app", "1.0.0", whole)
	address := s.repo("team/app").Address.String()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for what, test := range map[string]struct {
		part, says string
		answer     func(w http.ResponseWriter)
	}{
		"a layer that ends": {"/blobs/", "EOF", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(whole.data)))
			_, _ = w.Write(whole.data[:len(whole.data)/2])
		}},
		"a manifest that ends": {"/manifests/", "EOF", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "half")
		}},
		"a layer that hangs": {"/blobs/", "nothing came", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			<-hang
		}},
		"a manifest that hangs":      {"/manifests/", "in time", func(http.ResponseWriter) { <-hang }},
		"a layer of another size":    {"/blobs/", "of a layer of", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "short") }},
		"a layer that does not end":  {"/blobs/", "more of a layer", func(w http.ResponseWriter) { endless(w, "layer") }},
		"other bytes of a manifest":  {"/manifests/", "has the digest", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "{}") }},
		"a server that is sent away": {"/manifests/", "", func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }},
	} {
		store := newStore(t, oci.Options{StallTimeout: 300 * time.Millisecond, RequestTimeout: 200 * time.Millisecond})
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, test.part) {
				return false
			}
			test.answer(w)
			return true
		})
		wants(t, what, store.Fetch(t.Context(), s.repo("team/app"), digest), syncline.Transient, address, test.says)
		s.answer(nil)
		if err := newStore(t, oci.Options{}).Fetch(t.Context(), s.repo("team/app"), digest); err != nil {
			t.Errorf("%s, and then none: %v", what, err)
		}
	}
}

// endless writes until nobody reads.
func endless(w http.ResponseWriter, text string) {
	_ = http.NewResponseController(w).Flush()
	for {
		if _, err := io.WriteString(w, strings.Repeat(text, 1000)); err != nil {
			return
		}
	}
}

// TestOtherBytesOfALayer of the same size are not shown.
func TestOtherBytesOfALayer(t *testing.T) {
	s, store := newServer(t), newStore(t, oci.Options{})
	good, bad := tarOf(t, map[string]string{"a": "good"}), tarOf(t, map[string]string{"a": "evil"})
	digest := s.push("team/app", "1.0.0", layer{typeTar, good})
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		_, _ = w.Write(bad)
		return true
	})
	repo := s.repo("team/app")
	wants(t, "a layer", store.Fetch(t.Context(), repo, digest), syncline.Transient, repo.Address.String(), digest)
	_, err := store.Tree(t.Context(), repo, digest)
	wants(t, "its files", err, syncline.Transient, "not fetched")
}

// TestLargeAnswers are read no further than their limits.
func TestLargeAnswers(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	ended := make(chan struct{}, 10)
	large := func(part, length string) {
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, part) {
				return false
			}
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			endless(w, " ")
			ended <- struct{}{}
			return true
		})
	}
	for _, length := range []string{"", "104857600"} {
		store := newStore(t, oci.Options{})
		large("/manifests/", length)
		wants(t, "a manifest of 100 MB", store.Fetch(t.Context(), s.repo("team/app"), digest), syncline.Invalid, "4194304 bytes")
		<-ended
		large("/tags/", length)
		_, err := store.Tags(t.Context(), s.repo("team/app"))
		wants(t, "a page of tags of 100 MB", err, syncline.Invalid, "8388608 bytes")
		<-ended
		large("/referrers/", length)
		_, err = store.Referrers(t.Context(), s.repo("team/app"), digest, "")
		wants(t, "referrers of 100 MB", err, syncline.Invalid, "4194304 bytes")
		<-ended
	}
}

// TestRedirects go without credentials, not out of TLS, and not for ever.
func TestRedirects(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	storage := newServer(t)
	storage.content = s.content
	storage.answer(func(w http.ResponseWriter, r *http.Request) bool {
		s.content.ServeHTTP(w, r)
		return true
	})
	plain := httptest.NewServer(s.content)
	t.Cleanup(plain.Close)
	repo := withUser(s.repo("team/app"), "user", "hunter2")
	repo.ForceBasicAuth = true
	for what, test := range map[string]struct{ to, says string }{
		"another host":       {storage.URL, ""},
		"the registry":       {s.URL, "more than"},
		"without TLS":        {plain.URL, "without TLS"},
		"with a password":    {strings.Replace(storage.URL, "://", "://user:hunter2@", 1), "sends us on"},
		"no address":         {"https://[::", "sends us on"},
		"another protocol":   {"file:///etc", "sends us on"},
		"the cloud":          {"https://169.254.169.254", "not asked"},
		"the cloud, by IPv6": {"https://[::ffff:169.254.169.254]", "not asked"},
	} {
		s.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			w.Header().Set("Location", test.to+r.URL.Path+"?signature=hunter2")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		})
		err := newStore(t, oci.Options{}).Fetch(t.Context(), repo, digest)
		if test.says == "" {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		kind := syncline.Transient
		if test.says == "not asked" {
			kind = syncline.Invalid
		}
		wants(t, what, err, kind, repo.Address.String(), test.says)
	}
	for _, sent := range storage.sent() {
		if sent != "" {
			t.Errorf("another host got %q", sent)
		}
	}
}

// TestAddressesThatAreNotAsked are those at which services of the machine or the cloud
// are, unless they are allowed.
func TestAddressesThatAreNotAsked(t *testing.T) {
	for _, host := range []string{"169.254.169.254", "100.100.100.200", "0.0.0.0", "[fe80::1]", "[64:ff9b::a9fe:a9fe]"} {
		repo := upstream.Repository{Address: upstream.AddressOf("oci://" + host + ":5000/a"), Declared: true}
		_, err := newStore(t, oci.Options{HideReasons: true}).Digest(t.Context(), repo, "1")
		wants(t, host, err, syncline.Invalid, repo.Address.String(), "not asked")
	}
	repo := upstream.Repository{Address: upstream.AddressOf("oci://169.254.169.254:5000/a")}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := newStore(t, oci.Options{AllowAddresses: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}}).Digest(ctx, repo, "1")
	wants(t, "an allowed one", err, syncline.Transient, repo.Address.String())
}

// TestReasonsReadAlike of registries that no Secret names: who may name addresses learns
// nothing of the network.
func TestReasonsReadAlike(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	gone := newServer(t)
	gone.Close()
	store := newStore(t, oci.Options{HideReasons: true, RequestTimeout: 5 * time.Second})
	said := map[string]string{}
	note := func(what string, repo upstream.Repository, err error) {
		t.Helper()
		wants(t, what, err, syncline.Transient, "access was refused, or it is not there, or it cannot be reached")
		said[strings.ReplaceAll(syncline.Explain(err), repo.Address.String(), "X")] = what
	}
	for _, status := range []int{401, 403, 404, 429, 500} {
		s.status("", status)
		store := newStore(t, oci.Options{HideReasons: true})
		_, err := store.Digest(t.Context(), s.repo("team/app"), "1.0.0")
		note("a tag", s.repo("team/app"), err)
		_, err = newStore(t, oci.Options{HideReasons: true}).Tags(t.Context(), s.repo("team/app"))
		note("tags", s.repo("team/app"), err)
		note("an artifact", s.repo("team/app"), newStore(t, oci.Options{HideReasons: true}).Fetch(t.Context(), s.repo("team/app"), digest))
	}
	s.answer(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "<html>"); return true })
	_, err := store.Tags(t.Context(), s.repo("team/app"))
	note("something else than a registry", s.repo("team/app"), err)
	_, err = store.Digest(t.Context(), gone.repo("team/app"), "1.0.0")
	note("nobody there", gone.repo("team/app"), err)
	link := upstream.Repository{Address: upstream.AddressOf("oci://169.254.169.254/a")}
	_, err = store.Digest(t.Context(), link, "1.0.0")
	note("an address that is not asked", link, err)
	if len(said) != 1 {
		t.Errorf("the reasons differ: %q", said)
	}
	s.answer(nil)
	if _, err := store.Digest(t.Context(), s.repo("team/app"), "1.0.0"); err != nil {
		t.Errorf("what is there: %v", err)
	}
	_, err = store.Digest(t.Context(), s.repo("team/app"), "none")
	wants(t, "no tag of what is there", err, syncline.NotFound, `no tag "none"`)
}
