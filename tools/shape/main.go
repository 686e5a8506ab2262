// Shape measures the code of a Go module: how long its functions are, how much its
// packages and files hold, how deep it is, how much of it is explained and how many
// of its functions have one caller. Tests and generated files are left out. It judges
// nothing: internal/arch does.
//
//	go run . -dir ../.. ./...
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".", "folder of the module")
	flag.Parse()
	if err := run(os.Stdout, *dir, flag.Args()); err != nil {
		log.Fatal("shape: ", err)
	}
}

func run(out io.Writer, dir string, patterns []string) error {
	root, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	loaded, err := packages.Load(&packages.Config{
		Dir: root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports | packages.NeedModule | packages.NeedDeps,
	}, patterns...)
	if err != nil {
		return err
	}
	if packages.PrintErrors(loaded) > 0 {
		return fmt.Errorf("the code does not compile")
	}
	m := newMeasure(root, loaded)
	for _, p := range loaded {
		m.read(p)
	}
	m.print(out)
	return nil
}
