package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// read splits and parses the cell and fills in what it declares and needs.
func (b *builder) read() {
	chunks, errs := split(b.src)
	b.errs = append(b.errs, errs...)
	if len(errs) > 0 && b.mark < 0 {
		return
	}
	if b.elsewhere = !b.constrained(chunks); b.elsewhere {
		return
	}
	b.atlas = newAtlas()
	for i, c := range chunks {
		if c.tok == token.PACKAGE {
			b.packageClause(c, i == 0)
			continue
		}
		t := &text{}
		switch {
		case c.tok == token.ILLEGAL || c.tok == token.VAR:
			t.lit("package nb;func _(){")
			if c.block {
				t.lit(b.src.opensBlock())
			}
			t.add(b.src, c.start, c.end)
			if c.block {
				t.lit(b.src.closesBlock())
			}
			t.lit("\n}")
		default:
			t.lit("package nb;")
			t.add(b.src, c.start, c.end)
		}
		f, errs := b.atlas.parse(t)
		list := 0
		if len(errs) > 0 && c.tok == token.ILLEGAL && !c.block {
			if g, n := b.parseList(c); n > 1 {
				f, errs, list = g, nil, n
			}
		}
		b.errs = append(b.errs, errs[:min(1, len(errs))]...) // mostly, the others follow from it
		if len(errs) > 0 && !(c.start <= b.mark && b.mark < c.end && len(f.Decls) > 0) {
			continue
		}
		refs := b.unresolved(f)
		switch c.tok {
		case token.ILLEGAL, token.VAR:
			b.readItem(c, f, refs)
			b.items[len(b.items)-1].list = list
		case token.IMPORT:
			b.readImports(c, f)
		default:
			for _, d := range f.Decls {
				b.readDecl(c, d, refs)
			}
		}
	}
	b.readDirectives(chunks)
	for _, it := range b.items {
		for _, n := range it.names {
			if u := b.own[n]; u != nil {
				line, _ := b.src.Position(u.start)
				b.errorf(it.start, "", "%s is declared twice in this cell, as a variable here and as a %s on line %d", n, u.kind, line)
			}
		}
	}
}

// packageClause accepts `package main` at the top of a program that was pasted into a cell.
func (b *builder) packageClause(c chunk, first bool) {
	f := strings.Fields(b.src.Text[c.start:c.end])
	switch {
	case !first:
		b.errorf(c.start, "leave it out: a cell is not a file", "a package clause can stand at the top of a cell only")
	case len(f) != 2 || !token.IsIdentifier(f[1]):
		b.errorf(c.start, "leave it out: a cell is not a file", "this is no package clause")
	}
}

// parseList reads a piece that lists n values, such as `x, err`, as the arguments of a call; n is 0 if it is something else.
func (b *builder) parseList(c chunk) (f *ast.File, n int) {
	t := &text{}
	t.lit("package nb;func _(){_(")
	t.add(b.src, c.start, c.end)
	t.lit(")}")
	if strings.HasSuffix(b.src.Text[c.start:c.end], ",") {
		return nil, 0
	}
	f, errs := b.atlas.parse(t)
	if len(errs) > 0 {
		return nil, 0
	}
	ex, ok := f.Decls[0].(*ast.FuncDecl).Body.List[0].(*ast.ExprStmt)
	if !ok {
		return nil, 0
	}
	call, ok := ex.X.(*ast.CallExpr)
	if !ok || call.Ellipsis.IsValid() {
		return nil, 0
	}
	return f, len(call.Args)
}

// unresolved is the names in f that are declared nowhere in f. It notes which members of them are selected.
func (b *builder) unresolved(f *ast.File) map[string]bool {
	refs := map[string]bool{}
	idents := map[*ast.Ident]bool{}
	for _, id := range f.Unresolved {
		refs[id.Name] = true
		idents[id] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && idents[id] {
				if b.sels[id.Name] == nil {
					b.sels[id.Name] = map[string]bool{}
				}
				b.sels[id.Name][s.Sel.Name] = true
			}
		}
		return true
	})
	return refs
}

func (b *builder) offset(p token.Pos) int {
	_, off := b.atlas.place(p)
	return off
}

func (b *builder) readItem(c chunk, f *ast.File, refs map[string]bool) {
	it := &item{chunk: c, refs: refs}
	var list []ast.Stmt
	if fd, ok := f.Decls[0].(*ast.FuncDecl); ok && fd.Body != nil {
		list = fd.Body.List
	}
	var ids []*ast.Ident
	if !c.block && len(list) > 0 {
		it.stmt = list[0]
		ids = declared(it.stmt)
	}
	for _, id := range ids {
		it.names = append(it.names, id.Name)
		b.vars[id.Name] = true
		b.predeclared(id)
	}
	if as, ok := it.stmt.(*ast.AssignStmt); ok && len(it.names) == 1 && len(as.Rhs) == 1 && refs[it.names[0]] {
		if lit, ok := as.Rhs[0].(*ast.FuncLit); ok {
			it.self = b.src.Text[b.offset(lit.Type.Pos()):b.offset(lit.Type.End())]
		}
	}
	b.items = append(b.items, it)
}

// predeclared refuses to give a name a new meaning that generated code relies on.
func (b *builder) predeclared(id *ast.Ident) {
	switch types.Universe.Lookup(id.Name).(type) {
	case *types.TypeName, *types.Nil, *types.Const:
		b.errorf(b.offset(id.Pos()), "choose another name", "%s is a name of Go's own, which a cell can't declare", id.Name)
	}
}

// cgoHint is what to do instead of C in a cell.
const cgoHint = "put the C code, and the Go functions that call it, in a package of their own and import that"

func (b *builder) readImports(c chunk, f *ast.File) {
	for _, sp := range f.Imports {
		path := strings.Trim(sp.Path.Value, "\"`")
		if path == "C" {
			b.errorf(b.offset(sp.Path.Pos()), cgoHint, `import "C" does not work in a cell: cells are compiled without cgo`)
			continue
		}
		pkg, err := b.pkgs.Import(path)
		if err != nil {
			b.errorf(b.offset(sp.Path.Pos()), b.importHint(path), "%v", err)
			continue
		}
		switch {
		case sp.Name == nil:
			b.imports[pkg.Name()] = path
		case sp.Name.Name == ".":
			b.dots = append(b.dots, path)
		case sp.Name.Name == "_":
			b.blanks = append(b.blanks, path)
		default:
			b.imports[sp.Name.Name] = path
		}
	}
}

func (b *builder) readDecl(c chunk, d ast.Decl, refs map[string]bool) {
	names := slices.Sorted(maps.Keys(refs))
	declare := func(u *unit, name *ast.Ident) {
		if name.Name == "_" {
			return
		}
		b.predeclared(name)
		if prev := b.own[name.Name]; prev != nil {
			line, _ := b.src.Position(prev.start)
			b.errorf(b.offset(name.Pos()), "", "%s is declared twice in this cell, first on line %d", name.Name, line)
		}
		u.names = append(u.names, name.Name)
		b.own[name.Name] = u
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		u := &unit{kind: kindFunc, src: b.src, start: c.start, end: c.end, refs: names}
		if d.Body == nil {
			b.errorf(c.end, "a cell has no assembly; put such functions in a package of their own and import that", "function %s has no body", d.Name.Name)
			return
		}
		if d.Recv != nil {
			u.kind = kindMethod
			if len(d.Recv.List) == 1 {
				u.recv, u.generic = receiver(d.Recv.List[0].Type)
			}
			if u.recv == "" {
				b.errorf(b.offset(d.Recv.Pos()), "", "this receiver is no type declared in a cell")
				return
			}
			if b.ownM[u.recv] == nil {
				b.ownM[u.recv] = map[string]*unit{}
			}
			if b.ownM[u.recv][d.Name.Name] != nil {
				b.errorf(b.offset(d.Name.Pos()), "", "method %s.%s is declared twice in this cell", u.recv, d.Name.Name)
			}
			u.names = []string{d.Name.Name}
			b.ownM[u.recv][d.Name.Name] = u
		} else {
			u.generic = d.Type.TypeParams != nil
			if d.Name.Name == "init" {
				u.names = []string{"init"}
			} else {
				declare(u, d.Name)
			}
			if len(u.names) == 0 {
				return
			}
		}
		b.funcs = append(b.funcs, u)
	case *ast.GenDecl:
		if d.Tok == token.CONST {
			u := &unit{kind: kindConst, src: b.src, start: c.start, end: c.end, refs: names}
			for _, sp := range d.Specs {
				for _, id := range sp.(*ast.ValueSpec).Names {
					declare(u, id)
				}
			}
			if len(u.names) > 0 {
				b.funcs = append(b.funcs, u)
			}
			return
		}
		for _, sp := range d.Specs {
			ts, ok := sp.(*ast.TypeSpec)
			if !ok || b.offset(ts.End()) < b.offset(ts.Pos()) { // the wreck of what is being typed
				continue
			}
			u := &unit{kind: kindType, src: b.src, prefix: "type ", start: b.offset(ts.Pos()), end: b.offset(ts.End()), refs: names}
			u.generic = ts.TypeParams != nil
			for _, other := range d.Specs {
				if o, ok := other.(*ast.TypeSpec); ok {
					u.refs = append(u.refs, o.Name.Name)
				}
			}
			declare(u, ts.Name)
			if len(u.names) > 0 {
				b.funcs = append(b.funcs, u)
			}
		}
	}
}

// receiver is the type that a method belongs to, and whether that has type parameters.
func receiver(e ast.Expr) (name string, generic bool) {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e, generic = x.X, true
		case *ast.IndexListExpr:
			e, generic = x.X, true
		case *ast.Ident:
			return x.Name, generic
		default:
			return "", generic
		}
	}
}
