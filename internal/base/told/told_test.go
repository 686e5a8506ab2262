package told_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/told"
)

// known knows a folder, some names and a text.
func known() *told.Known {
	k := &told.Known{}
	k.Path("app/a.yaml", "gotpl", "admin")
	k.Name("Values", "image", "web", "f")
	k.Text("set image.tag, please: ", "is too short")
	return k
}

func TestTell(t *testing.T) {
	for _, test := range []struct{ said, shown string }{
		{"", ""},
		{"hunter2", "<hidden: may be a secret>"},
		{"hunter2 hunter3", "<hidden: may be a secret>"},
		{"yaml: line 12: did not find expected key", "yaml: line 12: did not find expected key"},
		{"app/a.yaml:1:2-30 hunter2", "app/a.yaml:1:2-30 <hidden: may be a secret>"},
		{"a.yaml: at <.Values.image>: nil pointer", "a.yaml: at <.Values.image>: nil pointer"},
		{"at <.Values.hunter2>: nil pointer", "at <<hidden: may be a secret>>: nil pointer"},
		{"the password hunter2 is too short", "the <hidden: may be a secret> is too short"},
		{"set image.tag, please: hunter2", "set image.tag, please: <hidden: may be a secret>"},
		{`unknown anchor 'hunter2' referenced`, `unknown anchor: put a text that begins with "*" in quotes`},
		{`cannot unmarshal "hunter2" and "hunter3" into string`, `cannot unmarshal "<hidden: may be a secret>" and "<hidden>" into string`},
		{"1234", "<hidden: may be a secret>"},
		{"admin:1234", "admin<hidden: may be a secret>"},
		{"invalid character 'f' looking for beginning of value", "invalid character '<hidden: may be a secret>' looking for beginning of value"},
		{"function <f>", "function <f>"},
		{"web=hunter2", "<hidden: may be a secret>"},
		{"webhunter2", "<hidden: may be a secret>"},
		{"hunter2web", "<hidden: may be a secret>"},
		{"web-hunter2", "<hidden: may be a secret>"},
		{"pässword web", "<hidden: may be a secret> web"},
		{"$!%&/()=?", "<hidden: may be a secret>"},
	} {
		got := known().Tell(test.said)
		if got.Error() != test.shown {
			t.Errorf("%q shows\n     %q\nwant %q", test.said, got.Error(), test.shown)
		}
		if got.Reveal() != test.said || got.Hides() != strings.Contains(test.shown, "<hidden") {
			t.Errorf("%q reveals %q, hides %t", test.said, got.Reveal(), got.Hides())
		}
		if text := fmt.Sprintf("%v %+v %#v %q %s", got, got, got, got, got); strings.Contains(text, "hunter") {
			t.Errorf("%q is printed as %s", test.said, text)
		}
	}
}

// TestLongMessages wants a message that is made to cost much to take no time.
func TestLongMessages(t *testing.T) {
	for _, part := range []string{"/", "*", ".", "a/", "web ", "hunter ", "web hunter ", "[]", "'", "line 1 ", "a=", ")]", "set image.tag, "} {
		started := time.Now()
		if shown := known().Tell(strings.Repeat(part, 1<<20/len(part))).Error(); len(shown) > 128<<10 {
			t.Errorf("%q: %d bytes are shown", part, len(shown))
		}
		if took := time.Since(started); took > 30*time.Second {
			t.Errorf("%q took %s", part, took)
		}
	}
}

// Whatever is said, nothing is shown that nobody knows.
func FuzzTell(f *testing.F) {
	f.Add("yaml: line 12: did not find expected key 'QZX'", "")
	f.Add("<QZX>: at (app/a.yaml:1:QZX): set image.tag, please: ", "QZXQZX.web=QZX")
	f.Fuzz(func(t *testing.T, before, after string) {
		bound.Limits{}.Run(t, func() {
			shown := known().Tell(before + "QZX" + after).Error()
			if strings.Contains(shown, "QZX") {
				t.Errorf("%q and %q show %q", before, after, shown)
			}
		})
	})
}
