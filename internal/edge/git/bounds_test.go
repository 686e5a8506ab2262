package git_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// TestReasonsReadAlike asks for what no Secret names, of a server that many may
// have asked.
func TestReasonsReadAlike(t *testing.T) {
	texts := map[string]bool{}
	for name, address := range map[string]string{
		"refused": "http://127.0.0.1:1/a", "nowhere": "http://no-such-host.invalid/a", "link-local": "http://169.254.169.254/latest/meta-data",
	} {
		s := newScene(t, testenv.GitOptions{}, git.Options{HideReasons: true})
		_, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf(address)})
		want(t, err, syncline.Transient, "access was refused, or it is not there, or it cannot be reached", "secret-type: repository")
		texts[strings.ReplaceAll(syncline.Explain(err), address, "")] = true
		if strings.Contains(err.Error(), name) && name != "refused" {
			t.Errorf("it tells: %v", err)
		}
	}
	for _, fault := range []testenv.GitFault{
		{Status: 401}, {Status: 403}, {Status: 404}, {Status: 500}, {Status: 302, Location: "http://other.invalid/"}, {DropAfter: 1},
	} {
		s := newScene(t, testenv.GitOptions{}, git.Options{HideReasons: true})
		s.server.Fail(fault)
		_, err := s.store.Refs(t.Context(), s.repo)
		want(t, err, syncline.Transient, "access was refused, or it is not there")
		texts[strings.ReplaceAll(syncline.Explain(err), s.origin.URL, "")] = true
		s.repo.Declared = true
		if _, err := s.store.Refs(t.Context(), s.repo); err == nil || strings.Contains(err.Error(), "or it is not there") {
			t.Errorf("of a repository with a Secret, the reason is not told: %v", err)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the reasons are told apart: %v", texts)
	}
}

// TestAddressesThatAreNeverAsked has the metadata services of clouds, in the
// spellings that are addresses.
func TestAddressesThatAreNeverAsked(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	for _, host := range []string{"169.254.169.254", "169.254.170.2:80", "[fe80::1]", "0.0.0.0", "[::]", "[fd00:ec2::254]", "100.100.100.200", "[64:ff9b::a9fe:a9fe]", "224.0.0.1"} {
		_, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf("http://" + host + "/a")})
		want(t, err, syncline.Invalid, "is not asked", "--git-allow-addresses")
	}
	s.open(git.Options{AllowAddresses: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8")}})
	_, port, _ := strings.Cut(strings.TrimPrefix(s.origin.URL, "http://"), ":")
	if _, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf("http://0.0.0.0:" + port)}); err != nil {
		t.Error(err)
	}
	if _, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf("http://localhost:" + port)}); err != nil {
		t.Errorf("by a name: %v", err)
	}
}

// TestAPackThatUnfolds has a small pack of a file that takes more memory than git
// may have.
func TestAPackThatUnfolds(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxMemory: 256 << 20, MaxFile: 1 << 30, LargeFile: -1})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": string(bytes.Repeat([]byte{'0'}, 400<<20))}})
	s.refs(t.Context())
	want(t, s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/main"), syncline.Invalid, "more memory or space than git may have", "raise the limits of git")
}

// TestAPackThatIsTooLarge has a file that no compression makes small.
func TestAPackThatIsTooLarge(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxPack: 1 << 20, LargeFile: -1})
	var noise strings.Builder
	for i := range 400_000 {
		fmt.Fprintf(&noise, "%x", uint32(i*2654435761)) //nolint:gosec // it is noise
	}
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": noise.String()}})
	s.refs(t.Context())
	want(t, s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/main"), syncline.Invalid, "more memory or space than git may have")
}

// TestRefsOfRequestsToMerge are left out where they are many.
func TestRefsOfRequestsToMerge(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxRefs: 40_000})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	var lines strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&lines, "%s refs/pull/%05d/head\n", commit, i)
	}
	fmt.Fprintf(&lines, "%s refs/tags/v1\n", commit)
	s.packedRefs(lines.String())
	refs := s.refs(t.Context())
	if refs.Commits["refs/tags/v1"] != commit || refs.Commits["HEAD"] != commit || len(refs.Commits) > 500 {
		t.Errorf("%d refs", len(refs.Commits))
	}
}

// TestGitAsksForWhatIsJudged holds what a server is asked for against the address.
func TestGitAsksForWhatIsJudged(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	host := strings.TrimSuffix(s.origin.URL, "/team/app.git")
	for _, path := range []string{"/team/app.git", "/team/app.git/", "/team/app", "/org/My%20Project/_git/a", "/a%28b%29", "/caf%c3%a9/x", "/A/B.GIT", "/~user/a+b,c=d"} {
		address := upstream.AddressOf(host + path)
		before := s.server.Count(testenv.GitAny)
		_, _ = s.store.Refs(t.Context(), upstream.Repository{Address: address})
		asked := s.server.Asked()[before:]
		for _, got := range asked {
			if want := strings.TrimSuffix(address.Path(), "/"); got != want+"/info/refs" && got != want+"/git-upload-pack" {
				t.Errorf("of %s is asked %q", path, got)
			}
		}
		if len(asked) == 0 {
			t.Errorf("of %s nothing is asked", path)
		}
	}
}
