package worker

import (
	"fmt"
	"reflect"

	"golab/kernel/nb"
)

// render is how v shows itself as the last expression of a cell: by its own MIMEBundle, by a registered renderer, by its
// HTML method, or as text. Methods with pointer receivers count, too: v is a value that the user could take the address of.
func render(v any) (b nb.Bundle) {
	defer func() {
		if r := recover(); r != nil {
			b = nb.Bundle{"text/plain": fmt.Sprintf("%s\n(%T can't be shown otherwise: %v)", text(v), v, r)}
		}
	}()
	forms := []any{v}
	if p := addressed(v); p != nil {
		forms = append(forms, p)
	}
	for _, f := range forms {
		switch m := f.(type) {
		case interface{ MIMEBundle() map[string]any }:
			if !isNil(f) {
				return withText(m.MIMEBundle(), v)
			}
		case interface{ MIMEBundle() nb.Bundle }:
			if !isNil(f) {
				return withText(m.MIMEBundle(), v)
			}
		}
	}
	for _, f := range forms {
		for _, r := range nb.Renderers() {
			if b := r(f); b != nil {
				return withText(b, v)
			}
		}
	}
	for _, f := range forms {
		if h, ok := f.(interface{ HTML() string }); ok && !isNil(f) {
			return nb.Bundle{"text/html": h.HTML(), "text/plain": text(v)}
		}
	}
	return nb.Bundle{"text/plain": text(v)}
}

// addressed is a pointer to a copy of v if that has methods which v itself has not; else nil.
func addressed(v any) any {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() == reflect.Pointer || reflect.PointerTo(t).NumMethod() == t.NumMethod() {
		return nil
	}
	p := reflect.New(t)
	p.Elem().Set(reflect.ValueOf(v))
	return p.Interface()
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

// isNil reports whether v is nothing that a method could say something of. (A nil slice or map is.)
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}
