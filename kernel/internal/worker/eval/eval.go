// Package eval runs statements in the worker without code compiled for them: they name variables, functions and methods
// that are loaded already, and reflection does the rest. What it runs has the types and the behaviour of compiled Go; what
// it can't do so, it refuses before anything has run. See docs/how-it-works.md.
package eval

import (
	"fmt"
	"reflect"
	"unsafe"

	"golab/kernel/internal/pipe"
	"golab/kernel/live"
)

// Cell is a cell that can be run.
type Cell struct {
	steps []func()
	lines []int
	at    int
}

// refusal is why something can't be evaluated.
type refusal string

func refuse(format string, args ...any) {
	panic(refusal(fmt.Sprintf(format, args...)))
}

// Prepare looks up all that the statements name. The error says why they need code of their own.
func Prepare(e *pipe.Eval) (c *Cell, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("%v", r)
		}
	}()
	if !known {
		refuse("this version of Go lays out reflect.Value in another way")
	}
	c = &Cell{}
	p := &preparer{gen: e.Gen, fresh: map[string]*fresh{}}
	for _, s := range e.Stmts {
		c.steps = append(c.steps, p.stmt(s))
		c.lines = append(c.lines, s.Line)
	}
	return c, nil
}

// Run executes the statements; poll is called before each and at the end.
func (c *Cell) Run(poll func()) {
	for c.at = range c.steps {
		poll()
		c.steps[c.at]()
	}
	poll()
}

// Line is where in the cell the statement stands that is being run, or was when Run panicked.
func (c *Cell) Line() int { return c.lines[c.at] }

// code is an expression whose parts have been looked up.
type code struct {
	typ   reflect.Type         // its static type: that of an interface, too. nil for nil itself
	get   func() reflect.Value // evaluates it. The Value may be the variable itself: it is to be read before anything else happens
	isVar bool                 // get returns a variable
}

// fresh is a variable that the cell declares.
type fresh struct {
	typ  reflect.Type
	addr unsafe.Pointer // once it is declared
}

type preparer struct {
	gen   int
	fresh map[string]*fresh
}

func (p *preparer) stmt(s pipe.Stmt) func() {
	switch s.Op {
	case pipe.OpDo:
		_, run := p.values(s.X[0])
		return func() { run() }
	case pipe.OpShow, pipe.OpResult:
		show := live.Show
		if s.Op == pipe.OpResult {
			show = live.ShowCall
		}
		_, run := p.values(s.X[0])
		return func() {
			var vals []any
			for _, v := range run() {
				vals = append(vals, v.Interface())
			}
			show(vals...)
		}
	case pipe.OpSet:
		return p.set(s)
	case pipe.OpDefine:
		return p.define(s)
	case pipe.OpDelete:
		m := p.expr(s.X[0], nil)
		if m.typ.Kind() != reflect.Map {
			refuse("delete from a %s", m.typ)
		}
		key := p.as(s.X[1], m.typ.Key())
		return func() {
			k := key()
			m.get().SetMapIndex(k, reflect.Value{})
		}
	}
	refuse("statement %q", s.Op)
	return nil
}

// values prepares an expression that may have any number of values.
func (p *preparer) values(x *pipe.Expr) (types []reflect.Type, run func() []reflect.Value) {
	if x.Op == pipe.OpCall {
		return p.call(x)
	}
	c := p.expr(x, nil)
	return []reflect.Type{c.typ}, func() []reflect.Value { return []reflect.Value{c.get()} }
}

// set prepares an assignment. The right side is evaluated first, as compiled code has it.
func (p *preparer) set(s pipe.Stmt) func() {
	left := s.X[0]
	if left.Op == pipe.OpIndex {
		if m := p.expr(left.X[0], nil); m.typ.Kind() == reflect.Map {
			key := p.as(left.X[1], m.typ.Key())
			elem := m.typ.Elem()
			if s.Name == "" {
				val := p.as(s.X[1], elem)
				return func() {
					v := val()
					k := key()
					m.get().SetMapIndex(k, v)
				}
			}
			operand := p.expr(s.X[1], elem)
			var old, right reflect.Value
			op := binary(s.Name, code{typ: elem, get: func() reflect.Value { return old }}, code{typ: operand.typ, get: func() reflect.Value { return right }})
			return func() {
				right = operand.get()
				k := key()
				m := m.get()
				if old = m.MapIndex(k); !old.IsValid() {
					old = reflect.Zero(elem)
				}
				m.SetMapIndex(k, op.get())
			}
		}
	}
	l := p.expr(left, nil)
	if !l.isVar {
		refuse("assignment to a value")
	}
	if s.Name == "" {
		val := p.as(s.X[1], l.typ)
		return func() {
			v := val()
			l.get().Set(v)
		}
	}
	operand := p.expr(s.X[1], l.typ)
	var to, right reflect.Value
	op := binary(s.Name, code{typ: l.typ, get: func() reflect.Value { return to }}, code{typ: operand.typ, get: func() reflect.Value { return right }})
	return func() {
		right = operand.get()
		to = l.get()
		to.Set(op.get())
	}
}

func (p *preparer) define(s pipe.Stmt) func() {
	types, run := p.values(s.X[0])
	if len(types) != len(s.Names) {
		refuse("%d variables for %d values", len(s.Names), len(types))
	}
	var store []func(v reflect.Value)
	var check []func()
	for i, b := range s.Names {
		t := types[i]
		switch {
		case b.Name == "_":
			store = append(store, func(reflect.Value) {})
			continue
		case b.Fresh:
			f := &fresh{typ: t}
			p.fresh[b.Name] = f
			store = append(store, func(v reflect.Value) {
				f.addr = allocate(t, v)
				live.Declare(p.gen, b.Name, live.Variable{Addr: f.addr, Type: t, Key: b.Key})
			})
		default:
			old := p.lookup(b.Name, b.Key)
			if old.Type != t {
				refuse("%s is a %s, not a %s", b.Name, old.Type, t)
			}
			store = append(store, func(v reflect.Value) {
				at(t, old.Addr).Set(v)
				live.Declare(p.gen, b.Name, old)
			})
		}
		if b.Check {
			c := p.expr(&pipe.Expr{Op: pipe.OpVar, Name: b.Name, Key: b.Key}, nil)
			check = append(check, func() {
				err, _ := c.get().Interface().(error)
				live.Unchecked(b.Name, err)
			})
		}
	}
	return func() {
		for i, v := range run() {
			store[i](v)
		}
		for _, f := range check {
			f()
		}
	}
}

// lookup finds a session variable.
func (p *preparer) lookup(name, key string) live.Variable {
	v := live.Lookup(name)
	if v.Addr == nil || v.Key != key {
		refuse("%s is not known as a %s", name, key)
	}
	return v
}

// expr prepares an expression. want is the type of what it is given to or combined with; nil if that does not matter.
func (p *preparer) expr(x *pipe.Expr, want reflect.Type) code {
	switch x.Op {
	case pipe.OpVar:
		if f := p.fresh[x.Name]; f != nil {
			return code{f.typ, func() reflect.Value { return at(f.typ, f.addr) }, true}
		}
		v := p.lookup(x.Name, x.Key)
		return code{v.Type, func() reflect.Value { return at(v.Type, v.Addr) }, true}
	case pipe.OpConst:
		v := constant(x, named(x.Type, want))
		return code{v.Type(), func() reflect.Value { return v }, false}
	case pipe.OpNil:
		if want == nil {
			return code{}
		}
		switch want.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Interface, reflect.Chan, reflect.UnsafePointer:
			v := reflect.Zero(want)
			return code{want, func() reflect.Value { return v }, false}
		}
	case pipe.OpPackage:
		t := named(x.Type, nil)
		if addr := member(x); t.Kind() != reflect.Func && addr != nil {
			return code{t, func() reflect.Value { return at(t, addr) }, true}
		}
	case pipe.OpField:
		s := p.expr(x.X[0], nil)
		if s.typ.Kind() == reflect.Struct && x.At < s.typ.NumField() && s.typ.Field(x.At).Name == x.Name {
			return code{s.typ.Field(x.At).Type, func() reflect.Value { return open(s.get().Field(x.At)) }, s.isVar}
		}
	case pipe.OpDeref:
		ptr := p.expr(x.X[0], nil)
		if ptr.typ.Kind() == reflect.Pointer {
			return code{ptr.typ.Elem(), func() reflect.Value {
				v := ptr.get()
				if v.IsNil() {
					nilDereference()
				}
				return v.Elem()
			}, true}
		}
	case pipe.OpAddr:
		v := p.expr(x.X[0], nil)
		if v.isVar && v.typ.Name() != "" { // such a type comes with the type of pointers to it
			return code{reflect.PointerTo(v.typ), func() reflect.Value { return v.get().Addr() }, false}
		}
	case pipe.OpIndex:
		return p.index(x)
	case pipe.OpSlice:
		return p.slice(x)
	case pipe.OpUnary:
		return unary(x.Name, p.expr(x.X[0], want))
	case pipe.OpBinary:
		return p.binary(x, want)
	case pipe.OpConvert:
		t := named(x.Type, want)
		return convert(t, p.expr(x.X[0], t))
	case pipe.OpBuiltin:
		return p.builtin(x, want)
	case pipe.OpCall:
		types, run := p.call(x)
		if len(types) == 1 {
			return code{types[0], func() reflect.Value { return run()[0] }, false}
		}
	}
	refuse("expression %q %s", x.Op, x.Name)
	return code{}
}

// as prepares an expression that is assigned to something of type t.
func (p *preparer) as(x *pipe.Expr, t reflect.Type) func() reflect.Value {
	c := p.expr(x, t)
	switch {
	case c.typ == t:
		return c.get
	case c.typ != nil && c.typ.AssignableTo(t):
		return func() reflect.Value { return c.get().Convert(t) }
	}
	refuse("%s is assigned to %s", c.typ, t)
	return nil
}

// nilDereference panics as code does that reads through a nil pointer.
func nilDereference() {
	var p *byte
	_ = *p
}

func (p *preparer) index(x *pipe.Expr) code {
	s := p.expr(x.X[0], nil)
	if s.typ.Kind() == reflect.Map {
		key := p.as(x.X[1], s.typ.Key())
		elem := s.typ.Elem()
		return code{elem, func() reflect.Value {
			m := s.get()
			if v := m.MapIndex(key()); v.IsValid() {
				return v
			}
			return reflect.Zero(elem)
		}, false}
	}
	i := p.expr(x.X[1], nil)
	if !isInt(i.typ) {
		refuse("index of type %s", i.typ)
	}
	switch s.typ.Kind() {
	case reflect.Slice, reflect.Array:
		return code{s.typ.Elem(), func() reflect.Value {
			v := s.get()
			return v.Index(position(i.get(), v.Len()))
		}, s.isVar || s.typ.Kind() == reflect.Slice}
	case reflect.String:
		return code{reflect.TypeFor[byte](), func() reflect.Value {
			s := s.get().String()
			return reflect.ValueOf(s[position(i.get(), len(s))])
		}, false}
	}
	refuse("index of %s", s.typ)
	return code{}
}

// position is the index i, checked as compiled code does.
func position(i reflect.Value, n int) int {
	all := make([]struct{}, n)
	if i.CanUint() {
		_ = all[i.Uint()]
		return int(i.Uint())
	}
	_ = all[i.Int()]
	return int(i.Int())
}

func (p *preparer) slice(x *pipe.Expr) code {
	s := p.expr(x.X[0], nil)
	var bounds [3]func() int
	for i, b := range x.X[1:] {
		if b == nil {
			continue
		}
		c := p.expr(b, nil)
		if !isInt(c.typ) || c.typ.Kind() >= reflect.Uint {
			refuse("slice bound of type %s", c.typ)
		}
		bounds[i] = func() int { return int(c.get().Int()) }
	}
	bound := func(i, otherwise int) int {
		if bounds[i] == nil {
			return otherwise
		}
		return bounds[i]()
	}
	switch s.typ.Kind() {
	case reflect.String:
		return code{s.typ, func() reflect.Value {
			v := s.get().String()
			i, j := bound(0, 0), bound(1, len(v))
			return reflect.ValueOf(v[i:j]).Convert(s.typ)
		}, false}
	case reflect.Slice:
		return code{s.typ, func() reflect.Value {
			v := s.get()
			like := make([]struct{}, v.Len(), v.Cap())
			if i := bound(0, 0); bounds[2] != nil {
				j, k := bound(1, 0), bound(2, 0)
				_ = like[i:j:k]
				return v.Slice3(i, j, k)
			} else {
				j := bound(1, v.Len())
				_ = like[i:j]
				return v.Slice(i, j)
			}
		}, false}
	}
	refuse("slice of %s", s.typ)
	return code{}
}

func (p *preparer) builtin(x *pipe.Expr, want reflect.Type) code {
	switch x.Name {
	case "len", "cap":
		v := p.expr(x.X[0], nil)
		return code{reflect.TypeFor[int](), func() reflect.Value {
			if x.Name == "len" {
				return reflect.ValueOf(v.get().Len())
			}
			return reflect.ValueOf(v.get().Cap())
		}, false}
	case "min", "max":
		op := map[string]string{"min": "<", "max": ">"}[x.Name]
		var all []code
		for _, a := range x.X {
			c := p.expr(a, want)
			if !ordered(c.typ) || isFloat(c.typ) {
				refuse("%s of %s", x.Name, c.typ)
			}
			want = c.typ
			all = append(all, c)
		}
		best := all[0]
		for _, c := range all[1:] {
			a, b := best, c
			var x, y reflect.Value
			less := binary(op, code{typ: b.typ, get: func() reflect.Value { return y }}, code{typ: a.typ, get: func() reflect.Value { return x }})
			best = code{a.typ, func() reflect.Value {
				x, y = a.get(), b.get()
				if less.get().Bool() {
					return y
				}
				return x
			}, false}
		}
		return best
	case "append":
		s := p.expr(x.X[0], want)
		if s.typ.Kind() != reflect.Slice {
			refuse("append to %s", s.typ)
		}
		if x.Spread {
			more := p.as(x.X[1], s.typ)
			return code{s.typ, func() reflect.Value {
				v := s.get()
				return reflect.AppendSlice(v, more())
			}, false}
		}
		var elems []func() reflect.Value
		for _, a := range x.X[1:] {
			elems = append(elems, p.as(a, s.typ.Elem()))
		}
		return code{s.typ, func() reflect.Value {
			v := s.get()
			var vals []reflect.Value
			for _, e := range elems {
				vals = append(vals, e())
			}
			return reflect.Append(v, vals...)
		}, false}
	}
	refuse("%s", x.Name)
	return code{}
}

// call prepares a call.
func (p *preparer) call(x *pipe.Expr) (results []reflect.Type, run func() []reflect.Value) {
	fn := p.callee(x.X[0])
	if fn.typ.Kind() != reflect.Func {
		refuse("call of a %s", fn.typ)
	}
	args := x.X[1:]
	fixed := fn.typ.NumIn()
	if fn.typ.IsVariadic() && !x.Spread {
		fixed--
	}
	if len(args) < fixed || len(args) > fixed && !(fn.typ.IsVariadic() && !x.Spread) {
		refuse("%d arguments for %s", len(args), fn.typ)
	}
	var in []func() reflect.Value
	for i := range fixed {
		in = append(in, p.as(args[i], fn.typ.In(i)))
	}
	var more []func() reflect.Value
	if fn.typ.IsVariadic() && !x.Spread {
		for _, a := range args[fixed:] {
			more = append(more, p.as(a, fn.typ.In(fixed).Elem()))
		}
	}
	for i := range fn.typ.NumOut() {
		results = append(results, fn.typ.Out(i))
	}
	return results, func() []reflect.Value {
		f := fn.get()
		var vals []reflect.Value
		for _, a := range in {
			vals = append(vals, a())
		}
		if fn.typ.IsVariadic() && !x.Spread {
			t := fn.typ.In(fixed)
			list := reflect.Zero(t)
			if len(more) > 0 {
				list = reflect.MakeSlice(t, len(more), len(more))
			}
			for i, a := range more {
				list.Index(i).Set(a())
			}
			vals = append(vals, list)
		}
		if f.IsNil() { // a function, or an interface whose method is called
			nilDereference()
		}
		if fn.typ.IsVariadic() {
			return f.CallSlice(vals)
		}
		return f.Call(vals)
	}
}

// callee prepares what is called.
func (p *preparer) callee(x *pipe.Expr) code {
	switch x.Op {
	case pipe.OpFunc:
		self, gen := live.Copy(x.Name)
		if self == nil || gen != x.Gen {
			refuse("function %s is not loaded as it is now", x.Name)
		}
		f := reflect.ValueOf(self)
		return code{f.Type(), func() reflect.Value { return f }, false}
	case pipe.OpPackage:
		if x.Type.Kind == "func" {
			return function(x)
		}
	case pipe.OpMethod:
		recv := p.expr(x.X[0], nil)
		if recv.typ.NumMethod() != x.Of {
			refuse("%s has %d methods", recv.typ, recv.typ.NumMethod())
		}
		var t reflect.Type
		if recv.typ.Kind() == reflect.Interface {
			m := recv.typ.Method(x.At)
			if m.Name != x.Name || m.PkgPath != "" {
				refuse("method %s of %s is %s", x.Name, recv.typ, m.Name)
			}
			t = m.Type
		} else {
			if m := recv.typ.Method(x.At); m.Name != x.Name {
				refuse("method %s of %s is %s", x.Name, recv.typ, m.Name)
			}
			t = reflect.Zero(recv.typ).Method(x.At).Type()
		}
		return code{t, func() reflect.Value {
			v := recv.get()
			if v.Kind() == reflect.Interface && v.IsNil() {
				return v
			}
			return v.Method(x.At)
		}, false}
	}
	return p.expr(x, nil)
}
