package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestNesting(t *testing.T) {
	for body, want := range map[string]int{
		"":                                      0,
		"if a { for { switch { } } }; if b { }": 3,
		"func() { if a { } }()":                 2,
		"if a { } else if b { }":                2,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {"+body+"}", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := nesting(file.Decls[0].(*ast.FuncDecl)); got != want {
			t.Errorf("%s is nested %d deep, want %d", body, got, want)
		}
	}
}

// The program measures itself.
func TestPrint(t *testing.T) {
	var out strings.Builder
	if err := run(&out, ".", []string{"./..."}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"| packages | 1 |", "| longest chain of imports | 1 |", "`measure.go`", "one caller"} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("%q is missing in\n%s", row, out.String())
		}
	}
}
