// Package retype gives values that interfaces hold a new type of the same memory layout. When a cell adds a method to a
// type, that type gets a new identity: variables of the type are simply read as the new one, but an interface says itself
// what it holds, and would go on saying the old.
package retype

import (
	"reflect"
	"unsafe"
)

// Walk looks at everything that can be reached from roots, which must be addressable, and lets interfaces that hold a value
// of a type of to, or a pointer to one, hold it as the type that to gives for it. It does not look into channels, functions, and
// types of packages other than pkg, which may be in use while it runs; nor into maps unless maps is true. An interface that the
// new type does not implement is left alone. It returns how many interfaces it changed.
func Walk(roots []reflect.Value, to map[reflect.Type]reflect.Type, pkg string, maps bool) int {
	w := &walker{to: map[reflect.Type]reflect.Type{}, pkg: pkg, maps: maps, seen: map[place]bool{}, holds: map[reflect.Type]bool{}}
	for from, t := range to {
		w.to[from] = t
		w.to[reflect.PointerTo(from)] = reflect.PointerTo(t)
	}
	for _, r := range roots {
		w.walk(r)
	}
	return w.changed
}

type walker struct {
	to      map[reflect.Type]reflect.Type
	pkg     string
	maps    bool
	seen    map[place]bool
	holds   map[reflect.Type]bool
	changed int
}

// place is memory that was looked at, as what, and for slices how much of it.
type place struct {
	at  unsafe.Pointer
	typ reflect.Type
	len int
}

func (w *walker) visited(at unsafe.Pointer, t reflect.Type, n int) bool {
	p := place{at, t, n}
	if w.seen[p] {
		return true
	}
	w.seen[p] = true
	return false
}

// walk looks at the addressable value v.
func (w *walker) walk(v reflect.Value) {
	t := v.Type()
	if !w.mayHold(t) {
		return
	}
	if !v.CanInterface() { // an unexported field
		v = reflect.NewAt(t, v.Addr().UnsafePointer()).Elem()
	}
	switch t.Kind() {
	case reflect.Interface:
		w.iface(v)
	case reflect.Pointer:
		if !v.IsNil() && !w.visited(v.UnsafePointer(), t, 1) {
			w.walk(v.Elem())
		}
	case reflect.Slice:
		if v.Len() > 0 && !w.visited(v.UnsafePointer(), t, v.Len()) {
			for i := range v.Len() {
				w.walk(v.Index(i))
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Map:
		if w.maps && !v.IsNil() && !w.visited(v.UnsafePointer(), t, 1) {
			w.entries(v)
		}
	}
}

// words is an interface value in memory: its type, alone or with methods, and a pointer to what it holds.
type words struct{ typ, data unsafe.Pointer }

// iface looks at an interface and at what it holds.
func (w *walker) iface(v reflect.Value) {
	if v.IsNil() {
		return
	}
	held := v.Elem().Type()
	mem := (*words)(v.Addr().UnsafePointer())
	if t := w.to[held]; t != nil && t.Implements(v.Type()) {
		sample := reflect.New(v.Type()).Elem()
		sample.Set(reflect.Zero(t))
		mem.typ = (*words)(sample.Addr().UnsafePointer()).typ
		w.changed++
		held = t
	}
	switch held.Kind() {
	case reflect.Pointer, reflect.Map: // mem.data is the pointer itself
		w.walk(reflect.NewAt(held, unsafe.Pointer(&mem.data)).Elem())
	case reflect.Struct, reflect.Array:
		if pointerShaped(held) {
			w.walk(reflect.NewAt(held, unsafe.Pointer(&mem.data)).Elem())
			return
		}
		fallthrough
	case reflect.Slice:
		if !w.visited(mem.data, held, 1) {
			w.walk(reflect.NewAt(held, mem.data).Elem())
		}
	}
}

// pointerShaped reports whether an interface holds values of t in its second word rather than a pointer to them.
func pointerShaped(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Struct:
		return t.NumField() == 1 && pointerShaped(t.Field(0).Type)
	case reflect.Array:
		return t.Len() == 1 && pointerShaped(t.Elem())
	}
	return false
}

// entries looks at the keys and values of a map, which are not addressable: changed ones are stored again.
func (w *walker) entries(m reflect.Value) {
	type entry struct{ key, val reflect.Value }
	var all []entry
	for it := m.MapRange(); it.Next(); {
		all = append(all, entry{it.Key(), it.Value()})
	}
	for _, e := range all {
		key, val := reflect.New(m.Type().Key()).Elem(), reflect.New(m.Type().Elem()).Elem()
		key.Set(e.key)
		val.Set(e.val)
		before := w.changed
		w.walk(key)
		if w.changed > before {
			m.SetMapIndex(e.key, reflect.Value{})
		}
		w.walk(val)
		if w.changed > before {
			m.SetMapIndex(key, val)
		}
	}
}

// mayHold reports whether an interface can be reached from a value of t.
func (w *walker) mayHold(t reflect.Type) bool {
	holds, known := w.holds[t]
	if !known {
		holds = w.reaches(t, map[reflect.Type]bool{})
		w.holds[t] = holds
	}
	return holds
}

// reaches is mayHold but for the types in seen, which are being looked at.
func (w *walker) reaches(t reflect.Type, seen map[reflect.Type]bool) bool {
	if p := t.PkgPath(); t.Kind() != reflect.Interface && p != "" && p != w.pkg || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return w.reaches(t.Elem(), seen)
	case reflect.Map:
		return w.reaches(t.Key(), seen) || w.reaches(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if w.reaches(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
