package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf16"
)

// part is the text of one document.
type part struct {
	text []byte
	// line is the number of lines before the document.
	line int
}

// split cuts a YAML stream into documents that are not blank. JSON is one document,
// or several that follow each other.
func split(text []byte) []part {
	var parts []part
	start, line, startLine := 0, 0, 0
	add := func(end int) {
		if !isBlank(text[start:end]) {
			parts = append(parts, part{text: text[start:end], line: startLine}.values()...)
		}
		start, startLine = end, line
	}
	for at := 0; at < len(text); {
		end := at + bytes.IndexByte(text[at:], '\n') + 1
		if end == at {
			end = len(text)
		}
		switch row := text[at:end]; {
		case isMarker(row, "---") && !onlyDirectives(text[start:at]):
			add(at)
		case isMarker(row, "..."):
			add(at)
			start, startLine = end, line+1
		}
		at = end
		line++
	}
	add(len(text))
	return parts
}

// Blank reports whether the text of a manifest has no document at all: nothing but
// white space, comments and document markers.
func Blank(text []byte) bool { return len(split(UTF8(text))) == 0 }

// values returns the JSON objects that follow each other in the text, as Argo CD
// and kubectl read them. Of anything else it returns the part as it is.
func (p part) values() []part {
	if text := bytes.TrimSpace(p.text); len(text) == 0 || text[0] != '{' || json.Valid(text) {
		return []part{p}
	}
	var found []part
	decoder := json.NewDecoder(bytes.NewReader(p.text))
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		switch {
		case errors.Is(err, io.EOF):
			return found
		case err != nil || value[0] != '{':
			return []part{p}
		}
		before := p.text[:int(decoder.InputOffset())-len(value)]
		found = append(found, part{text: value, line: p.line + bytes.Count(before, []byte("\n"))})
	}
}

// isMarker reports whether a line is the given document marker.
func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(line, byteOrderMark), []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// onlyDirectives reports whether text is YAML directives and nothing else, to
// which the marker that follows belongs.
func onlyDirectives(text []byte) bool {
	found := false
	for row := range bytes.Lines(text) {
		row = bytes.TrimSpace(row)
		switch {
		case len(row) == 0 || row[0] == '#':
		case row[0] == '%':
			found = true
		default:
			return false
		}
	}
	return found
}

// isBlank reports whether text holds nothing but white space, comments and a
// document marker.
func isBlank(text []byte) bool {
	for row := range bytes.Lines(text) {
		if isMarker(row, "---") {
			row = row[len("---"):]
		}
		if row = bytes.TrimSpace(row); len(row) > 0 && row[0] != '#' {
			return false
		}
	}
	return true
}

// byteOrderMark is that of UTF-8. Programs that join files leave it within them.
var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// UTF8 drops a byte order mark and converts UTF-16 that begins with one.
func UTF8(text []byte) []byte {
	switch {
	case bytes.HasPrefix(text, byteOrderMark):
		return text[len(byteOrderMark):]
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		return fromUTF16(text[2:], binary.LittleEndian)
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		return fromUTF16(text[2:], binary.BigEndian)
	}
	return text
}

func fromUTF16(text []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
