// Package repository translates Argo CD's repository Secrets into how
// repositories are reached. It connects to nothing.
package repository

import (
	"cmp"
	"encoding/base64"
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

// Store holds the repository Secrets as they were last seen. It is safe for
// concurrent use.
type Store struct {
	mu      sync.RWMutex
	entries map[string]entry
}

// entry is one Secret.
type entry struct {
	name       string
	template   bool
	project    string
	repository syncline.Repository
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{entries: map[string]entry{}} }

// Put takes note of a Secret as it was seen. It returns the URL, or URL prefix,
// that it is about.
func (s *Store) Put(u *unstructured.Unstructured) string {
	e := read(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[e.name] = e
	return e.repository.URL
}

// Delete forgets a Secret that is gone, and returns what it was about.
func (s *Store) Delete(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	delete(s.entries, name)
	return e.repository.URL
}

// For returns how a project reaches the repository at url. The repository's own
// Secret says so, one of the project before one of none; where it has no
// credentials, those of the template with the longest matching prefix are used;
// where there is no Secret at all, nothing but the URL is known.
func (s *Store) For(url, project string) syncline.Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	own, found := s.best(project, false, func(e entry) bool { return syncline.RepoKey(e.repository.URL) == syncline.RepoKey(url) })
	if found && hasCredentials(own.repository) {
		return at(own.repository, url)
	}
	template, ok := s.best(project, true, func(e entry) bool {
		return strings.HasPrefix(syncline.RepoKey(url)+"/", prefixOf(e.repository.URL))
	})
	switch {
	case ok && found:
		return at(merged(own.repository, template.repository), url)
	case ok:
		return at(template.repository, url)
	}
	return at(own.repository, url)
}

// best returns the entry that matches most closely: with the longest URL, then
// of the project itself, then by name so that the choice does not change.
func (s *Store) best(project string, template bool, matches func(entry) bool) (entry, bool) {
	var candidates []entry
	for _, e := range s.entries {
		if e.template == template && (e.project == "" || e.project == project) && matches(e) {
			candidates = append(candidates, e)
		}
	}
	if candidates == nil {
		return entry{}, false
	}
	return slices.MinFunc(candidates, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(len(syncline.RepoKey(b.repository.URL)), len(syncline.RepoKey(a.repository.URL))),
			cmp.Compare(b.project, a.project), // of the project before of none
			cmp.Compare(a.name, b.name),
		)
	}), true
}

// prefixOf is what the key of a repository has to begin with for a template to
// concern it. A template for a host must not send its credentials to another
// host whose name begins alike.
func prefixOf(url string) string {
	key := syncline.RepoKey(url)
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
	own.Username, own.Password, own.BearerToken = template.Username, template.Password, template.BearerToken
	own.ClientCert, own.ClientKey = template.ClientCert, template.ClientKey
	own.ForceBasicAuth = own.ForceBasicAuth || template.ForceBasicAuth
	own.InsecureSkipVerify = own.InsecureSkipVerify || template.InsecureSkipVerify
	return own
}

// at is the repository under the URL that was asked for.
func at(r syncline.Repository, url string) syncline.Repository {
	r.URL = url
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
	return entry{
		name:     u.GetNamespace() + "/" + u.GetName(),
		template: u.GetLabels()[Label] == TypeTemplate,
		project:  field("project"),
		repository: syncline.Repository{
			URL:                field("url"),
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
}
