package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
)

// listed is how many of the largest are listed.
const listed = 10

func (m *measure) print(out io.Writer) {
	row := func(what, figure string) { fmt.Fprintf(out, "| %s | %s |\n", what, figure) }
	fmt.Fprint(out, "| what | figure |\n|---|---|\n")
	total, depth, imports := 0, 0, 0
	for path, lines := range m.packages {
		total += lines
		depth = max(depth, m.depth(path))
		imports += m.imports(path)
	}
	row("lines", fmt.Sprint(total))
	row("packages", fmt.Sprint(len(m.packages)))
	row("packages of the module that one imports, on average", fmt.Sprintf("%.1f", float64(imports)/float64(max(len(m.packages), 1))))
	row("longest chain of imports", fmt.Sprint(depth))
	m.printFunctions(row)
	row("exported names that are explained", percent(m.explained, m.exported))
	row("interfaces with at most three members", percent(m.small, m.interfaces))
	for _, list := range []struct {
		what  string
		lines map[string]int
	}{{"package", m.packages}, {"file", m.files}} {
		fmt.Fprintf(out, "\n| largest %ss | lines |\n|---|---|\n", list.what)
		for _, name := range largest(list.lines) {
			row("`"+m.short(name)+"`", fmt.Sprint(list.lines[name]))
		}
	}
}

// printFunctions tells what there is to tell of functions.
func (m *measure) printFunctions(row func(what, figure string)) {
	if len(m.functions) == 0 {
		return
	}
	by := func(size func(function) int) []function {
		return slices.SortedFunc(slices.Values(m.functions), func(a, b function) int { return cmp.Compare(size(a), size(b)) })
	}
	byLength := by(func(f function) int { return f.lines })
	byParams := by(func(f function) int { return f.params })
	byNesting := by(func(f function) int { return f.nesting })
	at := func(share float64) int { return int(share * float64(len(m.functions)-1)) }
	last := len(m.functions) - 1
	single, internal := 0, 0
	for _, f := range m.functions {
		if m.hasOneCaller(f) {
			single++
		}
		if !f.object.Exported() {
			internal++
		}
	}
	row("functions", fmt.Sprint(len(m.functions)))
	row("length of a function: p50, p90, p99", fmt.Sprintf("%d, %d, %d", byLength[at(0.5)].lines, byLength[at(0.9)].lines, byLength[at(0.99)].lines))
	row("longest function", fmt.Sprintf("%d, `%s`", byLength[last].lines, byLength[last].name))
	row("most parameters", fmt.Sprintf("%d, `%s`", byParams[last].params, byParams[last].name))
	row("nesting: p90, p99", fmt.Sprintf("%d, %d", byNesting[at(0.9)].nesting, byNesting[at(0.99)].nesting))
	row("deepest nesting", fmt.Sprintf("%d, `%s`", byNesting[last].nesting, byNesting[last].name))
	row("functions whose lines could stand with their one caller", percent(single, len(m.functions)))
	row("of those that are not exported", percent(single, internal))
}

// largest returns the names of the largest entries, the largest first.
func largest(lines map[string]int) []string {
	names := slices.SortedFunc(maps.Keys(lines), func(a, b string) int {
		return cmp.Or(cmp.Compare(lines[b], lines[a]), cmp.Compare(a, b))
	})
	return names[:min(listed, len(names))]
}

func percent(part, whole int) string {
	return fmt.Sprintf("%d %% of %d", (100*part+whole/2)/max(whole, 1), whole)
}
