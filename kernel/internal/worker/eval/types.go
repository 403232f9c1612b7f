package eval

import (
	"reflect"
	"strconv"
	"unsafe"

	"golab/kernel/internal/pipe"
	"golab/kernel/live"
)

// own are Go's own types, as [pipe.Type] names them.
var own = func() map[string]reflect.Type {
	m := map[string]reflect.Type{"error": reflect.TypeFor[error](), "any": reflect.TypeFor[any]()}
	for _, v := range []any{false, 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), uintptr(0),
		float32(0), float64(0), complex64(0), complex128(0), ""} {
		m[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	return m
}()

// named finds a type: the one that is wanted, if it has that name, or one that is loaded.
func named(t *pipe.Type, want reflect.Type) reflect.Type {
	var found reflect.Type
	switch {
	case t.Kind != "":
		found = composite(t)
	case t.Path == "":
		found = own[t.Name]
	case want != nil && want.PkgPath() == t.Path && want.Name() == t.Name:
		found = want
	case t.Path == "nb":
		found = live.TypeOf(t.Name)
	default:
		found = loaded(t)
	}
	if found == nil {
		refuse("type %s %s of package %q is not known", t.Kind, t.Name, t.Path)
	}
	return found
}

// typesByString lists the type descriptors of all loaded code with that String.
//
//go:linkname typesByString reflect.typesByString
func typesByString(s string) []unsafe.Pointer

// loaded finds a type of another package; nil if none is there or it is not clear which: a function may declare a type with
// the same name, and packages outside the base may be there more than once.
func loaded(t *pipe.Type) (found reflect.Type) {
	for _, d := range typesByString(t.Package + "." + t.Name) {
		x := describedBy(d)
		switch {
		case x.PkgPath() != t.Path || x.Name() != t.Name || x == found:
		case found != nil:
			return nil
		default:
			found = x
		}
	}
	return found
}

// composite finds a type made of others; nil if no loaded code has it. (Package reflect would make one, which differs from the
// one that a generation brings later.)
func composite(t *pipe.Type) reflect.Type {
	var of []reflect.Type
	for _, x := range t.Of {
		of = append(of, named(x, nil))
	}
	var text string
	var is func(x reflect.Type) bool
	switch t.Kind {
	case "*":
		text = "*" + of[0].String()
		is = func(x reflect.Type) bool { return x.Kind() == reflect.Pointer && x.Elem() == of[0] }
	case "[]":
		text = "[]" + of[0].String()
		is = func(x reflect.Type) bool { return x.Kind() == reflect.Slice && x.Elem() == of[0] }
	case "[n]":
		text = "[" + strconv.Itoa(t.Len) + "]" + of[0].String()
		is = func(x reflect.Type) bool {
			return x.Kind() == reflect.Array && x.Len() == t.Len && x.Elem() == of[0]
		}
	case "map":
		text = "map[" + of[0].String() + "]" + of[1].String()
		is = func(x reflect.Type) bool {
			return x.Kind() == reflect.Map && x.Key() == of[0] && x.Elem() == of[1]
		}
	case "func":
		like := signature(t)
		text = like.String()
		is = func(x reflect.Type) bool { return x.AssignableTo(like) }
	}
	for _, d := range typesByString(text) {
		if x := describedBy(d); is(x) && x.Name() == "" {
			return x
		}
	}
	return nil
}

// signature makes the type of a function. Nobody but a call may see it, see composite.
func signature(t *pipe.Type) reflect.Type {
	var of []reflect.Type
	for _, x := range t.Of {
		of = append(of, named(x, nil))
	}
	return reflect.FuncOf(of[:t.Len], of[t.Len:], t.Variadic)
}

// describedBy is the type with that descriptor.
func describedBy(d unsafe.Pointer) reflect.Type {
	return reflect.TypeOf(*(*any)(unsafe.Pointer(&[2]unsafe.Pointer{d, nil})))
}
