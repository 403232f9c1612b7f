package widgets

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
)

// number is what numeric widgets hold.
type number interface{ int | float64 }

// whole reads a number as T: clients may write 5.0 for 5, and texts of numbers.
func whole[T number](raw json.RawMessage) (T, error) {
	var f float64
	if err := json.Unmarshal(raw, &f); err != nil {
		return 0, err
	}
	var zero T
	if _, ok := any(zero).(int); ok {
		if f = math.Round(f); math.Abs(f) >= 1<<53 {
			return 0, fmt.Errorf("%v is too large", f)
		}
	}
	return T(f), nil
}

func numberProp[T number](m *model, name string, v T) *prop[T] {
	p := newProp(m, name, v)
	p.in = whole[T]
	return p
}

// isNaN reports whether a number is none, which JSON can't hold.
func isNaN[T number](v T) bool { return v != v || math.IsInf(float64(v), 0) }

// limits is a number between two others.
type limits[T number] struct {
	*model
	value, min, max *prop[T]
}

func newLimits[T number](m *model, min, max, value T) limits[T] {
	l := limits[T]{model: m}
	if max < min {
		min, max = max, min
	}
	l.min, l.max = numberProp(m, "min", min), numberProp(m, "max", max)
	l.value = numberProp(m, "value", value)
	l.value.fix = func(v T) T {
		if isNaN(v) {
			v = l.value.value
		}
		return clamp(v, l.min.value, l.max.value)
	}
	keepOrder(l.min, l.max, func() { l.value.put(l.value.value) })
	l.value.put(value)
	return l
}

// clamp is v moved between min and max.
func clamp[T cmp.Ordered](v, lo, hi T) T { return max(lo, min(v, hi)) }

// keepOrder keeps lo at or below hi, and calls settle when one has moved.
func keepOrder[T number](lo, hi *prop[T], settle func()) {
	lo.fix = func(v T) T {
		if isNaN(v) {
			return lo.value
		}
		v = min(v, hi.value)
		defer settle()
		lo.value = v
		return v
	}
	hi.fix = func(v T) T {
		if isNaN(v) {
			return hi.value
		}
		v = max(v, lo.value)
		defer settle()
		hi.value = v
		return v
	}
}

// Value is the number.
func (l limits[T]) Value() T { return l.value.get() }

// SetValue changes the number, to the nearest within the limits.
func (l limits[T]) SetValue(v T) { l.value.set(v) }

// Limits is the least and the greatest value.
func (l limits[T]) Limits() (min, max T) { return l.min.get(), l.max.get() }

// SetLimits changes the least and the greatest value, and takes the value with them.
func (l limits[T]) SetLimits(least, greatest T) {
	if greatest < least {
		least, greatest = greatest, least
	}
	l.change(func() {
		l.min.put(min(least, l.max.value))
		l.max.put(greatest)
		l.min.put(least)
	})
}

// OnChange has f called when the value has changed.
func (l limits[T]) OnChange(f func(old, new T)) { l.value.observe(f) }

// slide adds what all sliders have.
func slide(m *model, format string) *model {
	described(m)
	newProp(m, "orientation", "horizontal")
	newProp(m, "behavior", "drag-tap")
	if format != "" {
		newProp(m, "readout_format", format)
	}
	truths(m, "readout", "continuous_update")
	return m
}

// IntSlider is a slider for a whole number.
type IntSlider struct{ limits[int] }

// NewIntSlider makes a slider from min to max.
func NewIntSlider(min, max, value int, options ...Option) *IntSlider {
	m := slide(newModel("IntSlider", "IntSliderView", "SliderStyle"), "d")
	s := &IntSlider{newLimits(m, min, max, value)}
	numberProp(m, "step", 1)
	m.open(options)
	return s
}

// FloatSlider is a slider for a number.
type FloatSlider struct{ limits[float64] }

// NewFloatSlider makes a slider from min to max, with a hundred steps unless [Step] says how far one is.
func NewFloatSlider(min, max, value float64, options ...Option) *FloatSlider {
	m := slide(newModel("FloatSlider", "FloatSliderView", "SliderStyle"), ".2f")
	s := &FloatSlider{newLimits(m, min, max, value)}
	numberProp(m, "step", stepOf(min, max))
	m.open(options)
	return s
}

// stepOf is a round hundredth of the way from min to max.
func stepOf(min, max float64) float64 {
	if way := math.Abs(max - min); way > 0 && !math.IsInf(way, 0) {
		return math.Pow(10, math.Floor(math.Log10(way)-2))
	}
	return 0.1
}

// FloatLogSlider is a slider for a number of any order of magnitude: equal ways on it are equal factors.
type FloatLogSlider struct{ limits[float64] }

// NewFloatLogSlider makes a slider from base to the power of min, to base to the power of max. Its limits are the exponents.
func NewFloatLogSlider(base, min, max, value float64, options ...Option) *FloatLogSlider {
	m := slide(newModel("FloatLogSlider", "FloatLogSliderView", "SliderStyle"), ".3g")
	if !(base > 1) || isNaN(base) {
		base = 10
	}
	numberProp(m, "base", base)
	s := &FloatLogSlider{newLimits(m, min, max, 0)}
	s.value.fix = func(v float64) float64 {
		if isNaN(v) {
			v = s.value.value
		}
		return clamp(v, math.Pow(base, s.min.value), math.Pow(base, s.max.value))
	}
	s.value.put(value)
	numberProp(m, "step", 0.1)
	m.open(options)
	return s
}

// span is two numbers, the first not above the second, between limits.
type span[T number] struct {
	*model
	value    *prop[[2]T]
	min, max *prop[T]
}

func newSpan[T number](m *model, min, max, from, to T) span[T] {
	if max < min {
		min, max = max, min
	}
	s := span[T]{model: m, min: numberProp(m, "min", min), max: numberProp(m, "max", max), value: newProp(m, "value", [2]T{from, to})}
	s.value.in = func(raw json.RawMessage) (v [2]T, err error) {
		var pair []json.RawMessage
		if err := json.Unmarshal(raw, &pair); err != nil {
			return v, err
		}
		if len(pair) != 2 {
			return v, fmt.Errorf("%d numbers, want 2", len(pair))
		}
		for i := range v {
			if v[i], err = whole[T](pair[i]); err != nil {
				return v, err
			}
		}
		return v, nil
	}
	s.value.fix = func(v [2]T) [2]T {
		for i := range v {
			if isNaN(v[i]) {
				v[i] = s.value.value[i]
			}
			v[i] = clamp(v[i], s.min.value, s.max.value)
		}
		if v[1] < v[0] {
			v[0], v[1] = v[1], v[0]
		}
		return v
	}
	keepOrder(s.min, s.max, func() { s.value.put(s.value.value) })
	s.value.put(s.value.value)
	return s
}

// Value is the two ends.
func (s span[T]) Value() (from, to T) { v := s.value.get(); return v[0], v[1] }

// SetValue changes the two ends.
func (s span[T]) SetValue(from, to T) { s.value.set([2]T{from, to}) }

// OnChange has f called when an end has moved.
func (s span[T]) OnChange(f func(old, new [2]T)) { s.value.observe(f) }

// IntRangeSlider is a slider with two handles, for a range of whole numbers.
type IntRangeSlider struct{ span[int] }

// NewIntRangeSlider makes a slider from min to max.
func NewIntRangeSlider(min, max, from, to int, options ...Option) *IntRangeSlider {
	m := slide(newModel("IntRangeSlider", "IntRangeSliderView", "SliderStyle"), "d")
	s := &IntRangeSlider{newSpan(m, min, max, from, to)}
	numberProp(m, "step", 1)
	m.open(options)
	return s
}

// FloatRangeSlider is a slider with two handles, for a range of numbers.
type FloatRangeSlider struct{ span[float64] }

// NewFloatRangeSlider makes a slider from min to max.
func NewFloatRangeSlider(min, max, from, to float64, options ...Option) *FloatRangeSlider {
	m := slide(newModel("FloatRangeSlider", "FloatRangeSliderView", "SliderStyle"), ".2f")
	s := &FloatRangeSlider{newSpan(m, min, max, from, to)}
	numberProp(m, "step", stepOf(min, max))
	m.open(options)
	return s
}

// bar adds what progress bars have.
func bar(name string) *model {
	m := newModel(name, "ProgressView", "ProgressStyle")
	texts(m, "description", "bar_style")
	lies(m, "description_allow_html")
	newProp(m, "orientation", "horizontal")
	return m
}

// IntProgress is a progress bar that counts.
type IntProgress struct{ limits[int] }

// NewIntProgress makes a bar that is full at max, and empty at min, where it begins.
func NewIntProgress(min, max int, options ...Option) *IntProgress {
	m := bar("IntProgress")
	p := &IntProgress{newLimits(m, min, max, min)}
	m.open(options)
	return p
}

// FloatProgress is a progress bar for a quantity.
type FloatProgress struct{ limits[float64] }

// NewFloatProgress makes a bar that is full at max, and empty at min, where it begins.
func NewFloatProgress(min, max float64, options ...Option) *FloatProgress {
	m := bar("FloatProgress")
	p := &FloatProgress{newLimits(m, min, max, min)}
	m.open(options)
	return p
}

// typed adds what fields have in which numbers are typed.
func typed(name, view string) *model {
	m := newModel(name, view, "DescriptionStyle")
	described(m)
	lies(m, "continuous_update")
	return m
}

// free is a number without limits.
type free[T number] struct {
	*model
	value *prop[T]
}

func newFree[T number](m *model, value T) free[T] {
	f := free[T]{m, numberProp(m, "value", value)}
	f.value.fix = func(v T) T {
		if isNaN(v) {
			return f.value.value
		}
		return v
	}
	return f
}

// Value is the number.
func (f free[T]) Value() T { return f.value.get() }

// SetValue changes the number.
func (f free[T]) SetValue(v T) { f.value.set(v) }

// OnChange has g called when the number has changed.
func (f free[T]) OnChange(g func(old, new T)) { f.value.observe(g) }

// IntText is a field for a whole number.
type IntText struct{ free[int] }

// NewIntText makes a field.
func NewIntText(value int, options ...Option) *IntText {
	m := typed("IntText", "IntTextView")
	t := &IntText{newFree(m, value)}
	numberProp(m, "step", 1)
	m.open(options)
	return t
}

// FloatText is a field for a number.
type FloatText struct{ free[float64] }

// NewFloatText makes a field.
func NewFloatText(value float64, options ...Option) *FloatText {
	m := typed("FloatText", "FloatTextView")
	t := &FloatText{newFree(m, value)}
	anyStep(m)
	m.open(options)
	return t
}

// anyStep adds a step that is null, for any, until it is set.
func anyStep(m *model) {
	step := numberProp(m, "step", 0.0)
	step.out = func(v float64) any {
		if v <= 0 {
			return nil
		}
		return v
	}
}

// BoundedIntText is a field for a whole number between limits.
type BoundedIntText struct{ limits[int] }

// NewBoundedIntText makes a field.
func NewBoundedIntText(min, max, value int, options ...Option) *BoundedIntText {
	m := typed("BoundedIntText", "IntTextView")
	t := &BoundedIntText{newLimits(m, min, max, value)}
	numberProp(m, "step", 1)
	m.open(options)
	return t
}

// BoundedFloatText is a field for a number between limits.
type BoundedFloatText struct{ limits[float64] }

// NewBoundedFloatText makes a field.
func NewBoundedFloatText(min, max, value float64, options ...Option) *BoundedFloatText {
	m := typed("BoundedFloatText", "FloatTextView")
	t := &BoundedFloatText{newLimits(m, min, max, value)}
	anyStep(m)
	m.open(options)
	return t
}

// Play counts from min to max while it plays, in the page. With [JSLink] it moves a slider.
type Play struct {
	limits[int]
	playing *prop[bool]
}

// NewPlay makes the buttons that start and stop it; [Interval] says how fast it counts.
func NewPlay(min, max, value int, options ...Option) *Play {
	m := newModel("Play", "PlayView", "DescriptionStyle")
	described(m)
	p := &Play{newLimits(m, min, max, value), newProp(m, "playing", false)}
	numberProp(m, "step", 1)
	numberProp(m, "interval", 100)
	lies(m, "repeat")
	truths(m, "show_repeat")
	m.open(options)
	return p
}

// Playing reports whether it counts.
func (p *Play) Playing() bool { return p.playing.get() }

// SetPlaying starts or stops it.
func (p *Play) SetPlaying(yes bool) { p.playing.set(yes) }
