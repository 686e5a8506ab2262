// Package repository translates Argo CD's repository Secrets into how
// repositories are reached. It connects to nothing.
package repository

import (
	"cmp"
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

// The label that marks a Secret, and the values that concern repositories: one
// repository, and a template for all whose URL begins with its own.
const (
	Label          = "argocd.argoproj.io/secret-type"
	TypeRepository = "repository"
	TypeTemplate   = "repo-creds"
)

// Selector selects the Secrets that concern repositories.
const Selector = Label + " in (" + TypeRepository + "," + TypeTemplate + ")"

// Store holds the repository Secrets as they were last seen. It is safe for
// concurrent use.
type Store struct {
	mu      sync.RWMutex
	entries map[string]entry
	// repositories are by the keys of their addresses, and templates by the servers
	// that theirs name; then by the names of the Secrets.
	repositories map[string]map[string]entry
	templates    map[string]map[string]entry
}

// entry is one Secret.
type entry struct {
	name       string
	template   bool
	project    string
	repository syncline.Repository
}

// Concern is what a Secret is about.
type Concern struct {
	// Repository is the repository's [syncline.Address.Key], and the beginning of
	// those that a template is about.
	Repository string
	Template   bool
}

// Covers reports whether the repository of that key is concerned.
func (c Concern) Covers(repoKey string) bool {
	return repoKey == c.Repository || c.Template && strings.HasPrefix(repoKey+"/", c.Repository)
}

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{
		entries:      map[string]entry{},
		repositories: map[string]map[string]entry{},
		templates:    map[string]map[string]entry{},
	}
}

// Put takes note of a Secret as it was seen. It returns what it is about, and
// what it was about before when that is something else. It is an Invalid error
// when its address cannot be read: the Secret concerns nothing then.
func (s *Store) Put(u *unstructured.Unstructured) ([]Concern, error) {
	e := read(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, known := s.entries[e.name]; known && reflect.DeepEqual(old, e) {
		return nil, e.repository.Address.Err()
	}
	concerns := s.remove(e.name)
	s.entries[e.name] = e
	if err := e.repository.Address.Err(); err != nil {
		return concerns, err
	}
	index, key := s.index(e)
	if index[key] == nil {
		index[key] = map[string]entry{}
	}
	index[key][e.name] = e
	if now := e.concern(); !slices.Contains(concerns, now) {
		concerns = append(concerns, now)
	}
	return concerns, nil
}

// Delete forgets a Secret that is gone, and returns what it was about.
func (s *Store) Delete(name string) []Concern {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(name)
}

func (s *Store) remove(name string) []Concern {
	e, known := s.entries[name]
	delete(s.entries, name)
	if !known || e.repository.Address.Err() != nil {
		return nil
	}
	index, key := s.index(e)
	if delete(index[key], name); len(index[key]) == 0 {
		delete(index, key)
	}
	return []Concern{e.concern()}
}

func (e entry) concern() Concern {
	if e.template {
		return Concern{Repository: prefixOf(e.repository.Address), Template: true}
	}
	return Concern{Repository: e.repository.Address.Key()}
}

// index returns where an entry is found, and by what.
func (s *Store) index(e entry) (map[string]map[string]entry, string) {
	if e.template {
		return s.templates, e.repository.Address.Origin()
	}
	return s.repositories, e.repository.Address.Key()
}

// For returns how a project reaches the repository at an address. The
// repository's own Secret says so, one of the project before one of none; where
// it has no credentials, those of the template with the longest matching prefix
// are used; where there is no Secret at all, nothing but the address is known.
func (s *Store) For(address syncline.Address, project string) syncline.Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if address.Err() != nil {
		return syncline.Repository{Address: address}
	}
	key := address.Key()
	own, found := best(s.repositories[key], project, func(entry) bool { return true })
	if found && hasCredentials(own.repository) {
		return at(own.repository, address)
	}
	template, ok := best(s.templates[address.Origin()], project, func(e entry) bool {
		return strings.HasPrefix(key+"/", prefixOf(e.repository.Address))
	})
	switch {
	case ok && found:
		return at(merged(own.repository, template.repository), address)
	case ok:
		return at(template.repository, address)
	case found:
		return at(own.repository, address)
	}
	return syncline.Repository{Address: address}
}

// best returns the entry that matches most closely: with the longest address,
// then of the project itself, then by name so that the choice does not change.
func best(entries map[string]entry, project string, matches func(entry) bool) (entry, bool) {
	var candidates []entry
	for _, e := range entries {
		if (e.project == "" || e.project == project) && matches(e) {
			candidates = append(candidates, e)
		}
	}
	if candidates == nil {
		return entry{}, false
	}
	return slices.MinFunc(candidates, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(len(b.repository.Address.Key()), len(a.repository.Address.Key())),
			cmp.Compare(b.project, a.project), // of the project before of none
			cmp.Compare(a.name, b.name),
		)
	}), true
}

// prefixOf is what the key of a repository has to begin with for a template to
// concern it. A template for a host must not send its credentials to another
// host whose name begins alike.
func prefixOf(address syncline.Address) string {
	key := address.Key()
	_, rest, _ := strings.Cut(key, "://")
	if !strings.Contains(rest, "/") {
		return key + "/"
	}
	return key
}

func hasCredentials(r syncline.Repository) bool {
	return r.Username != "" || r.Password != "" || r.BearerToken != "" || len(r.ClientCert) > 0
}

// merged is how own says that a repository is reached, with the credentials of
// the template.
func merged(own, template syncline.Repository) syncline.Repository {
	own.Unsupported = template.Unsupported
	own.Username, own.Password, own.BearerToken = template.Username, template.Password, template.BearerToken
	own.ClientCert, own.ClientKey = template.ClientCert, template.ClientKey
	own.ForceBasicAuth = own.ForceBasicAuth || template.ForceBasicAuth
	own.InsecureSkipVerify = own.InsecureSkipVerify || template.InsecureSkipVerify
	return own
}

// at is the repository under the address that was asked for.
func at(r syncline.Repository, address syncline.Address) syncline.Repository {
	r.Address, r.Declared = address, true
	return r
}

// read translates a Secret in the format of Argo CD's repository Secrets.
func read(u *unstructured.Unstructured) entry {
	field := func(name string) string {
		encoded, _, _ := unstructured.NestedString(u.Object, "data", name)
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return ""
		}
		return strings.TrimRight(string(text), "\n")
	}
	e := entry{
		name:     u.GetNamespace() + "/" + u.GetName(),
		template: u.GetLabels()[Label] == TypeTemplate,
		project:  field("project"),
		repository: syncline.Repository{
			Address:            syncline.AddressOf(field("url")),
			Username:           field("username"),
			Password:           syncline.Sealed(field("password")),
			BearerToken:        syncline.Sealed(field("bearerToken")),
			ForceBasicAuth:     field("forceHttpBasicAuth") == "true",
			InsecureSkipVerify: field("insecure") == "true",
			ClientCert:         []byte(field("tlsClientCertData")),
			ClientKey:          syncline.Sealed(field("tlsClientCertKey")),
			Proxy:              field("proxy"),
			NoProxy:            field("noProxy"),
		},
	}
	if !hasCredentials(e.repository) {
		e.repository.Unsupported = unsupported(field)
	}
	return e
}

// unsupported returns the first field of a Secret with credentials of a kind that
// cannot be used, or "".
func unsupported(field func(string) string) string {
	for _, name := range []string{
		"sshPrivateKey", "githubAppPrivateKey", "githubAppID", "gcpServiceAccountKey", "useAzureWorkloadIdentity",
	} {
		if value := field(name); value != "" && value != "false" {
			return name
		}
	}
	return ""
}
