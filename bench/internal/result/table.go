package result

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Print writes the verdicts as a table, and before it what each run took.
func Print(out io.Writer, set Set, verdicts []Verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKLOAD\tINPUT\tCONTENDER\tSECONDS\tCPU S\tPEAK MIB\tALL CPU S\tOTHERS' CPU S")
	for _, r := range set {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Workload, inputOf(r), r.Contender,
			seconds(r), orNone(r.CPUSeconds), orNone(r.PeakMiB), orNone(r.Figures[AllCPU]), orNone(r.Figures[OtherCPU]))
	}
	fmt.Fprintln(table)
	fmt.Fprintln(table, "WORKLOAD\tINPUT\tWHAT\tMEASURED\tMUST REACH\tHOLDS")
	for _, v := range verdicts {
		holds := "yes"
		if !v.Holds() {
			holds = "NO"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s %s\t≤ %s\t%s\n", v.Run.Workload, inputOf(v.Run), v.What, number(v.Got), v.Unit, number(v.Limit), holds)
	}
	return table.Flush()
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
