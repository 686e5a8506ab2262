package kustomize

import (
	"cmp"
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// elsewhere is how the folders begin in which kustomize sees repositories that bases are
// in: not below root, so that neither reaches into the other.
const elsewhere = "/elsewhere-"

// mounted is a repository that a base or a component is in.
type mounted struct {
	remote upstream.Remote
	files  syncline.Tree
}

// at returns where kustomize sees the n-th repository.
func at(n int) string { return elsewhere + strconv.Itoa(n) }

// mountOf returns where kustomize sees the repository that a path is in, "" for the tree.
func mountOf(name string) string {
	below, isElsewhere := strings.CutPrefix(name, elsewhere)
	if !isElsewhere {
		return ""
	}
	number, _, _ := strings.Cut(below, "/")
	return elsewhere + number
}

// mount shows kustomize a repository, and returns where.
func (f *fileSystem) mount(remote upstream.Remote) (string, error) {
	same := func(m mounted) bool { return m.remote.Ref() == remote.Ref() }
	if n := slices.IndexFunc(f.mounts, same); n >= 0 {
		return at(n), nil
	}
	files, err := upstream.Given(f.files.Refs, remote)
	if err != nil {
		return "", err
	}
	f.mounts = append(f.mounts, mounted{remote, files})
	return at(len(f.mounts) - 1), nil
}

// tree returns the tree that a path is in, and where in it; none for one elsewhere that was
// not brought.
func (f *fileSystem) tree(name string) (syncline.Tree, string) {
	within := mountOf(name)
	if within == "" {
		return f.files, name
	}
	for n, m := range f.mounts {
		if within == at(n) {
			return m.files, strings.TrimPrefix(strings.TrimPrefix(name, within), "/")
		}
	}
	return nil, ""
}

// mountName is how a text names a repository that was brought.
var mountName = regexp.MustCompile(`(?:(?:\.\./)+|/)elsewhere-([0-9]+)(/?)`)

// shown returns a text with repositories in place of where kustomize sees them.
func (f *fileSystem) shown(text string) string {
	text = mountName.ReplaceAllStringFunc(text, func(found string) string {
		parts := mountName.FindStringSubmatch(found)
		n, err := strconv.Atoi(parts[1])
		if err != nil || n >= len(f.mounts) {
			return found
		}
		return f.mounts[n].name() + strings.Repeat(parts[2], 2)
	})
	for n, remote := range slices.Backward(f.laid) { // .elsewhere-10 before .elsewhere-1
		text = strings.ReplaceAll(text, laidName(n), upstream.Redact(remote.RepoURL))
	}
	return strings.ReplaceAll(text, root+"/", "")
}

// elsewhere returns how people know all that was brought.
func (f *fileSystem) elsewhere() (names []string) {
	for _, m := range f.mounts {
		names = append(names, m.name())
	}
	for _, remote := range f.laid {
		names = append(names, upstream.Redact(remote.RepoURL))
	}
	return names
}

// name is how people know a repository.
func (m mounted) name() string { return upstream.Redact(m.remote.RepoURL) }

// bring has the bases and components of a kustomization that are elsewhere at hand, and
// names them in it by where they are then. It reports whether there are any.
func (f *fileSystem) bring(file string, k *types.Kustomization) (bool, error) {
	brought := false
	var needs upstream.NeedsError
	for _, field := range []struct {
		name  string
		texts []string
	}{{"resources", k.Resources}, {"components", k.Components}} {
		for i, text := range field.texts {
			if !isRemote(text) {
				continue
			}
			remote, folder, err := remoteOf(field.name, text)
			if err != nil {
				return false, err
			}
			if remote.File && field.name != "resources" {
				return false, refuseFile(field.name, text)
			}
			remote.By = f.shown(file) + ": " + field.name
			place := f.bringFolder
			if remote.File {
				place = f.bringFile
			}
			where, err := place(file, folder, remote)
			if need, ok := errors.AsType[upstream.NeedsError](err); ok {
				needs = append(needs, need...)
				continue
			}
			if err != nil {
				return false, err
			}
			field.texts[i], brought = where, true
		}
	}
	if len(needs) > 0 {
		return false, needs
	}
	return brought, nil
}

// bringFolder returns where a kustomization finds a folder of a repository.
func (f *fileSystem) bringFolder(file, folder string, remote upstream.Remote) (string, error) {
	where, err := f.mount(remote)
	if err != nil {
		return "", err
	}
	return filepath.Rel(f.absolute(path.Dir(file)), path.Join(where, folder))
}

// bringFile puts a single file beside a kustomization, which reads none that is elsewhere, and
// returns its name there.
func (f *fileSystem) bringFile(file, _ string, remote upstream.Remote) (string, error) {
	files, err := upstream.Given(f.files.Refs, remote)
	if err != nil {
		return "", err
	}
	text, err := files.ReadFile(upstream.FileName)
	if err != nil {
		return "", f.fail(err)
	}
	same := func(laid upstream.Remote) bool { return laid.Ref() == remote.Ref() }
	n := slices.IndexFunc(f.laid, same)
	if n < 0 {
		n = len(f.laid)
		f.laid = append(f.laid, remote)
	}
	name := laidName(n)
	f.overlay[path.Join(path.Dir(file), name)] = text
	return name, nil
}

// laidName is how the n-th single file is called.
func laidName(n int) string { return ".elsewhere-" + strconv.Itoa(n) + ".yaml" }

// absolute returns how kustomize calls a path.
func (f *fileSystem) absolute(name string) string {
	if mountOf(name) != "" {
		return name
	}
	return path.Join(root, name)
}

// confine refuses what leads out of a repository that is elsewhere, as kustomize does.
func (f *fileSystem) confine(file string, k *types.Kustomization) error {
	within := mountOf(file)
	if within == "" {
		return nil
	}
	for _, r := range references(k) {
		to := path.Join(path.Dir(file), r.text)
		if r.text != "" && !isRemote(r.text) && !isInline(r.text) && to != within && !strings.HasPrefix(to, within+"/") {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s: %q leads out of the repository", r.field, r.text), "name a folder of the same repository")
		}
	}
	return nil
}

// The parts of an address as kustomize takes it.
var (
	forced   = regexp.MustCompile(`(?i)^git::`)
	scheme   = regexp.MustCompile(`(?i)^(ssh|https?)://`)
	userName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)
	gitHub   = regexp.MustCompile(`(?i)^github\.com[/:]`)
	plain    = regexp.MustCompile(`(?i)\.(ya?ml|json)$`)
)

// remoteOf reads the address of a folder in a repository, by kustomize's rules: what is
// behind "//", behind ".git" or behind the first two elements of a path is the folder, and
// ref, else version, of the query the revision.
func remoteOf(field, text string) (remote upstream.Remote, folder string, err error) {
	address, query, _ := strings.Cut(text, "?")
	host, rest := hostOf(forced.ReplaceAllString(address, ""))
	if host == "" {
		return remote, "", refuseRemote(field, text)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		values = url.Values{}
	}
	repo, folder, marked := split(rest)
	switch isFile := !marked && plain.MatchString(rest) && query == ""; {
	case isFile && strings.HasPrefix(host, "http") && !forced.MatchString(address):
		return upstream.Remote{RepoURL: host + rest, File: true}, "", nil
	case isFile, repo == "":
		return remote, "", refuseFile(field, text)
	}
	folder = strings.TrimPrefix(path.Clean("/"+folder), "/")
	remote.RepoURL = host + strings.Trim(repo, "/")
	remote.TargetRevision = cmp.Or(values.Get("ref"), values.Get("version"))
	return remote, folder, nil
}

// hostOf parts the beginning of an address, up to its host, from the path: "" where it has
// none. GitHub has one spelling for each protocol.
func hostOf(address string) (host, rest string) {
	protocol := strings.ToLower(scheme.FindString(address))
	address = address[len(protocol):]
	user := userName.FindString(address)
	address = address[len(user):]
	isGitHub := gitHub.MatchString(address)
	likeSCP := protocol == "" && (user != "" || isGitHub)
	end := strings.IndexByte(address, '/')
	if likeSCP {
		end = strings.IndexAny(address, "/:")
	}
	if end <= 0 || protocol == "" && !likeSCP {
		return "", ""
	}
	host, rest = address[:end+1], address[end+1:]
	switch {
	case isGitHub && (user != "" || protocol == "ssh://"):
		return cmp.Or(user, "git@") + "github.com:", rest
	case isGitHub:
		return "https://github.com/", rest
	}
	return protocol + user + host, rest
}

// split parts the path of a repository from that of a folder in it, and reports whether a
// mark says where.
func split(rest string) (repo, folder string, marked bool) {
	if before, after, found := strings.Cut(rest, "_git/"); found {
		name, below, _ := strings.Cut(after, "/")
		return before + "_git/" + name, below, true
	}
	if before, after, found := strings.Cut(rest, "//"); found {
		return before, after, true
	}
	if before, after, found := strings.Cut(rest, ".git"); found {
		return before + ".git", after, true
	}
	elements := strings.Split(rest, "/")
	if len(elements) < 2 {
		return "", "", false
	}
	return strings.Join(elements[:2], "/"), strings.Join(elements[2:], "/"), false
}

// refuseFile says that a field names neither a folder nor a file that is fetched.
func refuseFile(field, text string) error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Denied, "%s: %q is no folder of a repository, and no file that is fetched", field, userinfo.ReplaceAllString(text, "$1")),
		"name a file as https://host/path/name.yaml among the resources, or a folder as https://host/owner/repository//folder?ref=v1")
}

// circled are the parts of what kustomize says of bases that refer to each other.
var (
	circled = regexp.MustCompile(`cycle detected: candidate root '([^']*)'`)
	through = regexp.MustCompile(`recursed accumulation of path '([^']*)'`)
)

// circle says which repositories refer to each other, if that is what a message of
// kustomize is about.
func (f *fileSystem) circle(message string) error {
	last := circled.FindStringSubmatch(message)
	if last == nil || len(f.mounts) == 0 {
		return nil
	}
	var way []string
	for _, one := range append(through.FindAllStringSubmatch(message, -1), last) {
		way = append(way, f.shown(one[1]))
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "bases refer to each other in a circle: %s", strings.Join(way, ", then ")), "take one of the references out")
}
