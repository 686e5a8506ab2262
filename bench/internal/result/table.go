package result

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Print writes what each run took, and then the verdicts, in columns.
func Print(out io.Writer, set Set, verdicts []Verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range runRows(set) {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	fmt.Fprintln(table)
	for _, row := range verdictRows(verdicts) {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// Markdown writes the same as [Print] as two tables in Markdown.
func Markdown(out io.Writer, set Set, verdicts []Verdict) error {
	var text strings.Builder
	for i, rows := range [][][]string{runRows(set), verdictRows(verdicts)} {
		if i > 0 {
			text.WriteString("\n")
		}
		for j, row := range rows {
			fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
			if j == 0 {
				text.WriteString(strings.Repeat("|---", len(row)) + "|\n")
			}
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func runRows(set Set) [][]string {
	rows := [][]string{{"WORKLOAD", "INPUT", "CONTENDER", "SECONDS", "CPU S", "PEAK MIB", "ALL CPU S", "OTHERS' CPU S"}}
	for _, r := range set {
		rows = append(rows, []string{r.Workload, inputOf(r), r.Contender, seconds(r), orNone(r.CPUSeconds), orNone(r.PeakMiB),
			orNone(r.Figures[AllCPU]), orNone(r.Figures[OtherCPU])})
	}
	return rows
}

func verdictRows(verdicts []Verdict) [][]string {
	rows := [][]string{{"WORKLOAD", "INPUT", "WHAT", "MEASURED", "MUST REACH", "HOLDS"}}
	for _, v := range verdicts {
		holds := "yes"
		if !v.Holds() {
			holds = "NO"
		}
		measured := strings.TrimSpace(number(v.Got) + " " + v.Unit)
		rows = append(rows, []string{v.Run.Workload, inputOf(v.Run), v.What, measured, "≤ " + number(v.Limit), holds})
	}
	return rows
}

// seconds of an unfinished run are a lower bound.
func seconds(r Run) string {
	switch delivered, counted := r.Figures[Delivered]; {
	case !r.Unfinished:
		return number(r.Seconds)
	case counted:
		return fmt.Sprintf("> %s (%s apps)", number(r.Seconds), number(delivered))
	default:
		return "> " + number(r.Seconds)
	}
}

func inputOf(r Run) string {
	if r.Apps == 0 {
		return r.Shape
	}
	return fmt.Sprintf("%d apps, %s", r.Apps, r.Shape)
}

// number writes three significant digits, and whole numbers as they are.
func number(value float64) string {
	if value == float64(int64(value)) {
		return strconv.FormatInt(int64(value), 10)
	}
	if value >= 100 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

func orNone(value float64) string {
	if value == 0 {
		return "-"
	}
	return number(value)
}
