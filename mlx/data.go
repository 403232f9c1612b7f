package mlx

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/mlx/internal/random"
)

// Data is examples to train on, to judge by or to predict from: float32 inputs and, if they are known, labels. Labels that are
// whole numbers, text or booleans are classes; floats are values (regression).
//
// [FromDataFrame], [FromSlices], [FromRows], [FromTensors], [FromSequences] and [FromSource] make one of one input and at most one
// target; [Data.And] puts several together for a [Functional] model. They copy what they are given, but for sources. A Data does not change:
// its methods give changed ones. It may be used from several goroutines. One that could not be made keeps the error, and whatever uses
// it returns that.
type Data struct {
	n       int
	inputs  []input
	targets []target
	maps    []func(*Batch) error
	err     error
}

// input is what one input of a model is given.
type input struct {
	name    string  // of the model's input; empty: whichever there is
	dims    []int   // of one example
	reader  reader  // nil: columns
	columns columns // of a dataframe
	buckets []int   // of sequences: the lengths that they are padded to, in order
}

// target is labels: at most one of numbers of classes, names of classes, values.
type target struct {
	name   string // of the model's output; empty: whichever there is
	column string // for errors
	ints   []int
	names  []string
	values []float32 // n · width
	width  int
}

func (t target) classes() bool { return t.ints != nil || t.names != nil }

// Number is what inputs may be made of.
type Number interface {
	~float32 | ~float64 | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// Label is what labels may be: whole numbers and text are classes, floats are values.
type Label interface {
	~float32 | ~float64 | ~int | ~int32 | ~int64 | ~uint8 | ~string | ~bool
}

// FromSlices makes data of rows of inputs, all of one length, and as many labels.
func FromSlices[X Number, Y Label](x [][]X, y []Y) *Data { return withLabels(FromRows(x), y) }

// withLabels adds labels to data that has none yet.
func withLabels[Y Label](d *Data, y []Y) *Data {
	if d.err != nil {
		return d
	}
	if len(y) != d.n {
		return badData("%d rows of inputs, but %d labels", d.n, len(y))
	}
	t := target{column: "label"}
	for _, label := range y {
		switch v := reflect.ValueOf(label); v.Kind() {
		case reflect.String:
			t.names = append(t.names, v.String())
		case reflect.Bool:
			t.names = append(t.names, strconv.FormatBool(v.Bool()))
		case reflect.Float32, reflect.Float64:
			t.values, t.width = append(t.values, float32(v.Float())), 1
		case reflect.Uint8:
			t.ints = append(t.ints, int(v.Uint()))
		default:
			t.ints = append(t.ints, int(v.Int()))
		}
	}
	d.targets = []target{t}
	return d.check()
}

// FromRows makes data without labels of rows of inputs, all of one length: something to predict from.
func FromRows[X Number](x [][]X) *Data {
	if len(x) == 0 {
		return badData("no rows")
	}
	width := len(x[0])
	flat := make([]float32, 0, len(x)*width)
	for i, row := range x {
		if len(row) != width {
			return badData("row %d has %d numbers, row 0 has %d; all rows need as many", i, len(row), width)
		}
		for _, v := range row {
			flat = append(flat, float32(v))
		}
	}
	return inMemory(len(x), []int{width}, flat).check()
}

// FromTensors makes data of a tensor of inputs, [n, …] of any numeric type, and one of labels: whole numbers of shape [n] or [n, 1]
// are classes, floats of shape [n] or [n, k] are k values. y may be nil: no labels.
func FromTensors(x, y *tensors.Tensor) *Data {
	if x == nil || !x.Ok() {
		return badData("the tensor of inputs is nil or was freed")
	}
	dims := x.Shape().Dimensions
	if len(dims) < 2 || slices.Contains(dims, 0) {
		return badData("inputs have shape %v; they need [n, …] with at least 2 axes, none of size 0", dims)
	}
	values, err := floats(x)
	if err != nil {
		return badData("inputs: %v", err)
	}
	d := inMemory(dims[0], slices.Clone(dims[1:]), values)
	if y == nil {
		return d.check()
	}
	if !y.Ok() {
		return badData("the tensor of labels was freed")
	}
	dims = y.Shape().Dimensions
	if len(dims) < 1 || len(dims) > 2 || dims[0] != d.n || (y.DType().IsInt() && len(dims) == 2 && dims[1] != 1) {
		return badData("labels have shape %v; they need [%d], [%[2]d, 1] or, for values, [%[2]d, k]", dims, d.n)
	}
	t := target{column: "label"}
	flat, err := floats(y)
	if err != nil {
		return badData("labels: %v", err)
	}
	if y.DType() == dtypes.Bool || y.DType().IsInt() {
		for _, v := range flat {
			t.ints = append(t.ints, int(v))
		}
	} else {
		t.values, t.width = flat, len(flat)/d.n
	}
	d.targets = []target{t}
	return d.check()
}

func inMemory(n int, dims []int, x []float32) *Data {
	return &Data{n: n, inputs: []input{{dims: dims, reader: memory{n, x}}}}
}

// floats copies a tensor's numbers.
func floats(t *tensors.Tensor) (out []float32, err error) {
	err = t.ConstFlatData(func(flat any) {
		switch v := flat.(type) {
		case []float32:
			out = slices.Clone(v)
		case []float64:
			out = convert(v)
		case []int8:
			out = convert(v)
		case []int16:
			out = convert(v)
		case []int32:
			out = convert(v)
		case []int64:
			out = convert(v)
		case []uint8:
			out = convert(v)
		case []uint16:
			out = convert(v)
		case []uint32:
			out = convert(v)
		case []bool:
			for _, b := range v {
				f := float32(0)
				if b {
					f = 1
				}
				out = append(out, f)
			}
		}
	})
	if err == nil && out == nil {
		err = fmt.Errorf("a tensor of %s can't be used; convert it to float32", t.DType())
	}
	return out, err
}

func convert[X Number](v []X) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

func badData(format string, args ...any) *Data {
	return &Data{err: fmt.Errorf("mlx: data: "+format, args...)}
}

// check looks for what no model can learn from. What a source holds is looked at when it is read.
func (d *Data) check() *Data {
	if d.n == 0 {
		return badData("no numbers")
	}
	for _, in := range d.inputs {
		if slices.Contains(in.dims, 0) {
			return badData("no numbers")
		}
		m, ok := in.reader.(memory)
		if !ok {
			continue
		}
		if i := notFinite(m.x); i >= 0 {
			per := len(m.x) / m.n
			return badData("%sinput %d is %v in row %d; fill or leave out such values first", in.said(), i%per, m.x[i], i/per)
		}
	}
	for _, t := range d.targets {
		if i := notFinite(t.values); i >= 0 {
			return badData("the label (%s) is %v in row %d", t.column, t.values[i], i/t.width)
		}
	}
	return d
}

// notFinite is the index of the first number that is NaN or infinite; -1 if there is none.
func notFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
}

// said names an input in an error, if it has a name.
func (in input) said() string {
	if in.name == "" {
		return ""
	}
	return fmt.Sprintf("%q: ", in.name)
}

// change is a copy of the data that a method changes, or the data itself when it has an error.
func (d *Data) change(f func(c *Data) *Data) *Data {
	if err := d.Err(); err != nil {
		return &Data{err: err}
	}
	c := *d
	c.inputs, c.targets, c.maps = slices.Clone(d.inputs), slices.Clone(d.targets), slices.Clone(d.maps)
	return f(&c)
}

// Named says which input of a [Functional] model the data's input is for, and which output its labels are for, if there are
// any. Without names they are in the model's order.
//
//	mlx.FromTensors(images, nil).Named("image", "").And(mlx.FromSlices(ids, labels).Named("words", "label"))
func (d *Data) Named(input, output string) *Data {
	return d.change(func(c *Data) *Data {
		switch {
		case len(c.inputs) > 1 || len(c.targets) > 1:
			return badData("Named %q, %q: the data has several inputs or targets; name each before And puts them together", input, output)
		case input != "" && len(c.inputs) == 0 || output != "" && len(c.targets) == 0:
			return badData("Named %q, %q: the data has no input or labels to name", input, output)
		}
		if input != "" {
			c.inputs[0].name = input
		}
		if output != "" {
			c.targets[0].name = output
		}
		return c
	})
}

// And puts the inputs and targets of other data beside those of this one, example by example.
func (d *Data) And(other *Data) *Data {
	return d.change(func(c *Data) *Data {
		if err := other.Err(); err != nil {
			return &Data{err: err}
		}
		if other.n != c.n {
			return badData("And: %d examples and %d; they must be as many", c.n, other.n)
		}
		if len(c.maps)+len(other.maps) > 0 {
			return badData("And: one of them has a Map; call it on what And gives")
		}
		c.inputs, c.targets = append(c.inputs, other.inputs...), append(c.targets, other.targets...)
		return c
	})
}

// Target takes the inputs of other data away: what is left are labels, a further target for [Data.And].
func (d *Data) Target() *Data {
	return d.change(func(c *Data) *Data {
		if len(c.targets) == 0 {
			return badData("Target: the data has no labels")
		}
		c.inputs = nil
		return c
	})
}

// Err says why the data could not be made; nil when it was.
func (d *Data) Err() error {
	if d == nil {
		return errors.New("mlx: the data is nil")
	}
	if d.err == nil && d.n == 0 {
		return errors.New("mlx: the data is empty; make it with FromDataFrame, FromSlices, FromRows or FromTensors")
	}
	return d.err
}

// Len is the number of examples.
func (d *Data) Len() int { return d.n }

// Shape is the shape of one example of the first input, such as [64] or [8 8 1]. Of sequences of different lengths it is
// that of the longest.
func (d *Data) Shape() []int {
	if len(d.inputs) == 0 {
		return nil
	}
	return slices.Clone(d.inputs[0].dims)
}

// Features names the numbers of the first input: the columns of the dataframe that they come from, else nil.
func (d *Data) Features() []string {
	if len(d.inputs) == 0 {
		return nil
	}
	return d.inputs[0].columns.names()
}

// Classes lists the labels that occur in the first target, in order; nil for values and for data without labels.
func (d *Data) Classes() []string {
	if len(d.targets) == 0 {
		return nil
	}
	return d.targets[0].distinct()
}

func (t target) distinct() []string {
	if t.names != nil {
		return distinct(t.names)
	}
	var out []string
	for _, i := range distinct(t.ints) {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// label is the label of a row that has a class.
func (t target) label(row int) string {
	if t.names != nil {
		return t.names[row]
	}
	return strconv.Itoa(t.ints[row])
}

// String says what the data is, or why it isn't.
func (d *Data) String() string {
	if err := d.Err(); err != nil {
		return err.Error()
	}
	var parts []string
	for _, in := range d.inputs {
		parts = append(parts, strings.TrimSpace(in.name+fmt.Sprintf(" of shape %v", in.dims)))
	}
	s := fmt.Sprintf("%d examples %s", d.n, strings.Join(parts, " and "))
	if len(d.targets) == 0 {
		return s + ", no labels"
	}
	for _, t := range d.targets {
		s += ", "
		if t.name != "" {
			s += t.name + ": "
		}
		switch {
		case t.classes():
			s += fmt.Sprintf("%d classes", len(t.distinct()))
		case t.width > 1:
			s += fmt.Sprintf("labels of %d values", t.width)
		default:
			s += "labels are values"
		}
	}
	return s
}

func distinct[T string | int](all []T) []T {
	seen := map[T]bool{}
	var out []T
	for _, v := range all {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// Rows is the data of some rows, in that order; a row may occur several times.
//
// An index that there is not: the Data carries the error.
func (d *Data) Rows(rows ...int) *Data {
	return d.change(func(c *Data) *Data {
		if len(rows) == 0 {
			return badData("Rows: none")
		}
		for _, r := range rows {
			if r < 0 || r >= d.n {
				return badData("Rows: there is no row %d; the data has %d", r, d.n)
			}
		}
		rows := slices.Clone(rows)
		c.n = len(rows)
		for i, in := range c.inputs {
			if in.reader != nil {
				c.inputs[i].reader = in.reader.pick(rows)
			}
			c.inputs[i].columns = in.columns.pick(rows)
		}
		for i, t := range c.targets {
			p := target{name: t.name, column: t.column, width: t.width}
			for _, r := range rows {
				switch {
				case t.ints != nil:
					p.ints = append(p.ints, t.ints[r])
				case t.names != nil:
					p.names = append(p.names, t.names[r])
				default:
					p.values = append(p.values, t.values[r*t.width:(r+1)*t.width]...)
				}
			}
			c.targets[i] = p
		}
		return c
	})
}

// Split deals the examples into two parts at random, the second with a share of them, such as 0.2, for validation. Every class occurs in
// both as often as its share, as nearly as can be. The same seed gives the same parts.
func (d *Data) Split(share float64, seed uint64) (rest, part *Data) {
	if err := d.Err(); err != nil {
		return &Data{err: err}, &Data{err: err}
	}
	n := int(share*float64(d.n) + 0.5)
	if !(share > 0 && share < 1) || n == 0 || n == d.n {
		bad := badData("Split: a share of %v of %d examples; it must be between 0 and 1, with an example in each part", share, d.n)
		return bad, bad
	}
	rows := d.dealt(random.Generator(seed, "split"))
	var first, second []int
	for i, r := range rows { // evenly over the classes, which follow one another
		if (i+1)*n/d.n > i*n/d.n {
			second = append(second, r)
		} else {
			first = append(first, r)
		}
	}
	slices.Sort(first)
	slices.Sort(second)
	return d.Rows(first...), d.Rows(second...)
}
