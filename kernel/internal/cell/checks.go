package cell

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// The checks by which cells are stopped (see live.Poll). A check is a load, a comparison and a branch, which the shortest
// loops would feel; so a loop with a small body is unrolled, several iterations for one check. A loop of few constant
// iterations has none.
const (
	check = "if ʼa.LoadUint32(&ʼs)!=0{ʼl.Poll()};"
	woke  = "if ʼa.LoadUint32(&ʼs)!=0{ʼl.Woke()};"

	unrolled  = 8    // iterations for one check
	smallBody = 48   // syntax nodes of a loop that is unrolled, without nested loops
	brief     = 1024 // syntax nodes, times iterations, of a loop that needs no check
	endless   = 1 << 20
)

// checkLoop makes a loop poll, unless it is over soon.
func (r *rewriter) checkLoop(loop ast.Stmt, body *ast.BlockStmt) {
	if r.cost(loop) > brief {
		r.insert(body.Lbrace+1, check)
	}
}

// unrollFor rewrites a loop with a small body, and all below it:
//
//	for i := 0; i < n; i++ { {body}; i++; if !(i < n) { break }; {body}; …; check }
//
// What `continue` and `break` in the body do stays right. It returns false if the loop can't be written so, because more
// than the loop itself might see that its variables are not new in each iteration.
func (r *rewriter) unrollFor(n *ast.ForStmt, stack []ast.Node) bool {
	if r.e.b.src.Debug || r.cost(n) <= brief || !r.small(n.Cond, n.Post, n.Body) {
		return false
	}
	if init, ok := n.Init.(*ast.AssignStmt); ok && init.Tok == token.DEFINE {
		for _, l := range init.Lhs {
			id, ok := l.(*ast.Ident)
			if !ok {
				continue
			}
			obj := r.pass.info.Defs[id]
			if obj != nil && (!unaddressed(obj.Type()) || r.addressed(obj, n)) {
				return false
			}
		}
	}
	inner := r.apart(stack, n.Init, n.Cond, n.Post, n.Body)
	next := ""
	if n.Post != nil {
		next += r.place(n.Post.Pos()) + inner.text(n.Post.Pos(), n.Post.End()) + ";"
	}
	if n.Cond != nil {
		next += "if !(" + r.place(n.Cond.Pos()) + inner.text(n.Cond.Pos(), n.Cond.End()) + "){break};"
	}
	r.unroll(inner, n.Body, "", next)
	return true
}

// unrollRange does the same for loops over integers and slices:
//
//	for ʼi, ʼx := 0, xs; ʼi < len(ʼx); ʼi++ { {i, v := ʼi, ʼx[ʼi]; {body}}; ʼi++; if !(ʼi < len(ʼx)) { break }; …; check }
func (r *rewriter) unrollRange(n *ast.RangeStmt, stack []ast.Node) bool {
	if r.e.b.src.Debug || n.Tok == token.ASSIGN || r.cost(n) <= brief || !r.small(n.Body) {
		return false
	}
	end := ""
	switch t := r.pass.info.TypeOf(n.X).Underlying().(type) {
	case *types.Slice:
		end = "len(ʼx)"
	case *types.Basic:
		if _, named := types.Unalias(r.pass.info.TypeOf(n.X)).(*types.Named); named || t.Kind() != types.Int && t.Kind() != types.UntypedInt {
			return false
		}
		end = "ʼx"
	default:
		return false
	}
	var names, values []string
	for i, x := range []ast.Expr{n.Key, n.Value} {
		id, ok := x.(*ast.Ident)
		if !ok || id.Name == "_" {
			continue
		}
		names = append(names, id.Name)
		values = append(values, []string{"ʼi", "ʼx[ʼi]"}[i])
	}
	inner := r.apart(stack, n.Key, n.Value, n.X, n.Body)
	each := ""
	if len(names) > 0 {
		each = strings.Join(names, ",") + ":=" + strings.Join(values, ",") + ";"
	}
	test := "ʼi<" + end
	r.replace(n.For, n.Body.Lbrace, "for ʼi,ʼx:=0,"+r.place(n.X.Pos())+inner.text(n.X.Pos(), n.X.End())+";"+test+";ʼi++ "+r.place(n.Body.Lbrace))
	r.unroll(inner, n.Body, each, "ʼi++;if !("+test+"){break};")
	return true
}

// apart is a rewriter like r that has the edits in these parts of a loop alone. stack is the nodes above them.
func (r *rewriter) apart(stack []ast.Node, parts ...ast.Node) *rewriter {
	inner := *r
	inner.edits = nil
	for _, n := range parts {
		if !absent(n) {
			inner.walk(n, slices.Clone(stack))
		}
	}
	return &inner
}

// unroll writes the body of a loop several times. inner has the edits in it; each begins every copy, next goes from one to
// the next. The check comes last, so that a loop of few iterations does without; but `continue` would leave it out.
func (r *rewriter) unroll(inner *rewriter, body *ast.BlockStmt, each, next string) {
	first, last := "", check
	ast.Inspect(body, func(n ast.Node) bool {
		if b, ok := n.(*ast.BranchStmt); ok && b.Tok == token.CONTINUE {
			first, last = check, ""
		}
		return true
	})
	begin, end := "{", "};"
	if each != "" { // the body may declare the same names
		begin, end = "{"+each+"{", "}};"
	}
	r.insert(body.Lbrace+1, first+begin)
	r.edits = append(r.edits, inner.edits...)
	more := end + next + r.place(body.Lbrace) + begin + inner.text(body.Lbrace+1, body.Rbrace)
	r.insert(body.Rbrace, strings.Repeat(more, unrolled-1)+end+last+r.place(body.Rbrace))
}

// text is the rewritten text between two positions.
func (r *rewriter) text(from, to token.Pos) string {
	return r.render(r.e.b.atlas.texts[r.file], r.off(from), r.off(to))
}

// place is the directive that makes what follows stand at p.
func (r *rewriter) place(p token.Pos) string {
	src, off := r.e.b.atlas.place(p)
	f := newOutFile()
	r.e.at(f, src, off)
	return f.String()
}

// unaddressed reports whether the address of a variable of the type is taken by & alone, and not by calling a method.
func unaddressed(t types.Type) bool {
	switch types.Unalias(t).(type) {
	case *types.Basic, *types.Pointer, *types.Slice:
		return true
	}
	return false
}

// absent reports whether an optional part of a statement is not there.
func absent(n ast.Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case ast.Stmt:
		return n == nil
	case ast.Expr:
		return n == nil
	}
	return false
}

// small reports whether parts of a loop can be written several times.
func (r *rewriter) small(parts ...ast.Node) bool {
	sum := 0
	once := false
	for _, n := range parts {
		if absent(n) {
			continue
		}
		sum += r.cost(n)
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ForStmt, *ast.RangeStmt, *ast.LabeledStmt:
				once = true
			case *ast.BranchStmt:
				once = once || n.Tok == token.GOTO
			case *ast.GenDecl:
				once = once || n.Tok != token.VAR
			}
			return !once
		})
	}
	return !once && sum <= smallBody
}

// cost is about how long n takes: the number of its syntax nodes, those of loops times their iterations; endless if that
// can't be told. Functions of cells count little, since they have checks of their own.
func (r *rewriter) cost(n ast.Node) int {
	sum := 0
	ast.Inspect(n, func(m ast.Node) bool {
		if m == nil || sum >= endless {
			return false
		}
		sum++
		switch m := m.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt, *ast.SelectStmt:
			sum = endless
		case *ast.UnaryExpr:
			if m.Op == token.ARROW {
				sum = endless
			}
		case *ast.CallExpr:
			if !r.brief(m) {
				sum = endless
			}
		case *ast.ForStmt:
			sum += r.times(r.forTrips(m), m.Body)
			return false
		case *ast.RangeStmt:
			sum += r.times(r.rangeTrips(m), m.Body) + r.cost(m.X)
			return false
		}
		return true
	})
	return min(sum, endless)
}

func (r *rewriter) times(trips int64, body ast.Node) int {
	if trips > brief {
		return endless
	}
	return int(trips) * r.cost(body)
}

// rangeTrips is how often a range statement iterates if that is a constant.
func (r *rewriter) rangeTrips(n *ast.RangeStmt) int64 {
	t := r.pass.info.TypeOf(n.X).Underlying()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem().Underlying()
	}
	if a, ok := t.(*types.Array); ok {
		return a.Len()
	}
	if v := r.pass.info.Types[n.X].Value; v != nil && v.Kind() == constant.Int {
		if k, ok := constant.Int64Val(v); ok {
			return max(k, 0)
		}
	}
	return endless
}

// forTrips is how often `for i := c; i < d; i++` iterates.
func (r *rewriter) forTrips(n *ast.ForStmt) int64 {
	init, ok := n.Init.(*ast.AssignStmt)
	if !ok || init.Tok != token.DEFINE || len(init.Lhs) != 1 || len(init.Rhs) != 1 {
		return endless
	}
	cond, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.LSS && cond.Op != token.LEQ {
		return endless
	}
	post, ok := n.Post.(*ast.IncDecStmt)
	if !ok || post.Tok != token.INC {
		return endless
	}
	id, ok := init.Lhs[0].(*ast.Ident)
	if !ok {
		return endless
	}
	obj := r.pass.info.Defs[id]
	if obj == nil || !r.is(cond.X, obj) || !r.is(post.X, obj) || !unaddressed(obj.Type()) || r.addressed(obj, n) || r.assigned(obj, n.Body) {
		return endless
	}
	from, to := r.pass.info.Types[init.Rhs[0]].Value, r.pass.info.Types[cond.Y].Value
	if from == nil || to == nil || from.Kind() != constant.Int || to.Kind() != constant.Int {
		return endless
	}
	a, ok1 := constant.Int64Val(from)
	b, ok2 := constant.Int64Val(to)
	if !ok1 || !ok2 || a < -endless || b > endless || cond.Op == token.LEQ && b >= 127 { // i <= 127 of an int8 has no end
		return endless
	}
	if cond.Op == token.LEQ {
		b++
	}
	return max(b-a, 0)
}

// is reports whether x is the variable obj.
func (r *rewriter) is(x ast.Expr, obj types.Object) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	return ok && r.pass.info.Uses[id] == obj
}

// assigned reports whether a statement in n changes the variable obj.
func (r *rewriter) assigned(obj types.Object, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				found = found || r.is(l, obj)
			}
		case *ast.IncDecStmt:
			found = found || r.is(n.X, obj)
		case *ast.RangeStmt:
			found = found || n.Key != nil && r.is(n.Key, obj) || n.Value != nil && r.is(n.Value, obj)
		}
		return !found
	})
	return found
}

// addressed reports whether n may take the address of the variable obj or of a part of it.
func (r *rewriter) addressed(obj types.Object, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.AND {
			ast.Inspect(u.X, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				found = found || ok && r.pass.info.Uses[id] == obj
				return !found
			})
		}
		return !found
	})
	return found
}

// quick is packages of which all functions return at once.
var quick = map[string]bool{"math": true, "math/bits": true, "math/cmplx": true, "sync/atomic": true, "unicode": true, "unicode/utf8": true,
	"unicode/utf16": true}

// quickMethods is methods, and functions of packages that have slower ones too, that return at once.
var quickMethods = map[string]bool{
	"(*strings.Builder).WriteByte": true, "(*strings.Builder).WriteRune": true, "(*strings.Builder).WriteString": true, "(*strings.Builder).Len": true,
	"(*bytes.Buffer).WriteByte": true, "(*bytes.Buffer).WriteRune": true, "(*bytes.Buffer).WriteString": true, "(*bytes.Buffer).Len": true,
	"math/rand.Float64": true, "math/rand.Int": true, "math/rand.Intn": true, "(*math/rand.Rand).Float64": true, "(*math/rand.Rand).Int": true, "(*math/rand.Rand).Intn": true,
	"math/rand/v2.Float64": true, "math/rand/v2.Int": true, "math/rand/v2.IntN": true, "(*math/rand/v2.Rand).Float64": true, "(*math/rand/v2.Rand).Int": true, "(*math/rand/v2.Rand).IntN": true,
}

// brief reports whether a call returns at once or has checks of its own.
func (r *rewriter) brief(call *ast.CallExpr) bool {
	fun := ast.Unparen(call.Fun)
	tv := r.pass.info.Types[fun]
	if tv.IsType() {
		return !isSlice(tv.Type) && !isSlice(r.pass.info.TypeOf(call.Args[0])) // strings may be long
	}
	if tv.IsBuiltin() {
		switch id, _ := fun.(*ast.Ident); {
		case id == nil: // of unsafe
			return true
		case id.Name == "copy", id.Name == "clear", id.Name == "make":
			return false
		}
		return call.Ellipsis == token.NoPos
	}
	fn := r.callee(fun)
	return fn != nil && fn.Pkg() != nil && (r.hasCheck(fn) || quick[fn.Pkg().Path()] || quickMethods[fn.FullName()])
}

func isSlice(t types.Type) bool {
	_, ok := t.Underlying().(*types.Slice)
	return ok
}

// hasCheck reports whether a function is one of cells, which all have a check.
func (r *rewriter) hasCheck(fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return ours(fn) && (recv == nil || !types.IsInterface(recv.Type()))
}

// callee is the function or method that a call names, nil if it calls a value.
func (r *rewriter) callee(fun ast.Expr) *types.Func {
	switch x := fun.(type) {
	case *ast.IndexExpr:
		return r.callee(ast.Unparen(x.X))
	case *ast.IndexListExpr:
		return r.callee(ast.Unparen(x.X))
	case *ast.SelectorExpr:
		fn, _ := r.pass.info.Uses[x.Sel].(*types.Func)
		return fn
	case *ast.Ident:
		fn, _ := r.pass.info.Uses[x].(*types.Func)
		return fn
	}
	return nil
}

// wake puts a check behind each statement of a list that may wait.
func (r *rewriter) wake(list []ast.Stmt) {
	for _, st := range list {
		for {
			l, ok := st.(*ast.LabeledStmt)
			if !ok {
				break
			}
			st = l.Stmt
		}
		switch s := st.(type) {
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && r.pass.info.Types[ast.Unparen(call.Fun)].IsBuiltin() {
				continue // after panic a function may end
			}
		case *ast.AssignStmt, *ast.SendStmt, *ast.DeclStmt:
		default:
			continue
		}
		if r.waits(st) {
			r.insert(st.End(), ";"+strings.TrimSuffix(woke, ";"))
		}
	}
}

// waits reports whether a statement may wait outside the code of cells.
func (r *rewriter) waits(st ast.Stmt) bool {
	found := false
	ast.Inspect(st, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.SendStmt:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		case *ast.CallExpr:
			tv := r.pass.info.Types[ast.Unparen(n.Fun)]
			found = found || !tv.IsType() && !tv.IsBuiltin() && !r.brief(n)
		}
		return !found
	})
	return found
}
