// Package objects reads the objects of Git that people sign, commits and annotated tags,
// and tells what the signature in them is over. It works on the bytes as they are
// stored. An object that git itself would not write is refused: what two programs read
// differently could be signed as one thing and delivered as another. It verifies no
// signature.
package objects

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// MaxSignature is the size of the longest signature that is read, in bytes.
const MaxSignature = 64 << 10

// maxParents is more than any merge has.
const maxParents = 1000

var fullName = regexp.MustCompile(`^[0-9a-f]{40}$`)

// header is one header of an object.
type header struct {
	key   string
	value []byte
	// begin and end are where it stands, with the lines that continue it.
	begin, end int
}

type headers []header

// Commit reads a commit of that name.
func Commit(name string, data []byte) (signing.Object, error) {
	c := signing.Object{Kind: signing.Commit, Hash: name}
	headers, message, err := split(data)
	if err != nil {
		return c, err
	}
	if tree, ok := headers.take("tree"); !ok || !fullName.Match(tree) {
		return c, errors.New("its first header is no tree")
	}
	for parent, ok := headers.take("parent"); ok; parent, ok = headers.take("parent") {
		if c.Parents = append(c.Parents, string(parent)); !fullName.Match(parent) || len(c.Parents) > maxParents {
			return c, errors.New("a parent of it is no commit")
		}
	}
	_, hasAuthor := headers.take("author")
	committer, hasCommitter := headers.take("committer")
	if !hasAuthor || !hasCommitter {
		return c, errors.New("it has no author and committer where they have to be")
	}
	c.Who, c.At = person(committer)
	c.Message = text(message)
	c.Payload, c.Signature, err = cutSignature(data, headers)
	return c, err
}

// cutSignature cuts the signature out of a commit, which is among the headers that come
// after those that every commit has.
func cutSignature(data []byte, after headers) (payload, signature []byte, err error) {
	payload = data
	for _, h := range after {
		switch h.key {
		case "tree", "parent", "author", "committer":
			return nil, nil, fmt.Errorf("its header %s is not at its place", h.key)
		case "gpgsig":
			if signature != nil {
				return nil, nil, errors.New("it has two signatures")
			}
			signature = continued(h.value)
			payload = append(bytes.Clone(data[:h.begin]), data[h.end:]...)
		case "gpgsig-sha256":
			return nil, nil, errors.New("it has a signature for repositories of SHA-256, which is not read")
		}
	}
	return payload, signature, checkSignature(signature)
}

// Tag reads an annotated tag of that name.
func Tag(name string, data []byte) (signing.Object, error) {
	t := signing.Object{Kind: signing.Tag, Hash: name, Payload: data}
	headers, _, err := split(data)
	if err != nil {
		return t, err
	}
	var body int
	if len(headers) > 0 {
		body = headers[len(headers)-1].end + 1
	}
	target, hasTarget := headers.take("object")
	kind, hasKind := headers.take("type")
	called, hasName := headers.take("tag")
	tagger, hasTagger := headers.take("tagger")
	switch {
	case !hasTarget || !fullName.Match(target) || !hasKind || !hasName || !hasTagger || len(headers) > 0:
		return t, errors.New("its headers are not those of a tag")
	case string(kind) != "commit":
		return t, fmt.Errorf("it is a tag of a %s and not of a commit", text(kind))
	}
	t.Target, t.Name = string(target), string(called)
	t.Who, t.At = person(tagger)
	if at := lastArmor(data[body:]); at >= 0 {
		t.Payload, t.Signature = data[:body+at], data[body+at:]
	}
	t.Message = text(t.Payload[body:])
	return t, checkSignature(t.Signature)
}

// split reads the headers of an object up to the empty line, and what follows.
func split(data []byte) (read headers, message []byte, err error) {
	for at := 0; at < len(data); {
		length := bytes.IndexByte(data[at:], '\n')
		switch {
		case length < 0:
			return nil, nil, errors.New("its headers have no end")
		case length == 0:
			return read, data[at+1:], nil
		}
		line, next := data[at:at+length], at+length+1
		switch {
		case bytes.IndexByte(line, 0) >= 0:
			return nil, nil, errors.New("a header of it holds a NUL")
		case line[0] == ' ' && len(read) == 0:
			return nil, nil, errors.New("its first line continues no header")
		case line[0] == ' ':
			last := &read[len(read)-1]
			last.value, last.end = data[last.begin+len(last.key)+1:next-1], next
		default:
			key, value, found := bytes.Cut(line, []byte(" "))
			if !found || len(key) == 0 {
				return nil, nil, errors.New("a header of it has no value")
			}
			read = append(read, header{string(key), value, at, next})
		}
		at = next
	}
	return nil, nil, errors.New("its headers have no end")
}

// take takes the next header if it has a key.
func (h *headers) take(key string) ([]byte, bool) {
	if len(*h) == 0 || (*h)[0].key != key {
		return nil, false
	}
	value := (*h)[0].value
	*h = (*h)[1:]
	return value, true
}

// continued joins the lines of a value, of which all but the first begin with a space.
func continued(value []byte) []byte {
	return append(bytes.ReplaceAll(value, []byte("\n "), []byte("\n")), '\n')
}

// armors are how signatures begin.
var armors = [][]byte{[]byte("-----BEGIN PGP SIGNATURE-----"), []byte("-----BEGIN PGP MESSAGE-----"), []byte("-----BEGIN SIGNED MESSAGE-----"), []byte("-----BEGIN SSH SIGNATURE-----")}

// lastArmor returns where the last line is that begins a signature, -1 when there is none.
func lastArmor(data []byte) int {
	last := -1
	for at := 0; at < len(data); {
		for _, armor := range armors {
			if bytes.HasPrefix(data[at:], armor) {
				last = at
			}
		}
		length := bytes.IndexByte(data[at:], '\n')
		if length < 0 {
			break
		}
		at += length + 1
	}
	return last
}

func checkSignature(signature []byte) error {
	if len(signature) > MaxSignature {
		return fmt.Errorf("its signature has %d bytes: more than %d are not read", len(signature), MaxSignature)
	}
	return nil
}

// person reads who did something and when, such as "Jane <jane@example.com> 1700000000 +0100".
func person(value []byte) (who string, at time.Time) {
	end := bytes.LastIndexByte(value, '>')
	if end < 0 {
		return text(value), time.Time{}
	}
	seconds, _, _ := strings.Cut(strings.TrimPrefix(string(value[end+1:]), " "), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || unix < 0 {
		return text(value[:end+1]), time.Time{}
	}
	return text(value[:end+1]), time.Unix(unix, 0).UTC()
}

func text(data []byte) string { return strings.ToValidUTF8(string(data), "\uFFFD") }
