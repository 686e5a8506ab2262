package repository

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// The ConfigMaps that say which servers of repositories are trusted: by their keys for
// ssh, and by the authorities of their certificates.
const (
	KnownHostsName   = "argocd-ssh-known-hosts-cm"
	CertificatesName = "argocd-tls-certs-cm"
)

// knownHostsKey is the key of the first ConfigMap; the second has one for each host.
const knownHostsKey = "ssh_known_hosts"

// Trust holds both ConfigMaps as they were last seen. It is safe for concurrent use.
type Trust struct {
	// Changed is told which repositories a change concerns. Set it before the first Put.
	// Default: nobody is told.
	Changed func(concerns []Concern)

	mu         sync.RWMutex
	knownHosts string
	// certificates are by the names of hosts, in PEM.
	certificates map[string]string
}

// Put takes note of one of the ConfigMaps as it was seen. The error joins what cannot
// be read of it, which counts for nothing; the rest does.
func (t *Trust) Put(u *unstructured.Unstructured) error {
	data, _, err := unstructured.NestedStringMap(u.Object, "data")
	if err != nil {
		return syncline.Errorf(syncline.Invalid, "ConfigMap %s, of which everything stays as it was: data is not a map of texts", u.GetName())
	}
	if u.GetName() == KnownHostsName {
		hosts, err := readKnownHosts(data[knownHostsKey])
		t.tell(t.setKnownHosts(hosts))
		return err
	}
	certificates, err := readCertificates(data)
	t.tell(t.setCertificates(certificates))
	return err
}

// Delete takes note that there is no ConfigMap of that name.
func (t *Trust) Delete(name types.NamespacedName) {
	if name.Name == KnownHostsName {
		t.tell(t.setKnownHosts(""))
		return
	}
	t.tell(t.setCertificates(nil))
}

// readKnownHosts checks each line, of which OpenSSH passes over what it cannot read.
func readKnownHosts(text string) (string, error) {
	var kept strings.Builder
	var failures []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		plain := strings.TrimSpace(line)
		if plain == "" || strings.HasPrefix(plain, "#") {
			continue
		}
		if _, _, _, _, _, err := ssh.ParseKnownHosts([]byte(plain)); err != nil {
			failures = append(failures, syncline.Errorf(syncline.Invalid, "%s in ConfigMap %s: line %d is no host with a key", knownHostsKey, KnownHostsName, number))
			continue
		}
		kept.WriteString(plain + "\n")
	}
	return kept.String(), errors.Join(failures...)
}

func readCertificates(data map[string]string) (map[string]string, error) {
	kept := map[string]string{}
	var failures []error
	for _, host := range slices.Sorted(maps.Keys(data)) {
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(data[host])) {
			failures = append(failures, syncline.Errorf(syncline.Invalid, "%q in ConfigMap %s holds no certificate in PEM", host, CertificatesName))
			continue
		}
		kept[strings.ToLower(host)] = data[host]
	}
	return kept, errors.Join(failures...)
}

func (t *Trust) setKnownHosts(hosts string) []Concern {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.knownHosts == hosts {
		return nil
	}
	t.knownHosts = hosts
	return []Concern{{Repository: "ssh://", Template: true}}
}

func (t *Trust) setCertificates(certificates map[string]string) []Concern {
	t.mu.Lock()
	defer t.mu.Unlock()
	var concerns []Concern
	for _, before := range []map[string]string{t.certificates, certificates} {
		for host := range before {
			if t.certificates[host] != certificates[host] {
				concerns = append(concerns, Concern{Repository: "https://" + host + "/", Template: true}, Concern{Repository: "https://" + host + ":", Template: true})
			}
		}
	}
	t.certificates = certificates
	return concerns
}

func (t *Trust) tell(concerns []Concern) {
	if t.Changed != nil && len(concerns) > 0 {
		t.Changed(concerns)
	}
}

// of returns the repository with the trust that there is in its server.
func (t *Trust) of(r upstream.Repository) upstream.Repository {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r.Address.Scheme() == "ssh" {
		r.KnownHosts, r.KnownHostsIn = []byte(t.knownHosts), knownHostsKey+" in ConfigMap "+KnownHostsName
		return r
	}
	r.CAIn = "ConfigMap " + CertificatesName + ", under the name of the host"
	if certificate := t.certificates[r.Address.Host()]; certificate != "" {
		r.CA = []byte(certificate)
	}
	return r
}
