package mlx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
)

// FromDataFrame makes data of a gota dataframe: target names the column of labels, features those of the inputs, in the
// model's order; none means all but the target. Without labels target is "".
//
// A target of type int, string or bool holds classes, one of type float values. Inputs that are int, float or bool (as 0 and
// 1) are numbers. Columns of text are categories: each becomes as many inputs as it has different values where the model is trained, of
// which one is 1 and the others 0 (one-hot). The model remembers them; a value that it did not see in training is an error that
// names row and column. A dataframe that carries an error, a column that is missing, a missing value: the Data carries an error.
func FromDataFrame(df dataframe.DataFrame, target string, features ...string) *Data {
	if df.Err != nil {
		return &Data{err: fmt.Errorf("mlx: data: %w", df.Err)}
	}
	n, names := df.Nrow(), df.Names()
	if n == 0 {
		return badData("the dataframe has no rows")
	}
	have := func(name string) error {
		if slices.Contains(names, name) {
			return nil
		}
		return fmt.Errorf("no column %q; the columns are %s", name, listed(names))
	}
	if target != "" {
		if err := have(target); err != nil {
			return badData("%w", err)
		}
	}
	if len(features) == 0 {
		features = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == target })
	}
	if len(features) == 0 {
		return badData("no column is left for the inputs")
	}
	var in input
	for _, name := range features {
		if err := have(name); err != nil {
			return badData("%w", err)
		}
		if name == target {
			return badData("column %q is both target and input", name)
		}
		col := df.Col(name)
		for i, missing := range col.IsNaN() {
			if missing {
				return badData("column %q has a missing value in row %d; fill or leave out such rows first", name, i)
			}
		}
		c := column{name: name}
		if col.Type() == series.String {
			c.text = col.Records()
			if n := len(distinct(c.text)); n > maxCategories {
				return badData("column %q holds %d different texts (row 0: %q), too many for categories; make numbers of it, or name the columns to use", name, n, c.text[0])
			}
		} else {
			c.numbers = convert(col.Float())
			if i := notFinite(c.numbers); i >= 0 {
				return badData("column %q is %v in row %d; fill or leave out such values first", name, c.numbers[i], i)
			}
		}
		in.columns = append(in.columns, c)
	}
	in.dims = []int{in.columns.codes().width()}
	d := &Data{n: n, inputs: []input{in}}
	if target != "" {
		t, err := labelsFrom(df.Col(target))
		if err != nil {
			return badData("%w", err)
		}
		d.targets = append(d.targets, t)
	}
	return d.check()
}

// maxCategories is how many different values a column of text may have.
const maxCategories = 1000

func labelsFrom(col series.Series) (t target, err error) {
	t.column = col.Name
	for i, missing := range col.IsNaN() {
		if missing {
			return t, fmt.Errorf("the target column %q has a missing value in row %d", col.Name, i)
		}
	}
	switch col.Type() {
	case series.Int:
		t.ints, err = col.Int()
	case series.Float:
		t.values, t.width = convert(col.Float()), 1
	case series.Bool, series.String:
		t.names = col.Records()
	default:
		err = errors.New("the target column has an unknown type " + string(col.Type()))
	}
	return t, err
}

// columns are those of a dataframe that an input is made of.
type columns []column

type column struct {
	name    string
	numbers []float32
	text    []string // categories, instead of numbers
}

func (cs columns) names() (out []string) {
	for _, c := range cs {
		out = append(out, c.name)
	}
	return out
}

func (cs columns) pick(rows []int) (out columns) {
	for _, c := range cs {
		p := column{name: c.name}
		for _, r := range rows {
			if c.text != nil {
				p.text = append(p.text, c.text[r])
			} else {
				p.numbers = append(p.numbers, c.numbers[r])
			}
		}
		out = append(out, p)
	}
	return out
}

// code is how a column becomes inputs: by itself, or one input for each category.
type code struct {
	Name       string
	Categories []string `json:",omitempty"`
}

type codes []code

// codes are those that follow from the columns themselves.
func (cs columns) codes() (out codes) {
	for _, c := range cs {
		one := code{Name: c.name}
		if c.text != nil {
			one.Categories = distinct(c.text)
		}
		out = append(out, one)
	}
	return out
}

// width is how many inputs there are.
func (cs codes) width() (n int) {
	for _, c := range cs {
		n += max(1, len(c.Categories))
	}
	return n
}

// encode makes rows of inputs of the columns, which may be in another order than the codes.
func (cs columns) encode(n int, by codes) (memory, error) {
	width := by.width()
	out := memory{n, make([]float32, n*width)}
	at := 0
	for _, code := range by {
		i := slices.IndexFunc(cs, func(c column) bool { return c.name == code.Name })
		if i < 0 {
			return out, fmt.Errorf("mlx: the model was trained on a column %q, which this data lacks; it has %s", code.Name, listed(cs.names()))
		}
		c := cs[i]
		switch {
		case code.Categories == nil && c.text != nil:
			return out, fmt.Errorf("mlx: column %q holds text (row 0: %q), but the model was trained on numbers there", c.name, c.text[0])
		case code.Categories != nil && c.text == nil:
			return out, fmt.Errorf("mlx: column %q holds numbers, but the model was trained on text there: %s", c.name, listed(code.Categories))
		case code.Categories == nil:
			for row, v := range c.numbers {
				out.x[row*width+at] = v
			}
			at++
			continue
		}
		for row, v := range c.text {
			j, ok := slices.BinarySearch(code.Categories, v)
			if !ok {
				return out, fmt.Errorf("mlx: %q in row %d of column %q was not among the values that the model was trained on: %s", v, row, c.name, listed(code.Categories))
			}
			out.x[row*width+at+j] = 1
		}
		at += len(code.Categories)
	}
	return out, nil
}

// listed writes names for an error: all when they are few, else the first and the last.
func listed(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s, … %s (%d)", strings.Join(names[:4], ", "), names[len(names)-1], len(names))
	}
	return strings.Join(names, ", ")
}
