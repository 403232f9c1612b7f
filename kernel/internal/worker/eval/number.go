package eval

import (
	"math"
	"reflect"

	"golab/kernel/internal/pipe"
)

func isInt(t reflect.Type) bool {
	return t != nil && t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
}
func isSigned(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64
}
func isFloat(t reflect.Type) bool {
	return t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
}
func isComplex(t reflect.Type) bool {
	return t.Kind() == reflect.Complex64 || t.Kind() == reflect.Complex128
}
func ordered(t reflect.Type) bool {
	return t != nil && (isInt(t) || isFloat(t) || t.Kind() == reflect.String)
}

// constant is the value of x as a t.
func constant(x *pipe.Expr, t reflect.Type) reflect.Value {
	var v any
	switch k := t.Kind(); {
	case k == reflect.Bool:
		v = x.Bits != 0
	case k == reflect.String:
		v = string(x.Text)
	case isInt(t) && isSigned(t):
		v = int64(x.Bits)
	case isInt(t):
		v = x.Bits
	case isFloat(t):
		v = math.Float64frombits(x.Bits)
	case isComplex(t):
		v = complex(math.Float64frombits(x.Bits), math.Float64frombits(x.Imag))
	default:
		refuse("constant of type %s", t)
	}
	return reflect.ValueOf(v).Convert(t)
}

// binary prepares x, whose operands may be constants of a type that only the other one's says.
func (p *preparer) binary(x *pipe.Expr, want reflect.Type) code {
	l, r := x.X[0], x.X[1]
	switch x.Name {
	case "<<", ">>":
		return binary(x.Name, p.expr(l, want), p.expr(r, nil))
	case "==", "!=", "<", "<=", ">", ">=":
		want = nil
	}
	if l.Op == pipe.OpConst || l.Op == pipe.OpNil {
		b := p.expr(r, want)
		return binary(x.Name, p.expr(l, b.typ), b)
	}
	a := p.expr(l, want)
	return binary(x.Name, a, p.expr(r, a.typ))
}

// binary makes an operation of two operands.
func binary(op string, a, b code) code {
	boolean := func(f func(x, y reflect.Value) bool) code {
		return code{reflect.TypeFor[bool](), func() reflect.Value { return reflect.ValueOf(f(a.get(), b.get())) }, false}
	}
	switch op {
	case "==", "!=":
		same := equal(a, b)
		return boolean(func(x, y reflect.Value) bool { return same(x, y) == (op == "==") })
	}
	t := a.typ
	switch {
	case t == nil || b.typ == nil:
		refuse("%s of nil", op)
	case op == "<<" || op == ">>":
		if !isInt(t) || !isInt(b.typ) {
			refuse("%s of %s", op, t)
		}
		return code{t, func() reflect.Value { return shift(op, t, a.get(), b.get()) }, false}
	case t != b.typ:
		refuse("%s %s %s", t, op, b.typ)
	case op == "&&" && t.Kind() == reflect.Bool:
		return code{t, func() reflect.Value {
			if x := a.get(); !x.Bool() {
				return truth(t, false)
			}
			return truth(t, b.get().Bool())
		}, false}
	case op == "||" && t.Kind() == reflect.Bool:
		return code{t, func() reflect.Value {
			if x := a.get(); x.Bool() {
				return truth(t, true)
			}
			return truth(t, b.get().Bool())
		}, false}
	}
	if test := map[string]func(int) bool{
		"<": func(c int) bool { return c == -1 }, "<=": func(c int) bool { return c == -1 || c == 0 },
		">": func(c int) bool { return c == 1 }, ">=": func(c int) bool { return c == 1 || c == 0 },
	}[op]; test != nil && ordered(t) {
		return boolean(func(x, y reflect.Value) bool { return test(compare(t, x, y)) })
	}
	var calc func(x, y reflect.Value) reflect.Value
	switch {
	case isInt(t) && isSigned(t):
		if f := signed[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value { return reflect.ValueOf(f(x.Int(), y.Int())) }
		}
	case isInt(t):
		if f := unsigned[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value { return reflect.ValueOf(f(x.Uint(), y.Uint())) }
		}
	case t.Kind() == reflect.Float32:
		if f := floats32[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value {
				return reflect.ValueOf(f(float32(x.Float()), float32(y.Float())))
			}
		}
	case t.Kind() == reflect.Float64:
		if f := floats64[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value { return reflect.ValueOf(f(x.Float(), y.Float())) }
		}
	case t.Kind() == reflect.Complex64:
		if f := complex64s[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value {
				return reflect.ValueOf(f(complex64(x.Complex()), complex64(y.Complex())))
			}
		}
	case t.Kind() == reflect.Complex128:
		if f := complex128s[op]; f != nil {
			calc = func(x, y reflect.Value) reflect.Value { return reflect.ValueOf(f(x.Complex(), y.Complex())) }
		}
	case t.Kind() == reflect.String && op == "+":
		calc = func(x, y reflect.Value) reflect.Value { return reflect.ValueOf(x.String() + y.String()) }
	}
	if calc == nil {
		refuse("%s of %s", op, t)
	}
	return code{t, func() reflect.Value {
		x := a.get()
		return calc(x, b.get()).Convert(t) // integers wrap around here
	}, false}
}

// arithmetic is what all numbers have.
func arithmetic[T int64 | uint64 | float32 | float64 | complex64 | complex128]() map[string]func(x, y T) T {
	return map[string]func(x, y T) T{
		"+": func(x, y T) T { return x + y },
		"-": func(x, y T) T { return x - y },
		"*": func(x, y T) T { return x * y },
		"/": func(x, y T) T { return x / y },
	}
}

// integers is what integers have in addition.
func integers[T int64 | uint64]() map[string]func(x, y T) T {
	m := arithmetic[T]()
	m["%"] = func(x, y T) T { return x % y }
	m["&"] = func(x, y T) T { return x & y }
	m["|"] = func(x, y T) T { return x | y }
	m["^"] = func(x, y T) T { return x ^ y }
	m["&^"] = func(x, y T) T { return x &^ y }
	return m
}

var (
	signed      = integers[int64]()
	unsigned    = integers[uint64]()
	floats32    = arithmetic[float32]()
	floats64    = arithmetic[float64]()
	complex64s  = arithmetic[complex64]()
	complex128s = arithmetic[complex128]()
)

func truth(t reflect.Type, b bool) reflect.Value { return reflect.ValueOf(b).Convert(t) }

func shift(op string, t reflect.Type, x, n reflect.Value) reflect.Value {
	var v any
	switch {
	case isSigned(t) && n.CanInt():
		v = shifted(op, x.Int(), n.Int())
	case isSigned(t):
		v = shifted(op, x.Int(), n.Uint())
	case n.CanInt():
		v = shifted(op, x.Uint(), n.Int())
	default:
		v = shifted(op, x.Uint(), n.Uint())
	}
	return reflect.ValueOf(v).Convert(t)
}

func shifted[T, N int64 | uint64](op string, x T, n N) T {
	if op == "<<" {
		return x << n
	}
	return x >> n
}

// compare is -1, 0 or 1, or 2 if x and y have no order.
func compare(t reflect.Type, x, y reflect.Value) int {
	var less, greater, same bool
	switch {
	case isInt(t) && isSigned(t):
		less, greater, same = x.Int() < y.Int(), x.Int() > y.Int(), x.Int() == y.Int()
	case isInt(t):
		less, greater, same = x.Uint() < y.Uint(), x.Uint() > y.Uint(), x.Uint() == y.Uint()
	case isFloat(t):
		less, greater, same = x.Float() < y.Float(), x.Float() > y.Float(), x.Float() == y.Float()
	default:
		less, greater, same = x.String() < y.String(), x.String() > y.String(), x.String() == y.String()
	}
	switch {
	case less:
		return -1
	case greater:
		return 1
	case same:
		return 0
	}
	return 2
}

// equal prepares a comparison for equality.
func equal(a, b code) func(x, y reflect.Value) bool {
	switch {
	case a.typ == nil || b.typ == nil:
		refuse("comparison of nil")
	case a.typ == b.typ && !a.typ.Comparable(): // with nil
		return func(x, y reflect.Value) bool { return x.IsNil() && y.IsNil() }
	case a.typ == b.typ, a.typ.Kind() == reflect.Interface, b.typ.Kind() == reflect.Interface:
		return func(x, y reflect.Value) bool { return x.Interface() == y.Interface() }
	}
	refuse("%s == %s", a.typ, b.typ)
	return nil
}

func unary(op string, a code) code {
	t := a.typ
	var calc func(x reflect.Value) any
	switch {
	case t == nil:
	case op == "+" && (isInt(t) || isFloat(t) || isComplex(t)):
		calc = func(x reflect.Value) any { return x.Interface() }
	case op == "!" && t.Kind() == reflect.Bool:
		calc = func(x reflect.Value) any { return !x.Bool() }
	case op == "-" && isInt(t) && isSigned(t):
		calc = func(x reflect.Value) any { return -x.Int() }
	case op == "-" && isInt(t):
		calc = func(x reflect.Value) any { return -x.Uint() }
	case op == "-" && isFloat(t):
		calc = func(x reflect.Value) any { return -x.Float() }
	case op == "-" && isComplex(t):
		calc = func(x reflect.Value) any { return -x.Complex() }
	case op == "^" && isInt(t) && isSigned(t):
		calc = func(x reflect.Value) any { return ^x.Int() }
	case op == "^" && isInt(t):
		calc = func(x reflect.Value) any { return ^x.Uint() }
	}
	if calc == nil {
		refuse("%s of %s", op, t)
	}
	return code{t, func() reflect.Value { return reflect.ValueOf(calc(a.get())).Convert(t) }, false}
}

// convert makes a conversion. Numbers are converted by code compiled for the two types: what does not fit has no value
// that Go defines, but one that the machine has.
func convert(t reflect.Type, a code) code {
	from := a.typ
	number := func(t reflect.Type) bool { return isInt(t) || isFloat(t) }
	var calc func(x reflect.Value) any
	switch {
	case from == nil:
	case from == t:
		return code{t, a.get, false}
	case number(from) && number(t):
		switch {
		case isSigned(from):
			calc = func(x reflect.Value) any { return numeric(t.Kind(), x.Int()) }
		case isInt(from):
			calc = func(x reflect.Value) any { return numeric(t.Kind(), x.Uint()) }
		case from.Kind() == reflect.Float32:
			calc = func(x reflect.Value) any { return numeric(t.Kind(), float32(x.Float())) }
		default:
			calc = func(x reflect.Value) any { return numeric(t.Kind(), x.Float()) }
		}
	case isComplex(from) && isComplex(t), from.Kind() == t.Kind() && from.ConvertibleTo(t), t.Kind() == reflect.Interface && from.Implements(t),
		t.Kind() == reflect.String && isInt(from),
		t.Kind() == reflect.String && from.Kind() == reflect.Slice && from.ConvertibleTo(t):
		return code{t, func() reflect.Value { return a.get().Convert(t) }, false}
	}
	if calc == nil {
		refuse("conversion of %s to %s", from, t)
	}
	return code{t, func() reflect.Value { return reflect.ValueOf(calc(a.get())).Convert(t) }, false}
}

func numeric[F int64 | uint64 | float32 | float64](to reflect.Kind, x F) any {
	switch to {
	case reflect.Int:
		return int(x)
	case reflect.Int8:
		return int8(x)
	case reflect.Int16:
		return int16(x)
	case reflect.Int32:
		return int32(x)
	case reflect.Int64:
		return int64(x)
	case reflect.Uint:
		return uint(x)
	case reflect.Uint8:
		return uint8(x)
	case reflect.Uint16:
		return uint16(x)
	case reflect.Uint32:
		return uint32(x)
	case reflect.Uint64:
		return uint64(x)
	case reflect.Uintptr:
		return uintptr(x)
	case reflect.Float32:
		return float32(x)
	default:
		return float64(x)
	}
}
