package upstream

import (
	"slices"
	"strings"
)

// hubHosts are the names of Docker Hub, which are one registry to every client. What has
// one word for its path there is in the folder library.
var hubHosts = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// Hub returns the host that answers for Docker Hub and the path of the repository there, if
// the address is one of it.
func (a Address) Hub() (host, path string, is bool) {
	if a.scheme != schemeOCI || !slices.Contains(hubHosts, a.host) {
		return "", "", false
	}
	path = strings.Trim(a.path, "/")
	if !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return "registry-1.docker.io", path, true
}

// spellings are the addresses of what is fetched from this one: of a repository of Docker
// Hub there are several.
func (a Address) spellings() []Address {
	_, path, is := a.Hub()
	if !is {
		return []Address{a}
	}
	var all []Address
	for _, host := range hubHosts {
		for _, path := range slices.Compact([]string{path, strings.TrimPrefix(path, "library/")}) {
			one := a
			one.host, one.path = host, "/"+path
			all = append(all, one)
		}
	}
	return all
}
