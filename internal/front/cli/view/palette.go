// Package view turns Apps, plans and operations into text for people: tables,
// diffs and the moving picture of a sync. It reads nothing and asks nobody.
package view

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/syncline-io/syncline/internal/base/visible"
)

// Palette colours text by what it means. The zero value leaves text plain.
type Palette struct {
	// On adds terminal escapes.
	On bool
	// key is in every escape, so that no text from elsewhere can look as if the
	// palette had coloured it; see [Palette.Show].
	key string
}

// NewPalette returns a Palette, switched off, whose escapes only its own Show
// lets pass.
func NewPalette() Palette {
	var key [8]byte
	_, _ = rand.Read(key[:]) // which does not fail
	return Palette{key: strconv.FormatUint(binary.BigEndian.Uint64(key[:]), 10) + ";"}
}

// Show returns text as a terminal may get it: with the colours of this palette,
// and without anything else that could steer a terminal, wherever in the text
// that came from.
func (p Palette) Show(text string) string {
	var shown strings.Builder
	for {
		before, after, found := strings.Cut(text, escape+p.key)
		shown.WriteString(visible.Text(before))
		if !found {
			return shown.String()
		}
		if n := escapeLength(escape + after); n > 0 {
			shown.WriteString((escape + after)[:n])
			after = after[n-len(escape):]
		} else {
			shown.WriteString(visible.Text(escape + p.key))
		}
		text = after
	}
}

// Good is what is as it should be.
func (p Palette) Good(text string) string { return p.paint("32", text) }

// Busy is what is on its way.
func (p Palette) Busy(text string) string { return p.paint("36", text) }

// Note is what a person should see.
func (p Palette) Note(text string) string { return p.paint("33", text) }

// Bad is what failed.
func (p Palette) Bad(text string) string { return p.paint("31", text) }

// Strong is a heading.
func (p Palette) Strong(text string) string { return p.paint("1", text) }

// Faint is what can be skipped.
func (p Palette) Faint(text string) string { return p.paint("2", text) }

const escape = "\x1b["

func (p Palette) paint(code, text string) string {
	if !p.On || text == "" {
		return text
	}
	return escape + p.key + code + "m" + text + escape + p.key + "0m"
}

// Word colours a sync status, health status or operation phase.
func (p Palette) Word(word string) string {
	switch word {
	case "Synced", "Healthy", "Succeeded", "Pruned":
		return p.Good(word)
	case "Progressing", "Running", "Terminating", "Pending":
		return p.Busy(word)
	case "OutOfSync", "Missing", "Suspended", "Unknown", "PruneSkipped":
		return p.Note(word)
	case "Degraded", "Failed", "Error", "SyncFailed":
		return p.Bad(word)
	}
	return word
}

// widthOf is the number of columns that text takes, escapes not counted.
func widthOf(text string) int {
	columns := 0
	for rest := text; rest != ""; {
		if n := escapeLength(rest); n > 0 {
			rest = rest[n:]
			continue
		}
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		columns += columnsOf(r)
	}
	return columns
}

// columnsOf is the number of columns that a terminal gives to a character.
func columnsOf(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0 // it is put onto the one before
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// escapeLength is the length of the colour that text begins with, or 0.
func escapeLength(text string) int {
	rest, ok := strings.CutPrefix(text, escape)
	if !ok {
		return 0
	}
	codes := strings.TrimLeft(rest, "0123456789;")
	if !strings.HasPrefix(codes, "m") {
		return 0
	}
	return len(text) - len(codes) + 1
}

// ending is the escape that ends a colour, by the key of the one that began it.
func ending(began string) string {
	codes := strings.TrimSuffix(strings.TrimPrefix(began, escape), "m")
	return escape + codes[:strings.LastIndex(codes, ";")+1] + "0m"
}

// clip cuts text to a number of columns and keeps its escapes whole.
func clip(text string, columns int) string {
	if columns <= 0 || widthOf(text) <= columns {
		return text
	}
	var kept strings.Builder
	used, end := 0, ""
	for rest := text; rest != ""; {
		n := escapeLength(rest)
		if n > 0 {
			end = rest[:n]
		} else {
			var r rune
			r, n = utf8.DecodeRuneInString(rest)
			if used += columnsOf(r); used > columns-1 {
				break
			}
		}
		kept.WriteString(rest[:n])
		rest = rest[n:]
	}
	kept.WriteString("…")
	if end != "" {
		kept.WriteString(ending(end))
	}
	return kept.String()
}
