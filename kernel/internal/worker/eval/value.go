package eval

import (
	"reflect"
	"unsafe"
)

// header is how reflect lays out a Value. The flags are learned from values, so that a Go version which lays them out
// otherwise is noticed: then known is false and nothing is evaluated.
type header struct {
	typ  unsafe.Pointer
	ptr  unsafe.Pointer
	flag uintptr
}

const kindMask = 1<<5 - 1

// Flags of a Value: it came through unexported fields, it is a variable, it points to its value.
var readOnly, variable, indirect, known = flags()

func flags() (readOnly, variable, indirect uintptr, known bool) {
	if unsafe.Sizeof(reflect.Value{}) != unsafe.Sizeof(header{}) {
		return 0, 0, 0, false
	}
	type embedded struct{}
	var x struct {
		N int
		embedded
		n int
	}
	_ = x.n
	v := reflect.ValueOf(&x).Elem()
	flag := func(v reflect.Value) uintptr { return (*header)(unsafe.Pointer(&v)).flag }
	exported := flag(v.Field(0))
	readOnly = (flag(v.Field(1)) | flag(v.Field(2))) &^ (exported | kindMask) // there are two marks
	variable = exported &^ kindMask
	indirect = flag(reflect.ValueOf(7)) &^ kindMask
	return readOnly, variable, indirect, readOnly != 0 && indirect != 0 && variable&indirect != 0 &&
		variable == flag(v)&^kindMask && flag(reflect.ValueOf(&x)) == uintptr(reflect.Pointer)
}

// open is v as if no unexported field had been on the way to it.
func open(v reflect.Value) reflect.Value {
	(*header)(unsafe.Pointer(&v)).flag &^= readOnly
	return v
}

// at is the variable of type t at p. reflect.NewAt would make the type *t where no code so far has one: a generation that is
// loaded later may bring its own, and type assertions would tell the two apart.
func at(t reflect.Type, p unsafe.Pointer) reflect.Value {
	v := reflect.Value{}
	h := (*header)(unsafe.Pointer(&v))
	h.typ, h.ptr, h.flag = word(t), p, variable|uintptr(t.Kind())
	return v
}

// word is the descriptor of t.
func word(t reflect.Type) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1] }

// allocate makes a variable of type t, to which v is assignable, with that value. Like at, it makes no type.
func allocate(t reflect.Type, v reflect.Value) unsafe.Pointer {
	if t.Kind() == reflect.Interface {
		p := unsafe.Pointer(new([2]unsafe.Pointer))
		at(t, p).Set(v)
		return p
	}
	if h := (*header)(unsafe.Pointer(&v)); h.flag&indirect != 0 {
		v = at(t, h.ptr) // as a variable, so that what follows copies it
	}
	v = reflect.ValueOf(v.Interface())
	h := (*header)(unsafe.Pointer(&v))
	if h.flag&indirect != 0 {
		return h.ptr
	}
	p := new(unsafe.Pointer)
	*p = h.ptr
	return unsafe.Pointer(p)
}
