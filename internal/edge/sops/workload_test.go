package sops_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
	"github.com/syncline-io/syncline/internal/edge/sops/kms"
)

const (
	awsKey   = "arn:aws:kms:eu-west-1:123456789012:key/1-2"
	gcpKey   = "projects/p/locations/global/keyRings/r/cryptoKeys/k"
	azureKey = "https://shop.vault.azure.net/keys/sops"
	podRole  = "arn:aws:iam::123456789012:role/syncline"
	proof    = "proof-4711"
)

// pod is a cloud with a Pod in it, to which the cluster gave an identity. What it was
// asked for by that identity is in granted.
type pod struct {
	*cloud
	env     map[string]string
	granted map[string]int
}

func newPod(t *testing.T) *pod {
	t.Helper()
	p := &pod{cloud: newCloud(t), granted: map[string]int{}}
	token := filepath.Join(t.TempDir(), "token")
	fatal(t, os.WriteFile(token, []byte(proof+"\n"), 0o600))
	p.env = map[string]string{
		"AWS_ROLE_ARN": podRole, "AWS_WEB_IDENTITY_TOKEN_FILE": token,
		"AZURE_CLIENT_ID": "agent", "AZURE_TENANT_ID": "tenant", "AZURE_FEDERATED_TOKEN_FILE": token,
	}
	metadata := httptest.NewServer(p.cloud) // by plain HTTP, as such servers are
	t.Cleanup(metadata.Close)
	services := p.options.Dial
	p.options.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "169.254.169.254:80" {
			return (&net.Dialer{}).DialContext(ctx, network, metadata.Listener.Addr().String())
		}
		return services(ctx, network, address)
	}
	p.options.Getenv = func(name string) string { return p.env[name] }
	p.client = kms.New(p.options)
	p.tokens = p.grant
	return p
}

// grant answers as documented to who proves to be the Pod.
func (p *pod) grant(at string, r *http.Request, body string) (answer, wrong string) {
	p.granted[at]++
	bearer := `{"access_token":"ya29","expires_in":3599,"token_type":"Bearer"}`
	switch at {
	case "POST sts.eu-west-1.amazonaws.com/":
		return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDROLE</AccessKeyId>` +
				`<SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
			missing(body+fmt.Sprint(r.Header["Authorization"]), "Action=AssumeRoleWithWebIdentity", "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fsyncline", "WebIdentityToken="+proof, "RoleSessionName=syncline", "[]")
	case "POST login.microsoftonline.com/tenant/oauth2/v2.0/token":
		return `{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ"}`, missing(body, "client_id=agent", "client_assertion="+proof,
			"client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer", "scope=https%3A%2F%2Fvault.azure.net%2F.default")
	case "GET 169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloudkms":
		return bearer, missing(r.Header.Get("Metadata-Flavor"), "Google")
	case "POST oauth2.googleapis.com/v1/exchange":
		return `{"access_token":"federated","expires_in":3599,"token_type":"Bearer","issued_token_type":"x"}`, missing(body, "subject_token="+proof, "audience=%2F%2Fiam.googleapis.com%2Fpool",
			"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange", "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt")
	case "POST oauth2.googleapis.com/v1/impersonate:generateAccessToken":
		return `{"accessToken":"ya29","expireTime":"2999-01-01T00:00:00Z"}`, missing(r.Header.Get("Authorization")+body, "Bearer federated", "auth/cloudkms")
	}
	return "", "nobody is there"
}

// secret is the data of a Secret that lets a project use the Pod's identity for a key of
// each cloud.
func (p *pod) secret() map[string]sealed.Text {
	return map[string]sealed.Text{
		"sops.aws-kms":  "workloadIdentity: true\nkeys: [" + awsKey + "]\n",
		"sops.gcp-kms":  "workloadIdentity: true\nkeys: [" + gcpKey + "]\n",
		"sops.azure-kv": "workloadIdentity: true\nkeys: [" + azureKey + "]\n",
	}
}

// own has the fields of the metadata for the keys that are permitted.
func own() map[sops.Kind]document.Branch {
	keys := wrappedBy()
	delete(keys, sops.Vault)
	aws := keys[sops.AWSKMS]
	keys[sops.AWSKMS] = document.Branch{aws[0], aws[2]} // without the role
	return keys
}

// The identity that the cluster gave to the Pod is used where a Secret says so, and asked
// for once.
func TestWorkloadIdentity(t *testing.T) {
	p := newPod(t)
	keys, err := sops.ReadKeys(p.client, "shop", p.secret())
	fatal(t, err)
	for kind, key := range own() {
		for range 2 {
			p.unwraps(t, keys, kind, key)
		}
	}
	for at, times := range p.granted {
		if times != 1 {
			t.Errorf("%s was asked %d times", at, times)
		}
	}
	if len(p.granted) != 3 {
		t.Errorf("asked were %v", p.granted)
	}
}

func (p *pod) unwraps(t *testing.T, keys sops.Keys, kind sops.Kind, key document.Branch) {
	t.Helper()
	var text []byte
	p.data, text = fileFor(t, kind, key)
	if plain, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text); err != nil || string(plain) != "a: b\n" {
		t.Errorf("%s: %q, %v", kind, plain, err)
	}
}

// An external account takes the place of the metadata server, also with the rights of a
// service account.
func TestExternalAccount(t *testing.T) {
	p := newPod(t)
	configuration := filepath.Join(t.TempDir(), "account.json")
	fatal(t, os.WriteFile(configuration, fmt.Appendf(nil, `{"type":"external_account","audience":"//iam.googleapis.com/pool",
		"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://oauth2.googleapis.com/v1/exchange",
		"service_account_impersonation_url":"https://oauth2.googleapis.com/v1/impersonate:generateAccessToken",
		"credential_source":{"file":%q}}`, p.env["AWS_WEB_IDENTITY_TOKEN_FILE"]), 0o600))
	p.env["GOOGLE_APPLICATION_CREDENTIALS"] = configuration
	keys, err := sops.ReadKeys(p.client, "shop", p.secret())
	fatal(t, err)
	p.unwraps(t, keys, sops.GCPKMS, own()[sops.GCPKMS])
	if len(p.granted) != 2 {
		t.Errorf("asked were %v", p.granted)
	}
	fatal(t, os.WriteFile(configuration, []byte(`{"type":"external_account","credential_source":{"executable":{"command":"/bin/hunter2"}}}`), 0o600))
	if _, err := sops.ReadKeys(p.client, "shop", p.secret()); syncline.KindOf(err) != syncline.Invalid || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a program that tells who the Pod is: %v", err)
	}
}

// What no Secret says is not done by the Pod's identity: not for a project without one, not
// for a key that is not listed, and not by a role that a file names. Nobody is asked.
func TestWorkloadIdentityIsNotForEverything(t *testing.T) {
	p := newPod(t)
	for name, data := range map[string]map[string]sealed.Text{
		"no keys":            {"sops.aws-kms": "workloadIdentity: true\n"},
		"no keys, Google":    {"sops.gcp-kms": `{"workloadIdentity": true, "keys": []}`},
		"no keys, Azure":     {"sops.azure-kv": "workloadIdentity: true\n"},
		"both, AWS":          {"sops.aws-kms": "workloadIdentity: true\nkeys: [" + awsKey + "]\naws_access_key_id: a\naws_secret_access_key: b\n"},
		"both, Azure":        {"sops.azure-kv": "workloadIdentity: true\nkeys: [" + azureKey + "]\nclientSecret: hunter2\n"},
		"an authority":       {"sops.azure-kv": "workloadIdentity: true\nkeys: [" + azureKey + "]\nauthority: https://evil.example.com\n"},
		"a role without it":  {"sops.aws-kms": "role: " + podRole + "\naws_access_key_id: a\naws_secret_access_key: b\n"},
		"no role":            {"sops.aws-kms": "workloadIdentity: true\nrole: hunter2\nkeys: [" + awsKey + "]\n"},
		"a text for a truth": {"sops.aws-kms": "workloadIdentity: 'yes'\nkeys: [" + awsKey + "]\n"},
	} {
		if _, err := sops.ReadKeys(p.client, "shop", data); syncline.KindOf(err) != syncline.Invalid || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	keys, err := sops.ReadKeys(p.client, "shop", p.secret())
	fatal(t, err)
	strangers, err := sops.ReadKeys(p.client, "shop", map[string]sealed.Text{"a.agekey": sealed.Text(key(t, "age.agekey"))})
	fatal(t, err)
	for name, test := range map[string]struct {
		keys sops.Keys
		kind sops.Kind
		key  document.Branch
		says string
	}{
		"another key of AWS":    {keys, sops.AWSKMS, document.Branch{{Key: "arn", Value: "arn:aws:kms:eu-west-1:123456789012:key/2"}}, "does not list the key"},
		"another key of Google": {keys, sops.GCPKMS, document.Branch{{Key: "resource_id", Value: gcpKey + "2"}}, "does not list the key"},
		"another vault": {keys, sops.AzureKV, document.Branch{
			{Key: "vault_url", Value: "https://evil.vault.azure.net"}, {Key: "name", Value: "sops"}, {Key: "version", Value: "v1"},
		}, "does not list the key"},
		"a role of a file":     {keys, sops.AWSKMS, wrappedBy()[sops.AWSKMS], "is not assumed by the identity of this Pod"},
		"a project without it": {strangers, sops.AWSKMS, own()[sops.AWSKMS], ""},
	} {
		_, text := fileFor(t, test.kind, test.key)
		if _, err := sops.New(sops.Options{}).Decrypt(t.Context(), test.keys, "a.yaml", text); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.granted) > 0 || len(p.asked) > 0 {
		t.Errorf("asked were %v and %v", p.granted, p.asked)
	}
}

// A Pod without an identity says what is missing, and a file that cannot be read is named.
func TestNoWorkloadIdentity(t *testing.T) {
	p := newPod(t)
	p.env = map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}
	for entry, says := range map[string]string{
		"sops.aws-kms": "AWS_WEB_IDENTITY_TOKEN_FILE", "sops.azure-kv": "AZURE_FEDERATED_TOKEN_FILE", "sops.gcp-kms": "/nowhere",
	} {
		_, err := sops.ReadKeys(p.client, "shop", map[string]sealed.Text{entry: p.secret()[entry]})
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), entry) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

// What a token service refuses is told by its code, and nothing else of it.
func TestWorkloadIdentityThatIsRefused(t *testing.T) {
	p := newPod(t)
	keys, err := sops.ReadKeys(p.client, "shop", p.secret())
	fatal(t, err)
	p.refuse = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2 `+proof+`</Message></Error></ErrorResponse>`)
	}
	for kind, key := range own() {
		_, text := fileFor(t, kind, key)
		_, err := sops.New(sops.Options{Timeout: time.Minute}).Decrypt(t.Context(), keys, "a.yaml", text)
		if err == nil || !strings.Contains(err.Error(), "answered 403 (AccessDenied)") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), proof) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
