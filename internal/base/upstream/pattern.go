package upstream

import (
	"errors"
	"slices"
	"strings"

	"github.com/syncline-io/syncline/internal/base/glob"
)

// Pattern is a glob over repository addresses. It is matched part by part,
// scheme, host, port and path, and never beyond one: "https://*.corp.test/**" is
// of hosts that end so, whatever is in a path. Case and ".git" at the end make no
// difference, but for Helm repositories and registries, where both name others. In a
// path "*" stays between two slashes, and "**" does not. "*" alone is every repository.
// One without a scheme, as "registry.example.com/charts", is of a registry.
// With "!" in front it denies.
//
// A denial also concerns what the glob matches as one text, whatever user name
// and, of http and https, whatever scheme is asked with, in whatever case, and under all
// names of Docker Hub: it is never narrower than it looks.
type Pattern struct {
	text    string
	denies  bool
	problem string
	hint    string

	all     bool
	options []option
	// whole is matched against a whole address, and exact against one of which each letter
	// of the path counts.
	whole, exact glob.Pattern
}

// option is one way to fulfil a Pattern.
type option struct {
	scheme, user, host, port glob.Pattern
	// path is in lower case and without ".git", folded as it is written but in lower case,
	// and exact as it is written.
	path, folded, exact glob.Pattern
	anyPort, anyPath    bool
}

// maxOptions bounds the alternatives of a pattern that span its parts.
const maxOptions = 64

// PatternOf reads a pattern. One that cannot be read matches nothing, and says
// so by [Pattern.Err].
func PatternOf(text string) Pattern {
	p := Pattern{text: text}
	text, p.denies = strings.CutPrefix(strings.Trim(text, " \t\r\n"), "!")
	if text == "*" || text == "**" {
		p.all = true
		return p
	}
	lower := strings.ToLower(text)
	if unreadable, ok := errors.AsType[*glob.Error](glob.Compile(lower).Err()); ok {
		p.problem, p.hint = unreadable.Error(), unreadable.Unreadable()
		return p
	}
	p.whole, p.exact = glob.Compile(withoutGit(lower), '/'), glob.Compile(strings.TrimSuffix(lower, "/"), '/')
	options, ok := spanning(text, maxOptions)
	if !ok {
		p.refuse("it has too many alternatives that span host and path")
	}
	for _, option := range options {
		p.add(option)
	}
	return p
}

func (p *Pattern) refuse(why string) {
	if p.problem == "" {
		p.problem, p.hint = why, "write it as a glob over an address, such as https://git.example.com/team/**"
	}
}

// Err returns an [*Error] when the pattern cannot be read, nil when it can.
func (p Pattern) Err() error {
	if p.problem == "" {
		return nil
	}
	return &Error{what: redactedPattern(p.text) + " is not a pattern of repositories", problem: p.problem, hint: p.hint}
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return redactedPattern(p.text) }

// MarshalText returns the pattern as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Equal reports whether two patterns were written alike.
func (p Pattern) Equal(other Pattern) bool { return p.text == other.text }

// Denies reports whether the pattern is a denial.
func (p Pattern) Denies() bool { return p.denies }

// Matches reports whether the pattern concerns the repository at the address.
func (p Pattern) Matches(a Address) bool {
	switch {
	case p.problem != "" || a.Err() != nil:
		return false
	case p.all:
		return true
	}
	return p.denies && slices.ContainsFunc(a.spellings(), p.concerns) || p.concerns(a)
}

// concerns reports whether the pattern is about the repository as its address is written.
func (p Pattern) concerns(a Address) bool {
	path := a.bare()
	for _, o := range p.options {
		if o.matches(a, strings.TrimPrefix(path, "/"), p.denies) {
			return true
		}
	}
	return p.wholly(a, strings.ToLower(path))
}

// wholly matches the address as one text, where that is meant or is safer.
func (p Pattern) wholly(a Address, path string) bool {
	if !p.denies && a.scheme != schemeFile {
		return false
	}
	whole := p.whole
	if a.isExact() {
		whole = p.exact
	}
	return whole.Matches(strings.TrimPrefix(a.Origin(), "file://") + path)
}

func (o option) matches(a Address, path string, denies bool) bool {
	return o.reaches(a.scheme, denies) && (o.anyPort || o.port.Matches(a.port)) && o.host.Matches(a.host) &&
		(denies || a.scheme != schemeSSH || o.user.Matches(a.user)) && (o.anyPath || o.hasPath(a, path, denies))
}

// hasPath reports whether the option is about a path.
func (o option) hasPath(a Address, path string, denies bool) bool {
	switch {
	case !a.isExact():
		return o.path.Matches(strings.ToLower(path))
	case denies:
		return o.folded.Matches(strings.ToLower(path))
	}
	return o.exact.Matches(path)
}

// reaches reports whether the option is about a scheme. To a denial http and
// https are one: a server answers to both alike, or sends from one to the other.
func (o option) reaches(scheme string, denies bool) bool {
	web := scheme == schemeHTTP || scheme == schemeHTTPS
	return o.scheme.Matches(scheme) || denies && web && (o.scheme.Matches(schemeHTTP) || o.scheme.Matches(schemeHTTPS))
}

// add reads one option.
func (p *Pattern) add(text string) {
	scheme, rest := "", text
	if at := outside(text, "://"); at >= 0 {
		scheme, rest = text[:at], text[at+3:]
	}
	authority, path, hasPath := rest, "", false
	if slash := outside(rest, "/"); slash >= 0 {
		authority, path, hasPath = rest[:slash], rest[slash+1:], true
	}
	colon := outside(authority, ":")
	switch {
	case scheme == "" && colon >= 0 && (colon == len(authority)-1 || !digits(authority[colon+1:])): // user@host:path
		p.addParts("ssh", rest[:colon], strings.TrimPrefix(rest[colon+1:], "/"), true)
	case scheme == "" && strings.HasPrefix(rest, "**"):
		p.addParts("*", authority, path, hasPath)
	case scheme != "":
		p.addParts(scheme, authority, path, hasPath)
	case authority != "" && !strings.Contains(authority, "@"): // as Argo CD writes registries of charts
		p.addParts(schemeOCI, authority, path, hasPath)
	}
}

func (p *Pattern) addParts(scheme, authority, path string, hasPath bool) {
	scheme, authority = strings.ToLower(scheme), strings.ToLower(authority)
	o := option{scheme: glob.Compile(scheme), user: glob.Compile("*")}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		o.user, authority = glob.Compile(authority[:at]), authority[at+1:]
	}
	wide := strings.Contains(authority, "**")
	port := strings.LastIndexByte(authority, ':')
	if port > strings.LastIndexByte(authority, ']') {
		if authority[port+1:] != defaultPort(scheme) {
			o.port = glob.Compile(authority[port+1:])
		}
		authority = authority[:port]
	} else {
		o.anyPort = strings.HasSuffix(authority, "*")
	}
	o.host = glob.Compile(strings.ReplaceAll(authority, "**", "*"))
	o.anyPath = wide && !hasPath
	path, ok := decodedPattern(strings.TrimSuffix(path, "/"))
	if !ok {
		p.refuse("its path has a percent sign that encodes nothing, or what needs no encoding")
	}
	if hasPath && !possible(path) {
		p.refuse("no address has two slashes in a row, . or .. between slashes, ; or # in its path")
	}
	if wide && hasPath {
		path = "{**/,}" + path
	}
	lower := strings.ToLower(path)
	o.path, o.folded, o.exact = glob.Compile(withoutGit(lower), '/'), glob.Compile(lower, '/'), glob.Compile(path, '/')
	for _, part := range []glob.Pattern{o.scheme, o.user, o.host, o.port, o.path, o.folded, o.exact} {
		if part.Err() != nil {
			p.refuse("its parts cannot be told apart")
		}
	}
	p.options = append(p.options, o)
}

// possible reports whether an address may have a path as a pattern has it.
func possible(path string) bool {
	if outside(path, ";") >= 0 || outside(path, "#") >= 0 {
		return false
	}
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if segment == "." || segment == ".." || segment == "" && strings.Contains(path, "//") {
			return false
		}
	}
	return true
}

// withoutGit returns a pattern without what makes no difference at its end.
func withoutGit(glob string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(glob, "/"), ".git"), "/")
}

// decodedPattern undoes the percent-encoding of a path, as in the addresses that
// it is held against.
func decodedPattern(glob string) (string, bool) {
	if !strings.Contains(glob, "%") {
		return glob, true
	}
	reader := addressReader{}
	decoded := reader.decodePath(glob)
	return decoded, reader.problem == ""
}

// spanning returns the pattern with those alternatives written out that span the
// parts of an address, such as {https://a/*,https://b/*}.
func spanning(glob string, most int) ([]string, bool) {
	start := max(outside(glob, "://"), 0)
	for at, open := range groups(glob) {
		if slash := outside(glob[start+3*min(start, 1):], "/"); start > 0 && slash >= 0 && at > start+3+slash {
			break // in the path
		}
		if !strings.ContainsAny(open[0], "/:@") {
			continue
		}
		var all []string
		for _, alternative := range open[1:] {
			options, ok := spanning(glob[:at]+alternative+glob[at+len(open[0]):], most-len(all))
			if !ok || len(all)+len(options) > most {
				return nil, false
			}
			all = append(all, options...)
		}
		return all, true
	}
	return []string{glob}, most > 0
}

// groups yields the outermost groups of alternatives by where they begin: the
// whole text, and its alternatives.
func groups(glob string) func(yield func(int, []string) bool) {
	return func(yield func(int, []string) bool) {
		begin, parts, from := 0, []string(nil), 0
		scan(glob, func(i, depth int) bool {
			switch {
			case glob[i] == '{' && depth == 0:
				begin, parts, from = i, nil, i+1
			case glob[i] == ',' && depth == 1:
				parts, from = append(parts, glob[from:i]), i+1
			case glob[i] == '}' && depth == 1:
				return yield(begin, slices.Concat([]string{glob[begin : i+1]}, parts, []string{glob[from:i]}))
			}
			return true
		})
	}
}

// outside returns where a text begins outside of classes and alternatives, -1
// when nowhere.
func outside(glob, text string) int {
	found := -1
	scan(glob, func(i, depth int) bool {
		if depth == 0 && strings.HasPrefix(glob[i:], text) {
			found = i
		}
		return found < 0
	})
	return found
}

// scan visits the bytes of a pattern that mean themselves or open, part and
// close alternatives, with the depth before them.
func scan(glob string, visit func(i, depth int) bool) {
	depth, class := 0, false
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
			continue
		case class:
			class = c != ']'
			continue
		case c == '[':
			class = true
			continue
		}
		if !visit(i, depth) {
			return
		}
		switch glob[i] {
		case '{':
			depth++
		case '}':
			depth = max(depth-1, 0)
		}
	}
}

// redactedPattern is a pattern without user name and password, for messages.
func redactedPattern(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if at := strings.LastIndexByte(rest, '@'); found && at >= 0 {
		return scheme + "://" + rest[at+1:]
	}
	return text
}
