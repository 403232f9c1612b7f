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

// units writes the declarations of one cell to out, and what goes with them to decls and funcs.
func (e *emitter) units(f *declFile, out, decls *outFile, funcs *strings.Builder, inits *[]string) {
	tf := e.b.atlas.fset.File(f.ast.FileStart)
	nodes := f.nodes(tf)
	for _, u := range f.units {
		r := &rewriter{e: e, pass: e.p2, file: tf, out: out,
			renvar: e.globalVar, pkgs: map[string]string{}, dots: map[string]bool{}}
		from, to := f.at[u], f.at[u]+u.end-u.start
		n := nodes[from]
		waits, says := u.waitingBody(e.b, n)
		if waits {
			for _, ref := range u.refs {
				if p := e.b.auto[ref]; p != "" {
					r.pkgs[ref] = p
				}
			}
			for _, d := range append(slices.Clone(e.b.state.dots), e.b.dots...) {
				r.dots[d] = true
			}
		}
		r.walk(n, []ast.Node{f.ast})
		switch n := n.(type) {
		case *ast.FuncDecl:
			e.funcDecl(r, u, n, decls, funcs, inits)
			if waits {
				r.replace(n.Body.Lbrace+1, n.Body.Rbrace, says)
			}
			out.WriteString(u.pragma)
			e.at(out, u.src, u.start)
			out.WriteString(r.render(f.text, from, to) + "\n")
		case *ast.TypeSpec:
			e.typeDecl(r, u, n, f, from, to)
		case *ast.GenDecl: // constants
			e.constDecl(r, u, n)
			e.at(out, u.src, u.start)
			out.WriteString(r.render(f.text, from, to) + "\n")
		}
		if u.src == e.b.src { // others are part of the session, which Build does not change
			u.imports, u.dots = r.pkgs, slices.Sorted(maps.Keys(r.dots))
		}
	}
}

// nodes is the declarations by their offsets in the text; types of a group each.
func (f *declFile) nodes(tf *token.File) map[int]ast.Node {
	nodes := map[int]ast.Node{}
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
			for _, sp := range g.Specs {
				nodes[tf.Offset(sp.Pos())] = sp
			}
			continue
		}
		nodes[tf.Offset(d.Pos())] = d
	}
	return nodes
}

// constDecl leaves out the constants of a group that mean something else by now.
func (e *emitter) constDecl(r *rewriter, u *unit, g *ast.GenDecl) {
	for _, sp := range g.Specs {
		for _, id := range sp.(*ast.ValueSpec).Names {
			if !e.declares(u, id.Name) {
				r.replace(id.Pos(), id.End(), "_")
			}
		}
	}
}

// declares reports whether name still means what u declares: a later cell may have taken over a constant of a group.
func (e *emitter) declares(u *unit, name string) bool {
	if own := e.b.own[name]; own != nil {
		return own == u
	}
	return u.src == e.b.src || e.b.state.units[name] == u
}

// globalVar writes a variable where a function uses it.
func (e *emitter) globalVar(obj types.Object, name string) string {
	if !ours(obj) || obj.Parent() != obj.Pkg().Scope() {
		return ""
	}
	e.inFuncs[name] = true
	return "(*" + e.global(name) + ")"
}

// global is the package's pointer to a session variable. All generations are package nb; a debugger, which sees them all,
// tells them apart by their numbers.
func (e *emitter) global(name string) string {
	if e.b.src.Debug {
		return GlobalName(e.b.src.Gen, name)
	}
	return "ʼg_" + name
}

// GlobalName is the variable of generation gen, compiled for a debugger, that holds the address of a session variable for
// its functions. Its body has them in local variables of the names that [BodyName] gives.
func GlobalName(gen int, name string) string { return fmt.Sprintf("ʼg%d_%s", gen, name) }

// BodyName is the local variable of a cell's body that holds the address of a session variable.
func BodyName(name string) string { return "ʼv_" + name }

func (e *emitter) typeDecl(r *rewriter, u *unit, ts *ast.TypeSpec, f *declFile, from, to int) {
	obj, _ := e.p2.info.Defs[ts.Name].(*types.TypeName)
	named, _ := obj.Type().(*types.Named)
	v := 1
	if !obj.IsAlias() && named != nil {
		v = e.version(named)
		if named.TypeParams().Len() == 0 && !types.IsInterface(named) {
			err := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
			if types.Implements(named, err) {
				e.errors = append(e.errors, "*new("+ts.Name.Name+")")
			}
			if types.Implements(types.NewPointer(named), err) {
				e.errors = append(e.errors, "(*"+ts.Name.Name+")(nil)")
			}
		}
	}
	if v > 1 {
		r.replace(ts.Name.Pos(), ts.Name.End(), versioned(ts.Name.Name, v))
	}
	if !obj.IsAlias() && named != nil && !u.generic && !types.IsInterface(named) {
		e.shapes[ts.Name.Name] = shape{v, layoutOf(named)}
	}
	if i, ok := obj.Type().Underlying().(*types.Interface); !obj.IsAlias() && ts.TypeParams == nil && !(ok && !i.IsMethodSet()) {
		fmt.Fprintf(&e.types, "{Name: %q, Ptr: (*%s)(nil)},\n", versioned(ts.Name.Name, v), ts.Name.Name)
	}
	r.out.WriteString("type ")
	e.at(r.out, u.src, u.start)
	r.out.WriteString(r.render(f.text, from, to) + "\n")
	if v == 1 {
		return
	}
	params, args := "", ""
	if ts.TypeParams != nil {
		params = r.render(f.text, r.off(ts.TypeParams.Pos()), r.off(ts.TypeParams.End()))
		var names []string
		for _, fl := range ts.TypeParams.List {
			for _, id := range fl.Names {
				names = append(names, id.Name)
			}
		}
		args = "[" + strings.Join(names, ",") + "]"
	}
	fmt.Fprintf(r.out, "type %s%s = %s%s\n", ts.Name.Name, params, versioned(ts.Name.Name, v), args)
}

// funcDecl makes a function poll, and forward to its latest definition. Generic functions can't forward: nothing can
// hold one.
func (e *emitter) funcDecl(r *rewriter, u *unit, fd *ast.FuncDecl, decls *outFile, funcs *strings.Builder, inits *[]string) {
	if u.isInit() {
		name := fmt.Sprintf("ʼinit%d", len(*inits))
		*inits = append(*inits, name)
		r.replace(fd.Name.Pos(), fd.Name.End(), name)
		r.insert(fd.Body.Lbrace+1, check)
		return
	}
	if u.generic {
		r.insert(fd.Body.Lbrace+1, check)
		return
	}
	fn := e.p2.info.Defs[fd.Name].(*types.Func)
	sig := fn.Signature()
	params, args := []*types.Var{}, []string{}
	if recv := sig.Recv(); recv != nil {
		params = append(params, types.NewVar(token.NoPos, nil, "", recv.Type()))
		args = append(args, r.nameParams(fd.Recv, "ʼr")...)
	}
	for i := range sig.Params().Len() {
		params = append(params, types.NewVar(token.NoPos, nil, "", sig.Params().At(i).Type()))
	}
	args = append(args, r.nameParams(fd.Type.Params, "ʼp")...)
	var results []*types.Var
	for i := range sig.Results().Len() {
		results = append(results, types.NewVar(token.NoPos, nil, "", sig.Results().At(i).Type()))
	}
	full := types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), types.NewTuple(results...), sig.Variadic())
	x, imports, err := typeExpr(full)
	if err != nil {
		r.insert(fd.Body.Lbrace+1, check)
		return
	}
	maps.Copy(decls.imports, imports)
	slot := "ʼf_" + strings.ReplaceAll(u.key(), ".", "_")
	call := slot + "(" + strings.Join(args, ",")
	if sig.Variadic() {
		call += "..."
	}
	call += ")"
	if sig.Results().Len() > 0 {
		call = "return " + call
	} else {
		call += ";return"
	}
	r.insert(fd.Body.Lbrace+1, fmt.Sprintf("if ʼa.LoadUint32(&ʼs)!=0{if %s!=nil{%s};ʼl.Poll()};", slot, call))
	fmt.Fprintf(decls, "var %s %s\n", slot, x)
	self := u.names[0]
	if recv := sig.Recv(); recv != nil {
		self = u.recv + "." + u.names[0]
		if _, ptr := types.Unalias(recv.Type()).(*types.Pointer); ptr {
			self = "(*" + u.recv + ")." + u.names[0]
		}
	}
	e.copies = append(e.copies, u.key())
	fmt.Fprintf(funcs, "{Name: %q, Self: %s, Link: func(v any) { if f, ok := v.(%s); ok { %s = f } }, New: %v},\n",
		u.key(), self, x, slot, u.src == e.b.src || e.b.renew[u] && !e.b.stale[u])
}

// nameParams gives names to the parameters that have none, and returns the names of all.
func (r *rewriter) nameParams(l *ast.FieldList, prefix string) []string {
	var names []string
	if l == nil {
		return nil
	}
	for _, f := range l.List {
		if len(f.Names) == 0 {
			n := fmt.Sprintf("%s%d", prefix, len(names))
			r.insert(f.Type.Pos(), n+" ")
			names = append(names, n)
		}
		for _, id := range f.Names {
			n := id.Name
			if n == "_" {
				n = fmt.Sprintf("%s%d", prefix, len(names))
				r.replace(id.Pos(), id.End(), n)
			}
			names = append(names, n)
		}
	}
	return names
}

// writeBody writes the function of the cell's statements.
func (e *emitter) writeBody(out *outFile, inits []string) {
	b := e.b
	tf := b.atlas.fset.File(e.body.FileStart)
	ptrs := map[string]string{} // pointer variable → its declaration
	ptr := func(name string, v *Var, expr string) {
		ptrs[name] = fmt.Sprintf("%s%s := %s; _ = %s\n", e.hidden(), name, expr, name)
		maps.Copy(out.imports, v.imports)
	}
	for name, v := range e.vars {
		switch {
		case v.local:
		case v.fresh:
			ptr("ʼv_"+name, v.Var, fmt.Sprintf("ʼl.New[%s](%q, %q)", v.expr, name, v.key))
		default:
			ptr("ʼv_"+name, v.Var, v.addr())
		}
	}
	renvar := func(obj types.Object, name string) string {
		if e.top[obj] != "" {
			return "(*ʼv_" + name + ")"
		}
		if !ours(obj) || obj.Parent() != obj.Pkg().Scope() {
			return ""
		}
		p := "ʼv_" + name
		if v := e.vars[name]; v != nil && (v.local || v.fresh) && b.selves[name] == nil {
			p = "ʼo_" + name
		}
		if ptrs[p] == "" {
			v := e.current(name)
			ptr(p, v, v.addr())
		}
		return "(*" + p + ")"
	}
	var stmts strings.Builder
	begun := false
	for i, st := range e.stmts() {
		if !begun && b.items[i].tok != token.VAR {
			begun = true
			stmts.WriteString(e.callInits(inits))
		}
		r := &rewriter{e: e, pass: e.p1, file: tf, out: out,
			renvar: renvar, pkgs: map[string]string{}, dots: map[string]bool{}}
		if b.src.Debug { // so that nobody steps through the check
			at := newOutFile()
			e.at(at, b.src, b.items[i].start)
			stmts.WriteString(at.String())
		}
		stmts.WriteString(check)
		stmts.WriteString(e.item(b.items[i], st, r, e.starts[i], i == e.last()))
		stmts.WriteByte('\n')
	}
	fmt.Fprintf(out, "func %s() {\n", bodyFunc)
	for _, name := range slices.Sorted(maps.Keys(e.inFuncs)) {
		if v := e.vars[name]; v == nil || v.local {
			if ptrs["ʼv_"+name] == "" {
				c := e.current(name)
				ptr("ʼv_"+name, c, c.addr())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ptrs)) {
		out.WriteString(ptrs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(e.inFuncs)) {
		fmt.Fprintf(out, "%s%s = ʼv_%s\n", e.hidden(), e.global(name), name)
	}
	out.WriteString(stmts.String())
	if !begun {
		out.WriteString(e.callInits(inits))
	}
	out.WriteString(e.hidden())
	if u := b.own["main"]; u != nil && u.kind == kindFunc {
		out.WriteString("main()\n")
	}
	out.WriteString(check + "\n}\n") // what was interrupted did not run to its end
}

// callInits calls what runs before the cell's first statement: its functions init, and those that GoNB counts among them,
// whose names begin with `init_`.
func (e *emitter) callInits(inits []string) string {
	var calls strings.Builder
	for _, f := range inits {
		calls.WriteString(f + "()\n")
	}
	for _, u := range e.b.funcs {
		if u.kind != kindFunc || !strings.HasPrefix(u.names[0], "init_") || u.generic || e.b.waits[u] != nil {
			continue
		}
		if f, ok := e.p2.pkg.Scope().Lookup(u.names[0]).(*types.Func); ok && f.Signature().Params().Len()+f.Signature().Results().Len() == 0 {
			calls.WriteString(u.names[0] + "()\n")
		}
	}
	return calls.String()
}

// hidden makes what follows stand in no cell, where a debugger stops nobody. To be seen from a line, variables have to be
// declared on one that is no higher.
func (e *emitter) hidden() string {
	if e.b.src.Debug {
		return "/*line body.go:1:1*/"
	}
	return ""
}

// addr writes the address of v.
func (v *Var) addr() string {
	t := "*" + parens(v.expr)
	return fmt.Sprintf("(%s)(ʼl.Addr(%q, %q, (%s)(nil)))", t, v.Name, v.key, t)
}

func parens(expr string) string {
	if strings.ContainsAny(expr, " (<") {
		return "(" + expr + ")"
	}
	return expr
}

// last is the index of the item that stands last in the cell's text.
func (e *emitter) last() int {
	last := -1
	for i, it := range e.b.items {
		if last < 0 || it.start > e.b.items[last].start {
			last = i
		}
	}
	return last
}

// item writes one statement of the body.
func (e *emitter) item(it *item, st ast.Stmt, r *rewriter, from int, last bool) string {
	to := from + it.end - it.start
	pos := newOutFile()
	e.at(pos, e.b.src, it.start)
	dir := pos.String()
	if it.block {
		var n ast.Node = st
		if e.b.src.Timed != nil { // the loop is not the user's
			n = st.(*ast.ExprStmt).X.(*ast.CallExpr).Fun.(*ast.FuncLit).Body.List[0].(*ast.RangeStmt).Body
		}
		r.walk(n, []ast.Node{e.body})
		return e.b.src.block(dir + r.render(e.bodyText, from, to))
	}
	var set []string
	local := false
	for _, id := range declared(st) {
		if v := e.vars[id.Name]; v.local {
			local = true
		} else {
			set = append(set, fmt.Sprintf("%q", id.Name))
		}
	}
	after := ""
	if len(set) > 0 {
		after = fmt.Sprintf(";ʼl.Set(%d,%s)", e.b.src.Gen, strings.Join(set, ","))
	}
	for _, id := range declared(st) {
		if e.unchecked[id.Name] {
			after += fmt.Sprintf(";ʼl.Unchecked(%q,(*ʼv_%s))", id.Name, id.Name)
		}
	}
	stack := []ast.Node{&ast.BlockStmt{}}
	if local { // stays as it is; what can outlive the cell is copied
		for _, id := range declared(st) {
			if e.vars[id.Name].local {
				after += ";_=" + id.Name
			} else {
				after = fmt.Sprintf(";(*ʼv_%s)=%s", id.Name, id.Name) + after
			}
			delete(r.pass.unused, id.Pos())
		}
		r.leave(st)
		r.walk(st, stack)
		return dir + r.render(e.bodyText, from, to) + after
	}
	for _, id := range declared(st) {
		delete(r.pass.unused, id.Pos())
	}
	switch s := st.(type) {
	case *ast.DeclStmt:
		if g := s.Decl.(*ast.GenDecl); g.Tok == token.VAR {
			return e.varDecl(g, r, it.embeds) + after
		}
	case *ast.AssignStmt:
		if _, ok := it.stmt.(*ast.ExprStmt); ok { // `_ = ` stands before it
			for _, x := range s.Rhs {
				r.walk(x, stack)
			}
			code := r.render(e.bodyText, from, to)
			if last && !it.semi {
				return "ʼl.Show(" + dir + code + ")"
			}
			return strings.Repeat("_,", max(it.list-1, 0)) + "_ = " + dir + code
		}
		if s.Tok == token.DEFINE {
			r.replace(s.TokPos, s.TokPos+2, "=")
		}
	case *ast.ExprStmt:
		if values, fails := shown(s.X, r.pass.info); last && !it.semi && values > 0 {
			show := "ʼl.Show("
			if fails {
				show = "ʼl.ShowCall("
			}
			r.walk(st, stack)
			return show + dir + r.render(e.bodyText, from, to) + ")"
		}
	}
	r.walk(st, stack)
	return dir + r.render(e.bodyText, from, to) + after
}

// leave keeps the variables that st declares as they are written.
func (r *rewriter) leave(st ast.Stmt) {
	keep := r.renvar
	r.renvar = func(obj types.Object, name string) string {
		for _, id := range declared(st) {
			if r.pass.info.Defs[id] == obj {
				return ""
			}
		}
		return keep(obj, name)
	}
}

// shown tells how many values a last expression that is a statement has to show, none for one that prints, and whether the
// last of them is an error, which fails the cell.
func shown(x ast.Expr, info *types.Info) (values int, fails bool) {
	if prints(x, info) {
		return 0, false
	}
	t := info.TypeOf(x)
	tup, ok := t.(*types.Tuple)
	if !ok {
		return 1, isError(t)
	}
	if values = tup.Len(); values == 0 {
		return 0, false
	}
	return values, isError(tup.At(values - 1).Type())
}

// prints reports whether e calls one of fmt's printing functions, whose results nobody wants to see.
func prints(e ast.Expr, info *types.Info) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return false
	}
	fn, ok := info.Uses[id].(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == "fmt" &&
		(strings.HasPrefix(fn.Name(), "Print") || strings.HasPrefix(fn.Name(), "Fprint"))
}

// varDecl writes a var statement as assignments to the session's variables.
func (e *emitter) varDecl(g *ast.GenDecl, r *rewriter, embeds map[string]*Embedding) string {
	var lines []string
	for _, sp := range g.Specs {
		v := sp.(*ast.ValueSpec)
		src, off := e.b.atlas.place(v.Pos())
		dir := newOutFile()
		e.at(dir, src, off)
		blank := !slices.ContainsFunc(v.Names, func(id *ast.Ident) bool { return id.Name != "_" })
		if blank {
			r.walk(v, []ast.Node{g})
			lines = append(lines, "var "+dir.String()+r.render(e.bodyText, r.off(v.Pos()), r.off(v.End())))
			continue
		}
		var names []string
		for _, id := range v.Names {
			if id.Name == "_" {
				names = append(names, "_")
			} else {
				names = append(names, "(*ʼv_"+id.Name+")")
			}
		}
		if len(v.Values) == 0 {
			for _, id := range v.Names {
				if m := embeds[id.Name]; m != nil {
					name := "ʼe_" + id.Name
					e.embeds.add(m, name, e.vars[id.Name].Var)
					lines = append(lines, dir.String()+"(*ʼv_"+id.Name+") = "+name)
				} else if id.Name != "_" {
					lines = append(lines, dir.String()+"ʼl.Zero(ʼv_"+id.Name+")")
				}
			}
			continue
		}
		for _, x := range v.Values { // the type is not written
			r.walk(x, []ast.Node{v})
		}
		vals := r.render(e.bodyText, r.off(v.Values[0].Pos()), r.off(v.Values[len(v.Values)-1].End()))
		lines = append(lines, dir.String()+strings.Join(names, ",")+" = "+vals)
	}
	return strings.Join(lines, "\n")
}
