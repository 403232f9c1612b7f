package worker

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golab/kernel/nb"
)

// render is how v shows itself as the last expression of a cell: by its own MIMEBundle, by a registered renderer, by its
// HTML method, or as text.
func render(v any) (b nb.Bundle) {
	defer func() {
		if r := recover(); r != nil {
			b = nb.Bundle{"text/plain": fmt.Sprintf("(%T can't be shown: %v)", v, r)}
		}
	}()
	switch m := v.(type) {
	case interface{ MIMEBundle() map[string]any }:
		if !isNil(v) {
			return withText(m.MIMEBundle(), v)
		}
	case interface{ MIMEBundle() nb.Bundle }:
		if !isNil(v) {
			return withText(m.MIMEBundle(), v)
		}
	}
	for _, r := range nb.Renderers() {
		if b := r(v); b != nil {
			return withText(b, v)
		}
	}
	if h, ok := v.(interface{ HTML() string }); ok && !isNil(v) {
		return nb.Bundle{"text/html": h.HTML(), "text/plain": text(v)}
	}
	return nb.Bundle{"text/plain": text(v)}
}

// withText adds the plain text that every bundle needs.
func withText(b nb.Bundle, v any) nb.Bundle {
	if _, ok := b["text/plain"]; !ok {
		out := nb.Bundle{"text/plain": text(v)}
		for k, x := range b {
			out[k] = x
		}
		return out
	}
	return b
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Interface, reflect.Chan:
		return r.IsNil()
	}
	return v == nil
}

// Limits of the text form of a value.
const (
	maxElements = 100
	maxDepth    = 6
	maxText     = 20_000
)

// text writes v for a person: Go's syntax for composite values, shortened where long.
func text(v any) string {
	p := &printer{}
	p.value(reflect.ValueOf(v), 0, true)
	s := version.ReplaceAllString(p.String(), "")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + fmt.Sprintf(" … (%d more bytes)", len(s)-maxText)
	}
	return s
}

// version is what the names of redefined types end with; see package cell.
var version = regexp.MustCompile(`ʼ\d+`)

type printer struct{ strings.Builder }

func (p *printer) value(v reflect.Value, depth int, top bool) {
	if p.Len() > maxText {
		return
	}
	if !v.IsValid() {
		p.WriteString("nil")
		return
	}
	if v.CanInterface() {
		switch m := v.Interface().(type) {
		case error:
			if !isNil(m) {
				p.WriteString(safely(m.Error))
				return
			}
		case fmt.Stringer:
			if !isNil(m) {
				p.WriteString(safely(m.String))
				return
			}
		}
	}
	if depth > maxDepth {
		p.WriteString("…")
		return
	}
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); top && strings.Contains(s, "\n") {
			p.WriteString(s)
		} else {
			p.WriteString(strconv.Quote(s))
		}
	case reflect.Interface:
		p.value(v.Elem(), depth, false)
	case reflect.Pointer:
		switch {
		case v.IsNil():
			p.WriteString("nil")
		case v.Elem().Kind() == reflect.Struct:
			p.WriteString("&")
			p.value(v.Elem(), depth+1, false)
		default:
			fmt.Fprintf(p, "(%s)(%#x)", v.Type(), v.Pointer())
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			fmt.Fprintf(p, "%s(nil)", v.Type())
			return
		}
		if top {
			p.WriteString(v.Type().String())
		}
		p.list('{', '}', v.Len(), func(i int) { p.value(v.Index(i), depth+1, false) })
	case reflect.Map:
		if v.IsNil() {
			fmt.Fprintf(p, "%s(nil)", v.Type())
			return
		}
		if top {
			p.WriteString(v.Type().String())
		}
		keys := v.MapKeys()
		sortKeys(keys)
		p.list('{', '}', len(keys), func(i int) {
			p.value(keys[i], depth+1, false)
			p.WriteString(": ")
			p.value(v.MapIndex(keys[i]), depth+1, false)
		})
	case reflect.Struct:
		if name := v.Type().String(); !strings.HasPrefix(name, "struct {") {
			p.WriteString(name)
		}
		p.list('{', '}', v.NumField(), func(i int) {
			p.WriteString(v.Type().Field(i).Name + ": ")
			p.value(v.Field(i), depth+1, false)
		})
	case reflect.Func:
		if v.IsNil() {
			p.WriteString("nil")
			return
		}
		p.WriteString(v.Type().String())
	case reflect.Chan:
		fmt.Fprintf(p, "%s (%d of %d)", v.Type(), v.Len(), v.Cap())
	case reflect.UnsafePointer:
		fmt.Fprintf(p, "unsafe.Pointer(%#x)", v.Pointer())
	default: // numbers and booleans
		fmt.Fprint(p, v)
	}
}

func (p *printer) list(open, close byte, n int, item func(i int)) {
	p.WriteByte(open)
	for i := range n {
		if i > 0 {
			p.WriteString(", ")
		}
		if n > maxElements && i == maxElements-10 {
			fmt.Fprintf(p, "… %d more …", n-maxElements)
			for j := n - 10; j < n; j++ {
				p.WriteString(", ")
				item(j)
			}
			break
		}
		item(i)
	}
	p.WriteByte(close)
}

// sortKeys orders map keys as fmt does for the common kinds.
func sortKeys(keys []reflect.Value) {
	if len(keys) == 0 {
		return
	}
	less := func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	switch k := keys[0]; {
	case k.CanInt():
		less = func(a, b reflect.Value) int { return cmp.Compare(a.Int(), b.Int()) }
	case k.CanUint():
		less = func(a, b reflect.Value) int { return cmp.Compare(a.Uint(), b.Uint()) }
	case k.CanFloat():
		less = func(a, b reflect.Value) int { return cmp.Compare(a.Float(), b.Float()) }
	}
	slices.SortFunc(keys, less)
}
