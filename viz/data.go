package viz

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"
)

// column is a named run of numbers; NaN stands for a missing one.
type column struct {
	name   string
	values []float64
}

// columnsOf reads whatever holds one or more runs of numbers: a slice of numbers, a slice or a map of such slices, gota's
// series and the numeric columns of a dataframe, a tensor of one or two axes (its columns), or a value with Series.
func columnsOf(v any) (cols []column, err error) {
	defer func() {
		if p := recover(); p != nil {
			cols, err = nil, fmt.Errorf("reading a %T: %v", v, p)
		}
	}()
	cols, err = readColumns(v)
	if err == nil && len(cols) == 0 {
		err = errors.New("there is no data")
	}
	return cols, err
}

func readColumns(v any) ([]column, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("the data is nil")
	case []float64:
		return []column{{values: v}}, nil
	case interface {
		Series() (names []string, values [][]float64)
	}:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil, fmt.Errorf("the %T is nil", v)
		}
		names, values := v.Series()
		var cols []column
		for i, ys := range values {
			c := column{values: ys}
			if i < len(names) {
				c.name = names[i]
			}
			cols = append(cols, c)
		}
		return cols, nil
	case series.Series:
		if v.Err != nil {
			return nil, v.Err
		}
		if v.Type() == series.String {
			return nil, fmt.Errorf("the series %q holds strings", v.Name)
		}
		return []column{{v.Name, v.Float()}}, nil
	case dataframe.DataFrame:
		if v.Err != nil {
			return nil, v.Err
		}
		var cols []column
		for i, name := range v.Names() {
			if v.Types()[i] != series.String {
				cols = append(cols, column{name, v.Col(name).Float()})
			}
		}
		if len(cols) == 0 {
			return nil, errors.New("the dataframe has no numeric column")
		}
		return cols, nil
	case *tensors.Tensor:
		return tensorColumns(v)
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.Kind() == reflect.Map && rv.Type().Key().Kind() == reflect.String:
		keys := rv.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			if a.String() < b.String() {
				return -1
			}
			return 1
		})
		var cols []column
		for _, k := range keys {
			ys, ok := numbers(rv.MapIndex(k))
			if !ok {
				return nil, fmt.Errorf("a %T holds no slices of numbers", v)
			}
			cols = append(cols, column{k.String(), ys})
		}
		return cols, nil
	case rv.Kind() == reflect.Slice || rv.Kind() == reflect.Array:
		if ys, ok := numbers(rv); ok {
			return []column{{values: ys}}, nil
		}
		var cols []column
		for i := range rv.Len() {
			ys, ok := numbers(rv.Index(i))
			if !ok {
				return nil, fmt.Errorf("a %T holds no numbers", v)
			}
			cols = append(cols, column{values: ys})
		}
		return cols, nil
	}
	return nil, fmt.Errorf("a %T holds no numbers", v)
}

// numbers reads a slice or array of numbers or bools.
func numbers(rv reflect.Value) ([]float64, bool) {
	for rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Slice && rv.Kind() != reflect.Array {
		return nil, false
	}
	if k := rv.Type().Elem().Kind(); !isNumber(k) && k != reflect.Bool {
		return nil, false
	}
	ys := make([]float64, rv.Len())
	for i := range ys {
		ys[i] = number(rv.Index(i))
	}
	return ys, true
}

func tensorColumns(t *tensors.Tensor) ([]column, error) {
	if t == nil {
		return nil, errors.New("the tensor is nil")
	}
	if r := t.Rank(); r < 1 || r > 2 {
		return nil, fmt.Errorf("a tensor of shape %s has no columns (one or two axes have)", t.Shape())
	}
	dims := t.Shape().Dimensions
	rows, n := dims[0], 1
	if len(dims) == 2 {
		n = dims[1]
	}
	cols := make([]column, n)
	err := readTensor(t, func(at func(int) reflect.Value) {
		for c := range cols {
			cols[c].values = make([]float64, rows)
			for r := range rows {
				v := at(r*n + c)
				f, ok := float(v)
				if !ok {
					f = number(v)
				}
				cols[c].values[r] = f
			}
		}
	})
	return cols, err
}

// matrixOf reads a matrix: rows of numbers, a tensor of two axes, a dataframe, or a gonum matrix.
func matrixOf(v any) (rows [][]float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, fmt.Errorf("reading a %T: %v", v, p)
		}
	}()
	if m, ok := v.(matrix); ok {
		r, c := m.Dims()
		for i := range r {
			row := make([]float64, c)
			for j := range row {
				row[j] = m.At(i, j)
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	cols, err := columnsOf(v)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case *tensors.Tensor, dataframe.DataFrame:
		rows = make([][]float64, len(cols[0].values))
		for r := range rows {
			for _, c := range cols {
				rows[r] = append(rows[r], c.values[r])
			}
		}
	default:
		for _, c := range cols {
			rows = append(rows, c.values)
		}
	}
	return rows, nil
}

// namesOf reads strings, or what names things as well: integers, bools, and gota's series.
func namesOf(v any) ([]string, error) {
	switch v := v.(type) {
	case []string:
		return v, nil
	case series.Series:
		return v.Records(), v.Err
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Slice {
		return nil, fmt.Errorf("a %T is no list of names", v)
	}
	names := make([]string, rv.Len())
	for i := range names {
		names[i] = fmt.Sprint(rv.Index(i).Interface())
	}
	return names, nil
}

// one is the single run of numbers in v.
func one(what string, v any) ([]float64, error) {
	cols, err := columnsOf(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(cols) != 1 {
		return nil, fmt.Errorf("%s: %d lists of numbers where one is needed", what, len(cols))
	}
	return cols[0].values, nil
}

// rename gives the columns the names of the option, and those without one a name that tells them apart.
func rename(cols []column, names []string) ([]column, error) {
	if len(names) > len(cols) {
		return nil, fmt.Errorf("%d names for %d series", len(names), len(cols))
	}
	cols = slices.Clone(cols)
	for i := range cols {
		if i < len(names) {
			cols[i].name = names[i]
		}
		if cols[i].name == "" && len(cols) > 1 {
			cols[i].name = strconv.Itoa(i + 1)
		}
	}
	return cols, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// extent is the least and the greatest finite value; ok is false if there is none.
func extent(runs ...[]float64) (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, ys := range runs {
		for _, y := range ys {
			if finite(y) {
				low, high = min(low, y), max(high, y)
			}
		}
	}
	return low, high, low <= high
}

// value is y as ECharts takes it: eight digits, more than a screen shows; a dash where it is missing.
func value(y float64) any {
	if !finite(y) {
		return "-"
	}
	if r, err := strconv.ParseFloat(strconv.FormatFloat(y, 'g', 8, 64), 64); err == nil {
		return r
	}
	return y
}
