package notebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Notebook files are kept as generic JSON whose objects remember the order of their keys, so that writing a file back
// changes nothing but what was asked for, whichever program wrote it and whatever it keeps there.

// object is a JSON object: values are *object, []any, string, json.Number, bool or nil.
type object struct {
	keys   []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

// set puts a key; a new one goes where it belongs if keys are sorted, as Jupyter sorts them.
func (o *object) set(key string, value any) {
	if _, ok := o.values[key]; !ok {
		i := slices.IndexFunc(o.keys, func(k string) bool { return k > key })
		if i < 0 {
			i = len(o.keys)
		}
		o.keys = slices.Insert(o.keys, i, key)
	}
	o.values[key] = value
}

// object returns the object at key, made if there is none.
func (o *object) object(key string) *object {
	if child, ok := o.values[key].(*object); ok {
		return child
	}
	child := newObject()
	o.set(key, child)
	return child
}

func (o *object) text(key string) string {
	s, _ := o.values[key].(string)
	return s
}

// maxDepth is how deep JSON may nest.
const maxDepth = 1000

// parseJSON reads one JSON document.
func parseJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := newObject()
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			name := key.(string)
			if _, twice := o.values[name]; !twice {
				o.keys = append(o.keys, name)
			}
			o.values[name] = value
		}
		_, err := dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := dec.Token()
		return list, err
	}
	return token, nil
}

// sorted is v with the keys of all objects in it sorted.
func sorted(v any) any {
	switch v := v.(type) {
	case *object:
		slices.Sort(v.keys)
		for _, child := range v.values {
			sorted(child)
		}
	case []any:
		for _, child := range v {
			sorted(child)
		}
	}
	return v
}

// writer writes JSON as Python's json.dumps(ensure_ascii=False, indent=…) does, which writes Jupyter's files.
type writer struct {
	bytes.Buffer
	indent string
}

func (w *writer) value(v any, depth int) {
	switch v := v.(type) {
	case *object:
		w.list('{', '}', len(v.keys), depth, func(i int) {
			w.string(v.keys[i])
			w.WriteString(": ")
			w.value(v.values[v.keys[i]], depth+1)
		})
	case []any:
		w.list('[', ']', len(v), depth, func(i int) { w.value(v[i], depth+1) })
	case string:
		w.string(v)
	case nil:
		w.WriteString("null")
	default: // json.Number, bool
		fmt.Fprint(w, v)
	}
}

func (w *writer) list(open, end byte, n, depth int, element func(i int)) {
	w.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		w.newline(depth + 1)
		element(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.WriteByte(end)
}

func (w *writer) newline(depth int) {
	w.WriteByte('\n')
	for range depth {
		w.WriteString(w.indent)
	}
}

var escapes = strings.NewReplacer(jsonEscapes()...)

// jsonEscapes are the characters that Python escapes in JSON, with what it writes for each.
func jsonEscapes() []string {
	pairs := []string{`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`}
	for c := range 0x20 {
		if !slices.Contains(pairs, string(rune(c))) {
			pairs = append(pairs, string(rune(c)), fmt.Sprintf(`\u%04x`, c))
		}
	}
	return pairs
}

func (w *writer) string(s string) {
	w.WriteByte('"')
	escapes.WriteString(w, s)
	w.WriteByte('"')
}
