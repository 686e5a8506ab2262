// Package view turns Apps, plans and operations into text for people: tables,
// diffs and the moving picture of a sync. It reads nothing and asks nobody.
package view

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Palette colours text by what it means. The zero value leaves text plain.
type Palette struct {
	// On adds terminal escapes.
	On bool
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
	return escape + code + "m" + text + escape + "0m"
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

// Clean makes text from elsewhere safe to print: control characters, which
// could steer the terminal, become spaces; only line ends stay.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == utf8.RuneError || isBidi(r)) {
			return ' '
		}
		return r
	}, text)
}

// isBidi reports whether r changes the direction of the text around it.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// line is Clean on one line.
func line(text string) string {
	return strings.Join(strings.Fields(Clean(text)), " ")
}

// width is the number of columns that text takes, escapes not counted.
func width(text string) int {
	columns := 0
	for rest := text; rest != ""; {
		if n := escapeLength(rest); n > 0 {
			rest = rest[n:]
			continue
		}
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		columns++
	}
	return columns
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

// clip cuts text to a number of columns and keeps its escapes whole.
func clip(text string, columns int) string {
	if columns <= 0 || width(text) <= columns {
		return text
	}
	var kept strings.Builder
	used, painted := 0, false
	for rest := text; rest != "" && used < columns-1; {
		n := escapeLength(rest)
		if n > 0 {
			painted = true
		} else {
			_, n = utf8.DecodeRuneInString(rest)
			used++
		}
		kept.WriteString(rest[:n])
		rest = rest[n:]
	}
	kept.WriteString("…")
	if painted {
		kept.WriteString(escape + "0m")
	}
	return kept.String()
}
