package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

// paper is a stream that people read. What is printed on it comes from clusters
// and repositories: nothing of that steers the terminal, by whatever way it
// gets here. Every command prints on paper; only workers, which talk to the
// agent, have the streams themselves.
type paper struct {
	stream io.Writer
	// colour is what --color says.
	colour *string
	getenv func(string) string
	// own is the palette whose colours pass.
	own view.Palette
}

func (p *program) newPaper(stream io.Writer) *paper {
	return &paper{stream: stream, colour: &p.color, getenv: p.getenv, own: view.NewPalette()}
}

// Write prints text of one or more lines.
func (p *paper) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.stream, p.own.Show(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// lines prints lines, each of which stays one.
func (p *paper) lines(lines ...string) {
	for _, text := range lines {
		_, _ = io.WriteString(p, oneLine(text)+"\n") // what cannot be printed is no reason to stop
	}
}

// longestMessage is how much is printed of one message, in bytes.
const longestMessage = 16 << 10

// message prints what somebody has to say behind a title. Further lines of it
// are indented, so that none passes for a message of its own.
func (p *paper) message(title, text string) {
	text = visible.Clip(visible.Text(text), longestMessage)
	_, _ = io.WriteString(p, title+strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")+"\n")
}

// oneLine puts text on one line.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }

// palette says how text is coloured.
func (p *paper) palette() view.Palette {
	palette := p.own
	switch *p.colour {
	case "always":
		palette.On = true
	case "never":
	default:
		plain := p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb"
		palette.On = !plain && p.isTerminal()
	}
	return palette
}

func (p *paper) isTerminal() bool {
	_, ok := terminal(p.stream)
	return ok
}

// screen returns what draws lines in place of those before, and how many fit;
// false when the paper is no terminal.
func (p *paper) screen() (draw func([]string) error, room func() int, ok bool) {
	file, ok := terminal(p.stream)
	if !ok {
		return nil, nil, false
	}
	screen := &view.Screen{Out: file, Size: func() (columns, rows int) {
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

// terminal returns the file that w is, if it is a terminal.
func terminal(w any) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}
