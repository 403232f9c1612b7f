package cell_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"golab/kernel/internal/cell"
)

var words = regexp.MustCompile(`[\pL_][\pL_\d]*`)

// FuzzCells builds two cells, the second on what the first declared: what is accepted compiles, and nothing panics.
func FuzzCells(f *testing.F) {
	seqs, err := filepath.Glob("../session/testdata/*.txtar")
	if err != nil || len(seqs) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range seqs {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		last := ""
		for _, c := range ar.Files {
			if !strings.HasSuffix(c.Name, ".out") {
				f.Add(last, string(c.Data))
				last = string(c.Data)
			}
		}
	}
	f.Add("type T struct{ a int }\nvar v any = T{1}\nx := T{2}", "type T struct{ b int }\nfmt.Println(x.b, v)")
	f.Add("type T[P any] struct{ p P }\nvar t T[int]", "func (t T[P]) M() P { return t.p }\nt.M()")
	f.Add("var e error", "switch e := e.(type) {\ncase nil, interface{ Unwrap() error }:\n_ = e\n}\ne == nil || e == error(nil)")
	pkgs := ready{base}
	f.Fuzz(func(t *testing.T, first, second string) {
		if len(first)+len(second) > 4<<10 {
			t.Skip("long")
		}
		s := cell.New()
		for i, code := range []string{first, second, first} {
			p, err := s.Build(&cell.Source{Name: "cell[1]", Gen: i + 1, Text: code}, pkgs)
			if err != nil {
				if _, ok := err.(cell.Errors); !ok || err.Error() == "" {
					t.Errorf("the error is %T: %v", err, err)
				}
				continue
			}
			if p.Empty() {
				p.Commit(nil)
				continue
			}
			if err := compiles(p); err != nil {
				for name, src := range p.Files {
					t.Logf("%s:\n%s", name, src)
				}
				t.Fatalf("%q is accepted after %q but does not compile: %v", code, first, err)
			}
			p.Commit(words.FindAllString(code, -1))
			for _, n := range s.Names() {
				s.Describe(n, 0, pkgs)
			}
		}
	})
}
