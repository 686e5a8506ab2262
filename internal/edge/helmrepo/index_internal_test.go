package helmrepo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// versionsOf says what was read, as "web 1.2.3 url s".
func versionsOf(charts upstream.Charts) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(charts)) {
		for _, v := range charts[name] {
			text := name + " " + v.Version + " " + v.URL
			if v.Sealed {
				text += " sealed"
			}
			all = append(all, text)
		}
	}
	return all
}

const written = `apiVersion: v1
entries:
  api:
  - annotations:
      note: |
        version: 9.9.9

        - version: 9.9.8
      other: "text that goes on
        name: x"
    apiVersion: v2
    appVersion: "1.16"
    created: "2026-01-01T00:00:00.000000000Z"
    dependencies:
    - name: common
      repository: https://charts.example.com
      tags:
      - a
      version: 1.x.x
    description: 'A chart: with # signs and "quotes"'
    digest: ` + digest + `
    home: https://example.com
    keywords:
    - a
    - name
    maintainers:
    - email: a@example.com
      name: somebody
    name: api
    sources:
    - https://example.com/source
    type: application
    urls:
    - https://charts.example.com/api-1.10.0.tgz
    - https://mirror.example.com/api-1.10.0.tgz
    version: 1.10.0
  - apiVersion: v1
    created: 2025-01-01T00:00:00Z
    digest: sha256:` + digest + `
    name: api
    urls:
    - api-1.9.0.tgz
    version: 1.9.0
  web: []
  zoo:
  - name: zoo
    urls:
    - zoo-v2.0.0-rc.1.tgz
    version: v2.0.0-rc.1
generated: "2026-01-01T00:00:00.000000000Z"
`

var inWritten = []string{"api 1.10.0 https://charts.example.com/api-1.10.0.tgz sealed", "api 1.9.0 api-1.9.0.tgz sealed", "zoo v2.0.0-rc.1 zoo-v2.0.0-rc.1.tgz"}

func TestFormsOfAnIndex(t *testing.T) {
	entry := func(lines string) string { return "apiVersion: v1\nentries:\n  web:\n  - " + lines }
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"as Helm writes it":     {written, inWritten},
		"with CR LF":            {strings.ReplaceAll(written, "\n", "\r\n"), inWritten},
		"with a beginning":      {"---\n" + written, inWritten},
		"with comments":         {"# first\n" + strings.ReplaceAll(written, "\n  web", "\n# in between\n  web"), inWritten},
		"with empty lines":      {"\n\n" + strings.ReplaceAll(written, "\n", "\n\n"), inWritten},
		"indented lists":        {"apiVersion: v1\nentries:\n    web:\n      -   name: web\n          version: 1.0.0\n          urls:\n            - a\n", []string{"web 1.0.0 a"}},
		"a dash alone":          {"apiVersion: v1\nentries:\n  web:\n  -\n    name: web\n    version: 1.0.0\n", []string{"web 1.0.0 "}},
		"entries first":         {"entries:\n  web:\n  - name: web\n    version: 1.0.0\napiVersion: v1\n", []string{"web 1.0.0 "}},
		"nothing":               {"apiVersion: v1\nentries: {}\n", nil},
		"null":                  {"apiVersion: v1\nentries:\ngenerated: x\n", nil},
		"no end of line":        {"apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.0.0", []string{"web 1.0.0 "}},
		"quoted":                {entry("\"name\": 'web'\n    \"version\": \"1.0.0\"\n    urls: [\"a\"]\n"), []string{"web 1.0.0 a"}},
		"flow":                  {entry("{name: web, version: 1.0.0, urls: [a, b]}\n"), []string{"web 1.0.0 a"}},
		"escapes":               {entry("name: web\n    version: \"1.0.0\\x2b1\"\n"), []string{"web 1.0.0+1 "}},
		"folded":                {entry("name: web\n    version: 1.0.0\n    urls:\n    - >-\n      a\n"), []string{"web 1.0.0 a"}},
		"an anchor in an entry": {entry("name: &n web\n    version: 1.0.0\n    urls:\n    - *n\n"), []string{"web 1.0.0 web"}},
		"anchors elsewhere":     {"apiVersion: v1\nx: &x {name: web, version: 1.0.0}\nentries:\n  web:\n  - *x\n", []string{"web 1.0.0 "}},
		"all in flow":           {"{apiVersion: v1, entries: {web: [{name: web, version: 1.0.0}]}}", []string{"web 1.0.0 "}},
		"a number":              {entry("name: web\n    version: 1.10\n"), []string{"web 1.1 "}}, // as YAML has it
		"a quoted number":       {entry("name: web\n    version: \"1.10\"\n"), []string{"web 1.10 "}},
		"null entries":          {entry("\n  - null\n  - ~\n  - name: web\n    version: 1.0.0\n"), []string{"web 1.0.0 "}},
		"what Helm passes over": {entry("name: web\n    version: x\n  - version: 1.0.0\n  - name: a/b\n    version: 1.0.0\n  - name: web\n    version: 1.0.0\n    type: other\n  - name: web\n  - name: web\n    version: 1.0.1\n    type: library\n"), []string{"web 1.0.1 "}},
		"other keys":            {"apiVersion: v1\nserverInfo: {}\npublicKeys:\n- a\nannotations:\n  a: b\nentries:\n  web:\n  - name: web\n    version: 1.0.0\n", []string{"web 1.0.0 "}},
		"the order of versions": {entry("name: web\n    version: 1.2.0\n  - name: web\n    version: 1.10.0\n  - name: web\n    version: 1.10.0-rc.1\n  - name: web\n    version: v1.11.0\n  - name: web\n    version: 1.10.0+b\n"), []string{"web v1.11.0 ", "web 1.10.0+b ", "web 1.10.0 ", "web 1.10.0-rc.1 ", "web 1.2.0 "}},
		"JSON":                  {`{"apiVersion":"v1","x":[{}],"entries":{"web":[{"name":"web","version":"1.0.0","digest":"` + digest + `","urls":["a"]},null],"api":[],"zoo":null}}`, []string{"web 1.0.0 a sealed"}},
	} {
		t.Run(name, func(t *testing.T) {
			charts, err := readIndex(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, versionsOf(charts)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAnIndexThatIsNone is an error, and never an index of fewer charts.
func TestAnIndexThatIsNone(t *testing.T) {
	long := "apiVersion: v1\nentries:\n" + strings.Repeat("  # nothing\n", maxWhole/12+1)
	for name, test := range map[string]struct{ text, says string }{
		"nothing":                 {"", "no apiVersion"},
		"a page":                  {"<html>\n<body>Log in</body>\n</html>", "index"},
		"a page in JSON":          {`{"error":"log in"}`, "no apiVersion"},
		"text":                    {"not found", "cannot be read"},
		"no apiVersion":           {"entries:\n  web:\n  - name: web\n    version: 1.0.0\n", "no apiVersion"},
		"twice":                   {"apiVersion: v1\nentries:\n  web: []\n  web: []\n", `chart "web" twice`},
		"half of JSON":            {`{"apiVersion":"v1","entries":{"web":[{"name":"web"`, "cannot be read"},
		"entries that are a list": {"apiVersion: v1\nentries:\n- name: web\n", "cannot be read"},
		"an entry that is none":   {"apiVersion: v1\nentries:\n  web:\n  - text\n", "cannot be read"},
		"an open quote":           {"apiVersion: v1\nentries:\n  web:\n  - description: \"a\n    name: web\n    version: 1.0.0\n", "cannot be read"},
		"an entry too far left":   {"apiVersion: v1\nentries:\n  web:\n  - name: web\nversion: 1.0.0\n    type: application\n  api: []\n", "cannot be read"},
		"tabs":                    {"apiVersion: v1\nentries:\n\tweb:\n", "cannot be read"},
		"another form, and long":  {long + "  ? web\n  : []\n", "it has no plain key; in such a form no more than 1048576 bytes are read"},
		"a long line":             {"apiVersion: v1\nx: " + strings.Repeat("x", maxItem+1), "line 2 has more than"},
		"a long entry":            {"apiVersion: v1\nentries:\n  web:\n  - name: web\n" + strings.Repeat("    a: b\n", maxItem/9+1), "the entry at line 4 has more than"},
		"a long entry in JSON":    {`{"entries":{"web":[{"name":"` + strings.Repeat("x", 3*maxItem) + `"}]}}`, "an entry has more than"},
		"many versions":           {"apiVersion: v1\nentries:\n  web:\n" + strings.Repeat("  - name: web\n    version: 1.0.0\n", maxVersions+1), "more than 50000 versions"},
	} {
		t.Run(name, func(t *testing.T) {
			charts, err := readIndex(strings.NewReader(test.text))
			if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("%d charts; the error is %v, want %q in it", len(charts), err, test.says)
			}
		})
	}
}

// dropping ends with an error.
type dropping struct{ io.Reader }

var errDropped = errors.New("dropped")

func (d dropping) Read(data []byte) (int, error) {
	n, err := d.Reader.Read(data)
	if errors.Is(err, io.EOF) {
		err = errDropped
	}
	return n, err
}

// TestAnIndexThatBreaksOff, wherever that is, is no index.
func TestAnIndexThatBreaksOff(t *testing.T) {
	for _, text := range []string{written, `{"apiVersion":"v1","entries":{"web":[{"name":"web","version":"1.0.0"}]}}`, "? a\n: b\n"} {
		for at := range text {
			if _, err := readIndex(dropping{strings.NewReader(text[:at])}); !errors.Is(err, errDropped) {
				t.Fatalf("after %q the error is %v", text[max(0, at-20):at], err)
			}
		}
	}
}

// agree holds what is read by lines against what a YAML parser reads of the whole.
func agree(t interface{ Fatalf(string, ...any) }, text string) {
	if rest := strings.ReplaceAll(text, "apiVersion", ""); text != written && strings.ToLower(rest) != rest {
		return // the parser takes keys in whatever case
	}
	byLines := newCollector()
	if err := readLines(bufio.NewReaderSize(strings.NewReader(text), 64<<10), byLines); err != nil {
		return // it is read as a whole, or not at all
	}
	in := &rewindable{from: strings.NewReader(text)}
	whole, err := readWhole(in, &formError{})
	if err != nil {
		return // what nobody asks for is not judged
	}
	for name, versions := range whole.charts {
		if len(versions) == 0 {
			delete(whole.charts, name)
		}
	}
	for name, versions := range byLines.charts {
		if len(versions) == 0 {
			delete(byLines.charts, name)
		}
	}
	if diff := cmp.Diff(whole.charts, byLines.charts); diff != "" || whole.apiVersion != byLines.apiVersion {
		t.Fatalf("as a whole and by lines (%q, %q):\n%s\nof\n%s", whole.apiVersion, byLines.apiVersion, diff, text)
	}
}

// TestLinesAreReadAsYAML over documents that are put together at random.
func TestLinesAreReadAsYAML(t *testing.T) {
	agree(t, written)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"web", "1.2.3", "v1.0.0-rc.1", `"1.2.3"`, `'a b'`, "a: b", `"a: b"`, "1.10", "null", "~", "", "[]", "{}", "[a, b]", "| ", "|", ">-", `"open`, "a #b", "# c", "-", "- a", "true", digest, "&a x", "*a", `"a\"b"`, "it's", "'it''s'", "é", "0x1f", "1e3"})
		key := rapid.SampledFrom([]string{"name", "version", "urls", "digest", "created", "type", "description", "annotations", "dependencies", `"name"`, "'x'", "a b", "a.b/c"})
		space := rapid.SampledFrom([]string{"", " ", "  ", "    ", "      ", "        "})
		line := rapid.Custom(func(t *rapid.T) string {
			if rapid.IntRange(0, 9).Draw(t, "plain") > 1 {
				return "    " + key.Draw(t, "key") + ": " + word.Draw(t, "value") + "\n"
			}
			return space.Draw(t, "space") + rapid.SampledFrom([]string{"", "- ", "# "}).Draw(t, "dash") + key.Draw(t, "key") + rapid.SampledFrom([]string{": ", ":", " "}).Draw(t, "colon") + word.Draw(t, "value") + "\n"
		})
		var text strings.Builder
		text.WriteString("apiVersion: v1\nentries:\n")
		for i := range rapid.IntRange(0, 3).Draw(t, "charts") {
			fmt.Fprintf(&text, "  chart%d:\n", i)
			for range rapid.IntRange(0, 3).Draw(t, "versions") {
				text.WriteString("  - name: chart\n    version: 1.0.0\n")
				for range rapid.IntRange(0, 4).Draw(t, "lines") {
					text.WriteString(line.Draw(t, "line"))
				}
			}
		}
		agree(t, text.String())
	})
}

func FuzzLines(f *testing.F) {
	f.Add(written)
	f.Add("apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.0.0\n    urls:\n    - a\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<16 {
			bound.Limits{Bytes: 256 << 20}.Run(t, func() { agree(t, text) })
		}
	})
}

// bigIndex writes an index of about so many bytes, of some 1.3 kB for each version as those
// of large public repositories have, without ever holding it.
func bigIndex(bytes int) io.Reader {
	from, to := io.Pipe()
	go func() {
		w := bufio.NewWriter(to)
		_, _ = io.WriteString(w, "apiVersion: v1\nentries:\n")
		for chart := 0; bytes > 0; chart++ {
			_, _ = fmt.Fprintf(w, "  chart-%d:\n", chart)
			for version := range 400 {
				// Written as most are, without values in quotes that go on.
				entry := strings.ReplaceAll(written[strings.Index(written, "  - annotations"):strings.Index(written, "  - apiVersion")], digest, fmt.Sprintf("%064x", chart*1000+version))
				entry = strings.Replace(entry, "goes on\n        name", "ends; name", 1)
				entry = strings.ReplaceAll(entry, "1.10.0", fmt.Sprintf("%d.%d.0", version/20, version%20))
				entry = strings.ReplaceAll(entry, "A chart", "A chart that is described at some length "+strings.Repeat("and more ", 55))
				n, _ := io.WriteString(w, entry)
				bytes -= n
			}
		}
		_, err := io.WriteString(w, "generated: now\n")
		_ = to.CloseWithError(errors.Join(err, w.Flush()))
	}()
	return from
}

// sampling takes note of the largest heap while it is read.
type sampling struct {
	from io.Reader
	peak uint64
	seen int
}

func (s *sampling) Read(data []byte) (int, error) {
	n, err := s.from.Read(data)
	if s.seen += n; s.seen>>20 != (s.seen-n)>>20 || err != nil {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		s.peak = max(s.peak, stats.HeapAlloc)
	}
	return n, err
}

// TestALargeIndexTakesLittleMemory: one of 50 MB at most 16 MiB more than an empty one, at
// any moment, with what is garbage.
func TestALargeIndexTakesLittleMemory(t *testing.T) {
	peak := func(from io.Reader) (uint64, int, upstream.Charts) {
		runtime.GC()
		in := &sampling{from: from}
		charts, err := readIndex(in)
		if err != nil {
			t.Fatal(err)
		}
		return in.peak, in.seen, charts
	}
	empty, _, _ := peak(strings.NewReader("apiVersion: v1\nentries: {}\n"))
	large, size, charts := peak(bigIndex(50 << 20))
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	versions := 0
	for _, all := range charts {
		versions += len(all)
	}
	t.Logf("of %d MiB with %d versions of %d charts %.1f MiB are kept; the peak is %.1f MiB, and %.1f MiB for an empty one",
		size>>20, versions, len(charts), float64(int64(stats.HeapAlloc)-int64(empty))/(1<<20), float64(large)/(1<<20), float64(empty)/(1<<20))
	if size < 50<<20 || versions < 35_000 || large > empty+16<<20 {
		t.Errorf("%d bytes with %d versions take %d bytes, and none %d", size, versions, large, empty)
	}
	runtime.KeepAlive(charts)
}

func BenchmarkReadIndex(b *testing.B) {
	data, err := io.ReadAll(bigIndex(10 << 20))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := readIndex(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
