package cell

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"math/rand/v2"
	"slices"
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

// FuzzCarries checks that values are carried over only where memory, pointers, hashing and calls agree: it compares two
// types, made from random bytes, side by side as long as they go.
func FuzzCarries(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30})
	f.Add([]byte("type X struct{ a int; f B }; type B struct{ s string; p *B }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkCarries(t, func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return int(b) % n
		})
	})
}

// TestCarriesWhatIsAlike does the same with many random types.
func TestCarriesWhatIsAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	carried, left := 0, 0
	for range 10000 {
		switch changed, ok := checkCarries(t, r.IntN); {
		case ok && changed:
			carried++
		case !ok:
			left++
		}
	}
	if t.Logf("%d changed types carried over, %d not", carried, left); carried < 100 || left < 100 {
		t.Error("the types try nothing")
	}
}

// checkCarries makes two types and reports whether their texts differ and whether values are carried over.
func checkCarries(t *testing.T, next func(n int) int) (changed, carried bool) {
	defs := map[string]string{"G": "[P any] struct{ v P; next *G[P] }", "H": "[P any] struct{ v *P; next *H[P] }"}
	for _, n := range []string{"A", "B", "C", "X"} {
		defs[n] = randomType(next, 3)
	}
	text := func() string {
		var s strings.Builder
		for _, n := range slices.Sorted(maps.Keys(defs)) {
			s.WriteString("type " + n + " " + defs[n] + "\n")
		}
		return s.String()
	}
	before := text()
	for range 1 + next(2) {
		n := string("ABCX"[next(4)])
		switch next(5) {
		case 0: // a type is written out, or the other way about
			m := string("ABC"[next(3)])
			if next(2) == 0 {
				defs[n] = strings.Replace(defs[n], " "+m+";", " "+defs[m]+";", 1)
			} else {
				defs[n] = strings.Replace(defs[n], " "+defs[m]+";", " "+m+";", 1)
			}
		case 1:
			a, b := string("ABCX"[next(4)]), string("ABCX"[next(4)])
			defs[n] = strings.Replace(defs[n], "*"+a+";", "*"+b+";", 1)
		case 2: // fields change names
			a, b := string("abcd_"[next(5)]), string("abcd_"[next(5)])
			defs[n] = strings.NewReplacer(a+" ", b+" ", b+" ", a+" ").Replace(defs[n])
		case 3:
			defs[n] = strings.Replace(defs[n], "G[", "H[", 1)
		default:
			defs[n] = randomType(next, 3)
		}
	}
	after := text()
	a, b := typeOf(before), typeOf(after)
	if a == nil || b == nil {
		return false, false
	}
	for _, x := range []types.Type{a, b} {
		if l := layoutOf(x); l == "" || !carries(l, l) {
			t.Errorf("it does not carry to itself: %s\n%s\n%s", l, before, after)
		}
	}
	carried = carries(layoutOf(a), layoutOf(b))
	if carried && !alike(a, b, map[[2]types.Type]bool{}) {
		t.Errorf("carried over:\n%s\n%s\nas\n%s", before, after, layoutOf(a))
	}
	return before != after, carried
}

// randomType writes a type; each part of a struct ends in a semicolon.
func randomType(next func(n int) int, depth int) string {
	name := func() string { return string("ABCX"[next(4)]) }
	if depth == 0 {
		return oneOf(next, "int", "string", "*"+name())
	}
	switch next(12) {
	case 0:
		return oneOf(next, "int", "uint", "uintptr", "string", "any")
	case 1:
		return "[]" + name()
	case 2:
		return "map[" + oneOf(next, "string", "struct{ a int; }", "struct{ a, _ int; }") + "]" + name()
	case 3:
		return "func(*" + name() + ") " + randomType(next, depth-1)
	case 4:
		return "interface{ M(" + randomType(next, depth-1) + "); }"
	case 5:
		return oneOf(next, "G[", "H[") + randomType(next, depth-1) + "]"
	case 6:
		return "[2]" + randomType(next, depth-1)
	case 7:
		return "*" + name()
	}
	s := "struct{ "
	names := []byte("abcd")
	for i := range 1 + next(3) {
		j := i + next(len(names)-i)
		names[i], names[j] = names[j], names[i]
		s += string(names[i]) + " " + oneOf(next, randomType(next, depth-1), name(), "*"+name(), "int") + "; "
	}
	return s + "}"
}

func oneOf(next func(n int) int, of ...string) string { return of[next(len(of))] }

// typeOf is the type X of declarations; nil if they are none.
func typeOf(decls string) types.Type {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", "package nb\n"+decls, 0)
	if err != nil {
		return nil
	}
	conf := types.Config{GoVersion: "go1.26"}
	pkg, err := conf.Check(pkgPath, fset, []*ast.File{file}, nil)
	if err != nil {
		return nil
	}
	return pkg.Scope().Lookup("X").Type()
}

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
