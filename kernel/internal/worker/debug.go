package worker

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"golab/kernel/internal/pipe"
	"golab/kernel/internal/worker/variables"
	"golab/kernel/live"
)

// pause tells what is loaded and waits until the front lets generation gen run.
func (w *worker) pause(gen int) {
	w.mu.Lock()
	begin := make(chan struct{})
	w.paused[gen] = begin
	w.mu.Unlock()
	w.send(pipe.Event{Loaded: &pipe.Loaded{Gen: gen, Variables: sessionParts(w.busy())}})
	<-begin
}

func (w *worker) goOn(gen int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if begin := w.paused[gen]; begin != nil {
		close(begin)
		delete(w.paused, gen)
	}
}

// maxParts is how many elements of a variable are told of.
const maxParts = 100

// unfold tells the parts of a variable. Values that code of cells may be changing are not taken apart.
func (w *worker) unfold(u pipe.Unfold) *pipe.Unfolded {
	answer := &pipe.Unfolded{}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			answer.Parts, answer.Err = nil, fmt.Sprint(r)
		}
	}()
	if u.Name == "" {
		answer.Parts = sessionParts(w.busy())
		return answer
	}
	w.mu.Lock()
	running := w.current != nil
	w.mu.Unlock()
	v := live.Lookup(u.Name)
	switch {
	case running:
		answer.Err = "a cell is running; its variables can be unfolded when it has ended, or stands at a breakpoint"
		return answer
	case v.Addr == nil:
		answer.Err = "there is no variable " + u.Name
		return answer
	}
	at := reflect.NewAt(v.Type, v.Addr).Elem()
	for _, i := range u.Path {
		parts := partsOf(at)
		if i < 0 || i >= len(parts) {
			answer.Err = u.Name + " has changed"
			return answer
		}
		at = parts[i].value
	}
	busy := w.busy()
	for i, p := range partsOf(at) {
		answer.Parts = append(answer.Parts, describePart(i, p, busy))
	}
	return answer
}

// sessionParts is the session's variables, by name.
func sessionParts(busy bool) []pipe.Part {
	var list []pipe.Part
	for name, v := range live.Variables() {
		p := describePart(0, part{name, reflect.NewAt(v.Type, v.Addr).Elem()}, busy)
		p.Addr, p.Dwarf = uint64(uintptr(v.Addr)), dwarfName(v.Type)
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b pipe.Part) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func describePart(i int, p part, busy bool) pipe.Part {
	return pipe.Part{Name: p.name, Index: i, Type: plainType(p.value.Type()), Value: variables.Look(p.value, busy).Value, Parts: hasParts(p.value)}
}

// part is a field of a struct, an element, or what a pointer or interface leads to.
type part struct {
	name  string
	value reflect.Value
}

// hasParts reports whether partsOf has anything, without looking into maps.
func hasParts(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil()
	case reflect.Struct:
		return v.NumField() > 0
	case reflect.Slice, reflect.Array, reflect.Map:
		return v.Len() > 0
	}
	return false
}

// partsOf takes a value apart. Maps are left alone while goroutines of cells run, which may be writing to them: Go makes a
// fatal error of that.
func partsOf(v reflect.Value) (list []part) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if e := v.Elem(); v.Kind() == reflect.Pointer && e.Kind() == reflect.Struct {
			return partsOf(e)
		}
		return []part{{v.Elem().Type().String(), readable(v.Elem())}}
	case reflect.Struct:
		for i := range v.NumField() {
			list = append(list, part{v.Type().Field(i).Name, readable(v.Field(i))})
		}
	case reflect.Slice, reflect.Array:
		for i := range min(v.Len(), maxParts) {
			list = append(list, part{fmt.Sprintf("[%d]", i), readable(v.Index(i))})
		}
	case reflect.Map:
		if cellsRun() {
			panic("goroutines of cells are running, which may be changing this map")
		}
		for i := v.MapRange(); i.Next() && len(list) < maxParts; {
			list = append(list, part{variables.Look(readable(i.Key()), false).Value, readable(i.Value())})
		}
		slices.SortFunc(list, func(a, b part) int {
			return cmp.Or(cmp.Compare(len(a.name), len(b.name)), strings.Compare(a.name, b.name))
		})
	}
	return list
}

// readable is v without reflect's mark that it came from a field that is not exported.
func readable(v reflect.Value) reflect.Value {
	if v.CanInterface() {
		return v
	}
	if !v.CanAddr() {
		p := reflect.New(v.Type()).Elem()
		if copied := copyOf(v); copied.IsValid() {
			p.Set(copied)
		}
		return p
	}
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// copyOf copies plain values; others that were not exported and have no address stay hidden.
func copyOf(v reflect.Value) reflect.Value {
	p := reflect.New(v.Type()).Elem()
	switch {
	case v.CanInt():
		p.SetInt(v.Int())
	case v.CanUint():
		p.SetUint(v.Uint())
	case v.CanFloat():
		p.SetFloat(v.Float())
	case v.CanComplex():
		p.SetComplex(v.Complex())
	case v.Kind() == reflect.String:
		p.SetString(v.String())
	case v.Kind() == reflect.Bool:
		p.SetBool(v.Bool())
	default:
		return reflect.Value{}
	}
	return p
}

// plainType is the type's name as the user knows it.
func plainType(t reflect.Type) string {
	return version.ReplaceAllString(strings.ReplaceAll(t.String(), "nb.", ""), "")
}

// dwarfName is how DWARF, as Go's linker writes it, calls a type: with whole paths of packages.
func dwarfName(t reflect.Type) string {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + dwarfName(t.Elem())
	case reflect.Slice:
		return "[]" + dwarfName(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), dwarfName(t.Elem()))
	case reflect.Map:
		return fmt.Sprintf("map[%s]%s", dwarfName(t.Key()), dwarfName(t.Elem()))
	case reflect.Chan:
		return t.ChanDir().String() + " " + dwarfName(t.Elem())
	}
	return t.String()
}
