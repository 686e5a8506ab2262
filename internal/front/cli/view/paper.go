package view

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/syncline-io/syncline/internal/base/visible"
)

// Paper is a stream that people read. What is printed on it comes from clusters
// and repositories: nothing of that steers the terminal, by whatever way it
// gets here. Every command prints on paper; only workers, which talk to the
// agent, have the streams themselves.
type Paper struct {
	stream io.Writer
	// colour is auto, always or never.
	colour *string
	getenv func(string) string
	// own is the palette whose colours pass.
	own Palette
}

// NewPaper returns paper that prints on a stream. It is coloured always, never or
// automatically, as colour says when something is printed.
func NewPaper(stream io.Writer, colour *string, getenv func(string) string) *Paper {
	return &Paper{stream: stream, colour: colour, getenv: getenv, own: NewPalette()}
}

// Write prints text of one or more lines.
func (p *Paper) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.stream, p.own.Show(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Lines prints lines, each of which stays one.
func (p *Paper) Lines(lines ...string) {
	for _, text := range lines {
		_, _ = io.WriteString(p, oneLine(text)+"\n") // what cannot be printed is no reason to stop
	}
}

// longestMessage is how much is printed of one message, in bytes.
const longestMessage = 16 << 10

// Message prints what somebody has to say behind a title. Further lines of it
// are indented, so that none passes for a message of its own.
func (p *Paper) Message(title, text string) {
	text = visible.Clip(visible.Text(text), longestMessage)
	_, _ = io.WriteString(p, title+strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")+"\n")
}

// oneLine puts text on one line.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }

// Palette says how text is coloured.
func (p *Paper) Palette() Palette {
	palette := p.own
	switch *p.colour {
	case "always":
		palette.On = true
	case "never":
	default:
		plain := p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb"
		palette.On = !plain && p.IsTerminal()
	}
	return palette
}

// IsTerminal reports whether the stream is a terminal.
func (p *Paper) IsTerminal() bool {
	_, ok := Terminal(p.stream)
	return ok
}

// Screen returns what draws lines in place of those before, and how many fit;
// false when the paper is no terminal.
func (p *Paper) Screen() (draw func([]string) error, room func() int, ok bool) {
	file, ok := Terminal(p.stream)
	if !ok {
		return nil, nil, false
	}
	screen := &Screen{Out: file, Size: func() (columns, rows int) {
		columns, rows, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0, 0
		}
		return columns, rows
	}}
	return func(lines []string) error {
		shown := make([]string, 0, len(lines))
		for _, text := range lines {
			shown = append(shown, p.own.Show(oneLine(text)))
		}
		return screen.Draw(shown)
	}, screen.Room, true
}

// Terminal returns the file that w is, if it is a terminal.
func Terminal(w any) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}
