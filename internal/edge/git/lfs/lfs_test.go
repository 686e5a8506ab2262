package lfs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/lfs"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

const content = "the content"

func pointerTo(text string) lfs.Pointer {
	sum := sha256.Sum256([]byte(text))
	return lfs.Pointer{OID: hex.EncodeToString(sum[:]), Size: int64(len(text))}
}

func TestParse(t *testing.T) {
	oid := strings.Repeat("a", 64)
	for text, want := range map[string]int64{
		"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12\n":                                      12,
		"version https://hawser.github.com/spec/v1\noid sha256:" + oid + "\nsize 0\n":                                        0,
		"version https://git-lfs.github.com/spec/v1\next-0-foo sha256:" + oid + "\noid sha256:" + oid + "\nsize 12\nx-y z\n": 12,
		"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize -1\n":                                      -1,
		"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid[1:] + "\nsize 12\n":                                  -1,
		"version https://git-lfs.github.com/spec/v1\noid sha256:../../" + oid[6:] + "\nsize 12\n":                            -1,
		"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 99999999999999999999\n":                    -1,
		" version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12\n":                                     -1,
		"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12\n" + strings.Repeat("x\n", 1000):        -1,
	} {
		got, ok := lfs.Parse([]byte(text))
		if ok != (want >= 0) || ok && (got.Size != want || got.OID != oid) {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

// reach returns the LFS server at an address, with credentials.
func reach(t *testing.T, address string) lfs.Server {
	t.Helper()
	repo := upstream.Repository{Address: upstream.AddressOf(address + "/team/app.git")}
	server, err := lfs.Reach(repo, lfs.Below(address+"/team/app.git"), http.Header{"Authorization": {"Basic canary"}}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Transport.CloseIdleConnections)
	return server
}

// seen is a server that tells what headers it got, and sends the content.
func seen(t *testing.T, got *[]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*got = append(*got, r.Header.Get("Authorization")+" "+r.Header.Get("X-Own"))
		_, _ = io.WriteString(w, content)
	}))
	t.Cleanup(server.Close)
	return server
}

// Content elsewhere is asked for with what the answer says and nothing else, wherever the
// servers send us on.
func TestWhoGetsWhat(t *testing.T) {
	var elsewhere []string
	other := seen(t, &elsewhere)
	var action string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/objects/batch"):
			if r.Header.Get("Authorization") != "Basic canary" || r.URL.Path != "/team/app.git/info/lfs/objects/batch" {
				t.Errorf("%s with %q", r.URL.Path, r.Header.Get("Authorization"))
			}
			p := pointerTo(content)
			_, _ = fmt.Fprintf(w, `{"objects":[{"oid":%q,"size":%d,"actions":{"download":%s}}]}`, p.OID, p.Size, action)
		case r.URL.Path == "/away":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		case r.Header.Get("Authorization") != "Basic canary":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, content)
		}
	}))
	defer api.Close()
	server := reach(t, api.URL)
	for _, c := range []struct{ action, elsewhere string }{
		{`{"href":"` + other.URL + `/x","header":{"X-Own":"own"}}`, " own"},
		{`{"href":"` + other.URL + `/x","header":{"Authorization":"Bearer own"}}`, "Bearer own "},
		{`{"href":"` + other.URL + `/x"}`, " "},
		{`{"href":"/own"}`, ""},
		{`{"href":"/away","header":{"X-Own":"own"}}`, " "},
	} {
		action, elsewhere = c.action, nil
		places, err := server.Locate(t.Context(), []lfs.Pointer{pointerTo(content)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := server.Download(t.Context(), pointerTo(content), places[pointerTo(content).OID])
		if err != nil || string(got) != content {
			t.Errorf("%s: %q, %v", c.action, got, err)
		}
		if told := strings.Join(elsewhere, ";"); told != c.elsewhere {
			t.Errorf("%s: the other server got %q, want %q", c.action, told, c.elsewhere)
		}
	}
}

// Whatever an answer says, it is bounded, checked and not shown.
func TestAnswers(t *testing.T) {
	p := pointerTo(content)
	object := func(rest string) string {
		return fmt.Sprintf(`{"objects":[{"oid":%q,"size":%d,%s}]}`, p.OID, p.Size, rest)
	}
	for _, c := range []struct {
		status int
		answer string
		kind   syncline.Kind
	}{
		{200, "canary", syncline.Invalid},
		{200, `{"transfer":"tus","objects":[]}`, syncline.Invalid},
		{200, `{"objects":[{"oid":"` + strings.Repeat("0", 64) + `","size":1}]}`, syncline.NotFound},
		{200, object(`"error":{"code":404,"message":"canary"}`), syncline.NotFound},
		{200, object(`"error":{"code":403,"message":"canary"}`), syncline.Denied},
		{200, object(`"actions":{}`), syncline.NotFound},
		{200, object(`"actions":{"download":{"href":"file:///etc/passwd"}}`), syncline.Invalid},
		{200, object(`"actions":{"download":{"href":"http://169.254.169.254/canary"}}`), syncline.Invalid},
		{200, object(`"actions":{"download":{"href":"http://127.0.0.1:1/x"}}`), syncline.Transient},
		{200, object(`"actions":{"download":{"href":"/long"}}`), syncline.Invalid},
		{200, object(`"actions":{"download":{"href":"/loop"}}`), syncline.Invalid},
		{401, "canary", syncline.Denied}, {404, "canary", syncline.NotFound}, {429, "", syncline.Transient}, {503, "", syncline.Transient}, {302, "", syncline.Invalid},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/long":
				_, _ = io.WriteString(w, strings.Repeat(content, 1000))
			case "/loop":
				http.Redirect(w, r, "/loop", http.StatusFound)
			default:
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}
		}))
		server := reach(t, api.URL)
		places, err := server.Locate(t.Context(), []lfs.Pointer{p})
		if at, known := places[p.OID]; err == nil && known {
			_, err = server.Download(t.Context(), p, at)
		} else if err == nil {
			err = syncline.Errorf(syncline.NotFound, "nothing is said")
		}
		if syncline.KindOf(err) != c.kind || strings.Contains(err.Error(), "canary") || errors.Is(err, lfs.ErrUnauthorized) != (c.status == 401) {
			t.Errorf("%d %.100s: got %s: %v", c.status, c.answer, syncline.KindOf(err), err)
		}
		api.Close()
	}
}

// One request asks for all.
func TestBatch(t *testing.T) {
	var asked struct {
		Operation string
		Objects   []lfs.Pointer
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&asked)
		_, _ = io.WriteString(w, `{}`)
	}))
	defer api.Close()
	if _, err := reach(t, api.URL).Locate(t.Context(), []lfs.Pointer{pointerTo("a"), pointerTo("b")}); err != nil {
		t.Fatal(err)
	}
	if asked.Operation != "download" || len(asked.Objects) != 2 || asked.Objects[1] != pointerTo("b") {
		t.Errorf("asked %+v", asked)
	}
}

func TestReadGrant(t *testing.T) {
	api, header, err := lfs.ReadGrant([]byte(`{"href":"https://lfs.example/team/app/","header":{"Authorization":"RemoteAuth x"},"expires_in":60}`))
	if err != nil || api != "https://lfs.example/team/app" || header.Get("Authorization") != "RemoteAuth x" {
		t.Errorf("%s, %v, %v", api, header, err)
	}
	for _, bad := range []string{"canary", `{"href":"file:///canary"}`, `{"href":"https://joe:canary@lfs.example"}`, `{"href":"https://lfs.example","header":{"A":"b\nc: canary"}}`} {
		if _, _, err := lfs.ReadGrant([]byte(bad)); syncline.KindOf(err) != syncline.Invalid || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
