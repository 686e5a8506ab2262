package syncline

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Commit is what a repository says of one revision.
type Commit struct {
	// Hash is the full name of the commit.
	Hash    string
	Author  string
	Email   string
	Date    time.Time
	Message string
}

// scpLike matches the form "user@host:path", which has no scheme.
var scpLike = regexp.MustCompile(`^(?:([^/:@\s]+)@)?([^/:@\s]{2,}):([^/\s][^\s]*)$`)

// RepoKey returns the identity of the repository at address: two spellings of
// one address have one key. It is for comparing, and not for connecting. The
// key has no credentials, default port, trailing slash or ".git"; scheme and
// host are in lower case. What is not an address is its own key.
func RepoKey(address string) string {
	u := parseRepo(address)
	if u == nil {
		return strings.TrimSpace(address)
	}
	if u.Scheme != "ssh" {
		u.User = nil
	} else if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	port := map[string]string{"http": ":80", "https": ":443", "ssh": ":22"}[u.Scheme]
	u.Host = strings.ToLower(u.Host)
	if port != "" {
		u.Host = strings.TrimSuffix(u.Host, port)
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), ".git")
	u.RawPath = ""
	return u.String()
}

// RedactURL returns address without a password or user name in it, for messages.
func RedactURL(address string) string {
	return userInfo.ReplaceAllString(strings.TrimSpace(address), "://")
}

// userInfo matches the part of a URL that may hold credentials.
var userInfo = regexp.MustCompile(`://[^/?#\s]*@`)

func parseRepo(address string) *url.URL {
	address = strings.TrimSpace(address)
	if m := scpLike.FindStringSubmatch(address); m != nil && !strings.Contains(address, "://") {
		u := &url.URL{Scheme: "ssh", Host: m[2], Path: "/" + m[3]}
		if m[1] != "" {
			u.User = url.User(m[1])
		}
		return u
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil
	}
	return u
}
