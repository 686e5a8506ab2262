package told

import (
	"regexp"
	"strings"

	"github.com/syncline-io/syncline/internal/base/near"
)

// rephrased are messages that are clearer without the place of what is hidden.
var rephrased = func() []rephrasing {
	const hidden = "[`'\"]?<hidden[^>]*>[`'\"]?"
	rephrase := func(said, shown string) rephrasing {
		return rephrasing{regexp.MustCompile(strings.ReplaceAll(said, "HIDDEN", hidden)), shown}
	}
	return []rephrasing{
		rephrase(`unknown anchor HIDDEN(?: referenced)?`, `unknown anchor: put a text that begins with "*" in quotes`),
		rephrase(`key HIDDEN already set in map`, "a key is already set in map"),
		rephrase(`line \[HIDDEN\] has invalid utf8 bytes HIDDEN`, "a line is not UTF-8"),
		rephrase(`invalid map key: .*`, "a key that is a mapping or a list: put a text with braces in quotes"),
		rephrase(`(cannot (?:unmarshal|decode) !!\w+) HIDDEN`, "$1"),
		rephrase(`invalid literal source =?HIDDEN,? expected HIDDEN`, "a literal is not KEY=VALUE"),
	}
}()

type rephrasing struct {
	said  *regexp.Regexp
	shown string
}

// rephrase returns what is shown in clearer words.
func rephrase(shown string) string {
	if !strings.Contains(shown, "<hidden") {
		return shown
	}
	for _, r := range rephrased {
		shown = r.said.ReplaceAllString(shown, r.shown)
	}
	return shown
}

// maxSlip is how long a word is at most that resembles a name.
const maxSlip = 64

// Slip adds a word that stands where a name is wanted, when it is a name but for a
// slip: two letters too many, too few, other ones or swapped.
func (k *Known) Slip(word string) {
	if len(word) < 5 || len(word) > maxSlip || k.names[word] {
		return
	}
	for name := range k.names {
		if len(name) >= 5 && len(name)-len(word) <= 2 && len(word)-len(name) <= 2 && near.Edits(name, word) <= 2 {
			k.Name(word)
			return
		}
	}
}
