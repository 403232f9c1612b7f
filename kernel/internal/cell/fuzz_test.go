package cell_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"golab/kernel/internal/cell"
)

// ready is the packages of the base, without those that would have to be compiled first.
type ready struct{ cell.Packages }

func (r ready) Import(path string) (*types.Package, error) {
	if _, ok := r.Known()[path]; !ok && !strings.HasPrefix(path, "golab/kernel/") && path != "sync/atomic" {
		return nil, fmt.Errorf("no package %s", path)
	}
	return r.Packages.Import(path)
}

// compiles checks what Build made as the compiler will.
func compiles(p *cell.Program) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for name, src := range p.Files {
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	var first error
	conf := types.Config{Importer: ready{base}, GoVersion: "go1.26", Error: func(err error) {
		if first == nil {
			first = err
		}
	}}
	conf.Check("nb", fset, files, nil)
	return first
}

// FuzzBuild gives any text to everything that reads cells: none of it may panic or hang, and what Build accepts compiles.
func FuzzBuild(f *testing.F) {
	seqs, err := filepath.Glob("../session/testdata/*.txtar")
	if err != nil || len(seqs) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range seqs {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i, c := range ar.Files {
			if !strings.HasSuffix(c.Name, ".out") {
				f.Add(string(c.Data), 7*i)
			}
		}
	}
	s := session(f)
	pkgs := ready{base}
	f.Fuzz(func(t *testing.T, code string, cursor int) {
		if len(code) > 4<<10 {
			t.Skip("long")
		}
		cell.Complete(code)
		s.Suggest(code, cursor, pkgs)
		s.Describe(code, cursor, pkgs)
		p, err := s.Build(&cell.Source{Name: "cell[9]", Gen: 9, Text: code}, pkgs)
		if err != nil {
			if _, ok := err.(cell.Errors); !ok || err.Error() == "" {
				t.Errorf("the error is %T: %v", err, err)
			}
			return
		}
		if p.Empty() {
			return
		}
		if err := compiles(p); err != nil {
			for name, src := range p.Files {
				t.Logf("%s:\n%s", name, src)
			}
			t.Errorf("%q is accepted but does not compile: %v", code, err)
		}
	})
}
