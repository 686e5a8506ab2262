package view

import (
	"fmt"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Lines draws the picture in at most room lines; 0 means any number. Where it
// does not fit, the rows that matter least are counted instead of shown.
func (p Picture) Lines(palette Palette, room int) []string {
	head := p.head(palette)
	foot := p.foot(palette)
	body := drawRows(p.Rows, palette)
	for level := LevelGood; level <= LevelBad && room > 0 && len(head)+len(body)+len(foot) > room; level++ {
		shown, hidden := p.above(level)
		body = append(drawRows(shown, palette), palette.Faint(fmt.Sprintf("  … and %d more", hidden)))
	}
	return append(append(head, body...), foot...)
}

// above returns the rows of more than the given level and counts the others.
func (p Picture) above(level Level) (shown []Row, hidden int) {
	for _, row := range p.Rows {
		if row.Level > level {
			shown = append(shown, row)
		}
	}
	return shown, len(p.Rows) - len(shown)
}

func (p Picture) head(palette Palette) []string {
	title := palette.Strong(p.Title()) + "  " + palette.Word(p.State)
	if p.Elapsed > 0 {
		title += "  " + palette.Faint(p.Elapsed.Truncate(time.Second).String())
	}
	return []string{title}
}

func (p Picture) foot(palette Palette) []string {
	const most = 5
	var lines []string
	for i, blocker := range p.Waiting {
		if i == most {
			lines = append(lines, palette.Faint(fmt.Sprintf("  … and %d more", len(p.Waiting)-most)))
			break
		}
		lines = append(lines, palette.Note("  waiting for ")+visible.Line(blocker))
	}
	if len(lines) == 0 && p.Message != "" {
		lines = append(lines, "  "+p.Message)
	}
	return lines
}

// drawRows puts rows under the names of their steps.
func drawRows(rows []Row, palette Palette) []string {
	var table Table
	for _, row := range rows {
		mark, state := row.mark(palette)
		table.Add("    "+mark, row.Ref.String(), state, row.Detail)
	}
	var lines []string
	step := ""
	for i, text := range table.Lines() {
		if next := rows[i].Step(); next != step {
			step = next
			lines = append(lines, "  "+palette.Strong(step))
		}
		lines = append(lines, text)
	}
	return lines
}

// mark is a sign and the state's word, both coloured by what they mean.
func (r Row) mark(palette Palette) (mark, state string) {
	switch r.Level {
	case LevelGood:
		return palette.Good("✓"), palette.Good(r.State)
	case LevelBusy:
		return palette.Busy("◐"), palette.Busy(r.State)
	case LevelNote:
		return palette.Note("!"), palette.Note(r.State)
	case LevelBad:
		return palette.Bad("✗"), palette.Bad(r.State)
	}
	return palette.Faint("·"), palette.Faint(r.State)
}

// News says in lines what changed since the picture before, for where nothing
// can be drawn over.
func (p Picture) News(before Picture, palette Palette) []string {
	var lines []string
	if p.State != before.State || p.Title() != before.Title() {
		finished := p
		if p.State == string(syncline.OperationRunning) {
			finished.Elapsed = 0 // lines stay, and it goes on
		}
		lines = append(lines, finished.head(palette)[0])
	}
	seen := map[string]Row{}
	for _, row := range before.Rows {
		seen[row.key()] = row
	}
	for _, row := range p.Rows {
		if row.Level == LevelPending || seen[row.key()] == row {
			continue
		}
		_, state := row.mark(palette)
		text := "  " + row.Step() + "  " + row.Ref.String() + "  " + state
		if row.Detail != "" {
			text += "  " + row.Detail
		}
		lines = append(lines, text)
	}
	if p.Message != "" && p.Message != before.Message {
		lines = append(lines, "  "+p.Message)
	}
	return lines
}

func (r Row) key() string { return string(r.Phase) + " " + r.Ref.String() }

// Results lays out what an operation did to each object.
func Results(report syncline.Report, palette Palette) []string {
	table := Table{Header: []string{"GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "STEP", "MESSAGE"}}
	health := map[syncline.Ref]syncline.HealthStatus{}
	for _, object := range report.Objects {
		health[object.Ref] = object.Health.Status
	}
	for _, row := range rowsOf(report) {
		_, state := row.mark(palette)
		table.Add(row.Ref.Group, row.Ref.Kind, row.Ref.Namespace, row.Ref.Name,
			state, palette.Word(string(health[row.Ref])), row.Step(), row.Detail)
	}
	return table.Lines()
}
