// Package told decides what of another program's error may be shown. Tools quote
// what they choke on, and that may be the value of a Secret, in any form: cut, in
// quotes, in base64, as a list of bytes. So nothing is looked for that has to be
// hidden. Shown is only what is on a list: the words that tools say, in the order in
// which they say them ([Known] has no part in that, they are in the program); numbers
// of lines and columns; and the names and texts of a [Known], which its maker takes
// from file names, names of objects and code, never from values. All else is hidden.
// The package knows no tool.
package told

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Hidden stands for what is not shown the first time, and Again for more of it in the
// same message.
const (
	Hidden = "<hidden: may be a secret>"
	Again  = "<hidden>"
)

// Error is what another program said. It prints what may be shown.
type Error struct{ shown, full string }

// Error returns what may be shown.
func (e *Error) Error() string { return e.shown }

// Format prints what may be shown, whatever the verb.
func (e *Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.shown) }

// Hides reports whether something is not shown.
func (e *Error) Hides() bool { return strings.Contains(e.shown, "<hidden") }

// Reveal returns all that was said, for a person who asks to see secrets.
func (e *Error) Reveal() string { return e.full }

// maxTexts bounds how many texts are looked for.
const maxTexts = 2000

// Known is what is no secret in one render. The zero Known knows nothing; it is not
// safe for concurrent use.
type Known struct {
	names map[string]bool
	paths map[string]bool
	// texts are by their first byte.
	texts map[byte][]string
	count int
}

// Name adds names, such as those of objects, fields and functions.
func (k *Known) Name(names ...string) {
	if k.names == nil {
		k.names = map[string]bool{}
	}
	for _, name := range names {
		k.names[name] = true
	}
}

// Path adds the paths of files and folders, and those of the folders above them.
func (k *Known) Path(paths ...string) {
	if k.paths == nil {
		k.paths = map[string]bool{}
	}
	for _, name := range paths {
		k.paths[name], k.paths[path.Base(name)] = true, true
		for ; name != "." && name != "/" && !k.paths[name+"/"]; name = path.Dir(name) {
			k.paths[name], k.paths[name+"/"] = true, true
		}
	}
}

// Text adds texts that somebody wrote to be read, such as that of an error in a
// template. White space is one blank, as in [Known.Tell].
func (k *Known) Text(texts ...string) {
	if k.texts == nil {
		k.texts = map[byte][]string{}
	}
	for _, text := range texts {
		text = strings.Join(strings.Fields(text), " ")
		if !hasLetter(text) || k.count >= maxTexts || slices.Contains(k.texts[text[0]], text) {
			continue
		}
		k.count++
		k.texts[text[0]] = append(k.texts[text[0]], text)
	}
}

func hasLetter(text string) bool { return strings.ContainsFunc(text, isLetter) }

// The longest message that is judged, and what is kept of the beginning and the end
// of a longer one.
const (
	maxMessage  = 8 << 10
	keptAtStart = 5 << 10
	keptAtEnd   = 2 << 10
)

// Tell returns the message, on one line, as an error that shows what is known to be
// harmless.
func (k *Known) Tell(message string) *Error {
	full := message
	if len(message) > maxMessage {
		message = message[:keptAtStart] + " \x00 " + message[len(message)-keptAtEnd:]
	}
	j := judge{Known: k, text: strings.Join(strings.Fields(message), " ")}
	return &Error{shown: rephrase(j.judge()), full: strings.Join(strings.Fields(full), " ")}
}
