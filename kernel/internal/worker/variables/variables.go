// Package variables says what variables hold, in a line each, while their owners may be using them: it calls no method of a
// cell's type, iterates over no map that a cell may be writing to, bounds what it looks at, and survives reading memory
// that is not what it seems to be. Without locks it can't know whether what it reads is of one moment; it says so where
// two looks differ.
package variables

import (
	"fmt"
	"math"
	"reflect"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"golab/kernel/nb"
)

// Info is what there is to say of a value.
type Info struct {
	Value       string // on one line, cut
	Shape       string // its extent, "" if that says nothing
	Size        int64  // bytes it takes, with what it points to; an estimate where that is much; -1 if unknown
	HasChildren bool
}

// Look looks at the addressable value v. busy says that code of cells may be using it.
func Look(v reflect.Value, busy bool) (info Info) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a slice that is being changed may seem longer than it is
	defer func() {
		if r := recover(); r != nil {
			info = Info{Value: changing, Size: -1}
		}
	}()
	l := looker{busy: busy}
	v, ok := l.steady(v)
	if !ok {
		return Info{Value: changing, Size: -1}
	}
	info = Info{Shape: l.shape(v, 0), HasChildren: hasParts(v)}
	var size int64
	if s := l.summary(v); s != nil {
		info.Shape, info.Value, size = s.Shape, s.Value, s.Size
	}
	if info.Value == "" {
		p := printer{looker: l}
		p.value(v, 0, false)
		info.Value = p.String()
	}
	info.Value = cut(info.Value, maxLine)
	if size == 0 {
		size = newMeter(l).of(v)
	}
	info.Size = size
	return info
}

// changing stands for a value that another goroutine is writing.
const changing = "(being changed)"

// maxLine is how long the text of a value may be, in characters.
const maxLine = 120

// cut makes s one line of at most n characters.
func cut(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// looker reads memory.
type looker struct{ busy bool }

// steady is a copy of the addressable value v: of what is held in two or three words and read together (strings, slices,
// interfaces) one that was the same twice, else the length would be that of another array. Others need none.
func (l looker) steady(v reflect.Value) (reflect.Value, bool) {
	if !v.CanInterface() { // an unexported field
		v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	}
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Interface:
	default:
		return v, true
	}
	first, second := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	for range 3 {
		first.Set(v)
		second.Set(v)
		if !l.busy || sameWords(first, second) {
			return first, true
		}
	}
	return first, false
}

// summary is what a package says of a value, or of what a pointer or interface holds.
func (l looker) summary(v reflect.Value) *nb.Summary {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || v.Type().Size() > 1<<16 { // it is handed over as a copy
		return nil
	}
	for _, summarize := range nb.Summaries() {
		if s := summarize(v.Interface(), l.busy); s != nil {
			return s
		}
	}
	return nil
}

// hasParts reports whether v has parts that a debugger can unfold.
func hasParts(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && hasParts(v.Elem())
	case reflect.Pointer:
		return !v.IsNil()
	case reflect.Slice, reflect.Array, reflect.Map:
		return v.Len() > 0
	case reflect.Struct:
		return v.NumField() > 0
	}
	return false
}

// maxRows is how many rows are looked at to say whether all are of one length.
const maxRows = 1000

// shape is the extent of v.
func (l looker) shape(v reflect.Value, depth int) string {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() || depth > 2 {
			return ""
		}
		v, ok := l.steady(v)
		if !ok {
			return ""
		}
		v = v.Elem()
		if v.CanAddr() {
			if v, ok = l.steady(v); !ok {
				return ""
			}
		}
		return l.shape(v, depth+1)
	case reflect.String:
		s := v.String()
		if len(s) > 1<<16 || !utf8.ValidString(s) {
			return count(len(s), "byte", "bytes")
		}
		return count(utf8.RuneCountInString(s), "character", "characters")
	case reflect.Map:
		return count(v.Len(), "entry", "entries")
	case reflect.Chan:
		if v.IsNil() {
			return ""
		}
		return fmt.Sprintf("%d of %d", v.Len(), v.Cap())
	case reflect.Slice, reflect.Array:
		if dims := l.dims(v, 4); len(dims) > 1 {
			return strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", "×")
		}
		if k := v.Type().Elem().Kind(); k == reflect.Slice || k == reflect.Array {
			return count(v.Len(), "row", "rows")
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return count(v.Len(), "byte", "bytes")
		}
		return count(v.Len(), "item", "items")
	}
	return ""
}

// dims is the lengths of v and, as far as they are equal everywhere, of its rows, their rows, …
func (l looker) dims(v reflect.Value, most int) []int {
	out := []int{v.Len()}
	k := v.Type().Elem().Kind()
	if most == 1 || v.Len() == 0 || k != reflect.Slice && k != reflect.Array {
		return out
	}
	var inner []int
	step := max(1, v.Len()/maxRows)
	for i := 0; i < v.Len(); i += step {
		row := v.Index(i)
		if row.CanAddr() {
			var ok bool
			if row, ok = l.steady(row); !ok {
				return out
			}
		}
		d := l.dims(row, most-1)
		if i == 0 {
			inner = d
			continue
		}
		if len(d) > 0 && len(inner) > 0 && d[0] != inner[0] {
			return out
		}
		n := 0
		for n < len(inner) && n < len(d) && inner[n] == d[n] {
			n++
		}
		inner = inner[:n]
	}
	return append(out, inner...)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// add adds sizes; what is more than an int64 holds is that.
func add(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxInt64
}
