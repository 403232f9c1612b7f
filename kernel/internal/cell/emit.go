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

// Names in generated code start with ʼ, a letter that nobody types in an identifier.
//
//	ʼv_x, ʼg_x   pointer to the variable x: in the cell's body, at package level (see global)
//	ʼo_x         pointer to the x of an earlier cell whose type differs from this cell's x
//	ʼf_f, ʼf_T_M the latest definition of f or T.M, nil while this one is
//	ʼs           the generation's word (see live.Gen)
//	ʼl, ʼa       the packages live and sync/atomic
var runtimeImports = map[string]string{"ʼl": "golab/kernel/live", "ʼa": "sync/atomic"}

// newVar is a variable that the cell declares.
type newVar struct {
	*Var
	local bool // its type can't be named, so it lives in the body function only
	fresh bool // takes new memory: there was none of that name and type
}

type emitter struct {
	b        *builder
	files    []*declFile
	body     *ast.File
	bodyText *text
	starts   []int
	p1, p2   *pass

	vars     map[string]*newVar
	top      map[types.Object]string // objects of the body that are session variables
	carried  map[string]*Var
	dropped  map[string]bool           // variables whose values no longer fit, beside those in builder.misfit
	idents   map[string]map[string]int // new versions of types
	versions map[*types.TypeName]int
	inFuncs  map[string]bool // variables that functions use
	// unchecked is errors that the cell declares and never reads: it may be that it failed without a word
	unchecked map[string]bool

	shapes map[string]shape // types in this generation

	unitFiles []*outFile
	copies    []string // functions and methods that the generation registers
	types     strings.Builder
	embeds    *embedFile
	errors    []string // values of the error types that the files declare
}

// version numbers the identities that a type name has had in the session; the first keeps the plain name.
func (e *emitter) version(n *types.Named) int {
	obj := n.Origin().Obj()
	if v := e.versions[obj]; v != 0 {
		return v
	}
	h := identity(n.Origin(), e.methodTexts)
	name := obj.Name()
	v := e.b.state.idents[name][h]
	if v == 0 {
		v = e.idents[name][h]
	}
	if v == 0 {
		v = len(e.b.state.idents[name]) + len(e.idents[name]) + 1
		if e.idents[name] == nil {
			e.idents[name] = map[string]int{}
		}
		e.idents[name][h] = v
	}
	e.versions[obj] = v
	return v
}

// methodTexts is the methods of a type as they are typed.
func (e *emitter) methodTexts(n *types.Named) string {
	all := maps.Clone(e.b.state.methods[n.Obj().Name()])
	if all == nil {
		all = map[string]*unit{}
	}
	maps.Copy(all, e.b.ownM[n.Obj().Name()])
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if u := all[name]; !e.b.skip[u] {
			s.WriteString(u.src.Text[u.start:u.end] + "\n")
		}
	}
	return s.String()
}

func versioned(name string, v int) string {
	if v == 1 {
		return name
	}
	return fmt.Sprintf("%sʼ%d", name, v)
}

func (e *emitter) key(t types.Type) string {
	return exactly(t, func(n *types.Named) string { return versioned(n.Obj().Name(), e.version(n)) })
}

// stmts is the body's statements, one for each item.
func (e *emitter) stmts() []ast.Stmt {
	return e.body.Decls[len(e.body.Decls)-1].(*ast.FuncDecl).Body.List
}

// newVars finds the variables that the body declares, and what becomes of those of earlier cells.
func (e *emitter) newVars() {
	b := e.b
	e.vars, e.top = map[string]*newVar{}, map[types.Object]string{}
	e.carried, e.dropped = map[string]*Var{}, map[string]bool{}
	e.idents, e.versions = map[string]map[string]int{}, map[*types.TypeName]int{}
	e.shapes = map[string]shape{}
	e.inFuncs, e.unchecked = map[string]bool{}, map[string]bool{}
	e.embeds = &embedFile{outFile: *newOutFile()}
	for i, st := range e.stmts() {
		for _, id := range declared(st) {
			obj, ok := e.p1.info.Defs[id].(*types.Var)
			if !ok {
				continue
			}
			if m := b.items[i].embeds[id.Name]; m != nil {
				b.checkEmbed(m, obj.Type())
			}
			v := &newVar{Var: e.describe(id.Name, obj.Type())}
			v.place = &place{id.Name}
			if v.expr == "" {
				v.local = true
			} else {
				e.top[obj] = id.Name
				e.unchecked[id.Name] = e.p1.unused[id.Pos()] && isError(obj.Type())
				old := b.state.vars[id.Name]
				v.fresh = old == nil || old.key != v.key
				if !v.fresh {
					v.place = old.place
				}
			}
			e.vars[id.Name] = v
		}
	}
	used := map[types.Object]token.Pos{}
	for id, obj := range e.p1.info.Uses {
		used[obj] = id.Pos()
	}
	for name, old := range b.old {
		obj := e.p1.pkg.Scope().Lookup(name)
		if obj == nil || b.selves[name] != nil {
			continue
		}
		now := e.describe(name, obj.Type())
		switch {
		case now.key == old.key:
		case carries(old.layout, now.layout):
			now.Cell, now.place, now.decl = old.Cell, old.place, old.decl
			e.carried[name] = now
		case e.vars[name] != nil && used[obj] == 0:
		default:
			e.dropped[name] = true
			if pos := used[obj]; pos != 0 {
				src, off := b.atlas.place(pos)
				b.errs = append(b.errs, &Error{Source: src, Offset: off,
					Msg:  fmt.Sprintf("%s still holds a value of the earlier type %s, which does not fit the new one", name, old.Type),
					Hint: "declare it again: " + name + " := …"})
			}
		}
	}
}

// describe makes the record of a variable; its expr is empty if the type can't be named outside a function.
func (e *emitter) describe(name string, t types.Type) *Var {
	v := &Var{Name: name, Type: userExpr(t), Cell: e.b.src.Name, key: e.key(t), layout: layoutOf(t)}
	expr, imports, err := typeExpr(t)
	if err != nil {
		return v
	}
	v.expr, v.imports = expr, imports
	all := map[*types.TypeName]*types.Named{}
	named(t, all)
	for o := range all {
		v.refs = append(v.refs, o.Name())
	}
	v.local = localPaths(t, all)
	each(t, func(t types.Type) { // the expression is written with the session's aliases, too
		if a, ok := t.(*types.Alias); ok && ours(a.Obj()) {
			v.refs = append(v.refs, a.Obj().Name())
		}
	})
	slices.Sort(v.refs)
	v.refs = slices.Compact(v.refs)
	return v
}

// declared is the identifiers on the left of a := or var statement.
func declared(st ast.Stmt) []*ast.Ident {
	var ids []*ast.Ident
	switch s := st.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			for _, l := range s.Lhs {
				if id, ok := l.(*ast.Ident); ok && id.Name != "_" {
					ids = append(ids, id)
				}
			}
		}
	case *ast.DeclStmt:
		for _, sp := range s.Decl.(*ast.GenDecl).Specs {
			if v, ok := sp.(*ast.ValueSpec); ok {
				for _, id := range v.Names {
					if id.Name != "_" {
						ids = append(ids, id)
					}
				}
			}
		}
	}
	return ids
}

// outFile is one generated file.
type outFile struct {
	strings.Builder
	imports map[string]string
	dots    map[string]bool
}

func newOutFile() *outFile {
	return &outFile{imports: map[string]string{}, dots: map[string]bool{}}
}

// resolve makes f import packages by the paths under which they are compiled.
func (e *emitter) resolve(f *outFile) {
	for n, path := range f.imports {
		f.imports[n] = e.b.compiled(path)
	}
	dots := map[string]bool{}
	for path := range f.dots {
		dots[e.b.compiled(path)] = true
	}
	f.dots = dots
}

// source is the text of f, of a package of that name, which it resolves.
func (e *emitter) source(f *outFile, pkg string) string {
	e.resolve(f)
	return f.source(pkg)
}

// source is the file's text, of a package of that name.
func (f *outFile) source(pkg string) string {
	var s strings.Builder
	s.WriteString("package " + pkg + "\n")
	body := f.String()
	for _, n := range slices.Sorted(maps.Keys(f.imports)) {
		fmt.Fprintf(&s, "import %s %q\n", n, f.imports[n])
	}
	for _, d := range slices.Sorted(maps.Keys(f.dots)) {
		fmt.Fprintf(&s, "import . %q\n", d)
	}
	for _, n := range slices.Sorted(maps.Keys(runtimeImports)) {
		if strings.Contains(body, n+".") {
			fmt.Fprintf(&s, "import %s %q\n", n, runtimeImports[n])
		}
	}
	s.WriteString(body)
	return s.String()
}

// at writes the directive that makes what follows stand at an offset of a cell.
func (e *emitter) at(f *outFile, src *Source, off int) {
	line, col := src.Position(off)
	fmt.Fprintf(f, "/*line %s:%d:%d*/", FileName(e.b.src.Gen, src.Name), line, col)
}

// FileName is the name that code of generation gen, typed in the cell of that name, carries in stack traces.
func FileName(gen int, cell string) string { return fmt.Sprintf("/g%d/%s", gen, cell) }

// SplitFileName undoes FileName; ok is false for other files.
func SplitFileName(file string) (gen int, cell string, ok bool) {
	if n, err := fmt.Sscanf(file, "/g%d/%s", &gen, &cell); n != 2 || err != nil {
		return 0, "", false
	}
	return gen, cell, true
}

// program writes the files.
func (e *emitter) program() *Program {
	b := e.b
	p := &Program{Source: b.src, Files: map[string]string{}, Warnings: b.warnings, state: b.state}
	for _, u := range b.funcs {
		if b.waits[u] != nil {
			p.Warnings = append(p.Warnings, b.undeclared(u))
		}
	}
	decls := newOutFile()
	var funcs strings.Builder
	var inits []string
	for _, f := range e.files {
		out := newOutFile()
		e.units(f, out, decls, &funcs, &inits)
		e.unitFiles = append(e.unitFiles, out)
		p.Files[fmt.Sprintf("g%d.go", f.src.Gen)] = e.source(out, pkgName)
	}
	p.Declares = map[string]int{}
	for i, st := range e.stmts() {
		for _, id := range declared(st) {
			if v := e.vars[id.Name]; v != nil && v.fresh {
				p.Declares[id.Name], _ = b.src.Position(b.items[i].end - 1)
			}
		}
	}
	out := newOutFile()
	e.writeBody(out, inits)
	p.Files["body.go"] = e.source(out, pkgName)

	for _, name := range slices.Sorted(maps.Keys(e.inFuncs)) {
		v := e.visible(name)
		fmt.Fprintf(decls, "var %s *%s\n", e.global(name), v.expr)
		p.Globals = append(p.Globals, name)
		maps.Copy(decls.imports, v.imports)
	}
	for _, path := range b.blanks {
		decls.imports[alias(path)+"_"] = path
	}
	fmt.Fprintf(decls, "var ʼs uint32\n")
	fmt.Fprintf(decls, "func init() {\nʼl.Register(&ʼl.Gen{ID: %d, Run: %s, Word: &ʼs, Errors: []error{%s}, Funcs: []ʼl.Func{\n%s}, Types: []ʼl.Type{\n%s}, Retype: %s})\n}\n",
		b.src.Gen, bodyFunc, strings.Join(e.errors, ","), funcs.String(), e.types.String(), e.retypes())
	p.Files["gen.go"] = e.source(decls, pkgName)
	for _, path := range b.blanks {
		p.Files["gen.go"] = strings.Replace(p.Files["gen.go"], "import "+alias(path)+"_ ", "import _ ", 1)
	}

	paths := map[string]bool{"golab/kernel/live": true, "sync/atomic": true}
	if p.Embeds = e.embeds.embeds; len(p.Embeds) > 0 {
		e.resolve(&e.embeds.outFile)
		p.Files["embed.go"] = e.embeds.source(pkgName)
		paths["embed"] = true
	}
	for _, f := range append([]*outFile{decls, out, &e.embeds.outFile}, e.unitFiles...) {
		for _, path := range f.imports {
			paths[path] = true
		}
		for path := range f.dots {
			paths[path] = true
		}
	}
	p.Imports = slices.Sorted(maps.Keys(paths))

	e.drop(p, b.misfit, "the new type does not fit their values")
	e.drop(p, b.gone, "their type is gone")
	for _, n := range slices.Sorted(maps.Keys(e.vars)) {
		if e.vars[n].local {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s does not outlive this cell: its type %s has no name elsewhere; declare it with an interface type to keep it", n, e.vars[n].Type))
		}
	}
	p.claim, p.apply = e.claim, e.apply
	if len(p.Embeds) == 0 {
		p.Eval = e.instant()
	}
	return p
}

// drop makes the worker forget those of the variables that the cell does not declare anew, and says so.
func (e *emitter) drop(p *Program, names map[string]bool, why string) {
	var dropped []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if e.vars[n] == nil && e.b.own[n] == nil {
			p.Drop = append(p.Drop, n)
			dropped = append(dropped, n+" "+e.b.state.vars[n].Type)
		}
	}
	if len(dropped) > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("dropped, because %s: %s", why, strings.Join(dropped, ", ")))
	}
}

// retypes is Go source for the pairs of type names of which the worker makes one the other.
func (e *emitter) retypes() string {
	var pairs [][2]string
	for _, name := range slices.Sorted(maps.Keys(e.shapes)) {
		old, now := e.b.state.shapes[name], e.shapes[name]
		if old.version != 0 && old.version != now.version && carries(old.layout, now.layout) {
			pairs = append(pairs, [2]string{versioned(name, old.version), versioned(name, now.version)})
		}
	}
	return fmt.Sprintf("%#v", pairs)
}

// inFunctions is the variables that functions see, once newVars has found them.
func (e *emitter) inFunctions() map[string]*Var {
	all := maps.Clone(e.b.old)
	for n, v := range e.vars {
		if v.local {
			delete(all, n)
		} else {
			all[n] = v.Var
		}
	}
	return all
}

// visible is the variable that name means to functions.
func (e *emitter) visible(name string) *Var {
	if v := e.vars[name]; v != nil {
		return v.Var
	}
	return e.current(name)
}

// current is the variable of an earlier cell, as its type is now.
func (e *emitter) current(name string) *Var {
	if v := e.carried[name]; v != nil {
		return v
	}
	return e.b.old[name]
}

// claim records the versions of the cell's types.
func (e *emitter) claim(s *State) {
	for name, hashes := range e.idents {
		if s.idents[name] == nil {
			s.idents[name] = map[string]int{}
		}
		maps.Copy(s.idents[name], hashes)
	}
}

// apply makes the cell's declarations part of the session.
func (e *emitter) apply(p *Program, set map[string]bool) {
	b, s := e.b, p.state
	gen := b.src.Gen
	e.claim(s)
	for name, v := range e.carried {
		if s.vars[name] != nil {
			s.vars[name] = v
			s.changed[name] = gen
		}
	}
	for name := range b.misfit {
		if v := s.vars[name]; v != nil {
			delete(s.vars, name)
			s.lost[name] = "its type " + v.Type + " was redefined in " + b.src.Name
			s.changed[name] = gen
		}
	}
	for name := range b.gone {
		delete(s.vars, name)
		s.lost[name] = "its type is gone"
		s.changed[name] = gen
	}
	for u := range b.skip {
		delete(s.methods[u.recv], u.names[0])
		s.changed[u.recv] = gen
	}
	b.applyImports(p, nil)
	for _, u := range b.funcs {
		if u.kind == kindMethod {
			if s.methods[u.recv] == nil {
				s.methods[u.recv] = map[string]*unit{}
			}
			s.methods[u.recv][u.names[0]] = u
			s.changed[u.recv] = gen
			continue
		}
		if u.isInit() {
			continue
		}
		for _, n := range u.names {
			s.remove(n)
			s.units[n] = u
			s.changed[n] = gen
			if u.kind != kindType {
				delete(s.methods, n)
			}
		}
	}
	maps.Copy(s.shapes, e.shapes)
	b.applyWaiting(s)
	bound := true // functions of the generation refer to the session's variables
	e.recordDecls()
	for name, v := range e.vars {
		if set[name] && !v.local {
			s.remove(name)
			s.vars[name] = v.Var
			if v.fresh {
				s.changed[name] = gen
			}
		}
		if v.fresh && !set[name] {
			bound = false
		}
		if v.local {
			s.lost[name] = "its type " + v.Type + " has no name outside " + b.src.Name
		}
	}
	if p.Eval != nil {
		return
	}
	for _, path := range p.Imports {
		s.loaded[path] = true
	}
	for _, f := range e.copies {
		if bound {
			s.copies[f] = gen
		} else {
			delete(s.copies, f)
		}
	}
}
