package cell

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// typeX is the type X of a package of cells.
func typeX(t *testing.T, decls string) types.Type {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", "package nb\n"+decls, 0)
	if err != nil {
		t.Fatal(err)
	}
	conf := types.Config{Importer: importer.Default(), Error: func(error) {}}
	pkg, _ := conf.Check(pkgPath, fset, []*ast.File{f}, nil)
	return pkg.Scope().Lookup("X").Type()
}

func TestCarries(t *testing.T) {
	for _, test := range []struct {
		what, before, after string
		want                bool
	}{
		{"nothing", "type X struct{ a, b int }", "type X struct{ a, b int }", true},
		{"a method is added", "type X struct{ a int }", "type X struct{ a int }\nfunc (X) M() {}", true},
		{"a field is renamed", "type X struct{ a, b int }", "type X struct{ a, c int }", true},
		{"all fields are renamed", "type X struct{ a, b int }", "type X struct{ c, d int }", true},
		{"fields change places", "type X struct{ a, b int }", "type X struct{ b, a int }", false},
		{"the first field goes, one is added at the end", "type X struct{ a, b int }", "type X struct{ b, c int }", false},
		{"fields change places, inside", "type X struct{ s S }\ntype S struct{ a, b int }", "type X struct{ s S }\ntype S struct{ b, a int }", false},
		{"two structs exchange names", "type X struct{ a struct{ p int }; b struct{ q int } }", "type X struct{ a struct{ q int }; b struct{ p int } }", true},
		{"a field is blanked: it is no longer hashed", "type X struct{ a, b int }", "type X struct{ a, _ int }", false},
		{"a pointer becomes a number", "type X struct{ p *int }", "type X struct{ p uintptr }", false},
		{"a named type is written out", "type X struct{ s S; n N }\ntype S struct{ a int }\ntype N int", "type X struct{ s struct{ a int }; n int }", true},
		{"lists", "type X struct{ next *X; v int }", "type X struct{ next *X; val int }", true},
		{"a list of another type of node", "type X struct{ a int; f B }\ntype B struct{ s string; p *B }", "type X struct{ a int; f struct{ s string; p *X } }", false},
		{"the same list, seen from its second node", "type X struct{ p *B }\ntype B struct{ p *X; n int }", "type X struct{ p *B }\ntype B struct{ p *B; n int }", false},
		{"an interface gains a method", "type X interface{ M() }", "type X interface{ M(); N() }", false},
		{"an argument of a method gains a field", "type X interface{ M(A) }\ntype A struct{ n int }", "type X interface{ M(A) }\ntype A struct{ n, m int }", false},
		{"instances", "type G[T any] struct{ v T; next *G[T] }\ntype X = G[int]", "type G[T any] struct{ val T; next *G[T] }\ntype X = G[int]", true},
		{"instances of others", "type G[T any] struct{ v T }\ntype X = G[int]", "type G[T any] struct{ v T }\ntype X = G[uint]", false},
		{"a type without end", "type T[P any] struct{ f *T[*P] }\ntype X = T[int]", "type T[P any] struct{ f *T[*P] }\ntype X = T[int]", false},
		{"channels of one direction", "type X chan int", "type X <-chan int", false},
	} {
		if got := carries(layoutOf(typeX(t, test.before)), layoutOf(typeX(t, test.after))); got != test.want {
			t.Errorf("%s: carried %v, want %v\n%s\n%s", test.what, got, test.want, layoutOf(typeX(t, test.before)), layoutOf(typeX(t, test.after)))
		}
	}
}

// TestLayoutOfManyTypes writes types that all refer to each other: there are more ways through them than anybody could write.
func TestLayoutOfManyTypes(t *testing.T) {
	var s strings.Builder
	s.WriteString("type X struct{ t0 T0 }\n")
	for i := range 30 {
		fmt.Fprintf(&s, "type T%d struct {", i)
		for j := range 30 {
			fmt.Fprintf(&s, " f%d *T%d;", j, j)
		}
		s.WriteString(" }\n")
	}
	if l := layoutOf(typeX(t, s.String())); len(l) > 100<<10 || !carries(l, l) {
		t.Errorf("%d bytes, carried %v", len(l), carries(l, l))
	}
}
