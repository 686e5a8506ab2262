package repository_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/storetest"
)

// hostLine is a line of known hosts.
func hostLine(host string) string {
	public := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		panic(err)
	}
	return host + " " + string(ssh.MarshalAuthorizedKey(key))
}

// testCA returns a certificate in PEM.
func testCA(t *testing.T) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

const certificate = `-----BEGIN CERTIFICATE-----
MIIBXDCCAQKgAwIBAgIUSyncFMtmcJ6cGGq6fHkGmZ0wCgYIKoZIzj0EAwIwDzEN
-----END CERTIFICATE-----
`

func configMap(name string, data map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": "argocd", "name": name}, "data": data,
	}}
}

func trusting(trust *repository.Trust, address string) upstream.Repository {
	access := repository.Access{Store: repository.NewStore(), Trust: trust}
	found, _ := access.Repository("", upstream.AddressOf(address))
	return found
}

func TestTrust(t *testing.T) {
	storetest.Run(t, storetest.Kind{
		Open: func(changed func()) storetest.Opened {
			trust := &repository.Trust{Changed: func([]repository.Concern) { changed() }}
			return storetest.Opened{Store: trust, Held: trust.Held, Read: func() string {
				return fmt.Sprintf("%s", trusting(trust, "ssh://git@git.example/a").KnownHosts)
			}}
		},
		One:    configMap(repository.KnownHostsName, map[string]any{"ssh_known_hosts": "# a note\n" + hostLine("git.example")}),
		Other:  configMap(repository.KnownHostsName, map[string]any{"ssh_known_hosts": hostLine("git.example") + hostLine("[git.example]:2222")}),
		Broken: configMap(repository.KnownHostsName, map[string]any{"ssh_known_hosts": "git.example"}),
	})
}

// Each server has the certificate of its own name, and what is none is told by its key.
func TestCertificates(t *testing.T) {
	var told []repository.Concern
	trust := &repository.Trust{Changed: func(concerns []repository.Concern) { told = append(told, concerns...) }}
	ca := string(testCA(t))
	err := trust.Put(configMap(repository.CertificatesName, map[string]any{"Git.example": ca, "broken.example": certificate}))
	if err == nil || !strings.Contains(err.Error(), `"broken.example" in ConfigMap argocd-tls-certs-cm holds no certificate`) {
		t.Errorf("the error is %v", err)
	}
	for address, want := range map[string]string{
		"https://git.example/a": ca, "https://git.example:8443/a": ca, "https://other.example/a": "", "https://broken.example/a": "",
		"ssh://git@git.example/a": "",
	} {
		if got := string(trusting(trust, address).CA); got != want {
			t.Errorf("%s: trusted is %q", address, got)
		}
	}
	covered := func(key string) bool {
		return slices.ContainsFunc(told, func(c repository.Concern) bool { return c.Covers(key) })
	}
	if !covered("https://git.example/a") || !covered("https://git.example:8443/a") || covered("https://git.example.evil/a") || covered("https://other.example/a") {
		t.Errorf("told are %v", told)
	}
	trust.Delete(types.NamespacedName{Name: repository.CertificatesName})
	if got := trusting(trust, "https://git.example/a").CA; got != nil {
		t.Errorf("after it is gone: %q", got)
	}
}

// A key for ssh is used by addresses of ssh alone, of the repository's Secret or of a template.
func TestSSHKeys(t *testing.T) {
	store := repository.NewStore()
	for _, s := range []*unstructured.Unstructured{
		secret("own", "repository", map[string]string{"url": "git@git.example:team/app.git", "sshPrivateKey": "own", "insecureIgnoreHostKey": "true"}),
		secret("bare", "repository", map[string]string{"url": "ssh://git@git.example/team/bare", "username": "u", "password": "p"}),
		secret("team", "repo-creds", map[string]string{"url": "ssh://git@git.example/team", "sshPrivateKey": "team"}),
	} {
		if err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	for address, want := range map[string]string{
		"ssh://git@git.example/team/app": "own", "git@git.example:team/app": "own", "git@git.example:team/bare.git": "team",
		"git@git.example:team/other": "team", "git@git.example:else/other": "", "other@git.example:team/other": "",
	} {
		if got := store.For(upstream.AddressOf(address), "").SSHKey.Reveal(); got != want {
			t.Errorf("%s: the key is %q, want %q", address, got, want)
		}
	}
	if !store.For(upstream.AddressOf("git@git.example:team/app.git"), "").InsecureSkipVerify {
		t.Error("insecureIgnoreHostKey is not read")
	}
}
