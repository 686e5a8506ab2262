package main

import (
	"cmp"
	"go/ast"
	"go/types"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// measure is what was counted so far.
type measure struct {
	root   string
	loaded map[string]*packages.Package
	// packages and files have lines, by path and by file.
	packages, files map[string]int
	functions       []function
	// references counts how often a function is named, and calls how often it is called
	// where it is named. Demanded are the names of the methods that interfaces ask for.
	references, calls   map[*types.Func]int
	demanded            map[string]bool
	exported, explained int
	// small are the interfaces with at most three members.
	interfaces, small int
	depths            map[string]int
}

// function is one declared function.
type function struct {
	name                   string
	lines, params, nesting int
	object                 *types.Func
}

func newMeasure(root string, loaded []*packages.Package) *measure {
	m := &measure{
		root: root, loaded: map[string]*packages.Package{}, packages: map[string]int{}, files: map[string]int{},
		references: map[*types.Func]int{}, calls: map[*types.Func]int{}, demanded: map[string]bool{}, depths: map[string]int{},
	}
	for _, p := range loaded {
		m.loaded[p.PkgPath] = p
	}
	return m
}

// read counts what is in a package.
func (m *measure) read(p *packages.Package) {
	for _, file := range p.Syntax {
		if ast.IsGenerated(file) {
			continue
		}
		about := p.Fset.File(file.FileStart)
		m.packages[p.PkgPath] += about.LineCount()
		if name, err := filepath.Rel(m.root, about.Name()); err == nil {
			m.files[name] = about.LineCount()
		}
		for _, declaration := range file.Decls {
			m.declaration(p, declaration)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				m.call(p, call)
			}
			return true
		})
	}
	for _, used := range p.TypesInfo.Uses {
		if f, ok := used.(*types.Func); ok {
			m.references[f.Origin()]++
		}
	}
}

// call counts the call of a function of the module, generic ones too.
func (m *measure) call(p *packages.Package, call *ast.CallExpr) {
	function := ast.Unparen(call.Fun)
	switch instance := function.(type) {
	case *ast.IndexExpr:
		function = instance.X
	case *ast.IndexListExpr:
		function = instance.X
	}
	var name *ast.Ident
	switch f := function.(type) {
	case *ast.Ident:
		name = f
	case *ast.SelectorExpr:
		name = f.Sel
	}
	if called, ok := p.TypesInfo.Uses[name].(*types.Func); ok {
		m.calls[called.Origin()]++
	}
}

// hasOneCaller reports whether the lines of a function could stand where it is called:
// its package names it once, to call it. What is exported is for others, what is named
// without a call is a value, of a table or for somebody to call, and what an interface
// asks for is called through that.
func (m *measure) hasOneCaller(f function) bool {
	method := f.object.Signature().Recv() != nil && m.demanded[f.object.Name()]
	return !f.object.Exported() && !method && m.references[f.object] == 1 && m.calls[f.object] == 1
}

func (m *measure) declaration(p *packages.Package, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		object, ok := p.TypesInfo.Defs[d.Name].(*types.Func)
		if !ok {
			return
		}
		lines := p.Fset.Position(d.End()).Line - p.Fset.Position(d.Pos()).Line + 1
		m.functions = append(m.functions, function{m.short(p.PkgPath) + "." + d.Name.Name, lines, object.Signature().Params().Len(), nesting(d), object})
		m.note(d.Name.IsExported(), d.Doc)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if named, ok := spec.(*ast.TypeSpec); ok {
				m.note(named.Name.IsExported(), cmp.Or(named.Doc, d.Doc))
				m.noteInterface(p, named.Type)
			}
		}
	}
}

func (m *measure) note(exported bool, doc *ast.CommentGroup) {
	if !exported {
		return
	}
	m.exported++
	if doc != nil {
		m.explained++
	}
}

func (m *measure) noteInterface(p *packages.Package, kind ast.Expr) {
	if face, ok := kind.(*ast.InterfaceType); ok {
		m.interfaces++
		if all, ok := p.TypesInfo.TypeOf(kind).(*types.Interface); ok {
			for method := range all.Methods() {
				m.demanded[method.Name()] = true
			}
		}
		if face.Methods.NumFields() <= 3 {
			m.small++
		}
	}
}

// nesting is how many statements with a body stand within each other at most.
func nesting(f *ast.FuncDecl) int {
	deepest, depth := 0, 0
	var open []bool
	ast.Inspect(f, func(node ast.Node) bool {
		if node == nil {
			if open[len(open)-1] {
				depth--
			}
			open = open[:len(open)-1]
			return true
		}
		opens := false
		switch node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit:
			opens = true
			depth++
			deepest = max(deepest, depth)
		}
		open = append(open, opens)
		return true
	})
	return deepest
}

// depth is how long the longest chain of imports within the module is that begins
// at a package.
func (m *measure) depth(path string) int {
	p := m.loaded[path]
	if p == nil {
		return 0
	}
	if known, ok := m.depths[path]; ok {
		return known
	}
	deepest := 0
	for imported := range p.Imports {
		deepest = max(deepest, m.depth(imported))
	}
	m.depths[path] = deepest + 1
	return deepest + 1
}

// imports is how many packages of the module one of them imports.
func (m *measure) imports(path string) int {
	n := 0
	for imported := range m.loaded[path].Imports {
		if m.loaded[imported] != nil {
			n++
		}
	}
	return n
}

// short is a path without that of the module; that of the root is ".".
func (m *measure) short(path string) string {
	p := m.loaded[path]
	if p == nil || p.Module == nil {
		return path
	}
	if path == p.Module.Path {
		return "."
	}
	return strings.TrimPrefix(path, p.Module.Path+"/")
}
