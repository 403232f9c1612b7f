package widgets

import (
	"encoding/json"
	"reflect"
	"slices"
)

// prop is a trait of Go type T. Its functions are called with the model's mu held, except observers.
type prop[T any] struct {
	m     *model
	value T
	told  T    // at the last call of changed
	since T    // value at the last call of observers, if some are due
	due   bool // observers are to be called, and will be

	fix       func(T) T                        // the nearest allowed value; nil: all are
	out       func(T) any                      // the value as JSON holds it; nil: itself
	in        func(json.RawMessage) (T, error) // the reverse; nil: encoding/json
	silent    bool                             // is not echoed
	observers []func(old, new T)
}

// newProp adds a trait to a model.
func newProp[T any](m *model, name string, value T) *prop[T] {
	p := &prop[T]{m: m, value: value, told: value}
	m.traits[name] = p
	return p
}

func (p *prop[T]) encode() any {
	if p.out != nil {
		return p.out(p.value)
	}
	return p.value
}

func (p *prop[T]) take(raw json.RawMessage) (exact bool, err error) {
	var v T
	if p.in != nil {
		v, err = p.in(raw)
	} else {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return false, err
	}
	p.put(v)
	return reflect.DeepEqual(p.value, v), nil
}

func (p *prop[T]) put(v T) {
	if p.fix != nil {
		v = p.fix(v)
	}
	p.value = v
}

func (p *prop[T]) assign(v any) bool {
	t, ok := v.(T)
	if ok {
		p.put(t)
	}
	return ok
}

func (p *prop[T]) changed() (notify func(), ok bool) {
	if reflect.DeepEqual(p.value, p.told) {
		return nil, false
	}
	if !p.due {
		p.due, p.since = true, p.told
	}
	p.told = p.value
	return p.notify, true
}

func (p *prop[T]) settle() { p.told, p.due = p.value, false }

func (p *prop[T]) echoes() bool { return !p.silent }

// notify calls the observers with the latest value, if they have not been called with it: of changes that come faster than
// they return, those between are left out.
func (p *prop[T]) notify() {
	p.m.mu.Lock()
	due, old, now, all := p.due, p.since, p.value, slices.Clone(p.observers)
	p.due = false
	p.m.mu.Unlock()
	if !due || reflect.DeepEqual(old, now) {
		return
	}
	for _, f := range all {
		f(old, now)
	}
}

func (p *prop[T]) get() T {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	return p.value
}

func (p *prop[T]) set(v T) { p.m.change(func() { p.put(v) }) }

func (p *prop[T]) observe(f func(old, new T)) {
	if f == nil {
		return
	}
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.observers = append(p.observers, f)
}

// optional adds traits that are text or null, which is written "".
func optional(m *model, names ...string) {
	for _, n := range names {
		p := newProp(m, n, "")
		p.out = func(s string) any {
			if s == "" {
				return nil
			}
			return s
		}
	}
}

// texts, truths and lies add traits of text, and booleans that begin as their name says.
func texts(m *model, names ...string) {
	for _, n := range names {
		newProp(m, n, "")
	}
}

func truths(m *model, names ...string) {
	for _, n := range names {
		newProp(m, n, true)
	}
}

func lies(m *model, names ...string) {
	for _, n := range names {
		newProp(m, n, false)
	}
}

// described adds the traits of all controls that have a description beside them and can be disabled.
func described(m *model) {
	texts(m, "description")
	lies(m, "disabled", "description_allow_html")
}
