// Package visible makes text that others wrote safe to look at: on a terminal,
// in a log, in a file that somebody opens. What a person can read stays as it
// is; what steers a terminal, hides text or turns it around becomes a space in
// words, and an escape in JSON and YAML, which lose nothing by it.
//
// It does not judge what a text says.
package visible

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks one letter may carry: the languages of
// people need up to four, and what is piled higher covers the lines around it.
const maxMarks = 4

// Text returns text as it can be shown. Line ends and tabs stay.
func Text(text string) string {
	return replaced(text, func(out *strings.Builder, _ rune) { out.WriteByte(' ') })
}

// Line is Text on one line, with single spaces.
func Line(text string) string { return strings.Join(strings.Fields(Text(text)), " ") }

// IsSafe reports whether text can be shown as it is.
func IsSafe(text string) bool {
	marks := 0
	for i, r := range text {
		if !shows(r, &marks) || r == utf8.RuneError && isInvalid(text[i:]) {
			return false
		}
	}
	return true
}

// replaced puts something else in place of every character that is not to be
// shown; what is no character at all is told as one that is replaced.
func replaced(text string, instead func(out *strings.Builder, r rune)) string {
	if IsSafe(text) {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	marks := 0
	for i, r := range text {
		switch {
		case r == utf8.RuneError && isInvalid(text[i:]):
			instead(&out, utf8.RuneError)
		case shows(r, &marks):
			out.WriteRune(r)
		default:
			instead(&out, r)
		}
	}
	return out.String()
}

// isInvalid reports whether text begins with a byte that is no part of a
// character, other than with the character that stands for such a byte.
func isInvalid(text string) bool {
	_, size := utf8.DecodeRuneInString(text)
	return size == 1
}

// shows reports whether a character can be shown, and counts the marks that the
// last letter carries.
func shows(r rune, marks *int) bool {
	if r < utf8.RuneSelf {
		*marks = 0
		return r >= ' ' && r != 0x7f || r == '\n' || r == '\t'
	}
	if !unicode.IsPrint(r) || isBlank(r) {
		return false
	}
	if !unicode.Is(unicode.M, r) {
		*marks = 0
		return true
	}
	*marks++
	return *marks <= maxMarks
}

// isBlank reports whether a letter or mark leaves no trace on a screen, so that
// text can be hidden in it.
func isBlank(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
