package visible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
)

// JSON writes a value as indented JSON in which every character shows, or is
// escaped: it means the same.
func JSON(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return []byte(escaped(text.String(), escapeJSON)), nil
}

// Short writes a value as JSON on one line, as [JSON] does.
func Short(value any) (string, error) {
	text, err := onOneLine(value)
	return escaped(text, escapeJSON), err
}

func onOneLine(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n"), err
}

// YAML writes a value as YAML in which every character shows, or is escaped: it
// means the same.
func YAML(value any) ([]byte, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return nil, err
	}
	// A text that needs escapes is written under a name, and put in place of it
	// afterwards: no library can be told which texts to quote.
	quoting := quoting{prefix: "quoted"}
	for bytes.Contains(encoded, []byte(quoting.prefix)) {
		quoting.prefix += "q"
	}
	text, err := yaml.Marshal(quoting.value(content))
	if err != nil || len(quoting.names) == 0 {
		return text, err
	}
	return []byte(strings.NewReplacer(quoting.names...).Replace(string(text))), nil
}

// quoting gives names to the texts that need escapes.
type quoting struct {
	prefix string
	// names are the names, each with what it stands for behind it.
	names []string
}

// value returns a value of JSON as one of YAML.
func (q *quoting) value(value any) any {
	switch value := value.(type) {
	case string:
		return q.text(value)
	case json.Number:
		return number(value)
	case []any:
		for i := range value {
			value[i] = q.value(value[i])
		}
	case map[string]any:
		renamed := make(map[string]any, len(value))
		for key, entry := range value {
			renamed[q.key(key)] = q.value(entry)
		}
		return renamed
	}
	return value
}

func number(n json.Number) any {
	if whole, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return whole
	}
	if whole, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return whole
	}
	near, _ := n.Float64() // which is as near as there is
	return near
}

func (q *quoting) text(text string) string {
	if IsSafe(text) {
		return text
	}
	return q.quoted(text)
}

// key returns a key, which is quoted too when it would mean that a map is merged.
func (q *quoting) key(key string) string {
	if key == "<<" {
		return q.quoted(key)
	}
	return q.text(key)
}

// quoted returns the name that stands for a text.
func (q *quoting) quoted(text string) string {
	encoded, _ := onOneLine(text) // a text can be encoded
	encoded = escaped(encoded, escapeYAML)
	// A long key is written in another way, so the name is as long.
	name := fmt.Sprintf("%s%d", q.prefix, len(q.names)) + strings.Repeat("z", len(encoded))
	q.names = append(q.names, name, encoded)
	return name
}

// Log returns a writer of log lines in which every character shows, or is
// escaped.
func Log(w io.Writer) io.Writer { return logWriter{w} }

type logWriter struct{ w io.Writer }

// Write writes one or more lines.
func (l logWriter) Write(lines []byte) (int, error) {
	if _, err := io.WriteString(l.w, escaped(string(lines), escapeJSON)); err != nil {
		return 0, err
	}
	return len(lines), nil
}

func escaped(text string, escape func(rune) string) string {
	return replaced(text, func(out *strings.Builder, r rune) { out.WriteString(escape(r)) })
}

// escapeJSON writes a character as JSON does, which knows 16 bits of it at a
// time.
func escapeJSON(r rune) string {
	const beyond, half, low = 0x10000, 10, 1<<10 - 1
	if r < beyond {
		return fmt.Sprintf(`\u%04x`, r)
	}
	r -= beyond
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>half, 0xdc00+r&low)
}

func escapeYAML(r rune) string {
	if r <= 0xffff {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// Clip returns the first bytes of a text, at most limit, without cutting a
// character, and says that there was more.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
