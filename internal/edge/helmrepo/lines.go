package helmrepo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

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
	name, rest, ok := bytes.Cut(text, []byte{':'})
	if len(text) > 0 && (text[0] == '"' || text[0] == '\'') {
		name, rest, ok = bytes.Cut(text[1:], []byte{text[0], ':'})
		ok = ok && bytes.IndexByte(name, '\\') < 0 && bytes.IndexByte(name, text[0]) < 0
	} else {
		ok = ok && len(name) > 0 && !bytes.ContainsFunc(name, func(r rune) bool { return !isPlainKey(r) })
	}
	if !ok || len(rest) > 0 && rest[0] != ' ' {
		return "", nil, false
	}
	return string(name), bytes.TrimSpace(rest), true
}

// isPlainKey reports whether a letter is in keys and names of charts as they are written
// without quotes, wherever it stands.
func isPlainKey(b rune) bool {
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
	if err := l.gather(indent); err != nil {
		return err
	}
	if entry, plain := plainEntry(l.item); plain {
		return c.add(entry)
	}
	var parsed *indexEntry
	if err := yaml.Unmarshal(l.item, &parsed); err != nil {
		return &formError{line: number, why: fmt.Sprintf("an entry cannot be read: %.200s", err.Error())}
	}
	if parsed == nil {
		return nil // as Helm does
	}
	return c.add(*parsed)
}

// gather takes the lines of an item together, without its dash, and goes on behind them.
func (l *lines) gather(indent int) error {
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
	if !l.ended && l.text[l.indent] == '#' {
		return l.next()
	}
	return nil
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
	over := skim{text: -1}
	if !over.line(0, value) {
		return l.errorf("it has a value that is not written plainly")
	}
	for inside := isEmpty(value) || over.text == 0; ; {
		if err := l.next(); err != nil || l.ended {
			return err
		}
		if l.indent == 0 && !l.dash() {
			return nil
		}
		if !inside || !over.line(l.indent, l.text[l.indent:]) {
			return l.errorf("it is part of a value that is not written plainly")
		}
	}
}

// skim looks over lines of values that nobody asks for, to be sure that each ends where it
// seems to: in what is quoted, or in flow style, lines may begin anywhere.
type skim struct {
	// text is how many spaces the key has that a literal text belongs to, which goes on as
	// long as lines have more; negative outside of one.
	text int
}

// line reports whether a line, which begins with so many spaces, ends what begins on it.
func (s *skim) line(indent int, text []byte) bool {
	if s.text >= 0 && indent > s.text {
		return true
	}
	s.text = -1
	for len(text) > 1 && text[0] == '-' && text[1] == ' ' {
		rest := bytes.TrimLeft(text[1:], " ")
		indent, text = indent+len(text)-len(rest), rest
	}
	if _, value, ok := cutKey(text); ok {
		text = value
	}
	if len(text) == 0 || isEmpty(text) {
		return true
	}
	switch text[0] {
	case '|', '>':
		s.text = indent
		return true
	case '"', '\'':
		return quoteEnds(text)
	}
	return !strings.ContainsRune("[{&*!%@`?", rune(text[0]))
}

// quoteEnds reports whether what is quoted at the beginning of a line ends on it.
func quoteEnds(text []byte) bool {
	for i := 1; i < len(text); i++ {
		switch {
		case text[0] == '"' && text[i] == '\\':
			i++
		case text[i] != text[0]:
		case text[0] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		default:
			return true
		}
	}
	return false
}

// plainEntry reads an entry that is written plainly, and reports whether it is.
func plainEntry(item []byte) (indexEntry, bool) {
	p := plainly{indent: -1, over: skim{text: -1}}
	for line := range bytes.SplitSeq(item, []byte{'\n'}) {
		text := bytes.TrimLeft(line, " ")
		if len(bytes.TrimSpace(text)) == 0 || text[0] == '#' {
			continue
		}
		if !p.line(len(line)-len(text), text) {
			return p.entry, false
		}
	}
	return p.entry, p.entry.Version != ""
}

// plainly reads an entry line by line.
type plainly struct {
	entry indexEntry
	// indent is how many spaces its keys have, and last the last of them.
	indent int
	last   string
	over   skim
}

// line reads a line, which begins with so many spaces, and reports whether it is plain.
func (p *plainly) line(at int, text []byte) bool {
	if p.indent < 0 {
		p.indent = at
	}
	dash := text[0] == '-' && (len(text) == 1 || text[1] == ' ')
	switch {
	case at < p.indent:
		return false
	case at == p.indent && !dash:
		if !p.key(text) {
			return false
		}
	case p.last == "urls":
		return dash && p.entry.addURL(text[1:])
	case wanted(p.last):
		return false // it goes on
	}
	return wanted(p.last) || p.over.line(at, text)
}

// key reads a line that begins with a key of the entry.
func (p *plainly) key(text []byte) bool {
	key, value, ok := cutKey(text)
	p.last = key
	return ok && (!wanted(key) || p.entry.set(key, value))
}

// addURL adds an item of the list of URLs.
func (e *indexEntry) addURL(value []byte) bool {
	url, ok := plainScalar(bytes.TrimSpace(value))
	e.URLs = append(e.URLs, url)
	return ok
}

func wanted(key string) bool {
	switch key {
	case "name", "version", "type", "digest", "urls":
		return true
	}
	return false
}

// set sets a field from a plain value, once.
func (e *indexEntry) set(key string, value []byte) bool {
	if key == "urls" {
		return len(value) == 0 && e.URLs == nil
	}
	field := map[string]*string{"name": &e.Name, "version": &e.Version, "type": &e.Type, "digest": &e.Digest}[key]
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
	if bytes.Contains(value, []byte(": ")) || bytes.HasSuffix(value, []byte(":")) || bytes.Contains(value, []byte(" #")) || !isText(value) {
		return "", false
	}
	return string(value), true
}

// isText reports whether YAML surely takes an unquoted value for a text, and for no
// number, truth value or nothing.
func isText(value []byte) bool {
	switch strings.ToLower(string(value)) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	first := value[0]
	return first != '.' && first != '+' && (first < '0' || first > '9') || !mayBeNumber(value)
}

// mayBeNumber reports whether a value that begins like a number may be one.
func mayBeNumber(value []byte) bool {
	if value[0] == '0' && len(value) > 1 && strings.IndexByte("xXoObB", value[1]) >= 0 {
		return true
	}
	letter := func(c rune) bool { return c != 'e' && c != 'E' && unicode.IsLetter(c) }
	return bytes.Count(value, []byte{'.'}) <= 1 && (value[0] == '.' || !bytes.ContainsFunc(value, letter))
}
