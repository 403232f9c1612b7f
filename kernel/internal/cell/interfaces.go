package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
)

// An interface with methods holds a pointer to a table of them, one for each pair of an interface and a type. Compiled
// code takes two interface values for different if their tables are, and finds the type of one by its table. In a program
// there is one table a pair. Here the runtime may have made one before a plugin that brings its own is loaded:
//
//	cell[1]: v := x.(error)       the runtime makes a table
//	cell[2]: e, ok := v.(*MyErr)  knows its own
//
// So cells compare and assert through the empty interface, which holds the type itself.

// mixed reports whether values of type t may have several tables.
func mixed(t types.Type) bool {
	if t == nil {
		return false
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		return false
	}
	i, ok := t.Underlying().(*types.Interface)
	return ok && i.NumMethods() > 0
}

// emptied makes x a value of the empty interface.
func (r *rewriter) emptied(x ast.Expr) {
	r.insert(x.Pos(), "interface{}(")
	r.insert(x.End(), ")")
}

// assertion changes v.(T) where T is no interface.
func (r *rewriter) assertion(n *ast.TypeAssertExpr) {
	if n.Type == nil || !mixed(r.pass.info.TypeOf(n.X)) {
		return
	}
	t := r.pass.info.TypeOf(n.Type)
	if _, param := types.Unalias(t).(*types.TypeParam); param || !types.IsInterface(t) {
		r.emptied(n.X)
	}
}

// comparison changes v == w and v != w; it is enough that one side is empty.
func (r *rewriter) comparison(n *ast.BinaryExpr) {
	if n.Op != token.EQL && n.Op != token.NEQ {
		return
	}
	x, y := r.pass.info.Types[n.X], r.pass.info.Types[n.Y]
	if x.IsNil() || y.IsNil() || !mixed(x.Type) && !mixed(y.Type) {
		return
	}
	if _, param := types.Unalias(x.Type).(*types.TypeParam); !param {
		r.emptied(n.X)
	}
}

// exprSwitch changes what the cases are compared with.
func (r *rewriter) exprSwitch(n *ast.SwitchStmt) {
	if n.Tag != nil && mixed(r.pass.info.TypeOf(n.Tag)) {
		r.emptied(n.Tag)
	}
}

// typeSwitch changes `switch v := x.(type)`. The variable gets the type that it has in each clause.
func (r *rewriter) typeSwitch(n *ast.TypeSwitchStmt) {
	var x ast.Expr
	var v *ast.Ident
	switch a := n.Assign.(type) {
	case *ast.ExprStmt:
		x = a.X.(*ast.TypeAssertExpr).X
	case *ast.AssignStmt:
		x = a.Rhs[0].(*ast.TypeAssertExpr).X
		v = a.Lhs[0].(*ast.Ident)
	}
	t := r.pass.info.TypeOf(x)
	if !mixed(t) {
		return
	}
	if v != nil && len(n.Body.List) > 0 {
		expr, imports, err := typeExpr(t)
		if err != nil {
			return
		}
		maps.Copy(r.out.imports, imports)
		r.replace(v.Pos(), v.End(), "ʼt")
		for _, s := range n.Body.List {
			c := s.(*ast.CaseClause)
			if len(c.List) == 1 && !r.pass.info.Types[c.List[0]].IsNil() {
				r.insert(c.Colon+1, v.Name+":=ʼt;_="+v.Name+";")
			} else {
				r.insert(c.Colon+1, v.Name+",_:=ʼt.("+expr+");_="+v.Name+";")
			}
		}
	}
	r.emptied(x)
}
