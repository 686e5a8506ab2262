package helmrepo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// readLines reads an index in YAML as Helm and the servers of charts write it: a block
// mapping, in it one of charts, in each a list of block mappings. What one version says is
// read by lines too where it is written plainly, and else by a YAML parser, alone. Where
// lines are not what they have to be in such a document, it is a formError.
func readLines(in *bufio.Reader, c *collector) error {
	l := &lines{in: in}
	if err := l.next(); err != nil {
		return err
	}
	if bytes.Equal(bytes.TrimRight(l.text, " "), []byte("---")) {
		if err := l.next(); err != nil {
			return err
		}
	}
	for !l.ended {
		key, value, err := l.key(0)
		if err != nil {
			return err
		}
		switch key {
		case "entries":
			err = l.charts(value, c)
		case "apiVersion":
			if c.apiVersion, err = l.scalar(value); err == nil {
				err = l.next()
			}
		default:
			err = l.pass(value)
		}
		if err != nil {
			return err
		}
	}
	c.end()
	return nil
}

// lines are those of a document, of which one is looked at.
type lines struct {
	in *bufio.Reader
	// text is the line without its end, which lasts until the next, indent how many spaces
	// it begins with, and ended that there is none any more.
	text   []byte
	indent int
	ended  bool
	number int
	long   []byte
	item   []byte
}

func (l *lines) errorf(format string, args ...any) error {
	return &formError{line: l.number, why: fmt.Sprintf(format, args...)}
}

// read goes on to the next line, whatever it is.
func (l *lines) read() error {
	l.number++
	text, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = l.in.ReadSlice('\n')
			if l.long = append(l.long, text...); len(l.long) > maxItem {
				return syncline.Errorf(syncline.Invalid, "its index cannot be read: line %d has more than %d bytes", l.number, maxItem)
			}
		}
		text = l.long
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	l.ended = err != nil && len(text) == 0
	l.text = bytes.TrimRight(text, "\r\n")
	l.indent = len(l.text) - len(bytes.TrimLeft(l.text, " "))
	return nil
}

// blank reports whether there is nothing on the line.
func (l *lines) blank() bool { return len(bytes.TrimSpace(l.text)) == 0 }

// next goes on to the next line that is neither blank nor a comment.
func (l *lines) next() error {
	for {
		if err := l.read(); err != nil || l.ended {
			return err
		}
		if !l.blank() && l.text[l.indent] != '#' {
			return nil
		}
	}
}

// key reads "key: value" with so many spaces in front.
func (l *lines) key(indent int) (key string, value []byte, err error) {
	if l.indent != indent {
		return "", nil, l.errorf("it begins with %d spaces where %d have to be", l.indent, indent)
	}
	key, value, ok := cutKey(l.text[indent:])
	if !ok {
		return "", nil, l.errorf("it has no plain key")
	}
	return key, value, nil
}

// cutKey cuts a plain or a simply quoted key off a line. What is behind it has no white
// space around it.
func cutKey(text []byte) (key string, value []byte, ok bool) {
	if len(text) == 0 {
		return "", nil, false
	}
	var name, rest []byte
	if quote := text[0]; quote == '"' || quote == '\'' {
		end := bytes.IndexByte(text[1:], quote)
		if end < 0 {
			return "", nil, false
		}
		name, rest = text[1:1+end], text[2+end:]
		if bytes.IndexByte(name, '\\') >= 0 || len(rest) == 0 || rest[0] != ':' {
			return "", nil, false
		}
		rest = rest[1:]
	} else {
		if !isPlainKey(text[0]) {
			return "", nil, false
		}
		at := bytes.IndexByte(text, ':')
		if at < 0 {
			return "", nil, false
		}
		name, rest = text[:at], text[at+1:]
		for _, b := range name {
			if !isPlainKey(b) {
				return "", nil, false
			}
		}
	}
	if len(rest) > 0 && rest[0] != ' ' {
		return "", nil, false
	}
	return string(name), bytes.TrimSpace(rest), true
}

// isPlainKey reports whether a byte is in keys and names of charts as they are written
// without quotes, wherever it stands.
func isPlainKey(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '.' || b == '/' || b == '-'
}

// charts reads the mapping of all charts.
func (l *lines) charts(value []byte, c *collector) error {
	inside, err := l.enter(value)
	if !inside || err != nil {
		return err
	}
	for indent := l.indent; !l.ended && l.indent > 0; {
		chart, value, err := l.key(indent)
		if err != nil {
			return err
		}
		if err := c.begin(chart); err != nil {
			return err
		}
		if err := l.versions(indent, value, c); err != nil {
			return err
		}
	}
	return nil
}

// enter goes on to the next line, and reports whether a block may begin there: one that was
// not said to be empty.
func (l *lines) enter(value []byte) (inside bool, err error) {
	if !isEmpty(value) {
		return false, l.errorf("it has a value where a block of lines has to follow")
	}
	said := len(value) > 0 && value[0] != '#'
	err = l.next()
	return err == nil && !l.ended && !said, err
}

// isEmpty reports whether a value is nothing, or is said to be.
func isEmpty(value []byte) bool {
	switch string(value) {
	case "", "{}", "[]", "null", "~":
		return true
	}
	return value[0] == '#'
}

// versions reads the list of the versions of a chart, of which the key begins with so many
// spaces.
func (l *lines) versions(above int, value []byte, c *collector) error {
	inside, err := l.enter(value)
	if !inside || err != nil || l.indent < above || !l.dash() {
		return err // it has none: the line is the caller's
	}
	for indent := l.indent; !l.ended && l.indent == indent && l.dash(); {
		if err := l.version(indent, c); err != nil {
			return err
		}
	}
	if !l.ended && l.indent > above {
		return l.errorf("it begins with %d spaces, and is in no version of a chart", l.indent)
	}
	return nil
}

// dash reports whether the line begins an item of a list.
func (l *lines) dash() bool {
	rest := l.text[l.indent:]
	return len(rest) > 0 && rest[0] == '-' && (len(rest) == 1 || rest[1] == ' ')
}

// version reads one item of a list whose dashes begin with so many spaces.
func (l *lines) version(indent int, c *collector) error {
	number := l.number
	l.item = append(l.item[:0], l.text...)
	l.item[indent] = ' ' // the dash: what is left is a mapping
	for {
		if err := l.read(); err != nil {
			return err
		}
		if l.ended || !l.blank() && l.indent <= indent {
			break
		}
		l.item = append(append(l.item, '\n'), l.text...)
		if len(l.item) > maxItem {
			return syncline.Errorf(syncline.Invalid, "its index cannot be read: the entry at line %d has more than %d bytes", number, maxItem)
		}
	}
	for !l.ended && (l.blank() || l.text[l.indent] == '#') {
		if err := l.next(); err != nil {
			return err
		}
	}
	entry, plain := plainEntry(l.item)
	if !plain {
		var parsed *indexEntry
		if err := yaml.Unmarshal(l.item, &parsed); err != nil {
			return &formError{line: number, why: fmt.Sprintf("an entry cannot be read: %.200s", err.Error())}
		}
		if parsed == nil {
			return nil // as Helm does
		}
		entry = *parsed
	}
	return c.add(entry)
}

// scalar reads a value that is written plainly on one line.
func (l *lines) scalar(value []byte) (string, error) {
	text, ok := plainScalar(value)
	if !ok {
		return "", l.errorf("it has no plain value")
	}
	return text, nil
}

// pass goes on behind a value that nobody asks for.
func (l *lines) pass(value []byte) error {
	if len(value) > 0 {
		_, plain := plainScalar(value)
		block := value[0] == '|' || value[0] == '>'
		if !plain && !block && !isEmpty(value) {
			return l.errorf("it has a value that is not written plainly")
		}
	}
	for {
		if err := l.next(); err != nil || l.ended {
			return err
		}
		if l.indent == 0 && !l.dash() {
			return nil
		}
	}
}

// plainEntry reads an entry that is written plainly, and reports whether it is.
func plainEntry(item []byte) (entry indexEntry, plain bool) {
	indent, last, open := -1, "", false
	seen := 0
	for line := range bytes.SplitSeq(item, []byte{'\n'}) {
		text := bytes.TrimLeft(line, " ")
		at := len(line) - len(text)
		if len(bytes.TrimSpace(text)) == 0 || text[0] == '#' && at <= max(indent, 0) {
			continue
		}
		if indent < 0 {
			indent = at
		}
		switch listed := text[0] == '-' && (len(text) == 1 || text[1] == ' '); {
		case at < indent:
			return entry, false
		case at > indent || listed:
			if last == "urls" && listed {
				url, ok := plainScalar(bytes.TrimSpace(text[1:]))
				if !ok {
					return entry, false
				}
				entry.URLs = append(entry.URLs, url)
			} else if wanted(last) {
				return entry, false // it goes on
			}
			open = open && !endsQuote(text)
			continue
		case open:
			return entry, false // a quote was not closed
		}
		key, value, ok := cutKey(text)
		if !ok {
			return entry, false
		}
		last = key
		if !wanted(key) {
			if len(value) > 0 && !passable(value) {
				return entry, false
			}
			open = len(value) > 0 && (value[0] == '"' || value[0] == '\'') && !(len(value) > 1 && endsQuote(value))
			continue
		}
		if seen++; !entry.set(key, value) {
			return entry, false
		}
	}
	return entry, indent >= 0 && seen > 0 && entry.Version != ""
}

// passable reports whether a value that nobody asks for is of a kind whose lines are those
// that begin with more spaces.
func passable(value []byte) bool {
	return !strings.ContainsRune("[{&*!%@`?", rune(value[0])) || isEmpty(value)
}

func endsQuote(text []byte) bool {
	end := text[len(text)-1]
	return end == '"' || end == '\''
}

func wanted(key string) bool {
	switch key {
	case "name", "version", "type", "digest", "created", "urls":
		return true
	}
	return false
}

// set sets a field from a plain value, once.
func (e *indexEntry) set(key string, value []byte) bool {
	if key == "urls" {
		return len(value) == 0 && e.URLs == nil
	}
	field := map[string]*string{"name": &e.Name, "version": &e.Version, "type": &e.Type, "digest": &e.Digest, "created": &e.Created}[key]
	text, ok := plainScalar(value)
	if !ok || *field != "" {
		return false
	}
	if quoted := value[0] == '"' || value[0] == '\''; key == "version" && !quoted && strings.Count(text, ".") < 2 {
		return false // it may be a number, which is written in another way then
	}
	*field = text
	return true
}

// plainScalar reads a value that is written plainly, or in quotes without escapes, on one
// line.
func plainScalar(value []byte) (string, bool) {
	if len(value) == 0 {
		return "", false
	}
	switch quote := value[0]; {
	case quote == '"' || quote == '\'':
		inner := value[1:]
		end := bytes.IndexByte(inner, quote)
		if end != len(inner)-1 || bytes.IndexByte(inner, '\\') >= 0 && quote == '"' {
			return "", false
		}
		return string(inner[:end]), true
	case strings.ContainsRune("&*!|>%@`{}[],?#-~", rune(quote)):
		return "", false
	}
	if bytes.Contains(value, []byte(": ")) || bytes.HasSuffix(value, []byte(":")) || bytes.Contains(value, []byte(" #")) || string(value) == "null" {
		return "", false
	}
	return string(value), true
}
