package repository_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
)

func secret(name, kind string, fields map[string]string) *unstructured.Unstructured {
	data := map[string]any{}
	for key, value := range fields {
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": "argocd", "name": name, "labels": map[string]any{repository.Label: kind},
		},
		"data": data,
	}}
}

// Credentials that cannot be used are named, unless there are others.
func TestUnsupportedCredentials(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("ssh", "repository", map[string]string{"url": "https://git.example/ssh", "sshPrivateKey": "k"}),
		secret("app", "repository", map[string]string{"url": "https://git.example/app", "githubAppPrivateKey": "k"}),
		secret("both", "repository", map[string]string{"url": "https://git.example/both", "sshPrivateKey": "k", "password": "p"}),
		secret("helped", "repository", map[string]string{"url": "https://git.example/team/helped", "sshPrivateKey": "k"}),
		secret("team", "repo-creds", map[string]string{"url": "https://git.example/team", "password": "p"}),
		secret("no", "repository", map[string]string{"url": "https://git.example/no", "useAzureWorkloadIdentity": "false"}),
	} {
		if err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"ssh": "sshPrivateKey", "app": "githubAppPrivateKey", "both": "", "team/helped": "", "no": "", "none": "",
	} {
		if got := store.For(upstream.AddressOf("https://git.example/"+path), "").Unsupported; got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// Credentials that are exchanged are those of the repository, or of a template, and
// give way to such as are sent as they are.
func TestExchange(t *testing.T) {
	app := map[string]string{
		"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": "k", "githubAppEnterpriseBaseUrl": "https://ghe.example/api/v3",
	}
	principal := map[string]string{
		"azureServicePrincipalClientId": "c", "azureServicePrincipalClientSecret": "s", "azureServicePrincipalTenantId": "t",
		"azureActiveDirectoryEndpoint": "https://login.example",
	}
	for name, c := range map[string]struct {
		fields map[string]string
		want   upstream.Exchange
	}{
		"app":       {app, upstream.Exchange{GitHub: upstream.GitHubApp{ID: "1", Installation: "2", Key: "k", API: "https://ghe.example/api/v3"}}},
		"principal": {principal, upstream.Exchange{Azure: upstream.AzureIdentity{Client: "c", Secret: "s", Tenant: "t", Authority: "https://login.example"}}},
		"workload":  {map[string]string{"useAzureWorkloadIdentity": "true"}, upstream.Exchange{Azure: upstream.AzureIdentity{Workload: true}}},
		"google":    {map[string]string{"gcpServiceAccountKey": "{}"}, upstream.Exchange{Google: "{}"}},
		"nothing":   {map[string]string{"useAzureWorkloadIdentity": "false", "githubAppID": "1"}, upstream.Exchange{}},
	} {
		for _, kind := range []string{repository.TypeRepository, repository.TypeTemplate} {
			store := repository.NewStore()
			fields := maps.Clone(c.fields)
			fields["url"] = "https://git.example/team/app"
			if kind == repository.TypeTemplate {
				fields["url"] = "https://git.example/team"
				if err := store.Put(secret("own", repository.TypeRepository, map[string]string{"url": "https://git.example/team/app", "enableLfs": "true"})); err != nil {
					t.Fatal(err)
				}
			}
			if err := store.Put(secret(name, kind, fields)); err != nil {
				t.Fatal(err)
			}
			found := store.For(upstream.AddressOf("https://git.example/team/app"), "")
			if found.Exchange != c.want || found.LFS != (kind == repository.TypeTemplate) {
				t.Errorf("%s of a %s: got %s %+v", name, kind, found.Exchange, found)
			}
			if text := fmt.Sprintf("%+v %#v", found.Exchange, found.Exchange); strings.Contains(text, `"k"`) || strings.Contains(text, `"s"`) {
				t.Errorf("%s shows a secret: %s", name, text)
			}
			fields["password"] = "p"
			if err := store.Put(secret(name, kind, fields)); err != nil {
				t.Fatal(err)
			}
			if found := store.For(upstream.AddressOf("https://git.example/team/app"), ""); found.Exchange != (upstream.Exchange{}) || found.Password != "p" {
				t.Errorf("%s of a %s with a password: got %s", name, kind, found.Exchange)
			}
		}
	}
}

// A template's proxy is that of repositories that name none.
func TestProxyOfTemplate(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("team", "repo-creds", map[string]string{"url": "https://git.example/team", "password": "p", "proxy": "http://theirs", "noProxy": "a"}),
		secret("bare", "repository", map[string]string{"url": "https://git.example/team/bare"}),
		secret("own", "repository", map[string]string{"url": "https://git.example/team/own", "proxy": "http://own"}),
	} {
		if err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][2]string{"bare": {"http://theirs", "a"}, "none": {"http://theirs", "a"}, "own": {"http://own", ""}} {
		found := store.For(upstream.AddressOf("https://git.example/team/"+path), "")
		if got := [2]string{found.Proxy, found.NoProxy}; got != want || found.Password != "p" {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestFor(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("own", "repository", map[string]string{"url": "https://git.example/team/app.git", "username": "own", "password": "p"}),
		secret("bare", "repository", map[string]string{"url": "https://git.example/team/bare", "proxy": "http://proxy.example"}),
		secret("host", "repo-creds", map[string]string{"url": "https://git.example/", "username": "host", "password": "p"}),
		secret("team", "repo-creds", map[string]string{"url": "https://git.example/team", "username": "team", "password": "p"}),
		secret("scoped", "repository", map[string]string{"url": "https://git.example/team/app", "project": "red", "username": "red", "password": "p"}),
		secret("broken", "repository", map[string]string{}),
	} {
		_ = store.Put(s)
	}
	const anyWhere = "a Secret with the label argocd.argoproj.io/secret-type: repository"
	for _, test := range []struct{ name, url, project, user, where string }{
		{"its own", "https://git.example/team/app", "blue", "own", "Secret argocd/own"},
		{"the project's own comes first", "https://git.example/team/app", "red", "red", "Secret argocd/scoped"},
		{"whatever the host's case and the suffix", "https://GIT.example/team/app.git/", "blue", "own", "Secret argocd/own"},
		{"the longest template", "https://git.example/team/other", "blue", "team", "Secret argocd/team"},
		{"a shorter template", "https://git.example/else", "blue", "host", "Secret argocd/host"},
		{"a template for a repository without credentials", "https://git.example/team/bare", "blue", "team", "Secret argocd/team"},
		{"another team whose name begins alike", "https://git.example/teams/other", "blue", "host", "Secret argocd/host"},
		{"another host that begins alike", "https://git.example.evil/team/app", "blue", "", anyWhere},
		{"nothing", "https://elsewhere.example/x", "blue", "", anyWhere},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := store.For(upstream.AddressOf(test.url), test.project)
			if got.Username != test.user || got.Address != upstream.AddressOf(test.url) {
				t.Errorf("got %s at %s, want %s", got.Username, got.Address, test.user)
			}
			if got.Where != test.where {
				t.Errorf("its credentials are in %s, want %s", got.Where, test.where)
			}
		})
	}
	if got := store.For(upstream.AddressOf("https://git.example/team/bare"), "blue").Proxy; got != "http://proxy.example" {
		t.Errorf("the repository's own proxy is lost: %q", got)
	}
	store.Delete(types.NamespacedName{Namespace: "argocd", Name: "own"})
	if got := store.For(upstream.AddressOf("https://git.example/team/app"), "blue").Username; got != "team" {
		t.Errorf("after its Secret is gone: %q", got)
	}
}

// TestForKindsOfRepositories gives nobody the credentials of a repository that only hosts of
// Git would take for the same.
func TestForKindsOfRepositories(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("git", "repository", map[string]string{"url": "https://h.example/both.git", "username": "git", "password": "p"}),
		secret("helm", "repository", map[string]string{"type": "helm", "url": "https://h.example/charts.git", "username": "helm", "password": "p"}),
		secret("untyped", "repository", map[string]string{"url": "https://h.example/untyped", "username": "untyped", "password": "p"}),
		secret("all", "repo-creds", map[string]string{"url": "https://h.example/all.git", "username": "all", "password": "p"}),
		secret("oci", "repository", map[string]string{"url": "oci://h.example/corp/web", "username": "oci", "password": "p"}),
	} {
		if err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	charts := func(path string) upstream.Address { return upstream.AddressOf("https://h.example" + path).OfCharts() }
	for want, asked := range map[string][]upstream.Address{
		"git":     {upstream.AddressOf("https://h.example/both"), upstream.AddressOf("https://h.example/both.git"), charts("/both.git")},
		"helm":    {charts("/charts.git"), charts("/charts.git/"), upstream.AddressOf("https://h.example/charts.git")},
		"untyped": {charts("/untyped"), upstream.AddressOf("https://h.example/untyped.git")},
		"all":     {charts("/all.git"), charts("/all.git/a"), upstream.AddressOf("https://h.example/all")},
		"oci":     {upstream.AddressOf("oci://h.example/corp/web")},
		"": {
			charts("/both"), charts("/charts"), charts("/untyped.git"), charts("/all"), charts("/all/a"), upstream.AddressOf("https://h.example/charts"),
			upstream.AddressOf("oci://h.example/corp/web.git"),
		},
	} {
		for _, address := range asked {
			if got := store.For(address, "").Username; got != want {
				t.Errorf("%s of Helm %v is reached as %q, want %q", address, address == address.OfCharts(), got, want)
			}
		}
	}
}

// TestForRegistriesOfCharts: a Secret and a source of charts mean the same registry with
// and without a scheme, in the forms that Argo CD's people write.
func TestForRegistriesOfCharts(t *testing.T) {
	for name, fields := range map[string]map[string]string{
		"enableOCI":          {"type": "helm", "enableOCI": "true", "url": "registry.example/corp"},
		"Helm, no enableOCI": {"type": "helm", "url": "registry.example/corp"},
		"OCI":                {"type": "oci", "url": "registry.example/corp"},
		"no type":            {"enableOCI": "true", "url": "registry.example/corp"},
		"with a scheme":      {"type": "helm", "enableOCI": "true", "url": "oci://registry.example/corp"},
		"a port and a slash": {"type": "helm", "enableOCI": "true", "url": "registry.example:443/corp/"},
	} {
		fields["username"], fields["password"] = "me", "p"
		for _, kind := range []string{"repository", "repo-creds"} {
			store := repository.NewStore()
			if err := store.Put(secret("s", kind, fields)); err != nil {
				t.Fatal(err)
			}
			for _, asked := range []string{"registry.example/corp", "oci://registry.example/corp"} {
				if got := store.For(upstream.SourceAddress(asked, "web", upstream.Bucket{}), "").Username; got != "me" {
					t.Errorf("%s: by a Secret of %s, %s is reached as %q", name, kind, asked, got)
				}
			}
			below := store.For(upstream.SourceAddress("registry.example/corp/team", "web", upstream.Bucket{}), "").Username
			if want := map[string]string{"repository": "", "repo-creds": "me"}[kind]; below != want {
				t.Errorf("%s: by a Secret of %s, what is below is reached as %q, want %q", name, kind, below, want)
			}
			for _, other := range []string{"registry.example/corporation", "other.example/corp", "https://registry.example/corp"} {
				if got := store.For(upstream.SourceAddress(other, "web", upstream.Bucket{}), "").Username; got != "" {
					t.Errorf("%s: the credentials are given to %s", name, other)
				}
			}
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	store := repository.NewStore()
	_ = store.Put(secret("s", "repository", map[string]string{"url": "https://x", "username": "u", "password": "hunter2", "bearerToken": "hunter2"}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, store.For(upstream.AddressOf("https://x"), "")); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s shows the secret: %s", verb, text)
		}
	}
}

// TestRegistries are written with their scheme, or without it as Helm's.
func TestRegistries(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("typed", "repository", map[string]string{"type": "oci", "url": "oci://registry.example/a", "username": "typed"}),
		secret("bare", "repository", map[string]string{"type": "oci", "url": "registry.example:5000/b", "username": "bare", "insecureOCIForceHttp": "true"}),
		secret("helm", "repository", map[string]string{"type": "helm", "url": "registry.example/charts", "enableOCI": "true", "username": "helm"}),
		secret("all", "repo-creds", map[string]string{"type": "helm", "url": "registry.example/team", "enableOCI": "true", "username": "all"}),
		secret("http", "repository", map[string]string{"type": "helm", "url": "https://registry.example/http", "enableOCI": "true", "username": "http"}),
	} {
		if err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	for address, want := range map[string]string{
		"oci://registry.example/a": "typed", "oci://registry.example:5000/b": "bare", "oci://registry.example/charts": "helm",
		"oci://registry.example/team/web": "all", "https://registry.example/http": "http", "https://registry.example/a": "", "oci://registry.example/other": "",
	} {
		got := store.For(upstream.AddressOf(address), "")
		if got.Username != want || got.PlainHTTP != (want == "bare") {
			t.Errorf("%s is reached as %q, by HTTP without TLS: %t", address, got.Username, got.PlainHTTP)
		}
	}
}
