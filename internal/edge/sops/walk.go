package sops

import (
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// rule says which values of a file are encrypted: those below a key, or behind a
// comment, that matches, or all others.
type rule struct {
	matches func(text string) bool
	// ofComments says that comments are looked at, and not keys.
	ofComments bool
	// encrypts says that what matches is encrypted, and not what does not.
	encrypts bool
}

// maxPattern is the length in bytes of a regular expression.
const maxPattern = 4096

// newRule reads the one rule that a file may have. Without any, a key that ends in
// "_unencrypted" says that what it has is not encrypted.
func newRule(m *metadata) (rule, error) {
	found := rule{}
	for _, option := range []struct {
		name, text            string
		isPattern, ofComments bool
		encrypts              bool
	}{
		{"unencrypted_suffix", m.UnencryptedSuffix, false, false, false},
		{"encrypted_suffix", m.EncryptedSuffix, false, false, true},
		{"unencrypted_regex", m.UnencryptedRegex, true, false, false},
		{"encrypted_regex", m.EncryptedRegex, true, false, true},
		{"unencrypted_comment_regex", m.UnencryptedCommentRegex, true, true, false},
		{"encrypted_comment_regex", m.EncryptedCommentRegex, true, true, true},
	} {
		if option.text == "" {
			continue
		}
		if found.matches != nil {
			return rule{}, errors.New("it has more than one rule of what is encrypted")
		}
		found = rule{ofComments: option.ofComments, encrypts: option.encrypts}
		found.matches = func(text string) bool { return strings.HasSuffix(text, option.text) }
		if option.isPattern {
			pattern, err := regexp.Compile(option.text)
			if err != nil || len(option.text) > maxPattern {
				return rule{}, fmt.Errorf("its %s is no regular expression of at most %d bytes", option.name, maxPattern)
			}
			found.matches = pattern.MatchString
		}
	}
	if found.matches == nil {
		found.matches = func(text string) bool { return strings.HasSuffix(text, "_unencrypted") }
	}
	return found, nil
}

// walk decrypts the values of a file in their order, and computes its
// authentication code over them.
type walk struct {
	rule   rule
	values values
	// code is computed of encrypted values only where onlyEncrypted.
	code          hash.Hash
	onlyEncrypted bool
	// path are the keys that lead to where the walk is, each with a colon behind it.
	path []byte
}

// onlyEncryptedSalt begins the code of files in which only what is encrypted counts,
// so that it is never that of all values: the SHA-256 of "sops".
const onlyEncryptedSalt = "8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69"

func newWalk(r rule, v values, onlyEncrypted bool) *walk {
	w := &walk{rule: r, values: v, code: sha512.New(), onlyEncrypted: onlyEncrypted}
	if salt, err := hex.DecodeString(onlyEncryptedSalt); err == nil && onlyEncrypted {
		_, _ = w.code.Write(salt)
	}
	return w
}

// verify reports whether the code is the one that is encrypted in the metadata.
func (w *walk) verify(sealed string, modified time.Time) bool {
	stated, err := w.values.open(sealed, []byte(modified.Format(time.RFC3339)))
	text, isText := stated.(string)
	computed := strings.ToUpper(hex.EncodeToString(w.code.Sum(nil)))
	return err == nil && isText && subtle.ConstantTimeCompare([]byte(text), []byte(computed)) == 1
}

// branch decrypts the fields of a mapping. Matched says that a key above, or a comment
// before one of them, matches the rule.
func (w *walk) branch(branch document.Branch, matched bool) error {
	commented := false
	for i, item := range branch {
		if item.Comment != nil {
			comment, err := w.comment(*item.Comment, matched || commented)
			if err != nil {
				return err
			}
			branch[i].Comment = &comment
			commented = commented || w.saysRule(*item.Comment)
			continue
		}
		above := len(w.path)
		w.path = append(append(w.path, item.Key...), ':')
		value, err := w.value(item.Value, matched || commented || !w.rule.ofComments && w.rule.matches(item.Key))
		if err != nil {
			return err
		}
		if _, isComment := value.(document.Comment); isComment {
			return w.failed(errors.New("is a comment"))
		}
		branch[i].Value = value
		w.path = w.path[:above]
		commented = false
	}
	return nil
}

// list decrypts the values of a sequence, all of which are at the path of the whole.
func (w *walk) list(list document.List, matched bool) error {
	commented := false
	for i, item := range list {
		if comment, isComment := item.(document.Comment); isComment {
			decrypted, err := w.comment(comment, matched || commented)
			if err != nil {
				return err
			}
			list[i] = decrypted
			commented = commented || w.saysRule(comment)
			continue
		}
		value, err := w.value(item, matched || commented)
		if err != nil {
			return err
		}
		list[i] = value
		commented = false
	}
	return nil
}

func (w *walk) value(value any, matched bool) (any, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case document.Branch:
		return value, w.branch(value, matched)
	case document.List:
		return value, w.list(value, matched)
	}
	encrypted := matched == w.rule.encrypts
	if encrypted {
		text, isText := value.(string)
		if !isText {
			return nil, w.failed(errors.New("is not encrypted, and has to be"))
		}
		decrypted, err := w.values.open(text, w.path)
		if err != nil {
			return nil, w.failed(err)
		}
		value = decrypted
	}
	if _, isComment := value.(document.Comment); isComment || w.onlyEncrypted && !encrypted {
		return value, nil
	}
	counts, err := authenticated(value)
	if err != nil {
		return nil, w.failed(err)
	}
	_, _ = w.code.Write(counts)
	return value, nil
}

func (w *walk) saysRule(c document.Comment) bool { return w.rule.ofComments && w.rule.matches(c.Text) }

// comment decrypts a comment. One that says that what follows is not encrypted is not
// encrypted either, and one that says the contrary neither. What does not decrypt is
// taken for a comment as it was written, as by the sops program: none counts for the
// authentication code.
func (w *walk) comment(c document.Comment, matched bool) (document.Comment, error) {
	matched = matched || !w.rule.encrypts && w.saysRule(c)
	if matched != w.rule.encrypts || !strings.HasPrefix(c.Text, valuePrefix) {
		return c, nil
	}
	path := w.path
	if len(path) == 0 {
		path = []byte(":")
	}
	opened, err := w.values.open(c.Text, path)
	if err != nil {
		return c, nil //nolint:nilerr // as it was written
	}
	switch opened := opened.(type) {
	case document.Comment:
		return opened, nil
	case string:
		c.Text = opened
	default:
		return c, w.failed(errors.New("has a comment that is none"))
	}
	return c, nil
}

// failed names the value that the walk is at.
func (w *walk) failed(err error) error {
	return fmt.Errorf("the value of %.200q %w", strings.TrimSuffix(string(w.path), ":"), err)
}
