package sops_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
	"github.com/syncline-io/syncline/internal/edge/sops/kms"
)

// cloud is a server that is every host there is, and answers as what is documented of
// each service. What is wrong in a request is what it answers.
type cloud struct {
	t      testing.TB
	client *kms.Client
	// options are those of the client.
	options kms.Options
	// stranger does not trust the authority, which is in PEM.
	stranger  *kms.Client
	authority []byte

	mu sync.Mutex
	// data is what the keys unwrap to.
	data []byte
	// asked counts the requests to each host and path.
	asked map[string]int
	// answer replaces what would be answered.
	answer http.HandlerFunc
	// tokens replaces what servers of tokens would answer, and refuse has them refuse.
	tokens func(at string, r *http.Request, body string) (answer, wrong string)
	refuse func(w http.ResponseWriter)
	// account is the public key of the service account.
	account *rsa.PublicKey
}

// hosts are those that the services are at.
func hosts() []string {
	return []string{
		"vault.example.com", "kms.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com", "oauth2.googleapis.com", "cloudkms.googleapis.com",
		"login.microsoftonline.com", "shop.vault.azure.net",
	}
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cloud"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: hosts(), IsCA: true, BasicConstraintsValid: true,
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	fatal(t, err)
	certificate, err := x509.ParseCertificate(text)
	fatal(t, err)
	c := &cloud{t: t, asked: map[string]int{}}
	server := httptest.NewUnstartedServer(c)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{text}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	c.options = kms.Options{RootCAs: roots, Dial: dial}
	c.client, c.stranger = kms.New(c.options), kms.New(kms.Options{Dial: dial})
	c.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text})
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := r.Method + " " + r.Host + r.URL.RequestURI()
	c.asked[at]++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if c.answer != nil && !strings.Contains(r.Host, "oauth2") && !strings.Contains(r.Host, "login") {
		c.answer(w, r)
		return
	}
	give := c.answerTo
	if gives := strings.HasPrefix(r.Host, "sts.") || r.Host == "oauth2.googleapis.com" || r.Host == "login.microsoftonline.com" || r.Host == "169.254.169.254"; gives && c.refuse != nil {
		c.refuse(w)
		return
	} else if gives && c.tokens != nil {
		give = c.tokens
	}
	answer, wrong := give(at, r, string(body))
	if wrong != "" {
		c.t.Errorf("%s: %s in %v and %s", at, wrong, r.Header, body)
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, answer)
}

// answerTo returns what a service answers, or what is not as it documents requests.
func (c *cloud) answerTo(at string, r *http.Request, body string) (answer, wrong string) {
	plain := base64.StdEncoding.EncodeToString(c.data)
	switch at {
	case "POST vault.example.com/v1/teams/shop/transit/decrypt/sops":
		return `{"data":{"plaintext":"` + plain + `"}}`, missing(r.Header.Get("X-Vault-Token")+body, "hvs.token", `{"ciphertext":"wrapped"}`)
	case "POST kms.eu-west-1.amazonaws.com/":
		return `{"KeyId":"x","Plaintext":"` + plain + `"}`, missing(fmt.Sprint(r.Header)+body, "TrentService.Decrypt", "application/x-amz-json-1.1",
			"/eu-west-1/kms/aws4_request", "Credential=AKIDROLE/", "X-Amz-Security-Token:[session]", "x-amz-security-token;x-amz-target", `"CiphertextBlob":"wrapped"`,
			`"EncryptionContext":{"team":"shop"}`, `"KeyId":"arn:aws:kms:eu-west-1:123456789012:key/1-2"`)
	case "POST sts.eu-west-1.amazonaws.com/":
		return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>AKIDROLE</AccessKeyId>` +
				`<SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			missing(fmt.Sprint(r.Header)+body, "Credential=AKIDOWN/", "/eu-west-1/sts/aws4_request", "Action=AssumeRole", "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fsops", "Version=2011-06-15")
	case "POST oauth2.googleapis.com/token":
		return `{"access_token":"ya29","expires_in":3599,"token_type":"Bearer"}`, c.wrongAssertion(body)
	case "POST cloudkms.googleapis.com/v1/projects/p/locations/global/keyRings/r/cryptoKeys/k:decrypt":
		return `{"plaintext":"` + plain + `"}`, missing(r.Header.Get("Authorization")+body, "Bearer ya29", `{"ciphertext":"wrapped"}`)
	case "POST login.microsoftonline.com/tenant/oauth2/v2.0/token":
		return `{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ"}`, missing(body, "client_id=client", "client_secret=s3cret",
			"grant_type=client_credentials", "scope=https%3A%2F%2Fvault.azure.net%2F.default")
	case "POST shop.vault.azure.net/keys/sops/v1/decrypt?api-version=7.4":
		return `{"kid":"x","value":"` + base64.RawURLEncoding.EncodeToString(c.data) + `"}`, missing(r.Header.Get("Authorization")+body, "Bearer eyJ", `"alg":"RSA-OAEP-256"`, `"value":"wrapped"`)
	}
	return "", "nobody is there"
}

// missing returns the first part that a request lacks.
func missing(text string, parts ...string) string {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return "no " + part
		}
	}
	return ""
}

// wrongAssertion returns what is wrong with the token that a service account signed.
func (c *cloud) wrongAssertion(body string) string {
	_, assertion, _ := strings.Cut(body, "assertion=")
	text, signature, _ := strings.Cut(assertion[:strings.IndexAny(assertion+"&", "&")], ".")
	claims, signature, _ := strings.Cut(signature, ".")
	sum := sha256.Sum256([]byte(text + "." + claims))
	signed, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || rsa.VerifyPKCS1v15(c.account, 5, sum[:], signed) != nil {
		return "no signature"
	}
	decoded, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		return "no claims"
	}
	return missing(string(decoded)+body, `"iss":"sops@example.com"`, `"aud":"https://oauth2.googleapis.com/token"`, "auth/cloudkms", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")
}

// secret is the data of a Secret with keys for all services.
func (c *cloud) secret(t testing.TB) map[string]sealed.Text {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(t, err)
	c.account = &key.PublicKey
	text, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(t, err)
	account, err := json.Marshal(map[string]string{
		"client_email": "sops@example.com", "private_key_id": "1", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})),
	})
	fatal(t, err)
	return map[string]sealed.Text{
		"sops.vault-token": "hvs.token\n", "sops.vault-address": "https://vault.example.com/", "sops.gcp-kms": sealed.Text(account),
		"sops.aws-kms":  "aws_access_key_id: AKIDOWN\naws_secret_access_key: own\n",
		"sops.azure-kv": "tenantId: tenant\nclientId: client\nclientSecret: s3cret\n",
		"README":        "is none of its business",
	}
}

// wrappedBy has the field of the metadata for a key of each service.
func wrappedBy() map[sops.Kind]document.Branch {
	return map[sops.Kind]document.Branch{
		sops.Vault: {{Key: "vault_address", Value: "https://vault.example.com"}, {Key: "engine_path", Value: "teams/shop/transit"}, {Key: "key_name", Value: "sops"}},
		sops.AWSKMS: {
			{Key: "arn", Value: "arn:aws:kms:eu-west-1:123456789012:key/1-2"}, {Key: "role", Value: "arn:aws:iam::123456789012:role/sops"},
			{Key: "context", Value: document.Branch{{Key: "team", Value: "shop"}}},
		},
		sops.GCPKMS:  {{Key: "resource_id", Value: "projects/p/locations/global/keyRings/r/cryptoKeys/k"}},
		sops.AzureKV: {{Key: "vault_url", Value: "https://shop.vault.azure.net"}, {Key: "name", Value: "sops"}, {Key: "version", Value: "v1"}},
	}
}

// fileFor returns a file whose data key is wrapped by a service.
func fileFor(t testing.TB, kind sops.Kind, key document.Branch) (dataKey, text []byte) {
	t.Helper()
	s := newSealer(t)
	s.wrapped = document.Item{Key: string(kind), Value: document.List{append(key, document.Item{Key: "enc", Value: "wrapped"})}}
	return s.dataKey, []byte(s.file(document.YAML, "a: b\n"))
}

// TestServices are asked as each documents, and a token or role once for two keys.
func TestServices(t *testing.T) {
	c := newCloud(t)
	keys, err := sops.ReadKeys(c.client, "shop", c.secret(t))
	fatal(t, err)
	for kind, key := range wrappedBy() {
		for range 2 {
			var text []byte
			c.data, text = fileFor(t, kind, key)
			plain, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text)
			if err != nil || string(plain) != "a: b\n" {
				t.Errorf("%s: %q, %v", kind, plain, err)
			}
		}
	}
	for at, times := range c.asked {
		want := 2
		if strings.HasSuffix(at, "token") || strings.Contains(at, "sts") {
			want = 1
		}
		if times != want {
			t.Errorf("%s was asked %d times, want %d", at, times, want)
		}
	}
	if len(c.asked) != len(hosts()) {
		t.Errorf("asked were %v", c.asked)
	}
}

// TestAVaultOfAnAuthorityOfItsOwn is asked by whoever is given that.
func TestAVaultOfAnAuthorityOfItsOwn(t *testing.T) {
	c := newCloud(t)
	for _, authority := range []string{"", string(c.authority)} {
		data := c.secret(t)
		data["sops.vault-ca"] = sealed.Text(authority)
		keys, err := sops.ReadKeys(c.stranger, "shop", data)
		fatal(t, err)
		var text []byte
		c.data, text = fileFor(t, sops.Vault, wrappedBy()[sops.Vault])
		plain, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text)
		if (err == nil) != (authority != "") || err == nil && string(plain) != "a: b\n" {
			t.Errorf("with %q: %q, %v", authority, plain, err)
		}
	}
}

// TestServicesThatFail: what they say decides whether to try again, and nothing of it
// is shown but its code.
func TestServicesThatFail(t *testing.T) {
	answers := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   syncline.Kind
		want   string
	}{
		"denied":    {answers(http.StatusForbidden, `{"__type":"AccessDeniedException","m":"hunter2"}`), syncline.Invalid, "the service answered 403"},
		"throttled": {answers(http.StatusTooManyRequests, "hunter2"), syncline.Transient, "the service answered 429"},
		"broken":    {answers(http.StatusBadGateway, "hunter2"), syncline.Transient, "the service answered 502"},
		"wrong":     {answers(http.StatusBadRequest, "hunter2"), syncline.Invalid, "the service answered 400"},
		"no JSON":   {answers(http.StatusOK, "hunter2"), syncline.Invalid, "the service answered"},
		"no key":    {answers(http.StatusOK, "{}"), syncline.Invalid, "the service answered no"},
		"too much":  {answers(http.StatusOK, strings.Repeat("hunter2 ", 1<<18)), syncline.Invalid, "the service answered more than 1048576 bytes"},
		"sent on": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/hunter2", http.StatusFound)
		}, syncline.Invalid, "the service answered 302"},
		"cut off":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, syncline.Transient, "was not reached"},
		"half a key": {answers(http.StatusOK, `{"data":{"plaintext":"YQ=="},"Plaintext":"YQ==","plaintext":"YQ==","value":"YQ"}`), syncline.Invalid, "its data key has 1 bytes"},
	} {
		c := newCloud(t)
		keys, err := sops.ReadKeys(c.client, "shop", c.secret(t))
		fatal(t, err)
		c.answer = test.answer
		for kind, key := range wrappedBy() {
			if kind == sops.AWSKMS {
				key = key[:1] // the role is asked for elsewhere
			}
			_, text := fileFor(t, kind, key)
			_, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text)
			if err == nil || syncline.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s, %s: %v (%s), want %s %q", name, kind, err, syncline.KindOf(err), test.kind, test.want)
			}
		}
	}
}

// TestCredentialsGoNowhereElse: a file that names another address gets none.
func TestCredentialsGoNowhereElse(t *testing.T) {
	c := newCloud(t)
	keys, err := sops.ReadKeys(c.client, "shop", c.secret(t))
	fatal(t, err)
	with := func(kind sops.Kind, field, value string) document.Branch {
		var changed document.Branch
		for _, item := range wrappedBy()[kind] {
			if item.Key == field {
				item.Value = value
			}
			changed = append(changed, item)
		}
		return changed
	}
	for _, test := range []struct {
		kind         sops.Kind
		field, value string
	}{
		{sops.Vault, "vault_address", "https://evil.example.com"}, {sops.Vault, "vault_address", "https://vault.example.com@evil.example.com"},
		{sops.Vault, "vault_address", "http://vault.example.com"}, {sops.Vault, "engine_path", "../sys"}, {sops.Vault, "key_name", "a/../../../sys/seal?x="},
		{sops.Vault, "key_name", "a%2f..%2f.."}, {sops.AzureKV, "vault_url", "https://evil.example.com"}, {sops.AzureKV, "vault_url", "https://evil.example.com/.vault.azure.net"},
		{sops.AzureKV, "vault_url", "http://shop.vault.azure.net"}, {sops.AzureKV, "name", "../secrets"}, {sops.AzureKV, "version", "v1?x=/"},
		{sops.AWSKMS, "arn", "arn:aws:kms:evil.example.com/:123456789012:key/1"}, {sops.AWSKMS, "arn", "arn:evil:kms:eu-west-1:123456789012:key/1"},
		{sops.GCPKMS, "resource_id", "../evil"}, {sops.GCPKMS, "resource_id", "projects/p/locations/l/keyRings/r/cryptoKeys/k:encrypt?x="},
	} {
		_, text := fileFor(t, test.kind, with(test.kind, test.field, test.value))
		if _, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s %s=%q: %v", test.kind, test.field, test.value, err)
		}
	}
	if len(c.asked) > 0 {
		t.Errorf("asked were %v", c.asked)
	}
	own := kms.New(kms.Options{})
	keys, err = sops.ReadKeys(own, "shop", map[string]sealed.Text{"sops.vault-token": "t", "sops.vault-address": "http://169.254.169.254"})
	fatal(t, err)
	_, text := fileFor(t, sops.Vault, with(sops.Vault, "vault_address", "http://169.254.169.254"))
	if _, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys, "a.yaml", text); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "an address that is not asked") {
		t.Errorf("a link-local address: %v", err)
	}
}

// TestAServiceThatDoesNotAnswer is not waited for longer than a file may take.
func TestAServiceThatDoesNotAnswer(t *testing.T) {
	c := newCloud(t)
	keys, err := sops.ReadKeys(c.client, "shop", c.secret(t))
	fatal(t, err)
	c.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	_, text := fileFor(t, sops.Vault, wrappedBy()[sops.Vault])
	_, err = sops.New(sops.Options{Timeout: 50 * time.Millisecond}).Decrypt(t.Context(), keys, "a.yaml", text)
	if syncline.KindOf(err) != syncline.Transient {
		t.Errorf("%v (%s)", err, syncline.KindOf(err))
	}
}

// TestReadKeys names the entry that cannot be read, and shows nothing of it.
func TestReadKeys(t *testing.T) {
	client := kms.New(kms.Options{})
	for name, test := range map[string]struct {
		data map[string]sealed.Text
		want string
	}{
		"age and PGP":   {map[string]sealed.Text{"a.agekey": sealed.Text(key(t, "age.agekey")), "b.asc": sealed.Text(key(t, "pgp-locked.asc")), "b.passphrase": "throw away"}, ""},
		"nothing known": {map[string]sealed.Text{"age.txt": "hunter2"}, "the Secret has no key of sops"},
		"a bad age key": {map[string]sealed.Text{"a.agekey": "hunter2"}, "age identity 1"},
		"no address":    {map[string]sealed.Text{"sops.vault-token": "hunter2"}, "sops.vault-token: its token is for no address"},
		"a bad address": {map[string]sealed.Text{"sops.vault-token": "t", "sops.vault-address": "file:///hunter2"}, "is for no address"},
		"no authority":  {map[string]sealed.Text{"sops.vault-token": "t", "sops.vault-address": "https://vault.example.com", "sops.vault-ca": "hunter2"}, "sops.vault-ca has no certificate"},
		"AWS":           {map[string]sealed.Text{"sops.aws-kms": "hunter2"}, "sops.aws-kms is no YAML with"},
		"GCP":           {map[string]sealed.Text{"sops.gcp-kms": "hunter2"}, "sops.gcp-kms: it is no JSON of"},
		"Azure":         {map[string]sealed.Text{"sops.azure-kv": "tenantId: hunter2"}, "sops.azure-kv: has to have one of clientSecret and clientAssertion"},
	} {
		keys, err := sops.ReadKeys(client, "shop", test.data)
		switch {
		case test.want == "":
			if err != nil || keys.IsZero() {
				t.Errorf("%s: %v", name, err)
			}
		case syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
