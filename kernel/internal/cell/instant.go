package cell

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"slices"
	"strings"

	"golab/kernel/internal/pipe"
)

// instant writes the cell's statements as a tree that the worker evaluates: they only name what is loaded already. It is nil
// for all others, and wherever compiled code might behave in another way, be it in the order of what happens.
func (e *emitter) instant() *pipe.Eval {
	b := e.b
	if len(b.funcs) > 0 || len(b.blanks) > 0 || len(e.carried) > 0 || len(e.dropped) > 0 || len(b.gone) > 0 || len(b.skip) > 0 {
		return nil
	}
	w := &planter{e: e, info: e.p1.info, hoisted: map[*pipe.Expr]bool{}}
	out := &pipe.Eval{Gen: b.src.Gen, File: FileName(b.src.Gen, b.src.Name)}
	for i, st := range e.stmts() {
		s := w.stmt(b.items[i], st, i == e.last())
		if w.hard {
			return nil
		}
		out.Stmts = append(out.Stmts, s)
	}
	if len(e.idents) > 0 { // of a type that no generation has
		return nil
	}
	return out
}

// planter makes trees of checked statements.
type planter struct {
	e       *emitter
	info    *types.Info
	hard    bool                // something needs compiled code; what is made counts for nothing
	hoisted map[*pipe.Expr]bool // compiled code may call its runtime for these, before it evaluates other operands; whether that may panic
}

// no says that something needs compiled code.
func (w *planter) no() *pipe.Expr {
	w.hard = true
	return &pipe.Expr{}
}

func (w *planter) stmt(it *item, st ast.Stmt, last bool) pipe.Stmt {
	line, _ := w.e.b.src.Position(it.start)
	s := pipe.Stmt{Op: pipe.OpDo, Line: line}
	if it.block || strings.Contains(w.e.b.src.Text[it.start:it.end], "\n") { // a panic would not tell the line
		w.no()
		return s
	}
	switch st := st.(type) {
	case *ast.ExprStmt:
		call, ok := ast.Unparen(st.X).(*ast.CallExpr)
		if !ok {
			w.no()
			return s
		}
		if w.builtin(call) == "delete" {
			s.Op, s.X = pipe.OpDelete, w.operands(call.Args...)
			return s
		}
		s.X = []*pipe.Expr{w.call(call)}
		if values, fails := shown(st.X, w.info); last && !it.semi && values > 0 {
			s.Op = pipe.OpShow
			if fails {
				s.Op = pipe.OpResult
			}
		}
	case *ast.AssignStmt:
		w.assign(&s, it, st, last)
	case *ast.IncDecStmt:
		s.Op, s.Name = pipe.OpSet, st.Tok.String()[:1]
		s.X = []*pipe.Expr{w.variable(st.X), w.constant(constant.MakeInt64(1), w.info.TypeOf(st.X))}
	case *ast.DeclStmt:
		g := st.Decl.(*ast.GenDecl)
		if g.Tok != token.VAR || len(g.Specs) != 1 {
			w.no()
			return s
		}
		v := g.Specs[0].(*ast.ValueSpec)
		if len(v.Values) != 1 || len(v.Names) != 1 || v.Names[0].Name == "_" {
			w.no()
			return s
		}
		w.define(&s, v.Names, v.Values[0])
	default:
		w.no()
	}
	return s
}

func (w *planter) assign(s *pipe.Stmt, it *item, st *ast.AssignStmt, last bool) {
	if len(st.Rhs) != 1 {
		w.no()
		return
	}
	right := st.Rhs[0]
	if _, ok := it.stmt.(*ast.ExprStmt); ok { // a mere value
		s.X = []*pipe.Expr{w.expr(right)}
		if last && !it.semi {
			s.Op = pipe.OpShow
		}
		return
	}
	if st.Tok == token.DEFINE {
		var names []*ast.Ident
		for _, l := range st.Lhs {
			names = append(names, l.(*ast.Ident))
		}
		w.define(s, names, right)
		return
	}
	if len(st.Lhs) != 1 {
		w.no()
		return
	}
	left := st.Lhs[0]
	if id, ok := ast.Unparen(left).(*ast.Ident); ok && id.Name == "_" {
		s.X = []*pipe.Expr{w.value(right)}
		return
	}
	s.Op, s.Name = pipe.OpSet, strings.TrimSuffix(st.Tok.String(), "=")
	l, r := w.variable(left), w.value(right)
	s.X = []*pipe.Expr{l, r}
	if (s.Name == "+" || s.Name == "-") && w.fuses(right) {
		w.no()
	}
	to := l
	for to.Op == pipe.OpField {
		to = to.X[0]
	}
	if w.panics(r) && (s.Name != "" && w.panics(l) || slices.ContainsFunc(to.X, w.panics)) {
		w.no() // which comes first?
	}
	if l.Op == pipe.OpIndex {
		_, isMap := w.info.TypeOf(ast.Unparen(left).(*ast.IndexExpr).X).Underlying().(*types.Map)
		switch {
		case isMap && s.Name != "" && r.Op != pipe.OpConst && r.Op != pipe.OpVar,
			calls(r) && l.X[1].Op != pipe.OpConst:
			w.no()
		}
	}
	if calls(l) {
		w.no()
	}
}

// define makes variables of the values of right.
func (w *planter) define(s *pipe.Stmt, names []*ast.Ident, right ast.Expr) {
	s.Op = pipe.OpDefine
	t := w.info.TypeOf(right)
	of := func(i int) types.Type { return t }
	n := 1
	if tup, ok := t.(*types.Tuple); ok {
		n, of = tup.Len(), func(i int) types.Type { return tup.At(i).Type() }
	}
	if call, ok := ast.Unparen(right).(*ast.CallExpr); ok && w.builtin(call) == "" && !w.info.Types[call.Fun].IsType() {
		s.X = []*pipe.Expr{w.call(call)}
	} else {
		s.X = []*pipe.Expr{w.value(right)}
	}
	if n != len(names) {
		w.no()
		return
	}
	for i, id := range names {
		if id.Name == "_" {
			s.Names = append(s.Names, pipe.Bind{Name: "_"})
			continue
		}
		v, obj := w.e.vars[id.Name], w.info.Defs[id]
		if v == nil || v.local || obj == nil || !types.Identical(obj.Type(), of(i)) {
			w.no()
			return
		}
		s.Names = append(s.Names, pipe.Bind{Name: id.Name, Key: v.key, Fresh: v.fresh, Check: w.e.unchecked[id.Name]})
	}
}

// value is an expression that is assigned: it may be an append, whose capacity elsewhere depends on what becomes of it.
func (w *planter) value(x ast.Expr) *pipe.Expr {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok || w.builtin(call) != "append" {
		return w.expr(x)
	}
	if _, ok := w.info.TypeOf(call.Args[0]).Underlying().(*types.Slice); !ok {
		return w.no()
	}
	if b, ok := w.info.TypeOf(call.Args[len(call.Args)-1]).Underlying().(*types.Basic); ok && call.Ellipsis.IsValid() && b.Info()&types.IsString != 0 {
		return w.no()
	}
	return &pipe.Expr{Op: pipe.OpBuiltin, Name: "append", Spread: call.Ellipsis.IsValid(), X: w.operands(call.Args...)}
}

// variable is an expression that can be assigned to.
func (w *planter) variable(x ast.Expr) *pipe.Expr {
	l := w.expr(x)
	switch l.Op {
	case pipe.OpVar, pipe.OpField, pipe.OpDeref, pipe.OpIndex, pipe.OpPackage:
		return l
	}
	return w.no()
}

// builtin is the name of the function of Go's own that is called; empty if it is another.
func (w *planter) builtin(call *ast.CallExpr) string {
	if id, ok := ast.Unparen(call.Fun).(*ast.Ident); ok {
		if b, ok := w.info.Uses[id].(*types.Builtin); ok {
			return b.Name()
		}
	}
	return ""
}

func (w *planter) expr(x ast.Expr) *pipe.Expr {
	x = ast.Unparen(x)
	tv := w.info.Types[x]
	switch {
	case w.hard:
		return &pipe.Expr{}
	case tv.Value != nil:
		return w.constant(tv.Value, tv.Type)
	case tv.IsNil():
		return &pipe.Expr{Op: pipe.OpNil}
	}
	switch x := x.(type) {
	case *ast.Ident:
		if v, ok := w.info.Uses[x].(*types.Var); ok {
			return w.session(v)
		}
	case *ast.SelectorExpr:
		sel := w.info.Selections[x]
		if v, ok := w.info.Uses[x.Sel].(*types.Var); ok && sel == nil {
			return w.member(v)
		}
		if sel != nil && sel.Kind() == types.FieldVal {
			f, _ := w.fields(w.expr(x.X), sel.Recv(), sel.Index())
			return f
		}
	case *ast.StarExpr:
		return &pipe.Expr{Op: pipe.OpDeref, X: w.operands(x.X)}
	case *ast.UnaryExpr:
		switch x.Op {
		case token.AND:
			return w.address(w.variable(x.X), w.info.TypeOf(x.X))
		case token.ADD, token.SUB, token.XOR, token.NOT:
			return &pipe.Expr{Op: pipe.OpUnary, Name: x.Op.String(), X: w.operands(x.X)}
		}
	case *ast.BinaryExpr:
		if t := w.info.TypeOf(x); comparison(x.Op) && !types.Identical(types.Default(t), types.Typ[types.Bool]) {
			break
		}
		if (x.Op == token.ADD || x.Op == token.SUB) && (w.fuses(x.X) || w.fuses(x.Y)) {
			break
		}
		op := &pipe.Expr{Op: pipe.OpBinary, Name: x.Op.String()}
		if x.Op == token.LAND || x.Op == token.LOR { // strictly one after the other
			op.X = []*pipe.Expr{w.expr(x.X), w.expr(x.Y)}
			w.hoisted[op] = false
			return op
		}
		op.X = w.operands(x.X, x.Y)
		if b, ok := w.info.TypeOf(x.X).Underlying().(*types.Basic); !ok || b.Info()&types.IsString != 0 {
			w.hoisted[op] = !ok
		}
		return op
	case *ast.IndexExpr:
		switch t := w.info.TypeOf(x.X).Underlying().(type) {
		case *types.Slice, *types.Array, *types.Basic:
			return &pipe.Expr{Op: pipe.OpIndex, X: w.operands(x.X, x.Index)}
		case *types.Map:
			m := &pipe.Expr{Op: pipe.OpIndex, X: w.operands(x.X, x.Index)}
			_, simple := t.Key().Underlying().(*types.Basic)
			w.hoisted[m] = !simple // an interface may hold what has no hash
			return m
		case *types.Pointer:
			if _, ok := t.Elem().Underlying().(*types.Array); ok {
				list := w.operands(x.X, x.Index)
				return &pipe.Expr{Op: pipe.OpIndex, X: []*pipe.Expr{{Op: pipe.OpDeref, X: list[:1]}, list[1]}}
			}
		}
	case *ast.SliceExpr:
		switch w.info.TypeOf(x.X).Underlying().(type) {
		case *types.Slice, *types.Basic:
			return &pipe.Expr{Op: pipe.OpSlice, X: w.operands(x.X, x.Low, x.High, x.Max)}
		}
	case *ast.CallExpr:
		switch name := w.builtin(x); name {
		case "":
		case "cap":
			if c := w.expr(x.Args[0]); c.Op == pipe.OpVar || c.Op == pipe.OpField {
				return &pipe.Expr{Op: pipe.OpBuiltin, Name: name, X: []*pipe.Expr{c}}
			}
			return w.no()
		case "len":
			if _, ok := w.info.TypeOf(x.Args[0]).Underlying().(*types.Pointer); ok {
				return w.no()
			}
			return &pipe.Expr{Op: pipe.OpBuiltin, Name: name, X: w.operands(x.Args...)}
		case "min", "max":
			return &pipe.Expr{Op: pipe.OpBuiltin, Name: name, X: w.operands(x.Args...)}
		default:
			return w.no()
		}
		if w.info.Types[x.Fun].IsType() {
			return w.conversion(x)
		}
		if _, ok := tv.Type.(*types.Tuple); !ok {
			return w.call(x)
		}
	}
	return w.no()
}

func comparison(op token.Token) bool {
	switch op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return true
	}
	return false
}

// fuses reports whether x is a product that some machines add to something without rounding it first.
func (w *planter) fuses(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		return w.fuses(x.X)
	case *ast.BinaryExpr:
		b, ok := w.info.TypeOf(x).Underlying().(*types.Basic)
		return x.Op == token.MUL && ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 && w.info.Types[x].Value == nil
	}
	return false
}

// operands is expressions that are evaluated one after the other.
func (w *planter) operands(list ...ast.Expr) []*pipe.Expr {
	var out []*pipe.Expr
	for _, x := range list {
		if x == nil {
			out = append(out, nil)
			continue
		}
		out = append(out, w.expr(x))
	}
	w.ordered(out)
	return out
}

// ordered refuses operands whose order shows. In compiled code calls come first, and what else stands left of one is read
// after it; calls of the runtime, and functions that are inlined, have places of their own. Go leaves that open.
func (w *planter) ordered(list []*pipe.Expr) {
	risks, plain := 0, true
	for i, x := range list {
		if calls(x) && slices.ContainsFunc(list[:i], func(x *pipe.Expr) bool { return !settled(x) }) {
			w.no()
		}
		if w.panics(x) {
			risks++
		}
		plain = plain && !w.early(x)
	}
	if risks > 1 && !plain {
		w.no()
	}
}

// panics reports whether the evaluation of x may panic.
func (w *planter) panics(x *pipe.Expr) bool {
	if x == nil {
		return false
	}
	risky, hoisted := w.hoisted[x]
	switch x.Op {
	case pipe.OpDeref, pipe.OpSlice, pipe.OpCall, pipe.OpMethod:
		return true
	case pipe.OpIndex:
		risky = risky || !hoisted
	case pipe.OpBinary:
		risky = risky || strings.Contains("/ % << >>", x.Name)
	}
	if risky {
		return true
	}
	return slices.ContainsFunc(x.X, w.panics)
}

// early reports whether a part of x is evaluated by a call, of the runtime or another.
func (w *planter) early(x *pipe.Expr) bool {
	if x == nil {
		return false
	}
	_, hoisted := w.hoisted[x]
	return hoisted || x.Op == pipe.OpCall || x.Op == pipe.OpBuiltin || slices.ContainsFunc(x.X, w.early)
}

// calls reports whether a call is part of x.
func calls(x *pipe.Expr) bool {
	return x != nil && (x.Op == pipe.OpCall || slices.ContainsFunc(x.X, calls))
}

// settled reports whether no later call can change what x is.
func settled(x *pipe.Expr) bool {
	if x == nil {
		return true
	}
	switch x.Op {
	case pipe.OpConst, pipe.OpNil, pipe.OpFunc:
		return true
	case pipe.OpPackage:
		return x.Type != nil && x.Type.Kind == "func"
	case pipe.OpAddr:
		v := x.X[0]
		for v.Op == pipe.OpField {
			v = v.X[0]
		}
		return v.Op == pipe.OpVar
	}
	return false
}

// session is a variable of the session.
func (w *planter) session(v *types.Var) *pipe.Expr {
	if w.e.top[v] == "" && (!ours(v) || v.Parent() != v.Pkg().Scope()) {
		return w.no()
	}
	known := w.e.b.old[v.Name()]
	if w.e.top[v] != "" {
		known = w.e.vars[v.Name()].Var
	}
	if known == nil {
		return w.no()
	}
	return &pipe.Expr{Op: pipe.OpVar, Name: v.Name(), Key: known.key}
}

// fields follows a path of fields from x, of type t, through embedded ones and pointers.
func (w *planter) fields(x *pipe.Expr, t types.Type, path []int) (*pipe.Expr, types.Type) {
	for _, i := range path {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			x, t = &pipe.Expr{Op: pipe.OpDeref, X: []*pipe.Expr{x}}, p.Elem()
		}
		s, ok := t.Underlying().(*types.Struct)
		if !ok {
			return w.no(), t
		}
		f := s.Field(i)
		x, t = &pipe.Expr{Op: pipe.OpField, Name: f.Name(), At: i, X: []*pipe.Expr{x}}, f.Type()
	}
	return x, t
}

// address is &x. The type of pointers to t is loaded, if t has a name.
func (w *planter) address(x *pipe.Expr, t types.Type) *pipe.Expr {
	switch types.Unalias(t).(type) {
	case *types.Named, *types.Basic:
		return &pipe.Expr{Op: pipe.OpAddr, X: []*pipe.Expr{x}}
	}
	return w.no()
}

// constant is v as a t.
func (w *planter) constant(v constant.Value, t types.Type) *pipe.Expr {
	t = types.Default(t)
	c := &pipe.Expr{Op: pipe.OpConst, Type: w.typ(t)}
	b, ok := t.Underlying().(*types.Basic)
	if !ok {
		return w.no()
	}
	float := func(v constant.Value) uint64 {
		f, _ := constant.Float64Val(v)
		if b.Kind() == types.Float32 || b.Kind() == types.Complex64 {
			f32, _ := constant.Float32Val(v)
			f = float64(f32)
		}
		return math.Float64bits(f)
	}
	switch info := b.Info(); {
	case info&types.IsBoolean != 0:
		if constant.BoolVal(v) {
			c.Bits = 1
		}
	case info&types.IsString != 0:
		c.Text = []byte(constant.StringVal(v))
	case info&types.IsUnsigned != 0:
		u, exact := constant.Uint64Val(constant.ToInt(v))
		if !exact {
			return w.no()
		}
		c.Bits = u
	case info&types.IsInteger != 0:
		i, exact := constant.Int64Val(constant.ToInt(v))
		if !exact {
			return w.no()
		}
		c.Bits = uint64(i)
	case info&types.IsFloat != 0:
		c.Bits = float(constant.ToFloat(v))
	case info&types.IsComplex != 0:
		v = constant.ToComplex(v)
		c.Bits, c.Imag = float(constant.Real(v)), float(constant.Imag(v))
	default:
		return w.no()
	}
	return c
}

// typ names a type for the worker.
func (w *planter) typ(t types.Type) *pipe.Type {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		if k := t.Kind(); k != types.Invalid && k < types.UnsafePointer {
			return &pipe.Type{Name: types.Typ[k].Name()}
		}
	case *types.Named:
		obj := t.Obj()
		switch {
		case isError(t):
			return &pipe.Type{Name: "error"}
		case obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() || t.TypeParams().Len() > 0:
		case ours(obj):
			return &pipe.Type{Path: pkgPath, Package: pkgName, Name: versioned(obj.Name(), w.e.version(t))}
		default:
			return &pipe.Type{Path: obj.Pkg().Path(), Package: obj.Pkg().Name(), Name: obj.Name()}
		}
	case *types.Interface:
		if t.NumMethods() == 0 && t.IsMethodSet() {
			return &pipe.Type{Name: "any"}
		}
	case *types.Pointer:
		return &pipe.Type{Kind: "*", Of: []*pipe.Type{w.typ(t.Elem())}}
	case *types.Slice:
		return &pipe.Type{Kind: "[]", Of: []*pipe.Type{w.typ(t.Elem())}}
	case *types.Array:
		return &pipe.Type{Kind: "[n]", Len: int(t.Len()), Of: []*pipe.Type{w.typ(t.Elem())}}
	case *types.Map:
		return &pipe.Type{Kind: "map", Of: []*pipe.Type{w.typ(t.Key()), w.typ(t.Elem())}}
	case *types.Signature:
		f := &pipe.Type{Kind: "func", Len: t.Params().Len(), Variadic: t.Variadic()}
		for v := range t.Params().Variables() {
			f.Of = append(f.Of, w.typ(v.Type()))
		}
		for v := range t.Results().Variables() {
			f.Of = append(f.Of, w.typ(v.Type()))
		}
		if t.TypeParams() == nil {
			return f
		}
	}
	w.no()
	return nil
}

// conversion is T(x).
func (w *planter) conversion(x *ast.CallExpr) *pipe.Expr {
	t := w.info.TypeOf(x)
	from := w.info.TypeOf(x.Args[0])
	if _, ok := from.Underlying().(*types.Slice); ok {
		if b, ok := t.Underlying().(*types.Basic); !ok || b.Info()&types.IsString == 0 {
			return w.no()
		}
	}
	c := &pipe.Expr{Op: pipe.OpConvert, Type: w.typ(t), X: w.operands(x.Args[0])}
	if b, ok := from.Underlying().(*types.Basic); !ok || b.Info()&types.IsNumeric == 0 || !types.ConvertibleTo(t, from) {
		w.hoisted[c] = false
	}
	return c
}

// call is a call of what is loaded: a function or method of the session, a method of another package's type, the value of an
// expression.
func (w *planter) call(x *ast.CallExpr) *pipe.Expr {
	if w.info.Types[x.Fun].IsType() || w.builtin(x) != "" {
		return w.expr(x)
	}
	for _, a := range x.Args {
		if isTuple(w.info.TypeOf(a)) {
			return w.no()
		}
	}
	out := &pipe.Expr{Op: pipe.OpCall, Spread: x.Ellipsis.IsValid()}
	var order []*pipe.Expr // what is evaluated, one after the other
	switch fun := ast.Unparen(x.Fun).(type) {
	case *ast.Ident:
		if f, ok := w.info.Uses[fun].(*types.Func); ok {
			switch {
			case !ours(f):
				out.X = []*pipe.Expr{w.member(f)}
			case f.Signature().TypeParams() != nil:
				return w.no()
			default:
				out.X = []*pipe.Expr{w.function(w.e.b.state.units[f.Name()])}
			}
		}
	case *ast.SelectorExpr:
		sel := w.info.Selections[fun]
		if sel == nil {
			if f, ok := w.info.Uses[fun.Sel].(*types.Func); ok {
				out.X = []*pipe.Expr{w.member(f)}
			}
			break
		}
		if sel.Kind() == types.FieldVal {
			break
		}
		m, ok := sel.Obj().(*types.Func)
		if !ok || sel.Kind() != types.MethodVal {
			return w.no()
		}
		path := sel.Index()
		recv, t := w.fields(w.expr(fun.X), sel.Recv(), path[:len(path)-1])
		recv, t = w.receiver(recv, t, m)
		order = []*pipe.Expr{recv}
		n, _ := deref(t).(*types.Named)
		switch {
		case n != nil && ours(n.Obj()) && !types.IsInterface(n):
			if n.TypeParams().Len() > 0 {
				return w.no()
			}
			out.X = []*pipe.Expr{w.function(w.e.b.state.methods[n.Obj().Name()][m.Name()]), recv}
		case m.Exported() && !looksAtCaller(m.Pkg()):
			f := &pipe.Expr{Op: pipe.OpMethod, Name: m.Name(), X: []*pipe.Expr{recv}}
			f.At, f.Of = method(t, m.Name())
			out.X = []*pipe.Expr{f}
		default:
			return w.no()
		}
	}
	if out.X == nil {
		f := w.expr(x.Fun)
		out.X, order = []*pipe.Expr{f}, []*pipe.Expr{f}
	}
	for _, a := range x.Args {
		v := w.expr(a)
		out.X, order = append(out.X, v), append(order, v)
	}
	w.ordered(order)
	return out
}

// member is a function or variable of another package, which has been initialized.
func (w *planter) member(o types.Object) *pipe.Expr {
	path := o.Pkg().Path()
	last := path[strings.LastIndexByte(path, '/')+1:]
	shared, running := w.e.b.pkgs.Shared(path)
	if !shared || !running && !w.e.b.state.loaded[path] || looksAtCaller(o.Pkg()) || strings.ContainsAny(last, ".%\"") || strings.ContainsAny(path, "%\" ") { // the linker writes these in another way
		return w.no()
	}
	return &pipe.Expr{Op: pipe.OpPackage, Name: o.Name(), Key: path, Type: w.typ(o.Type())}
}

// looksAtCaller reports whether functions of a package may tell the place they are called from, which only compiled code has.
func looksAtCaller(p *types.Package) bool {
	if p == nil { // method Error of type error
		return false
	}
	switch p.Path() {
	case "runtime", "runtime/debug", "log", "log/slog", "github.com/pkg/errors":
		return true
	}
	return false
}

// receiver is x, of type t, as method m takes it.
func (w *planter) receiver(x *pipe.Expr, t types.Type, m *types.Func) (*pipe.Expr, types.Type) {
	if types.IsInterface(t) {
		return x, t
	}
	p, isPtr := t.Underlying().(*types.Pointer)
	_, wants := types.Unalias(m.Signature().Recv().Type()).(*types.Pointer)
	switch {
	case wants && !isPtr:
		return w.address(x, t), types.NewPointer(t)
	case isPtr && !wants:
		return &pipe.Expr{Op: pipe.OpDeref, X: []*pipe.Expr{x}}, p.Elem()
	}
	return x, t
}

// method is the place of an exported method among those of t, in the order of reflect, and how many that counts.
func method(t types.Type, name string) (at, of int) {
	set := types.NewMethodSet(t)
	var names []string
	for i := range set.Len() {
		if n := set.At(i).Obj().Name(); token.IsExported(n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	of = len(names)
	if types.IsInterface(t) {
		of = set.Len()
	}
	return slices.Index(names, name), of
}

// function is the loaded copy of u, if that is what compiling u again would make.
func (w *planter) function(u *unit) *pipe.Expr {
	s := w.e.b.state
	if u == nil {
		return w.no()
	}
	gen := s.copies[u.key()]
	if gen == 0 || !w.current(u, gen) {
		return w.no()
	}
	return &pipe.Expr{Op: pipe.OpFunc, Name: u.key(), Gen: gen}
}

// current reports whether all that u names, directly or not, means what it meant when generation gen was compiled.
func (w *planter) current(u *unit, gen int) bool {
	s := w.e.b.state
	seen := map[string]bool{}
	var fresh func(u *unit) bool
	var names func(refs []string) bool
	name := func(n string) bool {
		if seen[n] {
			return true
		}
		seen[n] = true
		if v := w.e.vars[n]; s.changed[n] > gen || v != nil && (v.fresh || v.local) {
			return false
		}
		if u := s.units[n]; u != nil && !fresh(u) {
			return false
		}
		for _, m := range s.methods[n] {
			if !fresh(m) {
				return false
			}
		}
		if v := s.vars[n]; v != nil && !names(v.refs) {
			return false
		}
		return true
	}
	names = func(refs []string) bool {
		return !slices.ContainsFunc(refs, func(r string) bool { return !name(r) })
	}
	fresh = func(u *unit) bool {
		for _, path := range u.imports {
			if path == "runtime" && strings.Contains(u.src.Text[u.start:u.end], ".Caller") { // it may look at who called it
				return false
			}
		}
		return names(u.refs)
	}
	if u.kind == kindMethod {
		return name(u.recv) && names(u.refs)
	}
	return name(u.names[0])
}
