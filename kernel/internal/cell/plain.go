package cell

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names in ordinary programs, besides those of [bodyFunc] and of versions:
//
//	mainʼ2      the function main of a cell
//	xʼ2, …      a variable x where x itself is taken
//	initʼ1, …   the cell's functions init, which run before its statements
//	ʼagain1, …  the repeated declaration of variables of earlier cells
//	ʼshow, ʼshowCall  print the value of the last expression
const plainMain = "mainʼ2"

// Plain is a cell as an ordinary Go program: what the user typed and all it reaches, without anything of the kernel.
type Plain struct {
	// Files are the program's files by name. That named [PlainMain] holds the function main, which calls [PlainCell].
	Files map[string]string
	// Anew is the variables of earlier cells that the program declares again, in that order, each with its cell.
	Anew     []*Var
	Embeds   []*Embedding // what the files embed; it has to lie beside them
	Warnings []string
}

// Empty reports whether there is nothing to run: the cell is for other machines.
func (p *Plain) Empty() bool { return len(p.Files) == 0 }

// PlainMain is the file with the function main, for those who want another one; PlainCell is the function that main calls.
const PlainMain, PlainCell = "main.go", bodyFunc

// decl is the statement that declared a variable, with all it takes to repeat it in another program.
type decl struct {
	chunk
	src     *Source
	nth     int // in its cell
	refs    map[string]bool
	embeds  map[string]*Embedding
	sets    map[string]*Var // what it declares
	vars    map[string]*Var // the variables that its names meant
	self    *Var            // a function literal that calls itself
	imports map[string]string
	dots    []string
}

// recordDecls notes how the cell's variables were declared.
func (e *emitter) recordDecls() {
	b := e.b
	earlier := map[string]*Var{}
	for i, it := range b.items {
		if len(it.names) == 0 {
			continue
		}
		d := &decl{chunk: it.chunk, src: b.src, nth: i, refs: it.refs, embeds: it.embeds, sets: map[string]*Var{}, vars: map[string]*Var{},
			imports: map[string]string{}, dots: append(slices.Clone(b.state.dots), b.dots...)}
		if it.self != "" {
			d.self = b.selves[it.names[0]]
		}
		for r := range it.refs {
			switch {
			case d.self != nil && r == d.self.Name:
			case earlier[r] != nil:
				d.vars[r] = earlier[r]
			case b.old[r] != nil:
				d.vars[r] = e.current(r)
			case b.auto[r] != "":
				d.imports[r] = b.auto[r]
			}
		}
		for _, n := range it.names {
			if v := e.vars[n]; v != nil {
				d.sets[n] = v.Var
				if v.decl == nil {
					v.decl = d
				}
				earlier[n] = v.Var
			}
		}
	}
}

// plainer writes an ordinary program.
type plainer struct {
	*emitter
	again   []*decl // in the order in which they ran
	places  map[*place]string
	objects map[types.Object]string // variables that statements declare
	inits   []string
}

// Plain checks the cell src as [State.Build] does and writes it as an ordinary program. Values of earlier cells are not
// in that program: it repeats the declarations of the variables which it uses, and of those that these need. The error is
// of type Errors; it tells when a declaration can't be repeated.
func (s *State) Plain(src *Source, pkgs Packages) (*Plain, error) { return s.plain(src, pkgs, nil) }

// PlainTests writes test functions and benchmarks of the session, by name, and all that they reach, as files that `go test`
// runs. src is an empty cell.
func (s *State) PlainTests(src *Source, pkgs Packages, names []string) (*Plain, error) {
	p, err := s.plain(src, pkgs, names)
	if err != nil {
		return nil, err
	}
	delete(p.Files, PlainMain)
	files := map[string]string{"init_test.go": "package main\n\nfunc init() { " + bodyFunc + "() }\n"}
	for name, text := range p.Files {
		files[strings.TrimSuffix(name, ".go")+"_test.go"] = text
	}
	p.Files = files
	return p, nil
}

// IsTest tells by its name whether a function is a test ("Test"), a benchmark ("Benchmark") or a fuzz test ("Fuzz"), as the
// go command does; empty if it is none.
func IsTest(name string) string {
	for _, prefix := range []string{"Test", "Benchmark", "Fuzz"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && name != "TestMain" {
			if r, _ := utf8.DecodeRuneInString(rest); rest == "" || !unicode.IsLower(r) {
				return prefix
			}
		}
	}
	return ""
}

// plain writes a program of the cell, and of declarations of the session that are wanted besides.
func (s *State) plain(src *Source, pkgs Packages, wanted []string) (*Plain, error) {
	b := newBuilder(s, src, pkgs)
	b.read()
	if len(b.errs) > 0 {
		return nil, b.errs.sorted(src)
	}
	if b.elsewhere {
		return &Plain{Warnings: b.warnings}, nil
	}
	said := b.warnings
	b.order()
	b.extra = map[string]bool{}
	for _, n := range wanted {
		b.extra[n] = true
	}
	for {
		b.warnings, b.skip = slices.Clone(said), map[*unit]bool{}
		e, errs := b.fit()
		if len(errs) > 0 {
			return nil, errs
		}
		p := &plainer{emitter: e, objects: map[types.Object]string{}}
		if p.repeat() {
			continue // what the repeated declarations reach is checked, too
		}
		return p.write()
	}
}

// used is the variables of earlier cells whose values the program needs.
func (p *plainer) used() map[string]*Var {
	used := map[string]*Var{}
	look := func(ps *pass, functions bool) {
		for _, obj := range ps.info.Uses {
			v, ok := obj.(*types.Var)
			if !ok || !ours(v) || v.Parent() != ps.pkg.Scope() || p.b.old[v.Name()] == nil || p.b.selves[v.Name()] != nil {
				continue
			}
			if functions && p.vars[v.Name()] != nil && !p.calledBefore(v.Name()) {
				continue
			}
			used[v.Name()] = p.current(v.Name())
		}
	}
	look(p.p1, false)
	if p.p2 != p.p1 {
		look(p.p2, true)
	}
	return used
}

// calledBefore reports whether statements before the declaration of name, which keeps the place of the earlier variable
// of that name, may use it through functions.
func (p *plainer) calledBefore(name string) bool {
	if p.vars[name].fresh {
		return false
	}
	for _, it := range p.b.items {
		if slices.Contains(it.names, name) {
			return false
		}
		seen := map[string]bool{}
		var reaches func(n string) bool
		reaches = func(n string) bool {
			if seen[n] {
				return false
			}
			seen[n] = true
			if n == name {
				return true
			}
			u := p.b.own[n]
			if u == nil {
				u = p.b.state.units[n]
			}
			if u == nil {
				return false
			}
			methods := maps.Clone(p.b.state.methods[n])
			if methods == nil {
				methods = map[string]*unit{}
			}
			maps.Copy(methods, p.b.ownM[n])
			for _, m := range methods {
				if slices.ContainsFunc(m.refs, reaches) {
					return true
				}
			}
			return slices.ContainsFunc(u.refs, reaches)
		}
		for r := range it.refs {
			if reaches(r) {
				return true
			}
		}
	}
	return false
}

// repeat collects the declarations to repeat, and reports whether they name declarations that were not checked.
func (p *plainer) repeat() bool {
	seen := map[*decl]bool{}
	more := false
	var add func(v *Var)
	add = func(v *Var) {
		if v.decl == nil || seen[v.decl] {
			return
		}
		d := v.decl
		seen[d] = true
		p.again = append(p.again, d)
		for r := range d.refs {
			switch {
			case d.vars[r] != nil:
				add(d.vars[r])
			case d.imports[r] == "" && d.sets[r] == nil && !p.b.extra[r]:
				p.b.extra[r] = true
				more = true
			}
		}
	}
	for _, v := range p.used() {
		add(v)
	}
	slices.SortFunc(p.again, func(a, b *decl) int { return cmp.Or(cmp.Compare(a.src.Gen, b.src.Gen), cmp.Compare(a.nth, b.nth)) })
	return more
}

// now is the variable v as the cell sees it: its type may have changed since it was declared.
func (p *plainer) now(v *Var) *Var {
	if c := p.current(v.Name); c != nil && c.place == v.place {
		return c
	}
	if c := p.b.state.vars[v.Name]; c != nil && c.place == v.place {
		return c
	}
	return v
}

// name gives every variable of the program a name that nothing else has.
func (p *plainer) name() {
	taken := map[string]bool{"main": true, "init": true}
	for _, n := range types.Universe.Names() {
		taken[n] = true
	}
	for n := range p.b.auto {
		taken[n] = true
	}
	for _, us := range [][]*unit{p.b.funcs, slices.Collect(maps.Keys(p.b.with))} {
		for _, u := range us {
			for n := range u.imports {
				taken[n] = true
			}
			for _, n := range u.names {
				taken[n] = taken[n] || u.kind != kindMethod
			}
		}
	}
	for _, d := range p.again {
		for n := range d.imports {
			taken[n] = true
		}
	}
	p.places = map[*place]string{}
	give := func(v *Var) {
		if p.places[v.place] != "" {
			return
		}
		name := v.Name
		for i := 2; taken[name]; i++ {
			name = versioned(v.Name, i)
		}
		taken[name] = true
		p.places[v.place] = name
	}
	for _, n := range slices.Sorted(maps.Keys(p.vars)) { // those that functions see first
		give(p.vars[n].Var)
	}
	for _, n := range slices.Sorted(maps.Keys(p.used())) {
		give(p.current(n))
	}
	for _, d := range p.again {
		for _, n := range slices.Sorted(maps.Keys(d.sets)) {
			give(d.sets[n])
		}
	}
}

// write writes the files.
func (p *plainer) write() (*Plain, error) {
	b := p.b
	p.name()
	out := &Plain{Files: map[string]string{}, Warnings: b.warnings}
	for _, f := range p.files {
		file := newOutFile()
		p.declarations(f, file)
		out.Files[fmt.Sprintf("g%d.go", f.src.Gen)] = p.source(file, "main")
	}
	body := newOutFile()
	fmt.Fprintf(body, "func %s() {\n", bodyFunc)
	vars := map[*place]*Var{}
	for i, d := range p.again {
		file := newOutFile()
		if errs := p.declareAgain(file, d, fmt.Sprintf("ʼagain%d", i+1)); len(errs) > 0 {
			return nil, errs
		}
		out.Files[fmt.Sprintf("again%d.go", i+1)] = p.source(file, "main")
		fmt.Fprintf(body, "ʼagain%d()\n", i+1)
		for _, n := range slices.Sorted(maps.Keys(d.sets)) {
			if v := d.sets[n]; v.expr != "" {
				vars[v.place] = p.now(v)
				out.Anew = append(out.Anew, v)
			}
		}
	}
	for _, v := range p.vars {
		if !v.local {
			vars[v.place] = v.Var
		}
	}
	p.statements(body)
	out.Files["cell.go"] = p.source(body, "main")
	if out.Embeds = p.embeds.embeds; len(out.Embeds) > 0 {
		p.resolve(&p.embeds.outFile)
		out.Files["embed.go"] = p.embeds.source("main")
	}

	file := newOutFile()
	var lines []string
	for pl, v := range vars {
		lines = append(lines, fmt.Sprintf("var %s %s\n", p.places[pl], v.expr))
		maps.Copy(file.imports, v.imports)
	}
	slices.Sort(lines)
	file.WriteString(strings.Join(lines, ""))
	for _, path := range b.blanks {
		file.imports[alias(path)+"_"] = path
	}
	text := p.source(file, "main")
	for _, path := range b.blanks {
		text = strings.Replace(text, "import "+alias(path)+"_ ", "import _ ", 1)
	}
	out.Files["vars.go"] = text
	out.Files["show.go"] = showFile
	out.Files[PlainMain] = "package main\n\nfunc main() { " + bodyFunc + "() }\n"
	return out, nil
}

// showFile prints the value of a last expression. What returns an error beside it fails with that. Cells may have given
// another meaning to len and the like.
const showFile = `package main

import (
	"fmt"
	"os"
)

func ʼshow(vals ...any) { fmt.Printf("%+v\n", vals[0]) }

func ʼshowAll(vals ...any) { fmt.Println(vals...) }

func ʼshowCall(vals ...any) {
	last := -1
	for range vals {
		last++
	}
	if vals[last] != nil {
		fmt.Fprintln(os.Stderr, "error:", vals[last])
		os.Exit(1)
	}
	if last > 0 {
		fmt.Println(vals[:last]...)
	}
}
`

func (p *plainer) rewriter(ps *pass, tf *token.File, out *outFile, renvar func(types.Object, string) string) *rewriter {
	return &rewriter{e: p.emitter, pass: ps, file: tf, out: out, renvar: renvar, pkgs: map[string]string{}, dots: map[string]bool{}, plain: true}
}

// declarations writes the functions, types and constants of one cell.
func (p *plainer) declarations(f *declFile, out *outFile) {
	tf := p.b.atlas.fset.File(f.ast.FileStart)
	nodes := f.nodes(tf)
	renvar := func(obj types.Object, name string) string {
		if !ours(obj) || obj.Parent() != obj.Pkg().Scope() {
			return ""
		}
		return p.places[p.visible(name).place]
	}
	for _, u := range f.units {
		r := p.rewriter(p.p2, tf, out, renvar)
		from, to := f.at[u], f.at[u]+u.end-u.start
		n := nodes[from]
		waits, says := u.waitingBody(p.b, n)
		r.walk(n, []ast.Node{f.ast})
		switch n := n.(type) {
		case *ast.FuncDecl:
			if waits {
				r.replace(n.Body.Lbrace+1, n.Body.Rbrace, says)
			}
			if u.isInit() {
				name := fmt.Sprintf("initʼ%d", len(p.inits)+1)
				p.inits = append(p.inits, name)
				r.replace(n.Name.Pos(), n.Name.End(), name)
			}
			out.WriteString(u.pragma)
		case *ast.TypeSpec:
			out.WriteString("type ")
		case *ast.GenDecl:
			p.constDecl(r, u, n)
		}
		p.at(out, u.src, u.start)
		out.WriteString(r.render(f.text, from, to) + "\n")
	}
}

// declareAgain checks a declaration of an earlier cell and writes it as a function. It is checked like a cell of its own,
// with the variables that its names meant.
func (p *plainer) declareAgain(out *outFile, d *decl, fn string) Errors {
	b := p.b
	t := &text{}
	t.lit("package " + pkgName + "\n" + importDecls(d.imports, d.dots) + "func " + fn + "() {\n")
	from := t.buf.Len()
	t.add(d.src, d.start, d.end)
	t.lit("\n}\n")
	names := strings.Join(slices.Sorted(maps.Keys(d.sets)), ", ")
	fail := func(off int, msg string) Errors {
		return Errors{{Source: d.src, Offset: off, Msg: fmt.Sprintf("%s can't be declared anew: %s", names, msg),
			Hint: "the cell was to run in a process of its own, for which the declarations of earlier variables are repeated"}}
	}
	for n, v := range d.vars {
		if v.expr == "" {
			return fail(d.start, fmt.Sprintf("its value is made from %s, whose type %s has no name outside its cell", n, v.Type))
		}
	}
	ast1, errs := b.atlas.parse(t)
	if len(errs) > 0 {
		return errs
	}
	vars := map[string]*Var{}
	for n := range b.old {
		vars[n] = p.current(n)
	}
	for n, v := range d.vars {
		vars[n] = p.now(v)
	}
	if d.self != nil {
		vars[d.self.Name] = d.self
	}
	files := []*ast.File{ast1}
	for _, f := range p.files {
		files = append(files, f.ast)
	}
	bodies := stripBodies(p.files)
	ps, _ := b.run(files, vars)
	restoreBodies(bodies)
	if len(ps.errs) > 0 {
		off := d.start
		if ps.errs[0].Source == d.src {
			off = ps.errs[0].Offset
		}
		return fail(off, ps.errs[0].Msg)
	}
	st := ast1.Decls[len(ast1.Decls)-1].(*ast.FuncDecl).Body.List[0]
	for _, id := range declared(st) {
		delete(ps.unused, id.Pos())
		obj := ps.info.Defs[id]
		v := d.sets[id.Name]
		if v == nil || v.expr == "" {
			p.objects[obj] = "_"
			continue
		}
		p.objects[obj] = p.places[v.place]
		if v = p.now(v); v.decl == d && p.key(obj.Type()) != v.key {
			return fail(d.start, fmt.Sprintf("%s is now of type %s, while the session holds a value of type %s", v.Name, userExpr(obj.Type()), v.Type))
		}
	}
	r := p.rewriter(ps, b.atlas.fset.File(ast1.FileStart), out, func(obj types.Object, name string) string {
		if s := p.objects[obj]; s != "" {
			return s
		}
		if d.self != nil && name == d.self.Name && ours(obj) && obj.Parent() == obj.Pkg().Scope() {
			return p.places[d.sets[name].place]
		}
		if v := vars[name]; v != nil && ours(obj) && obj.Parent() == obj.Pkg().Scope() {
			return p.places[v.place]
		}
		return ""
	})
	fmt.Fprintf(out, "func %s() {\n%s\n}\n", fn, p.assign(st, r, t, from, from+d.end-d.start, d.src, d.start, d.embeds, func(n string) *Var { return p.now(d.sets[n]) }))
	return nil
}

// assign writes a statement that declares variables of the program, which declares tells, as one that assigns to them.
func (p *plainer) assign(st ast.Stmt, r *rewriter, t *text, from, to int, src *Source, off int, embeds map[string]*Embedding, declares func(string) *Var) string {
	pos := newOutFile()
	p.at(pos, src, off)
	stack := []ast.Node{&ast.BlockStmt{}}
	if s, ok := st.(*ast.AssignStmt); ok && s.Tok == token.DEFINE {
		r.replace(s.TokPos, s.TokPos+2, "=")
	}
	ds, ok := st.(*ast.DeclStmt)
	if !ok || ds.Decl.(*ast.GenDecl).Tok != token.VAR {
		r.walk(st, stack)
		return pos.String() + r.render(t, from, to)
	}
	var lines []string
	for _, sp := range ds.Decl.(*ast.GenDecl).Specs {
		v := sp.(*ast.ValueSpec)
		src, off := p.b.atlas.place(v.Pos())
		pos := newOutFile()
		p.at(pos, src, off)
		if !slices.ContainsFunc(v.Names, func(id *ast.Ident) bool { return id.Name != "_" }) {
			r.walk(v, stack)
			lines = append(lines, "var "+pos.String()+r.render(t, r.off(v.Pos()), r.off(v.End())))
			continue
		}
		for _, id := range v.Names { // of the rest, what is written: imports are noted
			r.walk(id, stack)
		}
		part := func(from, to ast.Node) string { return r.render(t, r.off(from.Pos()), r.off(to.End())) }
		names := part(v.Names[0], v.Names[len(v.Names)-1])
		if len(v.Values) > 0 {
			for _, x := range v.Values {
				r.walk(x, stack)
			}
			lines = append(lines, pos.String()+names+" = "+part(v.Values[0], v.Values[len(v.Values)-1]))
			continue
		}
		for _, id := range v.Names {
			if m := embeds[id.Name]; m != nil {
				content := fmt.Sprintf("ʼe%d", len(p.embeds.embeds)+1)
				p.embeds.add(m, content, declares(id.Name))
				lines = append(lines, pos.String()+names+" = "+content)
				continue
			}
			if id == v.Names[0] {
				r.walk(v.Type, stack)
			}
			lines = append(lines, fmt.Sprintf("%s%s = *new(%s)", pos, part(id, id), part(v.Type, v.Type)))
		}
	}
	return strings.Join(lines, "\n")
}

// statements writes the rest of the function of the cell's statements, which has begun.
func (p *plainer) statements(out *outFile) {
	b := p.b
	tf := b.atlas.fset.File(p.body.FileStart)
	renvar := func(obj types.Object, name string) string {
		if p.top[obj] != "" {
			return p.places[p.vars[name].place]
		}
		if !ours(obj) || obj.Parent() != obj.Pkg().Scope() {
			return ""
		}
		if p.b.selves[name] != nil {
			return p.places[p.vars[name].place]
		}
		return p.places[p.current(name).place]
	}
	begun := false
	for i, st := range p.stmts() {
		if !begun && b.items[i].tok != token.VAR {
			begun = true
			out.WriteString(p.callInits(p.inits))
		}
		r := p.rewriter(p.p1, tf, out, renvar)
		out.WriteString(p.statement(b.items[i], st, r, p.starts[i], i == p.last()) + "\n")
	}
	if !begun {
		out.WriteString(p.callInits(p.inits))
	}
	if u := b.own["main"]; u != nil && u.kind == kindFunc {
		out.WriteString(plainMain + "()\n")
	}
	out.WriteString("}\n")
}

// statement writes one statement of the cell.
func (p *plainer) statement(it *item, st ast.Stmt, r *rewriter, from int, last bool) string {
	to := from + it.end - it.start
	pos := newOutFile()
	p.at(pos, p.b.src, it.start)
	dir := pos.String()
	stack := []ast.Node{&ast.BlockStmt{}}
	if it.block {
		r.walk(st, []ast.Node{p.body})
		r.out.imports["ʼflag"] = "flag"
		return "func() {ʼflag.Parse();" + dir + r.render(p.bodyText, from, to) + "\n}()"
	}
	after, local := "", false // as in item
	for _, id := range declared(st) {
		delete(r.pass.unused, id.Pos())
		if v := p.vars[id.Name]; v.local {
			after += ";_=" + id.Name
			local = true
		} else {
			after += ";" + p.places[v.place] + "=" + id.Name
		}
	}
	if local {
		r.leave(st)
		r.walk(st, stack)
		return dir + r.render(p.bodyText, from, to) + after
	}
	if len(declared(st)) > 0 {
		return p.assign(st, r, p.bodyText, from, to, p.b.src, it.start, it.embeds, p.visible)
	}
	show := last && !it.semi
	switch s := st.(type) {
	case *ast.AssignStmt:
		if _, ok := it.stmt.(*ast.ExprStmt); ok { // `_ = ` stands before it
			for _, x := range s.Rhs {
				r.walk(x, stack)
			}
			switch {
			case show && it.list > 1:
				return "ʼshowAll(" + dir + r.render(p.bodyText, from, to) + ")"
			case show:
				return "ʼshow(" + dir + r.render(p.bodyText, from, to) + ")"
			}
			return strings.Repeat("_,", max(it.list-1, 0)) + "_ = " + dir + r.render(p.bodyText, from, to)
		}
	case *ast.ExprStmt:
		values, fails := shown(s.X, r.pass.info)
		if !show || values == 0 {
			break
		}
		fn := "ʼshow("
		switch {
		case fails:
			fn = "ʼshowCall("
		case values > 1:
			fn = "ʼshowAll("
		}
		r.walk(st, stack)
		return fn + dir + r.render(p.bodyText, from, to) + ")"
	}
	r.walk(st, stack)
	return dir + r.render(p.bodyText, from, to)
}
