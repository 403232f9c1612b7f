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
// A target of type int, string or bool holds classes, one of type float values. Inputs are int, float or bool (as 0 and
// 1). A dataframe that carries an error, a column that is missing, text among the inputs, a missing value: the Data
// carries an error that names row and column.
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
	d := &Data{n: n, dims: []int{len(features)}, x: make([]float32, n*len(features)), features: slices.Clone(features), target: target}
	for j, name := range features {
		if err := have(name); err != nil {
			return badData("%w", err)
		}
		if name == target {
			return badData("column %q is both target and input", name)
		}
		col := df.Col(name)
		if col.Type() == series.String {
			return badData("column %q holds text (row 0: %q); make numbers of it, or name the columns to use", name, col.Elem(0).String())
		}
		for i, missing := range col.IsNaN() {
			if missing {
				return badData("column %q has a missing value in row %d; fill or leave out such rows first", name, i)
			}
		}
		for i, v := range col.Float() {
			d.x[i*len(features)+j] = float32(v)
		}
	}
	if target != "" {
		if err := d.labelsFrom(df.Col(target)); err != nil {
			return badData("%w", err)
		}
	}
	return d.check()
}

func (d *Data) labelsFrom(col series.Series) (err error) {
	for i, missing := range col.IsNaN() {
		if missing {
			return fmt.Errorf("the target column %q has a missing value in row %d", col.Name, i)
		}
	}
	switch col.Type() {
	case series.Int:
		d.labels.ints, err = col.Int()
	case series.Float:
		d.labels.values, d.labels.width = convert(col.Float()), 1
	case series.Bool, series.String:
		d.labels.names = col.Records()
	default:
		err = errors.New("the target column has an unknown type " + string(col.Type()))
	}
	return err
}

// listed writes names for an error: all when they are few, else the first and the last.
func listed(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s, … %s (%d)", strings.Join(names[:4], ", "), names[len(names)-1], len(names))
	}
	return strings.Join(names, ", ")
}
