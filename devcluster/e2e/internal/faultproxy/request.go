package faultproxy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Request is what a request to the API server is about, in the words of Kubernetes.
type Request struct {
	// Verb is get, list, watch, create, update, patch, delete or deletecollection.
	Verb                                   string
	Resource, Subresource, Namespace, Name string
	DryRun                                 bool
}

// Writes reports whether the request asks for a change.
func (r Request) Writes() bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return !r.DryRun && r.Resource != "events" && r.Resource != "selfsubjectaccessreviews"
	}
	return false
}

// read says what a request is about. The body of a create names the object.
func read(r *http.Request, body []byte) Request {
	read := Request{DryRun: slices.Contains(r.URL.Query()["dryRun"], "All")}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		return Request{Verb: strings.ToLower(r.Method)} // it is about no object
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		read.Namespace, parts = parts[1], parts[2:]
	}
	parts = append(parts, "", "")
	read.Resource, read.Name, read.Subresource = parts[0], parts[1], parts[2]
	read.Verb = verb(r, read.Name)
	if read.Verb == "create" {
		var object struct{ Metadata struct{ Name string } }
		if json.Unmarshal(body, &object) == nil {
			read.Name = object.Metadata.Name
		}
	}
	return read
}

func verb(r *http.Request, name string) string {
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	switch {
	case r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1":
		return "watch"
	case name == "":
		return "list"
	}
	return "get"
}

// Match chooses requests. What is empty chooses all.
type Match struct {
	// Verbs, Resource, Namespace and Name are exact. Verb "write" is every change, "dryrun" every rehearsed one. A "!"
	// in front of Resource chooses all others.
	Verbs                     []string
	Resource, Namespace, Name string
	// About chooses what is in the namespace of that name, that namespace, and the Application of that name.
	About string
}

func (m Match) matches(r Request) bool {
	return (len(m.Verbs) == 0 || slices.ContainsFunc(m.Verbs, r.is)) &&
		m.matchesResource(r) &&
		(m.Namespace == "" || m.Namespace == r.Namespace) &&
		(m.Name == "" || m.Name == r.Name) &&
		(m.About == "" || r.isAbout(m.About))
}

// isAbout reports whether a request concerns what is in the namespace of that
// name, that namespace, or the Application of that name.
func (r Request) isAbout(name string) bool {
	return r.Namespace == name || r.Name == name && (r.Resource == "namespaces" || r.Resource == "applications")
}

func (m Match) matchesResource(r Request) bool {
	if other, denied := strings.CutPrefix(m.Resource, "!"); denied {
		return r.Resource != other
	}
	return m.Resource == "" || m.Resource == r.Resource
}

// is reports whether a request has a verb. A rehearsal has the verb "dryrun" only.
func (r Request) is(verb string) bool {
	switch verb {
	case "write":
		return r.Writes()
	case "dryrun":
		return r.DryRun
	}
	return r.Verb == verb && !r.DryRun
}
