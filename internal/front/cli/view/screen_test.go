package view

import (
	"strings"
	"testing"
)

// display is a terminal of a given size that understands what Screen sends.
type display struct {
	columns, rows int
	lines         []string
	row           int
}

func (d *display) size() (int, int) { return d.columns, d.rows }

// Write does what a terminal does with a block.
func (d *display) Write(p []byte) (int, error) {
	rest := string(p)
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "\x1b["):
			end := strings.IndexAny(rest, "AKJm")
			count := 0
			for _, r := range rest[2:end] {
				count = count*10 + int(r-'0')
			}
			switch rest[end] {
			case 'A':
				d.row -= count
			case 'K':
				d.set("")
			case 'J':
				d.lines = d.lines[:min(d.row, len(d.lines))]
			}
			rest = rest[end+1:]
		case rest[0] == '\n':
			d.row++
			rest = rest[1:]
		case rest[0] == '\r':
			rest = rest[1:]
		default:
			end := strings.IndexAny(rest, "\x1b\n\r")
			d.set(d.lines[d.row] + rest[:end])
			rest = rest[end:]
		}
	}
	return len(p), nil
}

func (d *display) set(text string) {
	for len(d.lines) <= d.row {
		d.lines = append(d.lines, "")
	}
	d.lines[d.row] = text
}

func TestScreenDrawsInPlace(t *testing.T) {
	d := &display{columns: 20, rows: 5}
	screen := &Screen{Out: d, Size: d.size}
	for _, step := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"first", []string{"one", "two"}, "one|two"},
		{"more lines", []string{"one", "two", "three"}, "one|two|three"},
		{"fewer lines leave nothing", []string{"1"}, "1"},
		{"long lines are cut", []string{strings.Repeat("x", 30)}, strings.Repeat("x", 19) + "…"},
		{"colours do not count", []string{Palette{On: true}.Good(strings.Repeat("y", 20))}, strings.Repeat("y", 20)},
		{"a cut colour ends", []string{Palette{On: true}.Good(strings.Repeat("z", 21))}, strings.Repeat("z", 19) + "…"},
		{"what does not fit is left out", []string{"1", "2", "3", "4", "5", "6"}, "1|2|3|4"},
		{"nothing", nil, ""},
	} {
		if err := screen.Draw(step.lines); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.lines, "|"); got != step.want {
			t.Errorf("%s: the terminal shows %q, want %q", step.name, got, step.want)
		}
	}
	if screen.Room() != 4 {
		t.Errorf("room is %d, want 4", screen.Room())
	}
}

func TestScreenOfUnknownSizeCutsNothing(t *testing.T) {
	d := &display{}
	screen := &Screen{Out: d, Size: d.size}
	long := strings.Repeat("x", 300)
	if err := screen.Draw([]string{long, long}); err != nil {
		t.Fatal(err)
	}
	if len(d.lines) != 2 || d.lines[0] != long || screen.Room() != 0 {
		t.Errorf("drew %d lines, the first %d long; room %d", len(d.lines), len(d.lines[0]), screen.Room())
	}
}

func TestTableKeepsNothingThatSteersTheTerminal(t *testing.T) {
	palette := Palette{On: true}
	for _, c := range []struct{ cell, want string }{
		{"plain", "plain"},
		{"  indented", "  indented"},
		{"two\nlines", "two lines"},
		{palette.Good("good"), "\x1b[32mgood\x1b[0m"},
		{"clear\x1b[2Jscreen", "clear [2Jscreen"},
		{"title\x1b]0;x\a", "title ]0;x"},
		{"bell\a", "bell"},
		{"turn\u202eround", "turn round"},
		{"unended \x1b[", "unended ["},
		{"c1 \u009b31m", "c1 31m"},
	} {
		table := Table{}
		table.Add(c.cell)
		if got := table.Lines()[0]; got != c.want {
			t.Errorf("cell %q is printed as %q, want %q", c.cell, got, c.want)
		}
	}
}

func TestTableAlignsColouredCells(t *testing.T) {
	table := Table{Header: []string{"A", "B", "C"}}
	table.Add(Palette{On: true}.Bad("x"), "y", "z")
	table.Add("longer", "", "ü")
	want := "A       B  C\n\x1b[31mx\x1b[0m       y  z\nlonger     ü"
	if got := strings.Join(table.Lines(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestALongCellDoesNotWidenItsTable(t *testing.T) {
	table := Table{}
	table.Add(strings.Repeat("long ", 200_000), "b")
	for range 99 {
		table.Add("a", "b")
	}
	if text, most := strings.Join(table.Lines(), "\n"), 101*(longest+4); len(text) > most {
		t.Errorf("the table takes %d bytes, want at most %d", len(text), most)
	}
}

func TestOnlyThePalettesOwnColoursAreShown(t *testing.T) {
	palette := NewPalette()
	palette.On = true
	other := NewPalette()
	other.On = true
	for _, c := range []struct{ name, text, want string }{
		{"own", palette.Good("a") + "b", "\x1b[32ma\x1b[0mb"},
		{"plain", "\x1b[32ma\x1b[0m", " [32ma [0m"},
		{"of another", other.Good("a"), strings.ReplaceAll(other.Good("a"), "\x1b", " ")},
		{"nothing behind", palette.Good("a")[:len(palette.key)+len(escape)] + "2J", " [" + palette.key + "2J"},
		{"cut", clip(palette.Good("abc"), 2), "\x1b[32ma…\x1b[0m"},
		{"in a table", func() string { table := Table{}; table.Add(palette.Good("a ") + "\x1b[31mb"); return table.Lines()[0] }(), "\x1b[32ma \x1b[0m [31mb"},
	} {
		if got := palette.Show(c.text); got != c.want {
			t.Errorf("%s: %q is shown as %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

func TestWideCharactersTakeTwoColumns(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "日本": 4, "e\u0301": 1, "ü": 1, "🎉": 2} {
		if got := widthOf(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}
