package cell

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sketch is a cell that is being typed as a file of an ordinary Go package, up to the cursor and what closes the brackets
// there. [State.Outline] is the rest of that package.
type Sketch struct {
	Imports map[string]string // local name → path under which it is compiled
	Dots    []string
	body    string
	cursor  int
	Start   int // where, in the cell, the name begins that ends at the cursor
}

// File is the text of the file, and the place of the cursor in it. It has the imports given, too.
func (k *Sketch) File(imports map[string]string) (text string, cursor int) {
	all := maps.Clone(imports)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, k.Imports)
	head := "package " + pkgName + "\n" + importDecls(all, k.Dots)
	return head + k.body, len(head) + k.cursor
}

// Sketch is nil where no name can stand, such as in a comment.
func (s *State) Sketch(code string, cursor int, pkgs Packages) *Sketch {
	cursor = min(max(cursor, 0), len(code))
	at := spotAt(code, cursor)
	if at.text {
		return nil
	}
	b := newBuilder(s, &Source{Name: "this cell", Text: holed(code, at.start), Gen: 1 << 30}, pkgs)
	b.mark = at.start
	b.read()
	b.order()
	b.atlas = newAtlas()
	b.reach()
	k := &Sketch{Imports: map[string]string{}, Start: at.start}
	for name, path := range b.auto {
		if p := compiledPath(path, pkgs); p != "" {
			k.Imports[name] = p
		}
	}
	for _, path := range append(slices.Clone(s.dots), b.dots...) {
		if p := compiledPath(path, pkgs); p != "" && !slices.Contains(k.Dots, p) {
			k.Dots = append(k.Dots, p)
		}
	}
	t := &text{}
	for _, u := range b.funcs {
		t.lit(u.prefix)
		t.add(u.src, u.start, u.end)
		t.lit("\n")
	}
	t.lit("func " + bodyFunc + "() {\n")
	for _, it := range b.items {
		if it.block {
			t.lit("{")
		}
		t.add(b.src, it.start, it.end)
		if it.block {
			t.lit("}")
		}
		t.lit("\n")
	}
	t.lit("}\n")
	out := t.buf.String()
	for _, g := range t.segs {
		if g.src != b.src || b.mark < g.off || b.mark >= g.off+g.len {
			continue
		}
		p := g.at + b.mark - g.off
		if !strings.HasPrefix(out[p:], hole) {
			return nil
		}
		k.body = out[:p] + at.prefix + out[p+len(hole):]
		k.cursor = p + len(at.prefix)
		return k
	}
	return nil
}

// compiledPath is the path under which the package that cells import as path is compiled; empty if there is none.
func compiledPath(path string, pkgs Packages) string {
	p, err := pkgs.Import(path)
	if err != nil {
		return ""
	}
	return p.Path()
}

// Outline is what the session has declared as files of an ordinary Go package, by name: its constants, types, functions
// without their bodies, and variables with the types that they have now. Where cells give one name to several packages,
// there is more than one file.
func (s *State) Outline(pkgs Packages) map[string]string {
	all := map[*unit]bool{} // a group of constants has several names
	for _, u := range s.units {
		all[u] = true
	}
	for t, ms := range s.methods {
		if s.units[t] == nil {
			continue
		}
		for _, u := range ms {
			all[u] = true
		}
	}
	units := slices.SortedFunc(maps.Keys(all), func(a, b *unit) int {
		return cmp.Or(cmp.Compare(a.src.Gen, b.src.Gen), cmp.Compare(a.start, b.start))
	})
	var files []*outlineFile
	add := func(decl string, imports map[string]string, dots []string) {
		for _, f := range files {
			if f.takes(imports) {
				f.add(decl, imports, dots, pkgs)
				return
			}
		}
		f := &outlineFile{imports: map[string]string{}, compiled: map[string]string{}}
		files = append(files, f)
		f.add(decl, imports, dots, pkgs)
	}
	for _, v := range s.Vars() {
		if v.expr != "" {
			add("var "+v.Name+" "+v.expr+"\n", v.imports, nil)
		}
	}
	for _, u := range units {
		decl := u.prefix + u.src.Text[u.start:u.end]
		if u.kind == kindFunc || u.kind == kindMethod {
			decl = signature(decl) + " { panic(0) }"
		}
		if doc := u.doc(); doc != "" {
			decl = "// " + strings.ReplaceAll(doc, "\n", "\n// ") + "\n" + decl
		}
		add(decl+"\n", u.imports, u.dots)
	}
	out := map[string]string{}
	for i, f := range files {
		out[fmt.Sprintf("session%d.go", i)] = "package " + pkgName + "\n" + importDecls(f.compiled, f.dots) + f.decls.String()
	}
	return out
}

type outlineFile struct {
	imports, compiled map[string]string // local name → path, as cells write it and as it is compiled
	dots              []string
	decls             strings.Builder
}

// takes reports whether names mean the same in f and in a declaration.
func (f *outlineFile) takes(imports map[string]string) bool {
	for n, path := range imports {
		if p := f.imports[n]; p != "" && p != path {
			return false
		}
	}
	return true
}

func (f *outlineFile) add(decl string, imports map[string]string, dots []string, pkgs Packages) {
	f.decls.WriteString(decl)
	for n, path := range imports {
		if f.imports[n] != "" {
			continue
		}
		f.imports[n] = path
		if p := compiledPath(path, pkgs); p != "" {
			f.compiled[n] = p
		}
	}
	for _, path := range dots {
		if p := compiledPath(path, pkgs); p != "" && !slices.Contains(f.dots, p) {
			f.dots = append(f.dots, p)
		}
	}
}
