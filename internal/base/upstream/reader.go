package upstream

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/syncline-io/syncline/internal/base/sealed"
)

const writeURL = "write it as https://host/path"

// addressReader reads an address. The first thing that it refuses is the problem.
type addressReader struct {
	rest          string
	problem, hint string
}

func (r *addressReader) refuse(why, hint string) {
	if r.problem == "" {
		r.problem, r.hint = why, hint
	}
}

// read reads all of it.
func (r *addressReader) read() Address {
	switch {
	case r.rest == "":
		r.refuse("it is empty", writeURL)
		return Address{}
	case len(r.rest) > maxAddress:
		r.refuse("it is too long", writeURL)
		return Address{}
	}
	if !r.clean() {
		return Address{}
	}
	scheme, rest, isURL := strings.Cut(r.rest, "://")
	switch {
	case strings.HasPrefix(r.rest, "/"):
		return Address{scheme: schemeFile, path: path.Clean(r.rest)}
	case !isURL:
		return r.withoutScheme()
	}
	a := Address{scheme: strings.ToLower(scheme)}
	switch a.scheme {
	case schemeHTTP, schemeHTTPS, schemeSSH:
	case schemeOCI:
		if authority, _, _ := strings.Cut(rest, "/"); strings.Contains(authority, "@") {
			r.refuse("the address of a registry names no user", "put user name and password into a repository Secret")
		}
	case schemeFile:
		if !strings.HasPrefix(rest, "/") {
			r.refuse("a file URL names no host", "write it as file:///path")
		}
		a.path = path.Clean(r.decodePath(rest))
		return a
	default:
		r.refuse("only http and https addresses are allowed", writeURL)
		return a
	}
	authority, tail := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, tail = rest[:slash], rest[slash:]
	}
	r.authority(&a, authority)
	a.path = r.path(tail)
	return a
}

// clean refuses what is in no address: characters that programs drop, turn into
// others or end at.
func (r *addressReader) clean() bool {
	local := strings.HasPrefix(r.rest, "/")
	for _, c := range r.rest {
		switch {
		case c == utf8.RuneError || unicode.IsControl(c):
			r.refuse("it contains a control character", "remove it")
		case local:
		case c == '\\':
			r.refuse(`it contains a backslash`, "write / between folders")
		case c == ' ':
			r.refuse("it contains a space", "write it as %20")
		case c > unicode.MaxASCII:
			r.refuse("it contains a character that is not ASCII", "write a host in Punycode, and percent-encode a path")
		case strings.ContainsRune("\"<>^`{|}", c):
			r.refuse(fmt.Sprintf("it contains the character %q", c), "percent-encode it")
		case c == '?':
			r.refuse("it has a query", "leave out the question mark and what follows; put a token into a repository Secret")
		case c == '#':
			r.refuse("it has a fragment", "leave out the # and what follows")
		}
	}
	return r.problem == ""
}

// withoutScheme reads user@host:path, and the name of a folder.
func (r *addressReader) withoutScheme() Address {
	host, rest, found := strings.Cut(r.rest, ":")
	if !found {
		if strings.ContainsAny(r.rest, "@%;[]") || !r.segments(r.rest) {
			r.refuse("it has no scheme", writeURL)
		}
		return Address{scheme: schemeFile, path: r.rest}
	}
	isScheme := slices.Contains([]string{schemeHTTP, schemeHTTPS, schemeOCI, schemeSSH, schemeFile}, strings.ToLower(host))
	if isScheme || strings.HasPrefix(r.rest, "[") || strings.Contains(host, "/") || len(host) < 2 {
		r.refuse("it has no scheme", "write it as https://host/path or ssh://user@host/path")
		return Address{}
	}
	return r.likeSCP(host, rest)
}

// likeSCP reads user@host:path.
func (r *addressReader) likeSCP(host, rest string) Address {
	a := Address{scheme: schemeSSH, relative: !strings.HasPrefix(rest, "/")}
	first, _, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(rest, "@"):
		r.refuse("it has no scheme and an @ behind a colon", "write it as https://user@host/path, and put the password into a repository Secret")
	case !strings.Contains(host, "@"): // ext::sh and javascript:alert() have this form too
		r.refuse("it has no scheme and no user name", "write it as https://host/path or ssh://user@host/path")
	case strings.HasPrefix(rest, ":"):
		r.refuse("it has two colons", "write it as ssh://user@host/path")
	case rest == "":
		r.refuse("it names no path", "write it as ssh://user@host/path")
	case digits(first) && first != "" && first != rest:
		r.refuse("what follows the host may be a port or a folder", "write it as https://host:port/path or ssh://user@host:port/path")
	}
	r.authority(&a, host)
	a.path = r.path("/" + strings.TrimPrefix(rest, "/"))
	return a
}

// authority reads user, password, host and port.
func (r *addressReader) authority(a *Address, text string) {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		r.userInfo(a, text[:at])
		text = text[at+1:]
	}
	host, port := text, ""
	if end := strings.IndexByte(text, ']'); strings.HasPrefix(text, "[") && end > 0 {
		host, port = text[:end+1], text[end+1:]
		if port != "" && port[0] != ':' {
			r.refuse("its host cannot be read", writeURL)
		}
	} else if colon := strings.IndexByte(text, ':'); colon >= 0 {
		host, port = text[:colon], text[colon:]
	}
	a.host = r.host(host)
	if port != "" {
		a.port = r.port(a.scheme, port[1:])
	}
}

// userInfo reads a user name and a password.
func (r *addressReader) userInfo(a *Address, text string) {
	const hint = "write @ as %40 in a user name or password, or put both into a repository Secret"
	user, secret, _ := strings.Cut(text, ":")
	switch {
	case strings.ContainsAny(text, "@[]"):
		r.refuse("its user name has two readings", hint)
	case text == "" || strings.HasPrefix(text, "-"):
		r.refuse("its user name cannot be read", hint)
	}
	a.user = r.decode(user)
	a.secret = sealed.Text(r.decode(secret))
	if strings.ContainsFunc(a.user+string(a.secret), unicode.IsControl) || strings.ContainsAny(a.user, `/\?#`) {
		r.refuse("its user name contains what is in none", hint)
	}
}

// host reads a host, which is compared in lower case.
func (r *addressReader) host(text string) string {
	text = strings.ToLower(text)
	if strings.HasPrefix(text, "[") {
		ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
		if err != nil || !ip.Is6() || ip.Is4In6() || ip.Zone() != "" {
			r.refuse("its host is not an IPv6 address without a zone", "write it as https://[2001:db8::1]/path")
			return ""
		}
		return "[" + ip.String() + "]"
	}
	switch {
	case text == "":
		r.refuse("it names no host", writeURL)
	case len(text) > 253:
		r.refuse("its host is too long", writeURL)
	case strings.HasSuffix(text, "."):
		r.refuse("its host ends with a dot", "leave out the dot")
	case isNumber(text):
		r.refuse("its host is a number and not an IP address", "write an IP address as four decimal numbers, such as 192.0.2.1")
	case slices.ContainsFunc(strings.Split(text, "."), notLabel):
		r.refuse("its host is not a name", "write a host as in git.example.com")
	}
	return text
}

// isNumber reports whether a host is taken for an IP address by some, though it
// is not written as one.
func isNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if !digits(last) && !strings.HasPrefix(last, "0x") {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.Is4()
}

// notLabel reports whether a text is no part of a host's name.
func notLabel(text string) bool {
	return !plain(text, "-_") || text == "" || len(text) > 63 || text[0] == '-' || text[len(text)-1] == '-'
}

// port reads a port, which is left out where it is the scheme's own.
func (r *addressReader) port(scheme, text string) string {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || text[0] == '0' || !digits(text) {
		r.refuse("its port is not a number from 1 to 65535", "leave out the port where it is the usual one")
		return ""
	}
	if text == defaultPort(scheme) {
		return ""
	}
	return text
}

// path reads the path of a URL.
func (r *addressReader) path(text string) string {
	if strings.ContainsAny(text, ";[]") {
		r.refuse("its path contains one of ; [ ]", "use the repository's plain address")
	}
	decoded := r.decodePath(text)
	r.segments(decoded)
	return decoded
}

// segments refuses parts of a path that a server may leave out.
func (r *addressReader) segments(text string) bool {
	if strings.Contains(text, "//") {
		r.refuse("its path has two slashes in a row", "write one")
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "/"), "/")
	for segment := range strings.SplitSeq(text, "/") {
		switch {
		case segment == "." || segment == "..":
			r.refuse("its path has a . or .. between slashes", "write the path that is meant")
		case strings.HasSuffix(segment, ".") || strings.TrimSpace(segment) != segment:
			r.refuse("a part of its path begins or ends with a space, or ends with a dot", "use the repository's plain address")
		}
	}
	return r.problem == ""
}

// decode undoes percent-encoding.
func (r *addressReader) decode(text string) string {
	var decoded strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			decoded.WriteByte(text[i])
			continue
		}
		value, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8)
		if err != nil || i+3 > len(text) || !plain(text[i+1:i+3], "") {
			r.refuse("it has a percent sign that encodes nothing", "write two hexadecimal digits behind it, such as %20 for a space")
			return ""
		}
		decoded.WriteByte(byte(value))
		i += 2
	}
	return decoded.String()
}

// decodePath decodes a path. It refuses to decode what need not have been
// encoded, or what means something else once it is decoded: one path would be
// written in several ways.
func (r *addressReader) decodePath(text string) string {
	decoded := r.decode(text)
	for i := 0; r.problem == "" && i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		code := text[i : i+3]
		value, _ := strconv.ParseUint(code[1:], 16, 8) // it was read by decode
		switch c := byte(value); {
		case c < utf8.RuneSelf && plain(string(rune(c)), "-._~"):
			r.refuse("it encodes a character that needs no encoding, as "+code, "write the character itself, without the percent sign")
		case c < ' ' || c == 0x7f || strings.IndexByte(`/\%?#;`, c) >= 0:
			r.refuse("it encodes a character that separates parts of an address, as "+code, "use the repository's plain address")
		}
		i += 2
	}
	r.seen(decoded)
	return decoded
}

// seen refuses what looks like something else.
func (r *addressReader) seen(path string) {
	for _, c := range path {
		switch {
		case c == utf8.RuneError:
			r.refuse("its encoded characters are not UTF-8", "encode the path as UTF-8")
		case c != ' ' && !unicode.IsPrint(c), unicode.Is(lookalikes, c):
			r.refuse("it encodes a character that looks like another, or like nothing", "use the repository's plain address")
		}
	}
}

// lookalikes are characters that servers may turn into others: combining accents
// of Latin letters, general punctuation with the dots and spaces in it, signs for
// a division, and letters of full width.
var lookalikes = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036f, Stride: 1},
	{Lo: 0x2000, Hi: 0x206f, Stride: 1},
	{Lo: 0x2215, Hi: 0x2216, Stride: 1},
	{Lo: 0x29f5, Hi: 0x29f9, Stride: 1},
	{Lo: 0xff00, Hi: 0xffef, Stride: 1},
}}

// encodePath writes a path in the one way that is used.
func encodePath(path string) string {
	const hex = "0123456789ABCDEF"
	var encoded strings.Builder
	for i := range len(path) {
		c := path[i]
		if c < utf8.RuneSelf && (plain(string(rune(c)), "-._~/!$&'()*+,=:@")) {
			encoded.WriteByte(c)
			continue
		}
		encoded.WriteByte('%')
		encoded.WriteByte(hex[c>>4])
		encoded.WriteByte(hex[c&15])
	}
	return encoded.String()
}

func digits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// plain reports whether a text has nothing but letters and digits of ASCII, and
// the others.
func plain(text, others string) bool {
	for _, c := range text {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune(others, c) {
			return false
		}
	}
	return true
}
