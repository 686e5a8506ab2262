package view

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Diff shows what a plan would change, field by field, with its hooks, and "" when
// there is nothing.
func Diff(plan syncline.Plan, palette Palette) string {
	var text strings.Builder
	counts := map[syncline.Action]int{}
	for _, change := range plan.Changes {
		if change.Action == syncline.Keep && change.Err == nil {
			continue
		}
		counts[change.Action]++
		writeChange(&text, change, palette)
	}
	if len(counts) == 0 {
		return ""
	}
	text.WriteString(palette.Strong(summary(counts)) + "\n")
	return text.String()
}

// Preview shows what an operation would do of a plan, and "" when that is nothing.
func Preview(plan syncline.Plan, operation syncline.Operation, palette Palette) string {
	part := plan.Of(operation)
	for i := range part.Changes {
		if c := &part.Changes[i]; c.Action == syncline.Prune && !operation.Writes(*c) {
			c.Action, c.Why, c.Err = syncline.Retain, c.Why+"; it requires pruning, and this sync does not prune", nil
		}
	}
	return Diff(part, palette)
}

// ShowsWhole reports whether a change makes an object anew, so that all of it is
// shown instead of what differs.
func ShowsWhole(change syncline.Change) bool {
	return (change.Action == syncline.Create || change.Action == syncline.Run) && !change.Desired.IsZero()
}

// Differs reports whether the plan changes anything that the App declares, or
// cannot be performed.
func Differs(plan syncline.Plan) bool {
	for _, change := range plan.Changes {
		if change.Differs() || change.Err != nil {
			return true
		}
	}
	return false
}

// summary counts the actions, such as "1 to create, 2 to update".
func summary(counts map[syncline.Action]int) string {
	var parts []string
	for _, action := range []syncline.Action{
		syncline.Create, syncline.Update, syncline.Replace, syncline.Recreate,
		syncline.Prune, syncline.Retain, syncline.Run,
	} {
		if counts[action] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[action], action))
		}
	}
	return strings.Join(parts, ", ")
}

func writeChange(text *strings.Builder, change syncline.Change, palette Palette) {
	mark, paint := markOf(change.Action, palette)
	step := Row{Phase: change.Phase, Wave: change.Wave}.Step()
	title := visible.Line(fmt.Sprintf("%s %s %s", mark, change.Action, change.Ref))
	fmt.Fprintf(text, "%s  %s\n", paint(title), palette.Faint("("+step+")"))
	if change.Why != "" {
		fmt.Fprintf(text, "    %s\n", palette.Faint(visible.Line(change.Why)))
	}
	if change.Err != nil {
		fmt.Fprintf(text, "    %s %s\n", palette.Bad("cannot:"), visible.Line(change.Err.Error()))
	}
	for _, field := range change.Fields {
		writeField(text, field, palette)
	}
	if ShowsWhole(change) {
		writeBlock(text, "+ ", yamlText(change.Desired.Redacted()), palette.Good)
	}
	text.WriteString("\n")
}

// markOf returns the sign and the colour of an action.
func markOf(action syncline.Action, palette Palette) (string, func(string) string) {
	switch action {
	case syncline.Create:
		return "+", palette.Good
	case syncline.Update:
		return "~", palette.Note
	case syncline.Replace, syncline.Recreate:
		return "±", palette.Note
	case syncline.Prune:
		return "-", palette.Bad
	case syncline.Run:
		return ">", palette.Busy
	}
	return "!", palette.Note
}

// writeField shows one difference: on one line where both sides are short, else
// as blocks of YAML.
func writeField(text *strings.Builder, field syncline.Field, palette Palette) {
	live, liveShort := scalar(field.Live)
	desired, desiredShort := scalar(field.Desired)
	path := visible.Line(field.Path)
	switch {
	case !liveShort || !desiredShort:
	case field.Live == nil:
		fmt.Fprintf(text, "    %s\n", palette.Good("+ "+path+": "+desired))
		return
	case field.Desired == nil:
		fmt.Fprintf(text, "    %s\n", palette.Bad("- "+path+": "+live))
		return
	default:
		fmt.Fprintf(text, "    %s: %s → %s\n", path, palette.Bad(live), palette.Good(desired))
		return
	}
	fmt.Fprintf(text, "    %s:\n", path)
	if field.Live != nil {
		writeBlock(text, "- ", yamlText(field.Live), palette.Bad)
	}
	if field.Desired != nil {
		writeBlock(text, "+ ", yamlText(field.Desired), palette.Good)
	}
}

func writeBlock(text *strings.Builder, mark, block string, paint func(string) string) {
	for l := range strings.SplitSeq(strings.TrimRight(block, "\n"), "\n") {
		fmt.Fprintf(text, "      %s\n", paint(mark+l))
	}
}

// scalar writes a short value as JSON; ok is false for any other.
func scalar(value any) (text string, ok bool) {
	const longest = 60
	switch value.(type) {
	case map[string]any, []any:
		return "", false
	}
	encoded, err := visible.Short(value)
	return encoded, err == nil && len(encoded) < longest
}

// yamlText writes a value as YAML.
func yamlText(value any) string {
	text, err := visible.YAML(value)
	if err != nil { // values came from a JSON or YAML parser
		return visible.Line(fmt.Sprint(value))
	}
	return string(text)
}
