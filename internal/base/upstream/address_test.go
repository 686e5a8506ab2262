package upstream_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// TestAddressesThatPeopleUse are accepted, and asked for in one spelling.
func TestAddressesThatPeopleUse(t *testing.T) {
	for text, want := range map[string]string{
		"https://github.com/argoproj/argocd-example-apps":              "https://github.com/argoproj/argocd-example-apps",
		"https://github.com/argoproj/argocd-example-apps.git":          "https://github.com/argoproj/argocd-example-apps.git",
		"https://github.com/argoproj/argocd-example-apps/":             "https://github.com/argoproj/argocd-example-apps/",
		"HTTPS://GitHub.com/Org/App":                                   "https://github.com/Org/App",
		" https://github.com/org/app\n":                                "https://github.com/org/app",
		"https://user@dev.azure.com/org/My%20Project/_git/My%20Repo":   "https://dev.azure.com/org/My%20Project/_git/My%20Repo",
		"https://dev.azure.com/org/caf%C3%A9/_git/app":                 "https://dev.azure.com/org/caf%C3%A9/_git/app",
		"https://dev.azure.com/org/caf%c3%a9/_git/app":                 "https://dev.azure.com/org/caf%C3%A9/_git/app",
		"https://dev.azure.com/org/A%26B%20%28new%29/_git/app":         "https://dev.azure.com/org/A&B%20(new)/_git/app",
		"https://org.visualstudio.com/DefaultCollection/p/_git/r":      "https://org.visualstudio.com/DefaultCollection/p/_git/r",
		"https://x-token-auth:s3cr3t@bitbucket.org/team/app.git":       "https://bitbucket.org/team/app.git",
		"https://oauth2:gl%2Fpat%40x@gitlab.com/group/sub/app.git":     "https://gitlab.com/group/sub/app.git",
		"https://:t0ken@git.example/app":                               "https://git.example/app",
		"https://bitbucket.example/scm/~user/app.git":                  "https://bitbucket.example/scm/~user/app.git",
		"https://git.example:8443/a/b":                                 "https://git.example:8443/a/b",
		"https://git.example:443/a":                                    "https://git.example/a",
		"http://git.example:80/a":                                      "http://git.example/a",
		"http://127.0.0.1:3000/a":                                      "http://127.0.0.1:3000/a",
		"http://[::1]:3000/a":                                          "http://[::1]:3000/a",
		"http://[2001:DB8:0:0::1]/a":                                   "http://[2001:db8::1]/a",
		"http://gitea/a":                                               "http://gitea/a",
		"http://my_git-server.ns.svc.cluster.local:3000/a.b/c_d-e.git": "http://my_git-server.ns.svc.cluster.local:3000/a.b/c_d-e.git",
		"https://xn--bcher-kva.example/a":                              "https://xn--bcher-kva.example/a",
		"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app":  "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app",
		"https://source.developers.google.com/p/project/r/app":         "https://source.developers.google.com/p/project/r/app",
		"https://gerrit.example/a/plugins/app":                         "https://gerrit.example/a/plugins/app",
		"https://git.example/c++/a+b,c=d/@scope/app":                   "https://git.example/c++/a+b,c=d/@scope/app",
		"https://git.example/cgit/.hidden/app.git":                     "https://git.example/cgit/.hidden/app.git",
		"https://git.example":                                          "https://git.example",
		"git@github.com:org/app.git":                                   "ssh://github.com/org/app.git",
		"org-123@github.com:org/app.git":                               "ssh://github.com/org/app.git",
		"git@ssh.dev.azure.com:v3/org/My%20Project/app":                "ssh://ssh.dev.azure.com/v3/org/My%20Project/app",
		"git@git.example:/srv/git/app.git":                             "ssh://git.example/srv/git/app.git",
		"git@git.example:~user/app.git":                                "ssh://git.example/~user/app.git",
		"ssh://git@git.example:7999/team/app.git":                      "ssh://git.example:7999/team/app.git",
		"ssh://git@[2001:db8::1]:22/app":                               "ssh://[2001:db8::1]/app",
		"oci://Registry.example:443/team/charts":                       "oci://registry.example/team/charts",
		"oci://registry.example:5000/team/charts":                      "oci://registry.example:5000/team/charts",
		"/srv/my repos/app.git":                                        "/srv/my repos/app.git",
		"/srv/a/../b/":                                                 "/srv/b",
		"file:///srv/my%20repos/app":                                   "/srv/my repos/app",
	} {
		a := upstream.AddressOf(text)
		if err := a.Err(); err != nil || a.URL() != want {
			t.Errorf("%s: got %s, want %s (%v)", text, a.URL(), want, err)
		}
		if again := upstream.AddressOf(a.URL()); again.URL() != want || again.Key() != upstream.AddressOf(want).Key() {
			t.Errorf("%s: read again, it is %s", want, again.URL())
		}
	}
}

// attacks are spellings by which the denied repository https://git.corp.test/secret/app
// was or might be reached past a policy, or credentials sent to where they do not belong.
func attacks() []string {
	const denied = "git.corp.test/secret/app"
	paths := []string{
		"/team/../secret/app", "/./secret/app", "/secret/./app", "/secret/app/.", "/secret/app/..", "/secret/x/../app", "//secret/app", "/secret//app",
		"/secret/app//", "/%73ecret/app", "/secret%2fapp", "/secret%2Fapp", "/%2e/secret/app", "/team/%2e%2e/secret/app", "/team/.%2E/secret/app",
		"/team/..%2fsecret/app", "/team%2f..%2fsecret/app", `/team\..\secret/app`, `/team/..\secret/app`, "/team%5c..%5csecret/app", "/secret/app%00",
		"/secret/app%0a", "/secret/app%0d%0aHost:evil", "/secret/app%20", "/%20secret/app", "/secret%20/app", "/secret./app", "/secret/app.", "/secret/app...",
		"/secret;x=y/app", "/secret%3bx/app", "/secret;/app", "/secret/app?x", "/secret/app?", "/secret/app%3fx", "/secret/app#x", "/secret/app%23x", "/%252e%252e/secret/app",
		"/secret/%61pp", "/secret/app%2egit", "/secret/app.gi%74", "/secret/%7Eapp", "/secret/ａpp", "/secret/%EF%BD%81pp", "/%E2%80%A4%E2%80%A4/secret/app",
		"/secret%E2%88%95app", "/secret/a%CC%81pp", "/secret/app%E2%80%8B", "/secret/app%C2%AD", "/secret/app%ff", "/secret/app%", "/secret/app%2", "/secret/app%zz",
		"/secret/app\x00", "/secret/app\n/x", "/secret/app\t/x", "/secret/ app", "/secret/app\x7f", "/secret/app\u202e", "/secret/app\u00a0", "/secret/app\ufeff",
		"/secret/{app,x}", "/secret/app|x", "/secret/app^", "/secret/app`", "/secret/<app>", "/secret/\"app\"", "/secret/[app]",
	}
	var all []string
	for _, path := range paths {
		all = append(all, "https://git.corp.test"+path)
	}
	for _, authority := range []string{
		"git.corp.test.", "git..corp.test", ".git.corp.test", "git.corp.test:0443", "git.corp.test:00", "git.corp.test:018480", "git.corp.test:", "git.corp.test:0", "git.corp.test:65536",
		"git.corp.test:99999", "git.corp.test:443x", "git.corp.test:+443", "git.corp.test:-443", "git.corp.test:0x1bb", "git.corp.test:4 43", "git.corp.test:443:443", "git.corp.test:٤٤٣",
		"git%2ecorp.test", "%67it.corp.test", "git.corp.test%00.evil.test", "git.corp.test%2f@evil.test", "git.corp.test\\@evil.test", "evil.test#@git.corp.test",
		"evil.test?@git.corp.test", "a@b@git.corp.test", "@git.corp.test", "-x@git.corp.test", "ｇit.corp.test", "git。corp.test", "gıt.corp.test", "git.corp.test\u200b", "-git.corp.test", "git-.corp.test",
		"", ":443", "user@", "[::1", "::1", "[::1]x", "[::1%25eth0]", "[::ffff:127.0.0.1]", "[127.0.0.1]", "[v1.x]", "[git.corp.test]",
		"127.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.0.0.01", "127.0.0.1.", "1.2.3.4.5", "256.0.0.1", "other:port?.corp.test", "other:8080#.corp.test", "git corp.test",
	} {
		all = append(all, "https://"+authority+"/secret/app")
	}
	for _, scheme := range []string{"git", "ftp", "https+x", "git+https", "ext::https", "https:", "ht tps", "javascript", "rsync", "https\n"} {
		all = append(all, scheme+"://"+denied)
	}
	return append(all,
		"https:/"+denied, "https:"+denied, "https:///"+denied, "http:\\\\"+denied, "://"+denied, "ext::sh -c id",
		"git@git.corp.test:2222/secret/app", "git@git.corp.test:../secret/app", "git@git.corp.test:secret//app", "user:pass@git.corp.test/secret/app",
		"-oProxyCommand=x:secret/app", "git@-oProxyCommand=x:secret/app", `C:\secret\app`, "git@[::1]:secret/app", "git@git.corp.test:", "user:pw@"+denied,
		"../secret/app", "team/../secret", "a//b", "", " ", "https://git.corp.test/"+strings.Repeat("a", 3000), "file://host/secret", "file://localhost/secret",
		"oci://user@"+denied, "oci://user:pw@"+denied, "oci:"+denied,
	)
}

// TestAddressesWithTwoReadings are refused, by an error that shows no secret.
func TestAddressesWithTwoReadings(t *testing.T) {
	for _, text := range attacks() {
		a := upstream.AddressOf(text)
		if err := a.Err(); syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) == "" {
			t.Errorf("%q is read as %q: %v", text, a.URL(), err)
		}
		if a.Key() != strings.Trim(text, " \t\r\n") {
			t.Errorf("%q has the key %q", text, a.Key())
		}
		if a.Host() != "" || a.Path() != "" || a.User() != "" {
			t.Errorf("%q has parts", text)
		}
	}
}

// TestSecretsOfAddressesStayHidden has passwords in addresses that are read and
// in such that are not.
func TestSecretsOfAddressesStayHidden(t *testing.T) {
	for _, form := range []string{
		"https://user:%s@host/a", "https://%s@host/a", "https://user:%s@host:x/a", "https://user:%s/x@host/a", "https://user:%s#x@host/a", "https://user:%s?x@host/a",
		"https://user:%s x@host/a", "https://user:%s\\@host/a", "https://user:%%zz%s@host/a", "https://user:%s%%40host/a", "https://user:%s", "user:%s@host/a", "%s@host/a",
		"https://user:a@%s@host/a", "https://user:%s@host/../a", "https://host/a?token=%s", "https://host/a#%s", "https:/user:%s@host/a", "https:user:%s@host/a",
		"ftp://user:%s@host/a", "http://user:\n%s@host/a", "https://user:%s@[::1/a", "https://user:%s@[::1]/a", "ssh://git:%s@host/a",
	} {
		text := fmt.Sprintf(form, "canary")
		a := upstream.AddressOf(text)
		shown := []string{a.String(), upstream.Redact(text), fmt.Sprintf("%v %+v %#v %q %x", a, a, a, a, a)}
		if err := a.Err(); err != nil {
			shown = append(shown, syncline.Explain(err))
		}
		repository := upstream.Repository{Address: a}
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			shown = append(shown, fmt.Sprintf(verb, repository))
		}
		for _, s := range shown {
			if strings.Contains(s, "canary") {
				t.Errorf("%q is shown as %s", text, s)
			}
		}
	}
}

// FuzzAddress holds what is read against Go's own reading of what is asked for.
func FuzzAddress(f *testing.F) {
	for _, text := range attacks() {
		f.Add(text)
	}
	f.Add("https://user:pw@dev.azure.com/org/My%20Project/_git/a")
	f.Add("git@github.com:org/app.git")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			a := upstream.AddressOf(text)
			if a.Err() != nil {
				return
			}
			if again := upstream.AddressOf(a.Key()); again.Key() != a.Key() {
				t.Errorf("%q: key %q has the key %q", text, a.Key(), again.Key())
			}
			if a.Scheme() == "file" {
				return
			}
			u, err := url.Parse(a.URL())
			if err != nil || u.Hostname() != a.Host() || u.Path != a.Path() || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				t.Errorf("%q: asked for is %q, which Go reads as %v (%v)", text, a.URL(), u, err)
			}
			if strings.Contains(a.Path(), "/../") || strings.Contains(a.Path(), "//") || strings.ContainsAny(a.URL(), "\\ ;?#\n") {
				t.Errorf("%q is asked for as %q", text, a.URL())
			}
		})
	})
}

func TestRepoGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, address string
		want             bool
	}{
		{"*", "https://git.example/a", true},
		{"**", "git@git.example:a/b", true},
		{"https://git.example/*", "https://git.example/a.git", true},
		{"https://git.example/*", "https://git.example/a/b", false},
		{"https://git.example/**", "https://git.example/a/b/", true},
		{"https://git.example/**", "https://git.example:8443/a", false},
		{"https://git.example/**", "https://git.example.evil/a", false},
		{"https://git.example/**", "http://git.example/a", false},
		{"https://git.example:8443/**", "https://git.example:8443/a", true},
		{"https://git.example:443/**", "https://git.example/a", true},
		{"https://git.example:*/**", "https://git.example:8443/a", true},
		{"https://GIT.example/Team/App.git", "https://git.EXAMPLE/team/app", true},
		{"https://user@git.example/a", "https://git.example/a", true},
		{"https://git.example/a", "https://user@git.example/a", true},
		{"https://*.corp.test/**", "https://git.corp.test/a", true},
		{"https://*.corp.test/**", "https://evil.test/a.corp.test/b", false},
		{"https://**.corp.test/**", "https://evil.test/a.corp.test/b", false},
		{"**.corp.test/**", "https://evil.test/a.corp.test/b", false},
		{"**.corp.test/**", "https://git.corp.test/b", true},
		{"https://*", "https://git.example", true},
		{"https://*", "https://git.example/a", false},
		{"https://**", "https://git.example:8443/a/b", true},
		{"https://**/app", "https://git.example/a/app", true},
		{"**/team/*", "https://git.example/team/app", true},
		{"{https,http}://git.example/*", "http://git.example/a", true},
		{"{https://a.test/*,https://b.test/**}", "https://b.test/a/b", true},
		{"{https://a.test/*,https://b.test/**}", "https://a.test/a/b", false},
		{"https://{a,b}.test/{x,y}/*", "https://b.test/y/app", true},
		{"https://{a.test/x,b.test/y}/*", "https://b.test/y/app", true},
		{"https://{a.test/x,b.test/y}/*", "https://b.test/x/app", false},
		{"https://dev.azure.com/org/My%20Project/**", "https://dev.azure.com/org/My%20Project/_git/a", true},
		{"https://dev.azure.com/org/My Project/**", "https://dev.azure.com/org/My%20Project/_git/a", true},
		{"git@github.com:org/*", "git@github.com:org/app.git", true},
		{"git@github.com:org/*", "ssh://git@github.com/org/app", true},
		{"git@github.com:org/*", "ssh://root@github.com/org/app", false},
		{"git@github.com:org/*", "https://github.com/org/app", false},
		{"ssh://git@github.com/org/*", "git@github.com:org/app", true},
		{`https://\[::1\]/*`, "https://[::1]/a", true},
		{`https://\[::1\]:8443/*`, "https://[::1]:8443/a", true},
		{"https://10.0.0.*/**", "https://10.0.0.7/a", true},
		// As Argo CD writes registries of charts.
		{"registry.example/charts", "oci://registry.example/charts", true},
		{"registry.example/charts", "oci://registry.example/charts/web", false},
		{"registry.example/**", "oci://registry.example/charts/web", true},
		{"registry.example:5000/*", "oci://registry.example:5000/charts", true},
		{"registry.example:443/*", "oci://registry.example/charts", true},
		{"registry.example:5000", "oci://registry.example:5000", true},
		{"*.example/charts", "oci://registry.example/charts", true},
		{"{registry.example/charts,https://h.example/*}", "oci://registry.example/charts", true},
		{"registry.example/*", "https://registry.example/charts", false},
		{"registry.example/*", "oci://evil.example/registry.example/charts", false},
		{"/registry.example/*", "oci://registry.example/charts", false},
		{"registry.example:team/*", "oci://registry.example/team/charts", false},
		{"!registry.example/charts", "oci://Registry.example/Charts", true},
		{"!registry.example:5000/charts", "oci://registry.example:5000/charts", true},
		{"!docker.io/corp/secret", "oci://registry-1.docker.io/corp/secret", true},
		// Denials are never narrower than they look.
		{"!https://git.example/secret", "https://user@git.example/SECRET.git", true},
		{"!https://git.example/secret", "http://git.example/secret", true},
		{"!https://git.example/secret", "https://git.example/secret/.git", true},
		{"!https://git.example/secret", "https://git.example/secrets", false},
		{"!https://git.example/secret", "https://git.example:8443/secret", false},
		{"!https://**secret/app", "https://h/team-secret/app", true},
		{"!git@github.com:org/secret", "ssh://root@github.com/org/secret", true},
		{"!*", "https://git.example/a", true},
		{"!oci://docker.io/corp/secret", "oci://registry-1.docker.io/corp/secret", true},
		{"!oci://registry-1.docker.io/corp/secret", "oci://docker.io/corp/secret", true},
		{"!oci://index.docker.io/library/secret", "oci://docker.io/secret", true},
		{"!oci://docker.io/secret", "oci://registry-1.docker.io/library/secret", true},
		{"!oci://docker.io/corp/secret", "oci://registry-1.docker.io/corp/secrets", false},
		{"!oci://docker.io/corp/secret", "oci://evil.docker.io/corp/secret", false},
		{"oci://docker.io/corp/*", "oci://registry-1.docker.io/corp/web", false}, // what is permitted is as it is written
	} {
		p := upstream.PatternOf(test.pattern)
		if err := p.Err(); err != nil || p.Matches(upstream.AddressOf(test.address)) != test.want {
			t.Errorf("%s on %s: want %v (%v)", test.pattern, test.address, test.want, err)
		}
	}
}

// FuzzRepoGlob has a bound for what a pattern costs, and asks that no address is
// matched that is refused.
func FuzzRepoGlob(f *testing.F) {
	f.Add("https://{a.test/x,b.test/y}/**", "https://b.test/y/app")
	f.Add("!**", "git@h:a")
	f.Add("{{a/,b:},{@,/}}://**", "")
	f.Add(strings.Repeat("{a/,b:}", 20)+"://x", "https://a")
	f.Fuzz(func(t *testing.T, pattern, address string) {
		bound.Limits{}.Run(t, func() {
			p, a := upstream.PatternOf(pattern), upstream.AddressOf(address)
			if p.Matches(a) && (a.Err() != nil || p.Err() != nil) {
				t.Errorf("%q matches %q", pattern, address)
			}
		})
	})
}

// TestChartsAddress: what has charts and no scheme is a registry, as in Argo CD.
func TestChartsAddress(t *testing.T) {
	for text, want := range map[string]string{
		"registry.example.com/charts":        "oci://registry.example.com/charts",
		" Registry.example.com/charts/\n":    "oci://registry.example.com/charts/",
		"registry.example.com":               "oci://registry.example.com",
		"localhost:5000/charts":              "oci://localhost:5000/charts",
		"127.0.0.1:5000/charts":              "oci://127.0.0.1:5000/charts",
		"oci://registry.example.com/charts":  "oci://registry.example.com/charts",
		"https://charts.example.com/stable/": "https://charts.example.com/stable/",
	} {
		a := upstream.SourceAddress(text, "web", upstream.Bucket{})
		if err := a.Err(); err != nil || a.URL() != want {
			t.Errorf("%q is %q (%v), want %q", text, a.URL(), err, want)
		}
	}
	for _, text := range []string{"", "user:pw@registry.example.com/charts", "registry.example.com:charts/web", "../charts", "registry.example.com/../charts", "[::1/charts"} {
		if a := upstream.SourceAddress(text, "web", upstream.Bucket{}); a.Err() == nil {
			t.Errorf("%q is read as %q", text, a.URL())
		}
	}
	if a := upstream.SourceAddress("registry.example.com/charts", "", upstream.Bucket{}); a.Scheme() != "file" {
		t.Errorf("without a chart it is read as %q", a.URL())
	}
	for _, same := range []string{"oci://registry.example.com/charts", "REGISTRY.example.com:443/charts/"} {
		if a := upstream.ChartsAddress(same); !a.Is(upstream.ChartsAddress("registry.example.com/charts")) {
			t.Errorf("%q is another repository", same)
		}
	}
}
