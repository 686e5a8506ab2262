package sshsig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// Signers are those of a file of allowed signers. The zero value has none. It is safe
// for concurrent use.
type Signers struct {
	lines   []line
	revoked []ssh.PublicKey
}

// line is one entry of the file.
type line struct {
	principals patterns
	key        ssh.PublicKey
	// authority says that the key signs certificates of keys.
	authority bool
	// namespaces are for what the key may sign; empty for everything.
	namespaces patterns
	// after and before bound when it may; zero where they do not.
	after, before time.Time
}

// The bounds of a file.
const (
	maxBytes = 1 << 20
	maxLines = 10_000
)

// Read reads a file of allowed signers, and one of keys that count no more, each a line.
// The error joins what is wrong with single lines of the former, which allow nobody. What
// is wrong with the latter revokes everything: it is not known what it was to revoke.
func Read(allowed, revoked string) (*Signers, error) {
	s := &Signers{}
	var errs []error
	err := each(allowed, func(number int, text string) {
		l, err := readLine(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("allowed signers, line %d: %w", number, err))
			return
		}
		s.lines = append(s.lines, l)
	})
	if err != nil {
		return &Signers{}, fmt.Errorf("allowed signers: %w", err)
	}
	err = each(revoked, func(number int, text string) {
		key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(rest) > 0 {
			errs = append(errs, fmt.Errorf("revoked keys, line %d, so that no key counts: it is no public key", number))
			s.lines = nil
			return
		}
		s.revoked = append(s.revoked, key)
	})
	if err != nil {
		return &Signers{}, fmt.Errorf("revoked keys, so that no key counts: %w", err)
	}
	return s, errors.Join(errs...)
}

// each visits the lines that say something.
func each(text string, visit func(number int, text string)) error {
	if len(text) > maxBytes {
		return fmt.Errorf("it has %d bytes: at most %d are read", len(text), maxBytes)
	}
	number := 0
	for line := range strings.Lines(text) {
		if number++; number > maxLines {
			return fmt.Errorf("it has more than %d lines", maxLines)
		}
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			visit(number, line)
		}
	}
	return nil
}

// readLine reads principals, options and a key.
func readLine(text string) (line, error) {
	principals, rest, err := cutPrincipals(text)
	if err != nil {
		return line{}, err
	}
	key, _, options, rest2, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(rest2) > 0 {
		return line{}, errors.New("there is no public key after the principals")
	}
	if _, certificate := key.(*ssh.Certificate); certificate {
		return line{}, errors.New("it has a certificate where a key has to be")
	}
	l := line{principals: patterns(principals), key: key}
	seen := map[string]bool{}
	for _, option := range options {
		if err := l.option(option, seen); err != nil {
			return line{}, err
		}
	}
	return l, nil
}

// cutPrincipals cuts the first word off, which may be quoted.
func cutPrincipals(text string) (principals, rest string, err error) {
	if quoted, found := strings.CutPrefix(text, `"`); found {
		principals, rest, found = strings.Cut(quoted, `"`)
		if !found {
			return "", "", errors.New("a quote is not closed")
		}
	} else if at := strings.IndexAny(text, " \t"); at >= 0 {
		principals, rest = text[:at], text[at:]
	}
	if principals == "" || strings.ContainsAny(principals, `"`) {
		return "", "", errors.New("it has no principals and a key after them")
	}
	return principals, strings.TrimSpace(rest), nil
}

// option takes one option over. One that is not known would restrict the key: the line
// is not used then.
func (l *line) option(text string, seen map[string]bool) (err error) {
	name, value, hasValue := strings.Cut(text, "=")
	name = strings.ToLower(name)
	if seen[name] {
		return fmt.Errorf("option %s is there twice", name)
	}
	seen[name] = true
	value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	switch name {
	case "cert-authority":
		l.authority = true
	case "namespaces":
		if l.namespaces = patterns(value); value == "" {
			return errors.New("option namespaces names none")
		}
	case "valid-after":
		l.after, err = readTime(value)
	case "valid-before":
		l.before, err = readTime(value)
	default:
		return fmt.Errorf("option %q is not known", name)
	}
	if hasValue == (name == "cert-authority") {
		return fmt.Errorf("option %s has a value where it has none, or none where it has one", name)
	}
	if err == nil && !l.after.IsZero() && !l.before.IsZero() && !l.after.Before(l.before) {
		return errors.New("valid-before is not after valid-after")
	}
	return err
}

// readTime reads YYYYMMDD[HHMM[SS]], with or without Z: it is UTC here, where OpenSSH
// takes it for the time of the machine without.
func readTime(text string) (time.Time, error) {
	digits := strings.TrimSuffix(strings.TrimSuffix(text, "Z"), "z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if at, err := time.Parse(layout, digits); err == nil && len(digits) == len(layout) {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 20260131 or 202601311200", text)
}

// of returns the lines about a key.
func (s *Signers) of(key ssh.PublicKey) []line {
	var lines []line
	for _, l := range s.lines {
		if l.has(key) {
			lines = append(lines, l)
		}
	}
	return lines
}

// has reports whether the line is about a key, or about who signed its certificate.
func (l line) has(key ssh.PublicKey) bool {
	if certificate, ok := key.(*ssh.Certificate); ok {
		return l.authority && bytes.Equal(l.key.Marshal(), certificate.SignatureKey.Marshal())
	}
	return !l.authority && bytes.Equal(l.key.Marshal(), key.Marshal())
}

// holds returns why the line allows nothing for git at a time, or nil.
func (l line) holds(at time.Time) error {
	switch {
	case l.namespaces != "" && !l.namespaces.match(Namespace):
		return fmt.Errorf("signed with a key that may not sign for namespace %q", Namespace)
	case !l.after.IsZero() && at.Before(l.after):
		return errors.New("signed with a key that was not valid yet")
	case !l.before.IsZero() && !at.Before(l.before):
		return errors.New("signed with a key that was not valid any more")
	}
	return nil
}

// nameOf returns which of the names is that of a key at a time, by what the line says.
func (l line) nameOf(key ssh.PublicKey, allowed []string, at time.Time) string {
	for _, name := range allowed {
		principal, isPrincipal := signing.Principal(name)
		if isPrincipal && l.principals.match(principal) && l.vouches(key, principal, at) ||
			name == ssh.FingerprintSHA256(plain(key)) && l.vouches(key, "", at) {
			return name
		}
	}
	return ""
}

// vouches reports whether the certificate of a key, where it is one, is of a principal
// and was valid at a time. No certificate is vouched for by its key's fingerprint alone:
// it is of those whom it names.
func (l line) vouches(key ssh.PublicKey, principal string, at time.Time) bool {
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return true
	}
	if principal == "" || certificate.CertType != ssh.UserCert || len(certificate.ValidPrincipals) == 0 {
		return false
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }}
	return checker.CheckCert(principal, certificate) == nil
}

// revokes reports whether a key, or who signed its certificate, counts no more.
func (s *Signers) revokes(key ssh.PublicKey) bool {
	keys := []ssh.PublicKey{key, plain(key)}
	if certificate, ok := key.(*ssh.Certificate); ok {
		keys = append(keys, certificate.SignatureKey)
	}
	for _, revoked := range s.revoked {
		for _, key := range keys {
			if bytes.Equal(revoked.Marshal(), key.Marshal()) {
				return true
			}
		}
	}
	return false
}
