package visible_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/visible"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "plain text, ünïcode, 日本語, עברית, emoji 🎉", "plain text, ünïcode, 日本語, עברית, emoji 🎉"},
		{"line ends and tabs", "a\n\tb", "a\n\tb"},
		{"colour", "\x1b[31mred", " [31mred"},
		{"clipboard", "\x1b]52;c;ZXZpbA==\a", " ]52;c;ZXZpbA== "},
		{"C1 controls", "a\u009b31m\u0090b\u0085c", "a 31m b c"},
		{"raw C1 bytes", "a\x9b31m", "a 31m"},
		{"carriage return", "good\rbad", "good bad"},
		{"NUL, delete and backspace", "a\x00b\x7fc\bd", "a b c d"},
		{"bidi", "a\u202eb\u2066c\u200fd\u061ce", "a b c d e"},
		{"zero width", "a\u200bb\u200dc\ufeffd\u2060e", "a b c d e"},
		{"separators", "a\u2028b\u2029c", "a b c"},
		{"tags", "a\U000e0041b", "a b"},
		{"variation selectors", "a\ufe0fb\U000e0101c", "a b c"},
		{"blank letters", "a\u3164b\u115fc\uffa0d\u034fe", "a b c d e"},
		{"noncharacters", "a\ufdd0b\uffffc\U0010ffffd", "a b c d"},
		{"private use", "a\ue000b", "a b"},
		{"invalid UTF-8", "a\xff\xfeb", "a  b"},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"marks", "e\u0301", "e\u0301"},
		{"piled marks", "e" + strings.Repeat("\u0301", 7) + "f\u0301", "e" + strings.Repeat("\u0301", 4) + "   f\u0301"},
	} {
		if got := visible.Text(c.text); got != c.want {
			t.Errorf("%s: %q is shown as %q, want %q", c.name, c.text, got, c.want)
		}
	}
	if got, want := visible.Line(" two\nlines\tand \x1b a tab "), "two lines and a tab"; got != want {
		t.Errorf("on one line it is %q, want %q", got, want)
	}
}

// awkward are texts that a careless writer would get wrong.
func awkward() []string {
	texts := []string{"", "quoted", "quoted0z", "a: b", "- a", "'", `"`, `\`, `\u202e`, "yes", "1", "null", "~", "#", "<<", "a\nb\n", "\n", " a ", "\ta"}
	for _, r := range "\x00\x1b\x7f\u0085\u009b\u200b\u202e\u2028\u3164\ufdd0\ufeff\ufffe\U000e0041\U000e0101\U0010ffff" {
		texts = append(texts, string(r), "a"+string(r)+"b", string(r)+"\n  # \"'\\"+string(r), "- "+string(r)+": "+string(r))
	}
	return append(texts, "e"+strings.Repeat("\u0301", 9))
}

func TestDataLosesNothing(t *testing.T) {
	content := map[string]any{"list": []any{}, "number": json.Number("12345678901234567890"), "real": 1.5, "flag": true, "none": nil}
	for _, text := range awkward() {
		content["key "+text] = text
		content[strings.Repeat("long", 500)+text] = text
		content[text] = map[string]any{"text": text}
		content["list"] = append(content["list"].([]any), text, []any{text})
	}
	want, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	inJSON, err := visible.JSON(content)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := visible.YAML(content)
	if err != nil {
		t.Fatal(err)
	}
	onOneLine, err := visible.Short(content)
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := yaml.YAMLToJSON(inYAML)
	if err != nil {
		t.Fatalf("what was written is no YAML: %v\n%s", err, inYAML)
	}
	for name, c := range map[string]struct{ shown, read []byte }{
		"JSON": {inJSON, inJSON}, "YAML": {inYAML, fromYAML}, "JSON on one line": {[]byte(onOneLine), []byte(onOneLine)},
	} {
		if !visible.IsSafe(string(c.shown)) {
			t.Errorf("%s: not everything in it shows: %q", name, c.shown)
		}
		if diff := cmp.Diff(generic(t, want), generic(t, c.read)); diff != "" {
			t.Errorf("%s means something else (-want +got):\n%s", name, diff)
		}
	}
}

// TestOrdinaryYAMLIsAsItWas compares with the library alone.
func TestOrdinaryYAMLIsAsItWas(t *testing.T) {
	content := map[string]any{
		"text": strings.Repeat("a long line ", 50), "block": "a: b\n  c: |\n\td\n", "number": 3, "real": 1.5, "large": 1e21, "whole": 2.0,
		"none": nil, "flag": true, "quoted": []any{"yes", "1", "1.5", "null", "~", "", " ", "0x1f", "1e3", "on", "2001-01-01", "<<", "="},
		"10": "ten", "9": "nine", "unicode": "ünïcode 日本", "empty": map[string]any{}, "list": []any{},
	}
	want, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	got, err := visible.YAML(content)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func generic(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestALogLineIsOneLineThatShows(t *testing.T) {
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(visible.Log(b), nil) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(visible.Log(b), nil) },
	} {
		for _, text := range append(awkward(), "a\n{\"level\":\"ERROR\"}", "invalid \xff\xfe", "\r\ntime=x level=ERROR") {
			var out bytes.Buffer
			slog.New(handler(&out)).Info("fetched", "app", text, "err", text)
			if line := out.String(); strings.Count(line, "\n") != 1 || !visible.IsSafe(line) {
				t.Errorf("%s: %q is logged as %q", name, text, line)
			}
			if name == "json" && !json.Valid(out.Bytes()) {
				t.Errorf("%q is logged as no JSON: %s", text, out.Bytes())
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, text := range awkward() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			if shown := visible.Text(text); !visible.IsSafe(shown) || visible.Text(shown) != shown {
				t.Errorf("%q is shown as %q", text, shown)
			}
			if !utf8.ValidString(text) {
				return
			}
			encoded, err := visible.YAML(map[string]any{text: text})
			if err != nil {
				t.Fatal(err)
			}
			var back map[string]any
			if err := yaml.Unmarshal(encoded, &back); err != nil || back[text] != text || !visible.IsSafe(string(encoded)) {
				t.Errorf("%q is written as %q and read as %q: %v", text, encoded, back, err)
			}
		})
	})
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aü", 2, "a…"}, {"ü", 1, "…"}} {
		if got := visible.Clip(c.text, c.limit); got != c.want {
			t.Errorf("%q in %d bytes is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
