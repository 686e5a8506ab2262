package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// A turn is drawn as it is, and everywhere alike.
func TestTheDrawingsShowTheSteps(t *testing.T) {
	want := map[string][]string{}
	for subject, app := range map[string]syncline.App{
		"App": {}, "App that is deleted": {Deleting: &syncline.Deletion{Cascade: true}},
		"App that leaves its objects": {Deleting: &syncline.Deletion{}}, "App that is only fetched": {Unit: syncline.Fetch},
	} {
		for _, s := range (&turn{app: app}).steps() {
			want[subject] = append(want[subject], s.name)
		}
	}
	first := ""
	for _, page := range []string{"doc.go", "README.md", filepath.Join("docs", "design", "architecture.md")} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		drawing := drawingIn(string(text))
		if first == "" {
			first = drawing
		}
		if drawing != first {
			t.Errorf("%s draws\n%s\nand others\n%s", page, drawing, first)
		}
		for subject, steps := range want {
			if drawn := drawnSteps(drawing, subject); !slices.Equal(drawn, steps) {
				t.Errorf("%s draws the steps of an %s as %q, and they are %q", page, subject, drawn, steps)
			}
		}
	}
}

// drawingIn returns the drawing of a page, from the line about custom resources to
// the last line with steps, as it is without comment signs.
func drawingIn(text string) string {
	var lines []string
	last := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(line, "//"), "\t"), "\n")
		if len(lines) == 0 && !strings.HasPrefix(line, "custom resource") {
			continue
		}
		lines = append(lines, line)
		if strings.Contains(line, "─▶ Report") {
			last = len(lines)
		}
	}
	return strings.Join(lines[:last], "\n")
}

// drawnSteps returns the steps between a subject and its report.
func drawnSteps(drawing, subject string) []string {
	for line := range strings.Lines(drawing) {
		chain := strings.Split(strings.TrimSpace(line), " ─▶ ")
		if len(chain) > 2 && chain[0] == subject && chain[len(chain)-1] == "Report" {
			return chain[1 : len(chain)-1]
		}
	}
	return nil
}
