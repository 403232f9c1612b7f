package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"slices"
	"strings"
)

// evaluate tells the value of an expression, as the user would write it in the cell.
func (d *Debugger) evaluate(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct {
		Expression string
		FrameID    int
		Context    string
	}](args)
	if err != nil {
		return nil, err
	}
	v, err := d.value(ctx, a.FrameID, a.Expression, a.Context)
	if err != nil {
		return nil, err
	}
	return map[string]any{"result": v.Value, "type": v.Type, "variablesReference": v.VariablesReference}, nil
}

// value evaluates an expression of the user's in a frame; 0 is the innermost.
func (d *Debugger) value(ctx context.Context, id int, expr, purpose string) (variable, error) {
	dl, s, f, err := d.at(id)
	if err != nil {
		if errors.Is(err, errRunning) {
			err = errors.New("expressions are evaluated where a cell is stopped; elsewhere a cell does it")
		}
		return variable{}, err
	}
	in, text, err := d.translate(ctx, dl, s, f, expr)
	if err != nil {
		return variable{}, err
	}
	v, err := dl.evaluate(ctx, in, text, purpose)
	if err != nil {
		return variable{}, errors.New(clean(err.Error()))
	}
	return d.presented(v), nil
}

// evaluate has Delve evaluate an expression of its own kind.
func (dl *delve) evaluate(ctx context.Context, f frame, expr, purpose string) (variable, error) {
	b, err := dl.request(ctx, "evaluate", map[string]any{"expression": expr, "frameId": f.ID, "context": purpose})
	if err != nil {
		return variable{}, err
	}
	var reply struct {
		Result, Type       string
		VariablesReference int
	}
	err = json.Unmarshal(b, &reply)
	return variable{Value: reply.Result, Type: reply.Type, VariablesReference: reply.VariablesReference}, err
}

// translate writes an expression of the user's for Delve: the session's variables are reached through pointers.
func (d *Debugger) translate(ctx context.Context, dl *delve, s *stop, f frame, expr string) (in frame, text string, err error) {
	in = f
	x, err := parser.ParseExpr(expr)
	if err != nil {
		return f, "", fmt.Errorf("%q is no Go expression", expr)
	}
	l, err := d.localsOf(ctx, dl, s, f)
	if err != nil {
		return f, "", err
	}
	type edit struct {
		at, end int
		text    string
	}
	var edits []edit
	calls := false
	visit := func(id *ast.Ident) {
		if l.find(id.Name) != nil || types.Universe.Lookup(id.Name) != nil || strings.Contains(id.Name, "ʼ") {
			return
		}
		g, e, err := d.sessionExpr(ctx, dl, s, f, id.Name)
		if err != nil {
			return // a function, a type, a package: Delve knows, or says what it does not
		}
		if g.ID != f.ID {
			in = g
		}
		edits = append(edits, edit{int(id.Pos()) - 1, int(id.End()) - 1, e})
	}
	var walk func(n ast.Node) bool
	walk = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, walk)
			return false
		case *ast.CallExpr:
			calls = calls || isCall(n.Fun)
		case *ast.Ident:
			visit(n)
		}
		return true
	}
	ast.Inspect(x, walk)
	text = expr
	slices.SortFunc(edits, func(a, b edit) int { return b.at - a.at })
	for _, e := range edits {
		text = text[:e.at] + e.text + text[e.end:]
	}
	if calls {
		text = "call " + text
	}
	return in, text, nil
}

// isCall reports whether calling fun runs a function, and is no conversion nor one of the language's own functions.
func isCall(fun ast.Expr) bool {
	switch x := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return types.Universe.Lookup(x.Name) == nil
	case *ast.ArrayType, *ast.MapType, *ast.InterfaceType, *ast.ChanType, *ast.FuncType, *ast.StarExpr:
		return false
	}
	return true
}

// pending is the breakpoint at a frame if it has a condition that Delve does not know how to tell by itself.
func (d *Debugger) pending(f frame) (breakpoint, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.cellOf(f)
	if !ok {
		return breakpoint{}, false
	}
	for _, p := range d.points[d.path(c.Text)] { // in the order of lines; one in the middle of a statement stops at its beginning
		if p.Line >= f.Line {
			return p, p.Condition != "" && d.conds[condKey(f.File, p.Line, p.Condition)] == ""
		}
	}
	return breakpoint{}, false
}

// condition evaluates a breakpoint's condition where it has stopped. From then on Delve can do so: what the names mean at one
// place does not change.
func (d *Debugger) condition(ctx context.Context, dl *delve, f frame, p breakpoint) (bool, error) {
	d.mu.Lock()
	s := d.stop
	d.mu.Unlock()
	if s == nil {
		return false, errRunning
	}
	in, text, err := d.translate(ctx, dl, s, f, p.Condition)
	if err != nil {
		return false, err
	}
	v, err := dl.evaluate(ctx, in, text, "")
	if err != nil {
		return false, errors.New(clean(err.Error()))
	}
	if v.Value != "true" && v.Value != "false" {
		return false, fmt.Errorf("%s is not true or false, but %s", p.Condition, clean(v.Value))
	}
	if in.ID == f.ID && !strings.HasPrefix(text, "call ") {
		d.mu.Lock()
		d.conds[condKey(f.File, p.Line, p.Condition)] = text
		c, _ := d.cellOf(f)
		points := slices.Clone(d.points[d.path(c.Text)])
		d.mu.Unlock()
		if _, err := d.place(ctx, dl, f.File, points); err != nil {
			return false, err
		}
	}
	return v.Value == "true", nil
}
