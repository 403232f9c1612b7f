package cell

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// bodyFunc is the function that holds a cell's statements.
const bodyFunc = "ʼcell"

// declFile is the declarations of one cell as they are checked.
type declFile struct {
	src   *Source
	text  *text
	ast   *ast.File
	units []*unit
	at    map[*unit]int // where a unit starts in text
	dots  []string
}

// pass is one run of the type checker.
type pass struct {
	pkg    *types.Package
	info   *types.Info
	errs   Errors
	files  []*ast.File
	unused map[token.Pos]bool // local variables that are never read
}

// check type-checks the cell twice. The first time its statements are one function body and the functions' own bodies
// are left out: Go's scoping then tells each variable from those of earlier cells with its name, and gives the types of
// the new ones. The second time the new variables stand at package level, where the functions see them.
func (b *builder) check() (*emitter, Errors) {
	files, errs := b.declFiles()
	if len(errs) > 0 {
		return nil, errs
	}
	body, bodyText, starts, errs := b.bodyFile()
	if len(errs) > 0 {
		return nil, errs
	}
	e := &emitter{b: b, files: files, body: body, bodyText: bodyText, starts: starts}

	bodies := stripBodies(files)
	asts := []*ast.File{body}
	for _, f := range files {
		asts = append(asts, f.ast)
	}
	visible := maps.Clone(b.old)
	maps.Copy(visible, b.selves)
	p1, gone := b.run(asts, visible)
	if len(gone) > 0 { // their type is gone: that is no error of this cell
		for _, n := range gone {
			if b.selves[n] == nil {
				b.gone[n] = true
			}
			delete(b.old, n)
			delete(b.selves, n)
		}
		return b.check()
	}
	restoreBodies(bodies)
	if len(b.waits) > 0 {
		for fd := range bodies {
			if u := b.unitOf(fd); u != nil && b.waits[u] != nil {
				strip(fd)
			}
		}
	}
	if b.values(p1.errs) {
		return b.check()
	}
	if len(p1.errs) > 0 {
		return nil, b.explain(p1)
	}
	e.p1 = p1
	e.newVars()
	if len(b.errs) > 0 {
		return nil, b.errs
	}
	for n := range e.dropped {
		if !b.misfit[n] { // functions can't use it either
			b.misfit[n] = true
			delete(b.old, n)
		}
	}
	if len(e.dropped) > 0 {
		return b.check()
	}

	e.p2 = p1
	if len(files) > 0 {
		p2, _ := b.run(asts[1:], e.inFunctions())
		if len(p2.errs) > 0 {
			return nil, b.explain(p2)
		}
		e.p2 = p2
	}
	return e, nil
}

// recursive is the variables `f := func(…) { … f(…) … }` whose name means nothing that can be called yet: as in other notebook
// languages, f is the literal itself there. In Go it would have to be declared before.
func (b *builder) recursive() map[string]*Var {
	selves := map[string]*Var{}
	for _, it := range b.items {
		if it.self == "" {
			continue
		}
		name := it.names[0]
		v := b.state.vars[name]
		if b.own[name] != nil || b.imports[name] != "" || b.state.Kind(name) != "" && (v == nil || strings.HasPrefix(v.Type, "func(")) {
			continue
		}
		self := &Var{Name: name, expr: it.self, imports: map[string]string{}}
		for r := range it.refs {
			if p := b.auto[r]; p != "" {
				self.imports[r] = p
			}
		}
		selves[name] = self
	}
	return selves
}

// values marks the items that the errors say are mere values, and reports whether there were any.
func (b *builder) values(errs Errors) bool {
	found := false
	for _, e := range errs {
		if e.Source != b.src || !strings.HasSuffix(e.Msg, " is not used") {
			continue
		}
		for _, it := range b.items {
			if _, ok := it.stmt.(*ast.ExprStmt); ok && !it.value && it.start <= e.Offset && e.Offset < it.end {
				it.value, found = true, true
			}
		}
	}
	return found
}

// declFiles assembles one file for each cell that has declarations to check.
func (b *builder) declFiles() ([]*declFile, Errors) {
	var files []*declFile
	var all Errors
	order, by := b.sources()
	for _, src := range order {
		f := &declFile{src: src, text: &text{}, units: by[src], at: map[*unit]int{}}
		names := map[string]string{}
		for _, u := range f.units {
			if u.src == b.src {
				for _, r := range u.refs {
					if p := b.auto[r]; p != "" {
						names[r] = p
					}
				}
				continue
			}
			maps.Copy(names, u.imports)
			for _, d := range u.dots {
				if !slices.Contains(f.dots, d) {
					f.dots = append(f.dots, d)
				}
			}
		}
		if src == b.src {
			f.dots = append(append(f.dots, b.state.dots...), b.dots...)
		}
		f.text.lit("package " + pkgName + "\n" + importDecls(names, f.dots))
		for _, u := range f.units {
			f.text.lit(u.prefix)
			f.at[u] = f.text.buf.Len()
			f.text.add(u.src, u.start, u.end)
			f.text.lit("\n")
		}
		var errs Errors
		f.ast, errs = b.atlas.parse(f.text)
		all = append(all, errs...)
		files = append(files, f)
	}
	return files, all
}

// bodyFile assembles the function of the cell's statements; starts is where each item begins in it.
func (b *builder) bodyFile() (*ast.File, *text, []int, Errors) {
	names := map[string]string{}
	for _, it := range b.items {
		for r := range it.refs {
			if p := b.auto[r]; p != "" {
				names[r] = p
			}
		}
	}
	t := &text{}
	t.lit("package " + pkgName + "\n" + importDecls(names, append(slices.Clone(b.state.dots), b.dots...)))
	t.lit("func " + bodyFunc + "() {\n")
	var starts []int
	for _, it := range b.items {
		if it.block {
			t.lit(b.src.opensBlock())
		} else if it.list > 0 {
			t.lit(strings.Repeat("_,", it.list-1) + "_ = ")
		} else if ex, ok := it.stmt.(*ast.ExprStmt); ok && (it.value || !isCall(ex.X)) {
			t.lit("_ = ") // Go has no statement that is a mere value; a cell has
		}
		starts = append(starts, t.buf.Len())
		t.add(b.src, it.start, it.end)
		if it.block {
			t.lit(b.src.closesBlock())
		}
		t.lit("\n")
	}
	t.lit("}\n")
	f, errs := b.atlas.parse(t)
	return f, t, starts, errs
}

func isCall(e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		return true
	case *ast.UnaryExpr:
		return x.Op == token.ARROW
	}
	return false
}

// importDecls writes the imports of a checked file on one line.
func importDecls(names map[string]string, dots []string) string {
	var s strings.Builder
	for _, n := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&s, "import %s %q;", n, names[n])
	}
	for _, d := range dots {
		fmt.Fprintf(&s, "import . %q;", d)
	}
	s.WriteString("\n")
	return s.String()
}

// stripBodies replaces the bodies of functions by ones that check anywhere.
func stripBodies(files []*declFile) map[*ast.FuncDecl]*ast.BlockStmt {
	saved := map[*ast.FuncDecl]*ast.BlockStmt{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
				saved[fd] = fd.Body
				strip(fd)
			}
		}
	}
	return saved
}

func strip(fd *ast.FuncDecl) {
	fd.Body = &ast.BlockStmt{Lbrace: fd.Body.Lbrace, Rbrace: fd.Body.Rbrace, List: []ast.Stmt{
		&ast.ForStmt{For: fd.Body.Lbrace, Body: &ast.BlockStmt{Lbrace: fd.Body.Lbrace, Rbrace: fd.Body.Rbrace}}}}
}

func restoreBodies(saved map[*ast.FuncDecl]*ast.BlockStmt) {
	for fd, body := range saved {
		fd.Body = body
	}
}

// run checks the files together with variables at package level. gone lists those whose own declaration fails.
func (b *builder) run(files []*ast.File, vars map[string]*Var) (p *pass, gone []string) {
	p = &pass{files: files, unused: map[token.Pos]bool{}, info: &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
		Implicits:  map[ast.Node]types.Object{},
		Instances:  map[*ast.Ident]types.Instance{},
	}}
	names := slices.Sorted(maps.Keys(vars))
	imports := map[string]string{}
	for _, n := range names {
		maps.Copy(imports, vars[n].imports)
	}
	t := &text{}
	t.lit("package " + pkgName + "\n" + importDecls(imports, nil))
	line := map[int]string{}
	for i, n := range names {
		t.lit("var " + n + " " + vars[n].expr + "\n")
		line[i+3] = n
	}
	vf, _ := b.atlas.parse(t)
	delete(b.atlas.texts, b.atlas.fset.File(vf.FileStart))
	b.atlas.texts[b.atlas.fset.File(vf.FileStart)] = nil

	conf := types.Config{
		Importer:  b.pkgs,
		GoVersion: "go1.26",
		Error: func(err error) {
			te, ok := err.(types.Error)
			if !ok {
				return
			}
			unused := strings.HasPrefix(te.Msg, "declared and not used") || strings.HasSuffix(te.Msg, " declared and not used")
			if unused && !strings.HasPrefix(te.Msg, "label ") {
				p.unused[te.Pos] = true
				return
			}
			if strings.HasSuffix(te.Msg, "imported and not used") || strings.Contains(te.Msg, "imported as") && te.Soft {
				return
			}
			src, off := b.atlas.place(te.Pos)
			if src == nil {
				if b.atlas.fset.File(te.Pos) == b.atlas.fset.File(vf.FileStart) {
					if n := line[b.atlas.fset.Position(te.Pos).Line]; n != "" {
						gone = append(gone, n)
					}
				}
				return
			}
			if strings.HasPrefix(te.Msg, "\t") { // goes with the error before it
				return
			}
			e := &Error{Source: src, Offset: off, Msg: te.Msg, pos: te.Pos}
			start, end := extent(te)
			b.span(e, start, end)
			p.errs = append(p.errs, e)
		},
	}
	p.pkg, _ = conf.Check(pkgPath, b.atlas.fset, append(slices.Clone(files), vf), p.info)
	return p, gone
}

// explain adds to errors what the session knows.
func (b *builder) explain(p *pass) Errors {
	for _, e := range p.errs {
		e.Msg = strings.Replace(e.Msg, " in assignment to _ identifier", "", 1) // which bodyFile put there
		name, ok := strings.CutPrefix(e.Msg, "undefined: ")
		if !ok {
			if strings.Contains(e.Msg, "untyped int constant") && strings.HasSuffix(e.Msg, "(overflows)") {
				e.Hint = "convert it to a type that holds it: uint64(…), float64(…); package math/big has numbers of any size"
			} else if m := b.likeMember(p, e); m != "" {
				e.Hint = "did you mean " + m + "?"
			}
			continue
		}
		if name == "C" || strings.HasPrefix(name, "C.") && b.auto["C"] == "" {
			e.Hint = "cells are compiled without cgo; " + cgoHint
		} else if pkg, member, ok := strings.Cut(name, "."); ok {
			if m := b.memberLike(pkg, member); m != "" {
				e.Hint = "did you mean " + pkg + "." + m + "?"
			} else if l := b.otherHomes(pkg, member); len(l) > 0 {
				e.Hint = fmt.Sprintf("%s is in %s; what is called %s here is %s: import the other under another name", member, either(l), pkg, b.imported(pkg))
			}
		} else if b.misfit[name] {
			e.Hint = name + " still holds a value of the earlier type " + b.state.vars[name].Type + ", which does not fit the new one; declare it again"
		} else if why := b.state.lost[name]; why != "" {
			e.Hint = name + " was lost: " + why
		} else if n := b.similar(name); n != "" {
			e.Hint = "did you mean " + n + "?"
		} else if c := b.pkgs.Candidates(name); len(c) > 0 {
			e.Hint = fmt.Sprintf("package %s is imported by itself when a member of it is used", c[0])
		} else {
			e.Hint = b.otherName(p, e, name)
		}
	}
	return p.errs
}

// memberLike is an exported name of the package imported as pkg that differs from member by case or one edit.
func (b *builder) memberLike(pkg, member string) string {
	p, err := b.pkgs.Import(b.imported(pkg))
	if err != nil {
		return ""
	}
	for _, n := range p.Scope().Names() {
		if token.IsExported(n) && (strings.EqualFold(n, member) || oneEdit(n, member)) {
			return n
		}
	}
	return ""
}

// similar is a name of the session or the cell that differs from name by case or one edit.
func (b *builder) similar(name string) string {
	names := b.state.Names()
	for n := range b.own {
		names = append(names, n)
	}
	for n := range b.vars {
		names = append(names, n)
	}
	return Similar(name, names)
}

// Similar sorts names and returns the first that differs from name by case or, if it is not too short, by one edit; empty
// if there is none.
func Similar(name string, names []string) string {
	slices.Sort(names)
	for _, n := range names {
		if n != name && strings.EqualFold(n, name) {
			return n
		}
	}
	if len(name) < 3 {
		return ""
	}
	for _, n := range names {
		if n != name && oneEdit(n, name) {
			return n
		}
	}
	return ""
}

// oneEdit reports whether a becomes b by inserting, deleting or replacing one byte, or by swapping two neighbours.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return true
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
