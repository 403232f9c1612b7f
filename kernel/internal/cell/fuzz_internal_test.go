package cell

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// FuzzSplit cuts any text: the pieces follow each other, and hold every token that is no semicolon between them.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"x := 1; y := 2 // c\nfunc f() { a; b }\nfor i := 0; i < 3; i++ {\n}", "%%\nx := 1", "a\n%% -x\nb", "func(a int) {}(1)\ntype T struct {\n}", "/* a",
		"if x := func() int { return 1 }(); x > 0 { y }", "switch struct{ a int }{1}; {}", "`\n`\n'a'", "var (\na\nb = 1\n)\nimport (\n\"fmt\"\n)", "}\n{", "L:\nfor {}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, code string) {
		src := &Source{Name: "cell[1]", Gen: 1, Text: code}
		chunks, errs := split(src)
		if len(errs) > 0 {
			return
		}
		at := 0
		for _, c := range chunks {
			if c.start < at || c.end < c.start || c.end > len(code) {
				t.Fatalf("pieces %+v of %d bytes", chunks, len(code))
			}
			at = c.end
		}
		if blockLine(code) >= 0 {
			return
		}
		var s scanner.Scanner
		file := token.NewFileSet().AddFile("", -1, len(code))
		s.Init(file, []byte(code), nil, 0)
		for {
			pos, tok, _ := s.Scan()
			if tok == token.EOF {
				break
			}
			if tok == token.SEMICOLON {
				continue
			}
			off, in := file.Offset(pos), false
			for _, c := range chunks {
				in = in || c.start <= off && off < c.end
			}
			if !in {
				t.Fatalf("the token at %d is in no piece of %+v", off, chunks)
			}
		}
	})
}

// FuzzCarries checks that values are carried over only where memory, pointers, hashing and calls agree: it compares the two
// types side by side as long as they go.
func FuzzCarries(f *testing.F) {
	for _, s := range [][2]string{
		{"type X struct{ a, b int }", "type X struct{ a, c int }"},
		{"type X struct{ a int; f B }\ntype B struct{ s string; p *B }", "type X struct{ a int; f struct{ s string; p *X } }"},
		{"type X struct{ p *B }\ntype B struct{ p *X; n int }", "type X struct{ p *B }\ntype B struct{ p *B; n int }"},
		{"type G[T any] struct{ v T; next *G[T] }\ntype X = G[int]", "type G[T any] struct{ val T; n *G[*T] }\ntype X = G[int]"},
		{"type X map[K]chan<- func(*X) I\ntype K struct{ a, _ int }\ntype I interface{ M(X); N() [2]K }", "type X map[K]chan<- func(*X) I\ntype K struct{ a, b int }\ntype I interface{ M(X); N() [2]K }"},
	} {
		f.Add(s[0], s[1])
	}
	parse := func(decls string) types.Type {
		if len(decls) > 2<<10 {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "", "package nb\n"+decls, 0)
		if err != nil {
			return nil
		}
		failed := false
		conf := types.Config{Error: func(err error) { failed = true }, Importer: noImports{}, GoVersion: "go1.26"}
		pkg, _ := conf.Check(pkgPath, fset, []*ast.File{file}, nil)
		if pkg == nil || failed {
			return nil
		}
		if x, ok := pkg.Scope().Lookup("X").(*types.TypeName); ok {
			if n, ok := x.Type().(*types.Named); ok && n.TypeParams().Len() > 0 {
				return nil
			}
			return x.Type()
		}
		return nil
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		a, b := parse(before), parse(after)
		if a == nil || b == nil {
			return
		}
		if l := layoutOf(a); l != "" && !carries(l, l) && !strings.Contains(l, ",") {
			t.Errorf("%s does not carry to itself: %s", a, l)
		}
		if carries(layoutOf(a), layoutOf(b)) && !alike(a, b, map[[2]types.Type]bool{}) {
			t.Errorf("carried over:\n%s\n%s", layoutOf(a), layoutOf(b))
		}
	})
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errNoImports }

var errNoImports = scanner.ErrorList{}

// alike reports whether values of two types can stand for each other, by walking both at once.
func alike(a, b types.Type, seen map[[2]types.Type]bool) bool {
	if seen[[2]types.Type{a, b}] {
		return true
	}
	seen[[2]types.Type{a, b}] = true
	tuple := func(a, b *types.Tuple) bool {
		for i := range a.Len() {
			if a.Len() != b.Len() || !alike(a.At(i).Type(), b.At(i).Type(), seen) {
				return false
			}
		}
		return a.Len() == b.Len()
	}
	switch a := a.Underlying().(type) {
	case *types.Basic:
		b, ok := b.Underlying().(*types.Basic)
		return ok && a.Kind() == b.Kind()
	case *types.Pointer:
		b, ok := b.Underlying().(*types.Pointer)
		return ok && alike(a.Elem(), b.Elem(), seen)
	case *types.Slice:
		b, ok := b.Underlying().(*types.Slice)
		return ok && alike(a.Elem(), b.Elem(), seen)
	case *types.Array:
		b, ok := b.Underlying().(*types.Array)
		return ok && a.Len() == b.Len() && alike(a.Elem(), b.Elem(), seen)
	case *types.Chan:
		b, ok := b.Underlying().(*types.Chan)
		return ok && a.Dir() == b.Dir() && alike(a.Elem(), b.Elem(), seen)
	case *types.Map:
		b, ok := b.Underlying().(*types.Map)
		return ok && alike(a.Key(), b.Key(), seen) && alike(a.Elem(), b.Elem(), seen)
	case *types.Struct:
		b, ok := b.Underlying().(*types.Struct)
		if !ok || a.NumFields() != b.NumFields() {
			return false
		}
		place := map[string]int{}
		for i := range a.NumFields() {
			place[a.Field(i).Name()] = i
		}
		for i := range a.NumFields() {
			x, y := a.Field(i), b.Field(i)
			if (x.Name() == "_") != (y.Name() == "_") || !alike(x.Type(), y.Type(), seen) {
				return false
			}
			if at, had := place[y.Name()]; had && y.Name() != "_" && at != i {
				return false
			}
		}
		return true
	case *types.Signature:
		b, ok := b.Underlying().(*types.Signature)
		return ok && a.Variadic() == b.Variadic() && tuple(a.Params(), b.Params()) && tuple(a.Results(), b.Results())
	case *types.Interface:
		b, ok := b.Underlying().(*types.Interface)
		if !ok || a.NumMethods() != b.NumMethods() {
			return false
		}
		for i := range a.NumMethods() {
			if a.Method(i).Id() != b.Method(i).Id() || !alike(a.Method(i).Type(), b.Method(i).Type(), seen) {
				return false
			}
		}
		return true
	}
	return false
}
