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

// longest is how many columns a cell may take: every row of the table is as
// wide as its widest.
const longest = 4096

// tidy is [visible.Line] of a cell that is not too long, but keeps the
// indentation and the escapes of colours.
func tidy(text string) string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	return indent + clip(strings.Join(strings.Fields(Palette{}.Show(text)), " "), longest)
}

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
			t.Widths[i] = max(t.Widths[i], widthOf(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			text.WriteString(cell)
			text.WriteString(strings.Repeat(" ", t.Widths[i]-widthOf(cell)+2))
		}
		lines = append(lines, strings.TrimRight(text.String(), " "))
	}
	return lines
}
