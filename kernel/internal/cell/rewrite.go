package cell

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// edit replaces text[at:end] by s.
type edit struct {
	at, end int
	s       string
}

// rewriter collects the edits that turn checked code into what is compiled: variables become pointers, loops and
// functions poll for interrupts, goroutines are guarded, unused variables are used.
type rewriter struct {
	e      *emitter
	pass   *pass
	file   *token.File
	out    *outFile
	edits  []edit
	renvar func(obj types.Object, name string) string // how a variable is written; "" leaves it as it is
	pkgs   map[string]string                          // imports that the code names
	dots   map[string]bool
	plain  bool // only names change: the code becomes a part of an ordinary program
}

func (r *rewriter) off(p token.Pos) int { return r.file.Offset(p) }

func (r *rewriter) replace(from, to token.Pos, s string) {
	r.edits = append(r.edits, edit{r.off(from), r.off(to), s})
}

func (r *rewriter) insert(p token.Pos, s string) { r.replace(p, p, s) }

// render writes text[from:to] with the edits that lie in it.
func (r *rewriter) render(t *text, from, to int) string {
	slices.SortStableFunc(r.edits, func(a, b edit) int { // what is inserted at a place comes before what replaces the text there
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(min(a.end-a.at, 1), min(b.end-b.at, 1)))
	})
	src := t.buf.String()
	var s strings.Builder
	at := from
	for _, ed := range r.edits {
		if ed.at < from || ed.end > to || ed.at < at {
			continue
		}
		s.WriteString(src[at:ed.at])
		s.WriteString(ed.s)
		at = ed.end
	}
	s.WriteString(src[at:to])
	return s.String()
}

// walk collects the edits below n. stack is the nodes above it.
func (r *rewriter) walk(n ast.Node, stack []ast.Node) {
	if n == nil {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if id, ok := n.(*ast.Ident); ok {
			r.ident(id, stack[:len(stack)-1])
		}
		if r.plain {
			return true
		}
		switch n := n.(type) {
		case *ast.ForStmt:
			if r.unrollFor(n, stack) {
				stack = stack[:len(stack)-1]
				return false
			}
			r.checkLoop(n, n.Body)
		case *ast.RangeStmt:
			if r.unrollRange(n, stack) {
				stack = stack[:len(stack)-1]
				return false
			}
			r.checkLoop(n, n.Body)
		case *ast.BranchStmt:
			if n.Tok == token.GOTO {
				r.insert(n.Pos(), check)
			}
		case *ast.FuncLit:
			if r.callback(n, stack[:len(stack)-1]) {
				r.insert(n.Body.Lbrace+1, "defer ʼl.GuardCallback();")
			}
			r.insert(n.Body.Lbrace+1, check)
		case *ast.BlockStmt:
			r.wake(n.List)
		case *ast.CaseClause:
			r.wake(n.Body)
		case *ast.CommClause:
			r.insert(n.Colon+1, woke)
			r.wake(n.Body)
		case *ast.GoStmt:
			r.goStmt(n)
		case *ast.CallExpr:
			r.namedCallbacks(n)
		case *ast.TypeAssertExpr:
			r.assertion(n)
		case *ast.BinaryExpr:
			r.comparison(n)
		case *ast.SwitchStmt:
			r.exprSwitch(n)
		case *ast.TypeSwitchStmt:
			r.typeSwitch(n)
		}
		return true
	})
}

func (r *rewriter) ident(id *ast.Ident, stack []ast.Node) {
	if r.pass.unused[id.Pos()] {
		r.use(id, stack)
	}
	obj := r.pass.info.Uses[id]
	if obj == nil {
		obj = r.pass.info.Defs[id]
	}
	switch o := obj.(type) {
	case *types.PkgName:
		path := PlainPath(o.Imported().Path())
		r.out.imports[id.Name], r.pkgs[id.Name] = path, path
		return
	case *types.Var:
		if o.IsField() {
			if o.Embedded() {
				if n, ok := deref(o.Type()).(*types.Named); ok {
					r.rename(id, n.Obj())
				}
			}
			return
		}
		if s := r.renvar(o, id.Name); s != "" {
			r.replace(id.Pos(), id.End(), s)
			return
		}
	case *types.TypeName:
		r.rename(id, o)
		r.version(id, o, stack)
	case *types.Func:
		if r.plain && o.Name() == "main" && ours(o) && o.Signature().Recv() == nil {
			r.replace(id.Pos(), id.End(), plainMain)
		}
	}
	if obj != nil && obj.Pkg() != nil && !ours(obj) && obj.Parent() == obj.Pkg().Scope() {
		if sel, ok := stack[len(stack)-1].(*ast.SelectorExpr); !ok || sel.Sel != id {
			path := PlainPath(obj.Pkg().Path())
			r.out.dots[path], r.dots[path] = true, true
		}
	}
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return types.Unalias(p.Elem())
	}
	return types.Unalias(t)
}

// rename writes a type declared inside a function under the name of its version: the linker knows such types by name
// only, and another cell may have had another one.
func (r *rewriter) rename(id *ast.Ident, o *types.TypeName) {
	n, ok := o.Type().(*types.Named)
	if r.plain || !ok || !ours(o) || o.IsAlias() || o.Parent() == o.Pkg().Scope() || o.Parent() == nil {
		return
	}
	if v := r.e.version(n); v > 1 {
		r.replace(id.Pos(), id.End(), versioned(o.Name(), v))
	}
}

// version writes a type of the session under the name of its version. The alias that has the plain name would do, were it
// not that Go's compiler panics on some recursive types with aliases in them, and refuses them for receivers of generic
// types. It has to do where it names a field.
func (r *rewriter) version(id *ast.Ident, o *types.TypeName, stack []ast.Node) {
	n, ok := o.Type().(*types.Named)
	if r.plain || !ok || !ours(o) || o.IsAlias() || o.Parent() != o.Pkg().Scope() || r.pass.info.Uses[id] == nil || embedded(stack) {
		return
	}
	if v := r.e.version(n); v > 1 {
		r.replace(id.Pos(), id.End(), versioned(o.Name(), v))
	}
}

// embedded reports whether an identifier below stack is the type of an embedded field.
func embedded(stack []ast.Node) bool {
	for i := len(stack) - 1; i > 1; i-- {
		switch n := stack[i].(type) {
		case *ast.IndexExpr, *ast.IndexListExpr, *ast.StarExpr, *ast.ParenExpr:
		case *ast.Field:
			_, ok := stack[i-2].(*ast.StructType)
			return ok && len(n.Names) == 0
		default:
			return false
		}
	}
	return false
}

// use adds a read of the local variable id after its declaration: a cell may leave variables unused.
func (r *rewriter) use(id *ast.Ident, stack []ast.Node) {
	s := "_=" + id.Name + ";"
	for i := len(stack) - 1; i >= 0; i-- {
		st, ok := stack[i].(ast.Stmt)
		if !ok || i == 0 {
			continue
		}
		if rg, ok := st.(*ast.RangeStmt); ok {
			r.insert(rg.Body.Lbrace+1, s)
			return
		}
		switch p := stack[i-1].(type) {
		case *ast.BlockStmt:
			r.insert(st.End(), ";_="+id.Name)
		case *ast.CaseClause:
			r.insert(st.End(), ";_="+id.Name)
		case *ast.CommClause:
			if p.Comm == st {
				r.insert(p.Colon+1, s)
			} else {
				r.insert(st.End(), ";_="+id.Name)
			}
		case *ast.LabeledStmt:
			continue
		case *ast.IfStmt:
			r.insert(p.Body.Lbrace+1, s)
		case *ast.ForStmt:
			r.insert(p.Body.Lbrace+1, s)
		case *ast.SwitchStmt:
			r.useInClause(p.Body, s)
		case *ast.TypeSwitchStmt:
			r.useInClause(p.Body, s)
		default:
			continue
		}
		return
	}
}

func (r *rewriter) useInClause(body *ast.BlockStmt, s string) {
	for _, c := range body.List {
		r.insert(c.(*ast.CaseClause).Colon+1, s)
		return
	}
	r.insert(body.Lbrace+1, "default:"+s)
}

// goStmt guards a goroutine: `go f(x)` becomes `go func(f F, x X) { defer guard(); f(x) }(f, x)`, so that function and
// arguments are still evaluated at once.
func (r *rewriter) goStmt(g *ast.GoStmt) {
	const guard = "defer ʼl.Guard();"
	call := g.Call
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		r.insert(lit.Body.Lbrace+1, guard)
		return
	}
	sig, ok := r.pass.info.TypeOf(call.Fun).Underlying().(*types.Signature)
	tv := r.pass.info.Types[call.Fun]
	if !ok || tv.IsBuiltin() || len(call.Args) == 1 && isTuple(r.pass.info.TypeOf(call.Args[0])) {
		r.wrapGo(call, guard)
		return
	}
	exprs := []types.Type{types.NewSignatureType(nil, nil, nil, sig.Params(), sig.Results(), sig.Variadic())}
	for i := range sig.Params().Len() {
		exprs = append(exprs, sig.Params().At(i).Type())
	}
	var params, args []string
	for i, t := range exprs {
		x, imports, err := typeExpr(t)
		if err != nil || typeParams(t) {
			r.wrapGo(call, guard)
			return
		}
		for a, p := range imports {
			r.out.imports[a] = p
		}
		name := fmt.Sprintf("ʼ%d", i)
		arg := name
		if i == len(exprs)-1 && i > 0 && sig.Variadic() {
			if call.Ellipsis == token.NoPos {
				x = "..." + strings.TrimPrefix(x, "[]")
			}
			arg += "..."
		}
		params = append(params, name+" "+x)
		if i > 0 {
			args = append(args, arg)
		}
	}
	r.insert(call.Pos(), fmt.Sprintf("func(%s){%sʼ0(%s)}(", strings.Join(params, ","), guard, strings.Join(args, ",")))
	sep := ","
	if len(call.Args) == 0 {
		sep = ""
	}
	r.replace(call.Lparen, call.Lparen+1, sep)
	if call.Ellipsis != token.NoPos {
		r.replace(call.Ellipsis, call.Ellipsis+3, "")
	}
}

// callback reports whether a function literal may be called by a goroutine that cell code did not start, such as one of
// sync.WaitGroup.Go or an HTTP server: it has no results but perhaps an error, and is not called where it stands.
func (r *rewriter) callback(lit *ast.FuncLit, stack []ast.Node) bool {
	if call, ok := stack[len(stack)-1].(*ast.CallExpr); ok && call.Fun == lit {
		return false
	}
	sig, ok := r.pass.info.TypeOf(lit).(*types.Signature)
	return ok && isCallback(sig)
}

func isCallback(sig *types.Signature) bool {
	res := sig.Results()
	return res.Len() == 0 || res.Len() == 1 && isError(res.At(0).Type())
}

// namedCallbacks guards functions of cells that are handed by name to other packages: `wg.Go(work)`.
func (r *rewriter) namedCallbacks(call *ast.CallExpr) {
	for _, arg := range call.Args {
		id, ok := arg.(*ast.Ident)
		if !ok {
			continue
		}
		fn, ok := r.pass.info.Uses[id].(*types.Func)
		if !ok || !ours(fn) || fn.Signature().TypeParams() != nil || fn.Signature().Params().Len() != 0 || !isCallback(fn.Signature()) {
			continue
		}
		result, ret := "", ""
		if fn.Signature().Results().Len() == 1 {
			result, ret = " error ", "return "
		}
		r.insert(id.Pos(), fmt.Sprintf("func()%s{defer ʼl.GuardCallback();%s", result, ret))
		r.insert(id.End(), "()}")
	}
}

func (r *rewriter) wrapGo(call *ast.CallExpr, guard string) {
	r.insert(call.Pos(), "func(){"+guard)
	r.insert(call.End(), "}()")
}

func isTuple(t types.Type) bool {
	_, ok := t.(*types.Tuple)
	return ok
}

// typeParams reports whether t mentions a type parameter.
func typeParams(t types.Type) bool {
	found := false
	each(t, func(t types.Type) {
		if _, ok := t.(*types.TypeParam); ok {
			found = true
		}
	})
	return found
}
