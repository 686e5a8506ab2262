package document

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// defaultSection has the fields before the first section. It is there even when it
// is empty.
const defaultSection = "DEFAULT"

// parseINI reads sections, each a Branch, by the rules of the library that the sops
// program uses (gopkg.in/ini.v1): a comment is that of what follows it, and stands in
// a section before its fields, and else behind the field that it is about.
func parseINI(text []byte) (Branch, error) {
	r := iniReader{rest: strings.TrimPrefix(string(text), "\xef\xbb\xbf"), branch: Branch{{Key: defaultSection}}}
	for r.rest != "" {
		line := strings.TrimLeftFunc(r.next(), unicode.IsSpace)
		var err error
		switch {
		case line == "":
		case line[0] == '#' || line[0] == ';':
			r.comment = append(r.comment, line)
		case line[0] == '[':
			err = r.section(line)
		default:
			err = r.field(line)
		}
		if err != nil {
			return nil, err
		}
	}
	r.end()
	return r.branch, nil
}

type iniReader struct {
	rest    string
	line    int
	comment []string
	branch  Branch
	// fields are those of the section that was begun last, and known their keys.
	fields Branch
	known  map[string]bool
	budget budget
}

// next returns the next line.
func (r *iniReader) next() string {
	var line string
	line, r.rest, _ = strings.Cut(r.rest, "\n")
	r.line++
	return line
}

// takeComment returns the comment of what was read, without what begins it, or nil.
func (r *iniReader) takeComment() *Comment {
	text := strings.TrimSpace(strings.Join(r.comment, "\n"))
	r.comment = nil
	switch {
	case text == "":
		return nil
	case text[0] == ';':
		text = strings.TrimLeft(text, "; ")
	default:
		text = strings.TrimLeft(text, "# ")
	}
	return &Comment{Text: text}
}

// end completes the section that was begun last.
func (r *iniReader) end() {
	last := &r.branch[len(r.branch)-1]
	last.Value = r.fields
	r.fields, r.known = nil, nil
}

func (r *iniReader) section(line string) error {
	closing := strings.LastIndexByte(line, ']')
	if closing < 2 {
		return fmt.Errorf("line %d is no section", r.line)
	}
	r.end()
	name := line[1:closing]
	if at := strings.IndexAny(line[closing:], "#;"); at >= 0 {
		r.comment = append(r.comment, line[closing+at:])
	}
	r.branch = append(r.branch, Item{Key: name})
	if comment := r.takeComment(); comment != nil {
		r.fields = append(r.fields, Item{Comment: comment})
	}
	return r.budget.spend(0, len(name))
}

// field reads a line with a key and a value, and those that the value goes on in.
func (r *iniReader) field(line string) error {
	key, rest, err := r.key(line)
	if err != nil {
		return err
	}
	if err := r.budget.spend(1, len(key)); err != nil {
		return err
	}
	value, err := r.value(strings.TrimLeftFunc(rest, unicode.IsSpace))
	if err != nil {
		return err
	}
	if r.known[key] {
		return fmt.Errorf("line %d: key %.100q is there twice", r.line, key)
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[key] = true
	r.fields = append(r.fields, Item{Key: key, Value: value})
	if comment := r.takeComment(); comment != nil {
		r.fields = append(r.fields, Item{Comment: comment})
	}
	return nil
}

// key returns the name in a line, which may be quoted, and what follows its sign.
func (r *iniReader) key(line string) (key, rest string, err error) {
	for _, quote := range []string{`"""`, `"`, "`"} {
		inner, quoted := strings.CutPrefix(line, quote)
		if !quoted {
			continue
		}
		name, after, closed := strings.Cut(inner, quote)
		sign := strings.IndexAny(after, "=:")
		if !closed || sign < 0 || name == "" {
			break
		}
		return strings.TrimSpace(name), after[sign+1:], nil
	}
	sign := strings.IndexAny(line, "=:")
	if sign < 1 || strings.ContainsRune("\"`", rune(line[0])) {
		return "", "", fmt.Errorf("line %d is no field", r.line)
	}
	return strings.TrimSpace(line[:sign]), line[sign+1:], nil
}

// value returns the value that begins on a line.
func (r *iniReader) value(line string) (string, error) {
	for _, quote := range []string{`"""`, "`"} {
		inner, quoted := strings.CutPrefix(line, quote)
		if !quoted {
			continue
		}
		if end := strings.LastIndex(inner, quote); end >= 0 {
			return inner[:end], nil
		}
		return r.quoted(inner, quote)
	}
	line = strings.TrimSpace(line)
	if strings.HasSuffix(line, `\`) {
		return r.continued(line), nil
	}
	if at := strings.IndexAny(line, "#;"); at >= 0 {
		r.comment = append(r.comment, line[at:])
		line = strings.TrimSpace(line[:at])
	}
	for _, quote := range []byte{'\'', '"'} {
		if last := len(line) - 1; last > 0 && line[0] == quote && strings.IndexByte(line[1:], quote) == last-1 {
			return line[1:last], nil
		}
	}
	return line, nil
}

// quoted returns a value of several lines.
func (r *iniReader) quoted(first, quote string) (string, error) {
	var value strings.Builder
	value.WriteString(first + "\n")
	for r.rest != "" {
		line := r.next()
		end := strings.LastIndex(line, quote)
		if end < 0 || strings.HasSuffix(strings.TrimSpace(line[end+len(quote):]), `\`) {
			value.WriteString(line + "\n")
			continue
		}
		value.WriteString(line[:end])
		if at := strings.IndexAny(line[end:], "#;"); at >= 0 {
			r.comment = append(r.comment, line[end+at:])
		}
		return value.String(), nil
	}
	return "", errors.New("a quoted value has no end")
}

// continued returns a value whose lines end in a backslash.
func (r *iniReader) continued(line string) string {
	var value strings.Builder
	for strings.HasSuffix(line, `\`) {
		value.WriteString(strings.TrimSuffix(line, `\`))
		line = strings.TrimSpace(r.next())
	}
	value.WriteString(line)
	return value.String()
}

func renderINI(branch Branch) ([]byte, error) {
	var out bytes.Buffer
	for i, section := range branch {
		fields, isSection := section.Value.(Branch)
		if !isSection {
			return nil, fmt.Errorf("%.100q is no section", section.Key)
		}
		lines, comment := iniLines(fields)
		writeINIComment(&out, comment)
		if i > 0 || section.Key != defaultSection {
			out.WriteString("[" + section.Key + "]\n")
		} else if len(lines) == 0 {
			continue
		}
		if err := writeINIFields(&out, lines); err != nil {
			return nil, err
		}
		if i < len(branch)-1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), nil
}

// iniLine is a field, and the comment over it.
type iniLine struct {
	Item
	comment string
}

// iniLines returns the fields of a section, and its own comment.
func iniLines(fields Branch) (lines []iniLine, comment string) {
	for i, item := range fields {
		switch {
		case item.Comment == nil:
			lines = append(lines, iniLine{Item: item})
		case i == 0:
			comment = item.Comment.Text
		case len(lines) > 0:
			lines[len(lines)-1].comment = item.Comment.Text
		}
	}
	return lines, comment
}

// writeINIFields writes fields with their signs below each other.
func writeINIFields(out *bytes.Buffer, lines []iniLine) error {
	width := 0
	for _, line := range lines {
		width = max(width, len(quotedKey(line.Key)))
	}
	for _, line := range lines {
		value, err := textOf(line.Item)
		if err != nil {
			return err
		}
		switch {
		case strings.ContainsAny(value, "\n`"):
			value = `"""` + value + `"""`
		case strings.ContainsAny(value, "#;"):
			value = "`" + value + "`"
		case strings.TrimSpace(value) != value:
			value = `"` + value + `"`
		}
		writeINIComment(out, line.comment)
		key := quotedKey(line.Key)
		out.WriteString(key + strings.Repeat(" ", width-len(key)) + " = " + value + "\n")
	}
	return nil
}

func quotedKey(key string) string {
	switch {
	case strings.ContainsAny(key, `"=:`):
		return "`" + key + "`"
	case strings.Contains(key, "`"):
		return `"""` + key + `"""`
	}
	return key
}

func writeINIComment(out *bytes.Buffer, comment string) {
	if comment == "" {
		return
	}
	for line := range strings.SplitSeq(comment, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] != '#' && line[0] != ';' {
			out.WriteString("; " + line + "\n")
		} else {
			out.WriteString(line[:1] + " " + strings.TrimSpace(line[1:]) + "\n")
		}
	}
}
