package widgets

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"golab/kernel/nb"
)

// Interactive is a function with controls for its arguments, and its output. It is a column of those.
type Interactive struct {
	*VBox
	// Output is where what the function prints, displays and returns is shown.
	Output *Output

	f        reflect.Value
	controls []control

	mu      sync.Mutex
	running bool
	again   bool // an argument has changed since the function was called
}

// control gives one argument.
type control struct {
	widget Widget
	value  func() reflect.Value
}

// Range stands for the numbers between two, among the arguments of [Interact].
type Range struct{ min, max, step float64 }

// Between is the numbers from min to max; step, if given, is how far they are apart.
func Between[T int | float64](min, max T, step ...T) Range {
	r := Range{min: float64(min), max: float64(max)}
	if len(step) > 0 {
		r.step = float64(step[0])
	}
	return r
}

type named struct {
	name string
	arg  any
}

// Named is an argument of [Interact] whose control has a description. (The names of a function's parameters are not known when
// it runs.)
func Named(name string, arg any) any { return named{name, arg} }

// Interact makes a control for each parameter of f, and calls f with their values, now and whenever one is changed. What f
// prints, displays and returns is shown below the controls; an error that it returns, and a panic, too. When changes come
// faster than f returns, it is called for the latest and not for those between.
//
// An argument says what control its parameter gets:
//
//	a number, or Between(min, max)   a slider
//	a bool                           a checkbox
//	a string                         a line of text
//	a slice                          a menu of its elements
//	a map with strings as keys       a menu of its keys, whose value is passed
//	a widget                         that widget, by its Value
//
// Parameters without an argument get the control of a zero value. Interact panics if f is no function or an argument does not
// fit, as that is a mistake in the call.
func Interact(f any, args ...any) *Interactive {
	i := &Interactive{f: reflect.ValueOf(f), Output: NewOutput()}
	t := reflect.TypeOf(f)
	switch {
	case t == nil || t.Kind() != reflect.Func || i.f.IsNil():
		panic(fmt.Sprintf("widgets.Interact: %T is not a function", f))
	case t.IsVariadic():
		panic("widgets.Interact: the function has a variable number of parameters; wrap it in one that has not")
	case len(args) > t.NumIn():
		panic(fmt.Sprintf("widgets.Interact: %d arguments for %d parameters", len(args), t.NumIn()))
	}
	var children []Widget
	for n := range t.NumIn() {
		arg := reflect.Zero(t.In(n)).Interface()
		if n < len(args) {
			arg = args[n]
		}
		name := fmt.Sprintf("arg %d", n+1)
		if a, ok := arg.(named); ok {
			name, arg = a.name, a.arg
		}
		c, err := controlFor(t.In(n), arg, name, i.changed)
		if err != nil {
			panic(fmt.Sprintf("widgets.Interact: argument %d: %v", n+1, err))
		}
		i.controls = append(i.controls, c)
		children = append(children, c.widget)
	}
	i.VBox = NewVBox(append(children, i.Output)...)
	i.Update()
	return i
}

// Update calls the function again.
func (i *Interactive) Update() {
	i.Output.Clear(true)
	i.Output.Run(func() {
		var args []reflect.Value
		for _, c := range i.controls {
			args = append(args, c.value())
		}
		for _, r := range i.f.Call(args) {
			if err, ok := r.Interface().(error); ok {
				fmt.Println(err)
			} else if r.Type() != reflect.TypeFor[error]() {
				nb.Show(r.Interface())
			}
		}
	})
}

// changed has the function called soon.
func (i *Interactive) changed() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.again = true
	i.next()
}

func (i *Interactive) next() {
	if i.running || !i.again {
		return
	}
	i.running, i.again = true, false
	nb.Go(func() {
		defer func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.running = false
			i.next()
		}()
		i.Update()
	})
}

// controlFor makes the control of a parameter of type t for an argument.
func controlFor(t reflect.Type, arg any, name string, changed func()) (control, error) {
	label := Description(name)
	if w, ok := arg.(Widget); ok {
		return controlOf(t, w, changed)
	}
	switch v := reflect.ValueOf(arg); {
	case !v.IsValid():
		return control{}, fmt.Errorf("nil does not say what control a %s gets", t)
	case isNumber(t.Kind()) && (isNumber(v.Kind()) || v.Type() == reflect.TypeFor[Range]()):
		return slider(t, v, label, changed), nil
	case t.Kind() == reflect.Bool && v.Kind() == reflect.Bool:
		c := NewCheckbox(v.Bool(), label)
		c.OnChange(func(bool, bool) { changed() })
		return control{c, func() reflect.Value { return reflect.ValueOf(c.Value()).Convert(t) }}, nil
	case t.Kind() == reflect.String && v.Kind() == reflect.String:
		c := NewText(v.String(), label)
		c.OnChange(func(string, string) { changed() })
		return control{c, func() reflect.Value { return reflect.ValueOf(c.Value()).Convert(t) }}, nil
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && fits(v.Type().Elem(), t):
		var labels []string
		var values []reflect.Value
		for n := range v.Len() {
			labels, values = append(labels, fmt.Sprint(v.Index(n))), append(values, v.Index(n))
		}
		return menu(t, labels, values, label, changed)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String && fits(v.Type().Elem(), t):
		var values []reflect.Value
		byName := map[string]reflect.Value{}
		for k, x := range v.Seq2() {
			byName[k.String()] = x
		}
		labels := slices.Sorted(maps.Keys(byName))
		for _, l := range labels {
			values = append(values, byName[l])
		}
		return menu(t, labels, values, label, changed)
	}
	return control{}, fmt.Errorf("a %T does not say what control a %s gets", arg, t)
}

func isNumber(k reflect.Kind) bool {
	return reflect.Int <= k && k <= reflect.Float64 && k != reflect.Uintptr
}

func isFloat(k reflect.Kind) bool { return k == reflect.Float32 || k == reflect.Float64 }

// fits reports whether a value of type from can be passed as one of type to.
func fits(from, to reflect.Type) bool {
	return from.AssignableTo(to) || isNumber(from.Kind()) && isNumber(to.Kind())
}

// passed is v as a parameter of type t.
func passed(v reflect.Value, t reflect.Type) reflect.Value {
	if !v.Type().AssignableTo(t) {
		return v.Convert(t)
	}
	return v
}

func slider(t reflect.Type, v reflect.Value, label Option, changed func()) control {
	var r Range
	var value float64
	if v.Type() == reflect.TypeFor[Range]() {
		r = v.Interface().(Range)
		value = (r.min + r.max) / 2
	} else {
		value = v.Convert(reflect.TypeFor[float64]()).Float()
		switch { // as in ipywidgets
		case value > 0:
			r.min, r.max = -value, 3*value
		case value < 0:
			r.min, r.max = 3*value, -value
		default:
			r.max = 1
			if !isFloat(t.Kind()) {
				r.max = 10
			}
		}
		if isUnsigned(t.Kind()) {
			r.min = max(r.min, 0)
		}
	}
	options := []Option{label}
	if r.step > 0 {
		options = append(options, Step(r.step))
	}
	if isFloat(t.Kind()) {
		s := NewFloatSlider(r.min, r.max, value, options...)
		s.OnChange(func(float64, float64) { changed() })
		return control{s, func() reflect.Value { return reflect.ValueOf(s.Value()).Convert(t) }}
	}
	s := NewIntSlider(int(r.min), int(r.max), int(value), options...)
	s.OnChange(func(int, int) { changed() })
	return control{s, func() reflect.Value { return reflect.ValueOf(s.Value()).Convert(t) }}
}

func isUnsigned(k reflect.Kind) bool { return reflect.Uint <= k && k <= reflect.Uint64 }

func menu(t reflect.Type, labels []string, values []reflect.Value, label Option, changed func()) (control, error) {
	if len(labels) == 0 {
		return control{}, fmt.Errorf("there is nothing to choose from")
	}
	d := NewDropdown(labels, label)
	d.index.observe(func(int, int) { changed() })
	return control{d, func() reflect.Value { return passed(values[clamp(d.Index(), 0, len(values)-1)], t) }}, nil
}

// controlOf is a widget as a control, by its method Value.
func controlOf(t reflect.Type, w Widget, changed func()) (control, error) {
	value := reflect.ValueOf(w).MethodByName("Value")
	if !value.IsValid() || value.Type().NumIn() != 0 || value.Type().NumOut() != 1 || !fits(value.Type().Out(0), t) {
		return control{}, fmt.Errorf("the value of a %T is no %s", w, t)
	}
	m := w.self()
	for _, name := range []string{"value", "index"} {
		m.mu.Lock()
		p := m.traits[name]
		m.mu.Unlock()
		if p, ok := p.(interface{ whenever(func()) }); ok {
			p.whenever(changed)
		}
	}
	return control{w, func() reflect.Value { return passed(value.Call(nil)[0], t) }}, nil
}

// whenever has f called when the value has changed.
func (p *prop[T]) whenever(f func()) { p.observe(func(T, T) { f() }) }
