package variables

import (
	"reflect"
	"unsafe"
)

// Limits of measuring.
const (
	maxPlaces  = 10_000 // that are followed in all
	maxMeasure = 64     // elements of one list that are followed; others are taken to be like them
	maxNesting = 100
)

// meter finds out how much memory a value takes with all it points to: everything once.
type meter struct {
	looker
	seen   map[place]bool
	places int
}

type place struct {
	at  unsafe.Pointer
	typ reflect.Type
}

func newMeter(l looker) *meter { return &meter{looker: l, seen: map[place]bool{}} }

// of is the memory of v: its own, and that of what it points to.
func (m *meter) of(v reflect.Value) int64 { return add(int64(v.Type().Size()), m.behind(v, 0, true)) }

// behind is the memory of what v points to. follow is whether pointers count: in structures of other packages only what is
// surely their own does, for a pointer there may lead to what the whole process shares.
func (m *meter) behind(v reflect.Value, depth int, follow bool) int64 {
	if !points(v.Type()) || m.places > maxPlaces || depth > maxNesting {
		return 0
	}
	m.places++
	if v.CanAddr() {
		var ok bool
		if v, ok = m.steady(v); !ok {
			return 0
		}
	}
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Slice:
		if v.Cap() == 0 || m.visited(v.UnsafePointer(), v.Type()) {
			return 0
		}
		elem := int64(v.Type().Elem().Size())
		return add(int64(v.Cap())*elem, m.elements(v, depth, follow))
	case reflect.Array:
		return m.elements(v, depth, follow)
	case reflect.Pointer:
		if v.IsNil() || !follow || m.visited(v.UnsafePointer(), v.Type()) {
			return 0
		}
		return add(int64(v.Type().Elem().Size()), m.behind(v.Elem(), depth+1, follow))
	case reflect.Interface:
		if v.IsNil() || !follow {
			return 0
		}
		held := v.Elem()
		own := int64(held.Type().Size())
		switch held.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
			own = 0
		}
		return add(own, m.behind(held, depth+1, follow))
	case reflect.Map:
		if v.IsNil() || m.visited(v.UnsafePointer(), v.Type()) {
			return 0
		}
		return m.entries(v, depth, follow)
	case reflect.Chan:
		if v.IsNil() || m.visited(v.UnsafePointer(), v.Type()) {
			return 0
		}
		return int64(v.Cap()) * int64(v.Type().Elem().Size())
	case reflect.Struct:
		follow = follow && ofCells(v.Type())
		var n int64
		for i := range v.NumField() {
			n = add(n, m.behind(v.Field(i), depth+1, follow))
		}
		return n
	}
	return 0
}

// elements is what the elements of a list point to.
func (m *meter) elements(v reflect.Value, depth int, follow bool) int64 {
	n := v.Len()
	if n == 0 || !points(v.Type().Elem()) {
		return 0
	}
	step := max(1, n/maxMeasure)
	var sum, looked int64
	for i := 0; i < n; i += step {
		sum = add(sum, m.behind(v.Index(i), depth+1, follow))
		looked++
	}
	if int64(n) > looked {
		return int64(float64(sum) / float64(looked) * float64(n))
	}
	return sum
}

// entries is the memory of a map. Its tables are filled to three quarters or so.
func (m *meter) entries(v reflect.Value, depth int, follow bool) int64 {
	t := v.Type()
	n := int64(v.Len())
	sum := n*int64(t.Key().Size()+t.Elem().Size()+1)*4/3 + 48
	if m.busy || !points(t.Key()) && !points(t.Elem()) {
		return sum
	}
	var more, looked int64
	for it := v.MapRange(); looked < maxMeasure && it.Next(); looked++ {
		more = add(more, add(m.behind(it.Key(), depth+1, follow), m.behind(it.Value(), depth+1, follow)))
	}
	if looked > 0 {
		sum = add(sum, int64(float64(more)/float64(looked)*float64(n)))
	}
	return sum
}

func (m *meter) visited(at unsafe.Pointer, t reflect.Type) bool {
	p := place{at, t}
	if m.seen[p] {
		return true
	}
	m.seen[p] = true
	return false
}

// points reports whether values of t may point to memory of their own.
func points(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && points(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if points(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.String, reflect.Slice, reflect.Pointer, reflect.Interface, reflect.Map, reflect.Chan:
		return true
	}
	return false
}

// ofCells reports whether a cell declared the type t, or it has no name.
func ofCells(t reflect.Type) bool { return t.PkgPath() == "nb" || t.PkgPath() == "" }
