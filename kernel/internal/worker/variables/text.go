package variables

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxItems  = 20 // of a list that may be written
	maxSorted = 64 // entries of a map that are put in order to show the first
	maxLevels = 4
)

// printer writes the beginning of a value on one line, as Go writes it.
type printer struct {
	looker
	strings.Builder
}

// full reports whether there is no room for more.
func (p *printer) full() bool { return p.Len() > 4*maxLine }

// value writes v. plain says that its type is known from where it stands.
func (p *printer) value(v reflect.Value, depth int, plain bool) {
	if !v.IsValid() {
		p.WriteString("nil")
		return
	}
	if p.full() {
		return
	}
	if k := v.Kind(); !v.CanAddr() && v.CanInterface() && (k == reflect.Struct || k == reflect.Array) && v.Type().Size() < 1<<16 {
		c := reflect.New(v.Type()).Elem() // so that unexported fields can be read
		c.Set(v)
		v = c
	}
	if v.CanAddr() {
		var ok bool
		if v, ok = p.steady(v); !ok {
			p.WriteString(changing)
			return
		}
	}
	if s, ok := p.own(v); ok {
		p.WriteString(s)
		return
	}
	t := v.Type()
	name := ""
	if !plain {
		name = TypeName(t)
	}
	switch v.Kind() {
	case reflect.Interface:
		p.value(v.Elem(), depth, false)
	case reflect.String:
		s := v.String()
		if len(s) > 4*maxLine {
			s = strings.ToValidUTF8(strings.Clone(s[:4*maxLine]), "")
		}
		p.WriteString(strconv.Quote(s))
	case reflect.Pointer:
		switch {
		case v.IsNil():
			p.WriteString("nil")
		case depth > maxLevels:
			p.WriteString("…")
		default:
			p.WriteString("&")
			p.value(v.Elem(), depth+1, plain)
		}
	case reflect.Slice, reflect.Array:
		switch {
		case v.Kind() == reflect.Slice && v.IsNil():
			p.WriteString(name + "(nil)")
			return
		case p.bytes(v):
			return
		}
		p.list(name, v.Len(), depth, func(i int) { p.value(v.Index(i), depth+1, true) })
	case reflect.Map:
		switch {
		case v.IsNil():
			p.WriteString(name + "(nil)")
		case v.Len() == 0:
			p.WriteString(name + "{}")
		case p.busy || v.Len() > maxSorted:
			p.WriteString(name + "{…}")
		default:
			keys := sortedKeys(v, p.looker)
			p.list(name, len(keys), depth, func(i int) {
				p.WriteString(keys[i].text + ": ")
				p.value(v.MapIndex(keys[i].key), depth+1, true)
			})
		}
	case reflect.Struct:
		if strings.HasPrefix(name, "struct {") {
			name = ""
		}
		shown := []int{}
		for i := range v.NumField() {
			if f := t.Field(i); f.Name != "_" && (f.IsExported() || ofCells(t)) {
				shown = append(shown, i)
			}
		}
		if len(shown) < v.NumField() && len(shown) == 0 {
			p.WriteString(name + "{…}")
			return
		}
		p.list(name, len(shown), depth, func(i int) {
			p.WriteString(t.Field(shown[i]).Name + ": ")
			p.value(v.Field(shown[i]), depth+1, true)
		})
	case reflect.Func:
		if v.IsNil() {
			p.WriteString("nil")
			return
		}
		p.WriteString(TypeName(t))
	case reflect.Chan:
		if v.IsNil() {
			p.WriteString("nil")
			return
		}
		fmt.Fprintf(p, "%s (%d of %d)", TypeName(t), v.Len(), v.Cap())
	case reflect.UnsafePointer:
		fmt.Fprintf(p, "unsafe.Pointer(%#x)", v.Pointer())
	default:
		fmt.Fprint(p, plainNumber(v))
	}
}

// plainNumber is a number or boolean without the methods of its type.
func plainNumber(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.Kind() == reflect.Float32:
		return float32(v.Float())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.Complex64:
		return complex64(v.Complex())
	case v.CanComplex():
		return v.Complex()
	}
	return v.Bool()
}

// own is the text that v's own method makes of it. Methods of cells' types are not called: what they do, and how long it
// takes, is the cells' business. Nor others, which may take locks, while cells run; but those of times, which are plain values.
func (p *printer) own(v reflect.Value) (string, bool) {
	t := v.Type()
	if t.PkgPath() == "time" && v.CanInterface() {
		switch x := v.Interface().(type) {
		case time.Time:
			return x.Round(0).String(), true
		case fmt.Stringer:
			return x.String(), true
		}
	}
	if p.busy || ofCells(t) && !foreignPointer(t) {
		return "", false
	}
	if t.Kind() == reflect.Pointer && v.IsNil() || !v.CanInterface() {
		return "", false
	}
	x := v.Interface()
	if v.CanAddr() && t.Kind() != reflect.Interface {
		if _, ok := x.(error); !ok {
			if _, ok := x.(fmt.Stringer); !ok {
				x = v.Addr().Interface()
			}
		}
	}
	var call func() string
	switch m := x.(type) {
	case error:
		call = m.Error
	case fmt.Stringer:
		call = m.String
	default:
		return "", false
	}
	s, ok := try(call)
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i] + " …"
	}
	return s, ok
}

// foreignPointer reports whether t is a pointer to a type that another package declares.
func foreignPointer(t reflect.Type) bool { return t.Kind() == reflect.Pointer && !ofCells(t.Elem()) }

func try(f func() string) (s string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f(), true
}

// list writes n items in braces, as many as there is room for.
func (p *printer) list(name string, n, depth int, item func(i int)) {
	p.WriteString(name)
	if depth > maxLevels && n > 0 {
		p.WriteString("{…}")
		return
	}
	p.WriteString("{")
	for i := range n {
		if i > 0 {
			p.WriteString(", ")
		}
		if i == maxItems || p.full() {
			p.WriteString("…")
			break
		}
		item(i)
	}
	p.WriteString("}")
}

// bytes writes bytes that are a text.
func (p *printer) bytes(v reflect.Value) bool {
	if v.Kind() != reflect.Slice || v.Len() == 0 || v.Type().Elem().Kind() != reflect.Uint8 {
		return false
	}
	b := slices.Clone(v.Bytes()[:min(v.Len(), 4*maxLine)])
	s := string(b)
	if len(b) < v.Len() {
		s = strings.ToValidUTF8(s, "")
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return false
	}
	p.WriteString(strings.Replace(TypeName(v.Type()), "[]uint8", "[]byte", 1) + "(" + strconv.Quote(s) + ")")
	return true
}

type mapKey struct {
	key  reflect.Value
	text string
}

// sortedKeys is the keys of a map in order: numbers by value, others by their texts.
func sortedKeys(m reflect.Value, l looker) []mapKey {
	var keys []mapKey
	for _, k := range m.MapKeys() {
		p := printer{looker: l}
		p.value(k, 1, true)
		keys = append(keys, mapKey{k, p.String()})
	}
	slices.SortFunc(keys, func(a, b mapKey) int {
		x, y := a.key, b.key
		switch {
		case x.CanInt() && y.CanInt():
			return cmp.Compare(x.Int(), y.Int())
		case x.CanUint() && y.CanUint():
			return cmp.Compare(x.Uint(), y.Uint())
		case x.CanFloat() && y.CanFloat():
			return cmp.Compare(x.Float(), y.Float())
		}
		return strings.Compare(a.text, b.text)
	})
	return keys
}

// TypeName writes t as a person does: types of cells without a package.
func TypeName(t reflect.Type) string {
	name := strings.ReplaceAll(t.String(), "interface {}", "any")
	for e := t; ; e = e.Elem() {
		if e.PkgPath() == "golab/kernel/nb" { // its name is nb, too
			return name
		}
		switch e.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan, reflect.Map:
			if e.Name() == "" {
				continue
			}
		}
		return ofNB.ReplaceAllString(name, "")
	}
}

// ofNB is the package of cells, where a name begins with it.
var ofNB = regexp.MustCompile(`\bnb\.`)
