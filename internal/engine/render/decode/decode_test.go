package decode_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

func TestTheLastOfRepeatedKeysCounts(t *testing.T) {
	for name, test := range map[string]struct {
		text     string
		want     map[string]any
		repeated string
		wantErr  string
	}{
		"YAML":          {"a: 0\n---\na: 1\nb: {c: 1}\na: 2\n", map[string]any{"a": int64(2), "b": map[string]any{"c": int64(1)}}, `f.yaml, document 2: line 5: key "a" already set`, ""},
		"mappings":      {"a: {x: 1}\na: {z: 2}\n", map[string]any{"a": map[string]any{"z": int64(2)}}, "line 2", ""},
		"JSON":          {`{"a": 1, "a": 2}`, map[string]any{"a": int64(2)}, `"a"`, ""},
		"once":          {"a: 1", map[string]any{"a": int64(1)}, "", ""},
		"as two types":  {"a: 1\nb: {no: 1, \"false\": 2}\n", nil, "", `key "b.false" is set twice`},
		"no YAML":       {"a: 1\na: 2\nb: [", nil, "", "not valid YAML: line 3"},
		"alias of none": {"a: 1\na: *x\n", nil, "", "unknown anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			decoder := decode.Decoder{LastKeyCounts: true}
			documents, err := decoder.Decode(syncline.Manifest{Origin: "f.yaml", Text: []byte(test.text)})
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, documents[len(documents)-1].Content); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := strings.Join(decoder.Repeated, "; "); !strings.Contains(got, test.repeated) || (got == "") != (test.repeated == "") {
				t.Errorf("repeated is %q", got)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	utf16le := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune("a: ü\n")) {
		utf16le += string([]byte{byte(unit), byte(unit >> 8)})
	}
	for _, test := range []struct {
		name, text string
		want       []map[string]any
		wantErr    string
	}{
		{name: "nothing"},
		{name: "comments", text: "# a\n---\n# b\n--- # c\n...\n"},
		{name: "null", text: "null\n---\n~\n---\n{}\n"},
		{name: "one", text: "a: 1", want: []map[string]any{{"a": int64(1)}}},
		{name: "several", text: "a: 1\n---\nb: 2\n--- # and\nc: 3\n", want: []map[string]any{{"a": int64(1)}, {"b": int64(2)}, {"c": int64(3)}}},
		{name: "on the marker's line", text: "--- {a: 1}\n--- {b: 2}\n", want: []map[string]any{{"a": int64(1)}, {"b": int64(2)}}},
		{name: "end marker", text: "a: 1\n...\nb: 2\n", want: []map[string]any{{"a": int64(1)}, {"b": int64(2)}}},
		{name: "directive", text: "%YAML 1.1\n---\na: 1\n", want: []map[string]any{{"a": int64(1)}}},
		{name: "dashes in text", text: "a: |\n  ---\n  x\nb: ---x\n", want: []map[string]any{{"a": "---\nx\n", "b": "---x"}}},
		{name: "dashes without space", text: "a: 1\n---b: 2\n", want: []map[string]any{{"a": int64(1), "---b": int64(2)}}},
		{name: "JSON", text: `{"a": 1, "b": 1.5, "c": 9007199254740993}`, want: []map[string]any{{"a": int64(1), "b": 1.5, "c": int64(9007199254740993)}}},
		{name: "braces that are YAML", text: "{a: 1}", want: []map[string]any{{"a": int64(1)}}},
		{name: "UTF-16", text: utf16le, want: []map[string]any{{"a": "ü"}}},
		{name: "alias", text: "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\n", want: []map[string]any{{
			"a": map[string]any{"b": int64(1)}, "c": map[string]any{"b": int64(1)}, "d": map[string]any{"b": int64(1), "e": int64(2)},
		}}},
		{name: "lists in lists", text: "kind: List\nitems:\n- {kind: PodList, items: [{kind: Pod}]}\n- {kind: A}\n- null\n", want: []map[string]any{{"kind": "Pod"}, {"kind": "A"}}},
		{name: "named like a list", text: "kind: BlockList\nmetadata: {name: x}\nitems: []\n", want: []map[string]any{
			{"kind": "BlockList", "metadata": map[string]any{"name": "x"}, "items": []any{}},
		}},
		{name: "to be named, like a list", text: "kind: BlockList\nmetadata: {generateName: x-}\nitems: [{kind: A}]\n", want: []map[string]any{
			{"kind": "BlockList", "metadata": map[string]any{"generateName": "x-"}, "items": []any{map[string]any{"kind": "A"}}},
		}},
		{name: "a list with a name", text: "apiVersion: v1\nkind: List\nmetadata: {name: x}\nitems: [{kind: A}]\n", want: []map[string]any{{"kind": "A"}}},
		{name: "keys of one text", text: "a: 1\n---\nb:\n- c: {1: x, \"1\": y, true: z, \"true\": z, 1.5: 1, \"1.5\": 2}\n",
			wantErr: `f.yaml, document 2: not valid YAML: key "b.0.c.1" is set twice, as a text and as a number or a boolean`},
		{name: "keys of one text in a Secret", text: "kind: Secret\ndata: {1: x, \"1\": y}\n",
			wantErr: `f.yaml: not valid YAML: a key of a mapping is set twice, as a text`},
		{name: "a key that is a list", text: "a: {[1]: x, 1: y, \"1\": y}\n", wantErr: "a key that is a mapping or a list"},
		{name: "empty list", text: "kind: PodList\nitems: null\n"},
		{name: "items of something else", text: "kind: Menu\nitems: [a]\n", want: []map[string]any{{"kind": "Menu", "items": []any{"a"}}}},
		{name: "item that is text", text: "kind: List\nitems: [a]\n", wantErr: "f.yaml, item 1: a text where"},
		{name: "text", text: "hello", wantErr: "f.yaml: a text where"},
		{name: "duplicate", text: "a: 1\n---\nb: 1\nb: 2\n", wantErr: `f.yaml, document 2: not valid YAML: line 4: key "b" already set`},
		{name: "tab", text: "a: 1\n---\na:\n\tb: 1\n", wantErr: "f.yaml, document 2: not valid YAML: line 4"},
		{name: "control", text: "a: \x00", wantErr: "control characters"},
		{name: "not UTF-8", text: "a: \xc3\x28", wantErr: "UTF-8"},
		{name: "alias of nothing", text: "a: *x\nb: &y 1", wantErr: "unknown anchor"},
		{name: "depth", text: strings.Repeat("[", 101) + strings.Repeat("]", 101), wantErr: "nested deeper than 100"},
		{name: "brackets in text", text: `{"a": "` + strings.Repeat("[", 200) + `\"` + strings.Repeat("{", 200) + `"}`,
			want: []map[string]any{{"a": strings.Repeat("[", 200) + `"` + strings.Repeat("{", 200)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var decoder decode.Decoder
			documents, err := decoder.Decode(syncline.Manifest{Origin: "f.yaml", Text: []byte(test.text)})
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) || syncline.KindOf(err) != syncline.Invalid {
					t.Errorf("got %v, %v", documents, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []map[string]any
			for _, document := range documents {
				got = append(got, document.Content)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWhatIsBlankHasNoDocument(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "# a\n---\n# b\n...\n": true, "\xef\xbb\xbf# a": true,
		"null": false, "{}": false, "a: 1": false, "kind: List\nitems: []\n": false,
	} {
		if got := decode.Blank([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestBoundsHoldOverAllManifests(t *testing.T) {
	var decoder decode.Decoder
	manifest := syncline.Manifest{Origin: "f", Text: []byte("a: " + strings.Repeat("x", 20<<20))}
	if _, err := decoder.Decode(manifest); err != nil {
		t.Fatal(err)
	}
	_, err := decoder.Decode(manifest)
	var syntax *decode.SyntaxError
	if err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") || errors.As(err, &syntax) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode wants every text to decode as the library that people know decodes
// it, or to be an Invalid error.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"a: 1\n---\nb: &x [1]\nc: *x\n", `{"a": [1.5, "x\"y"]}`, "%YAML 1.1\n---\na: |\n  ---\n", "kind: List\nitems: [{a: 1}]", "\xff\xfea\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		bound.Limits{}.Run(t, func() {
			var decoder decode.Decoder
			documents, err := decoder.Decode(syncline.Manifest{Origin: "f", Text: text})
			if err != nil {
				if syncline.KindOf(err) != syncline.Invalid {
					t.Fatalf("kind of %v", err)
				}
				return
			}
			for _, document := range documents {
				if document.Content == nil {
					t.Fatal("an empty document is kept")
				}
				if _, err := json.Marshal(document.Content); err != nil {
					t.Fatal(err)
				}
			}
			var known map[string]any
			if len(documents) == 1 && documents[0].Origin == "f" && yaml.UnmarshalStrict(text, &known) == nil {
				ours, _ := json.Marshal(documents[0].Content)
				theirs, _ := json.Marshal(known)
				if diff := cmp.Diff(string(theirs), string(ours)); diff != "" && !strings.Contains(string(ours), "e+") {
					t.Fatalf("-library +ours:\n%s", diff)
				}
			}
		})
	})
}
