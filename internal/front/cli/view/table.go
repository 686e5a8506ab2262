package view

import (
	"strings"
)

// Table is text in columns. Cells may be coloured.
type Table struct {
	Header []string
	Rows   [][]string
	// Widths are the least widths of the columns; rows that come later can be
	// printed under those that are out already.
	Widths []int
}

// Add appends a row. Each cell becomes a single line, and nothing in it can
// steer the terminal but colours.
func (t *Table) Add(cells ...string) {
	row := make([]string, 0, len(cells))
	for _, cell := range cells {
		row = append(row, tidy(cell))
	}
	t.Rows = append(t.Rows, row)
}

// tidy is line, but keeps the indentation and the escapes of colours.
func tidy(text string) string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var kept strings.Builder
	for {
		i := strings.Index(text, escape)
		if i < 0 {
			break
		}
		kept.WriteString(text[:i])
		n := escapeLength(text[i:])
		if n == 0 {
			n = 1
			kept.WriteString(" ")
		} else {
			kept.WriteString(strings.Replace(text[i:i+n], "\x1b", shelter, 1))
		}
		text = text[i+n:]
	}
	kept.WriteString(text)
	return indent + strings.ReplaceAll(line(kept.String()), shelter, "\x1b")
}

// shelter stands for the escape character while others are removed. It is a
// noncharacter, which no valid text has.
const shelter = "\ufdd0"

// Lines lays the table out. The header is left out when there is none.
func (t *Table) Lines() []string {
	rows := t.Rows
	if len(t.Header) > 0 {
		rows = append([][]string{t.Header}, rows...)
	}
	for _, row := range rows {
		for i, cell := range row {
			if i == len(t.Widths) {
				t.Widths = append(t.Widths, 0)
			}
			t.Widths[i] = max(t.Widths[i], width(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			text.WriteString(cell)
			text.WriteString(strings.Repeat(" ", t.Widths[i]-width(cell)+2))
		}
		lines = append(lines, strings.TrimRight(text.String(), " "))
	}
	return lines
}
