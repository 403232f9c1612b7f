package mlx

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
)

// Data is examples to train on, to judge by or to predict from: float32 inputs of one shape and, if they are known,
// labels. Labels that are whole numbers, text or booleans are classes; floats are values (regression).
//
// [FromDataFrame], [FromSlices], [FromRows] and [FromTensors] make one. They copy what they are given. A Data does not change and may be used from several
// goroutines. One that could not be made keeps the error, and whatever uses it returns that.
type Data struct {
	n        int
	dims     []int     // of one example
	x        []float32 // n · dims
	features []string  // names of the inputs; nil when they have none
	target   string    // name of the labels' column, for errors
	labels   labels
	err      error
}

// labels are at most one of: numbers of classes, names of classes, values.
type labels struct {
	ints   []int
	names  []string
	values []float32 // n · width
	width  int
}

func (l labels) none() bool    { return l.ints == nil && l.names == nil && l.values == nil }
func (l labels) classes() bool { return l.ints != nil || l.names != nil }

// Number is what inputs may be made of.
type Number interface {
	~float32 | ~float64 | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// Label is what labels may be: whole numbers and text are classes, floats are values.
type Label interface {
	~float32 | ~float64 | ~int | ~int32 | ~int64 | ~uint8 | ~string | ~bool
}

// FromSlices makes data of rows of inputs, all of one length, and as many labels.
func FromSlices[X Number, Y Label](x [][]X, y []Y) *Data {
	d := FromRows(x)
	if d.err != nil {
		return d
	}
	if len(y) != d.n {
		return badData("%d rows of inputs, but %d labels", d.n, len(y))
	}
	d.target = "label"
	for _, label := range y {
		switch v := reflect.ValueOf(label); v.Kind() {
		case reflect.String:
			d.labels.names = append(d.labels.names, v.String())
		case reflect.Bool:
			d.labels.names = append(d.labels.names, strconv.FormatBool(v.Bool()))
		case reflect.Float32, reflect.Float64:
			d.labels.values, d.labels.width = append(d.labels.values, float32(v.Float())), 1
		case reflect.Uint8:
			d.labels.ints = append(d.labels.ints, int(v.Uint()))
		default:
			d.labels.ints = append(d.labels.ints, int(v.Int()))
		}
	}
	return d.check()
}

// FromRows makes data without labels of rows of inputs, all of one length: something to predict from.
func FromRows[X Number](x [][]X) *Data {
	if len(x) == 0 {
		return badData("no rows")
	}
	width := len(x[0])
	d := &Data{n: len(x), dims: []int{width}, x: make([]float32, 0, len(x)*width)}
	for i, row := range x {
		if len(row) != width {
			return badData("row %d has %d numbers, row 0 has %d; all rows need as many", i, len(row), width)
		}
		for _, v := range row {
			d.x = append(d.x, float32(v))
		}
	}
	return d.check()
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
	d := &Data{n: dims[0], dims: slices.Clone(dims[1:]), x: values}
	if y == nil {
		return d.check()
	}
	if !y.Ok() {
		return badData("the tensor of labels was freed")
	}
	d.target = "label"
	dims = y.Shape().Dimensions
	if len(dims) < 1 || len(dims) > 2 || dims[0] != d.n || (y.DType().IsInt() && len(dims) == 2 && dims[1] != 1) {
		return badData("labels have shape %v; they need [%d], [%[2]d, 1] or, for values, [%[2]d, k]", dims, d.n)
	}
	switch {
	case y.DType() == dtypes.Bool || y.DType().IsInt():
		flat, err := floats(y)
		if err != nil {
			return badData("labels: %v", err)
		}
		for _, v := range flat {
			d.labels.ints = append(d.labels.ints, int(v))
		}
	default:
		if d.labels.values, err = floats(y); err != nil {
			return badData("labels: %v", err)
		}
		d.labels.width = len(d.labels.values) / d.n
	}
	return d.check()
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

// check looks for what no model can learn from.
func (d *Data) check() *Data {
	if d.n == 0 || len(d.x) == 0 {
		return badData("no numbers")
	}
	per := len(d.x) / d.n
	for i, v := range d.x {
		if v-v != 0 { // NaN or infinite
			return badData("%s is %v in row %d; fill or leave out such values first", d.feature(i%per), v, i/per)
		}
	}
	for i, v := range d.labels.values {
		if v-v != 0 {
			return badData("the label (%s) is %v in row %d", d.target, v, i/d.labels.width)
		}
	}
	return d
}

func (d *Data) feature(i int) string {
	if d.features != nil {
		return fmt.Sprintf("column %q", d.features[i])
	}
	return fmt.Sprintf("input %d", i)
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

// Shape is the shape of one example, such as [64] or [8 8 1].
func (d *Data) Shape() []int { return slices.Clone(d.dims) }

// Features names the inputs: the columns of the dataframe that they come from, else nil.
func (d *Data) Features() []string { return slices.Clone(d.features) }

// Classes lists the labels that occur, in order; nil for values and for data without labels.
func (d *Data) Classes() []string {
	if d.labels.names != nil {
		return distinct(d.labels.names)
	}
	var out []string
	for _, i := range distinct(d.labels.ints) {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// String says what the data is, or why it isn't.
func (d *Data) String() string {
	if err := d.Err(); err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%d examples of shape %v", d.n, d.dims)
	switch {
	case d.labels.none():
		return s + ", no labels"
	case d.labels.classes():
		return s + fmt.Sprintf(", %d classes", len(d.Classes()))
	case d.labels.width > 1:
		return s + fmt.Sprintf(", labels of %d values", d.labels.width)
	}
	return s + ", labels are values"
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
