package viz

import (
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"

	"golab/kernel/nb"
	"golab/viz/internal/table"
)

func init() { nb.RegisterRenderer(renderTable) }

// renderTable shows gota's types and matrices.
func renderTable(v any) nb.Bundle {
	switch v := v.(type) {
	case dataframe.DataFrame:
		return dataframeBundle(v)
	case *dataframe.DataFrame:
		if v == nil {
			return nil
		}
		return dataframeBundle(*v)
	case series.Series:
		return seriesBundle(v)
	case *series.Series:
		if v == nil {
			return nil
		}
		return seriesBundle(*v)
	case matrix:
		return guard(v, func() nb.Bundle { return matrixBundle(v) })
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Slice {
		if kind := rv.Type().Elem().Elem().Kind(); isNumber(kind) && kind != reflect.Uint8 {
			return rowsBundle(rv)
		}
	}
	return nil
}

// matrix is what gonum's matrices are.
type matrix interface {
	Dims() (rows, columns int)
	At(row, column int) float64
}

func tableBundle(t table.Table) nb.Bundle {
	return nb.Bundle{mimeHTML: t.HTML(), mimeText: t.Text()}
}

// guard turns a panic of foreign code that v's methods hold into a displayed error.
func guard(v any, f func() nb.Bundle) (b nb.Bundle) {
	defer func() {
		if p := recover(); p != nil {
			b = failure(fmt.Errorf("showing a %T: %v", v, p))
		}
	}()
	return f()
}

func dataframeBundle(df dataframe.DataFrame) nb.Bundle {
	if df.Err != nil {
		return failure(fmt.Errorf("this dataframe holds an error instead of data: %w", df.Err))
	}
	return guard(df, func() nb.Bundle {
		rows, cols := df.Dims()
		t := table.Table{Rows: rows}
		names, types := df.Names(), df.Types()
		for c := range cols {
			elem := func(r int) series.Element { return df.Elem(r, c) }
			t.Columns = append(t.Columns, gotaColumn(names[c], types[c], elem))
		}
		return tableBundle(t)
	})
}

func seriesBundle(s series.Series) nb.Bundle {
	if s.Err != nil {
		return failure(fmt.Errorf("this series holds an error instead of data: %w", s.Err))
	}
	return guard(s, func() nb.Bundle {
		return tableBundle(table.Table{Rows: s.Len(), Columns: []table.Column{gotaColumn(s.Name, s.Type(), s.Elem)}})
	})
}

func gotaColumn(name string, typ series.Type, elem func(int) series.Element) table.Column {
	c := table.Column{Name: name, Type: string(typ)}
	if typ == series.Float {
		c.Float = func(r int) float64 { return elem(r).Float() }
		return c
	}
	c.Left = typ == series.String
	c.Text = func(r int) (string, bool) {
		e := elem(r)
		return e.String(), !e.IsNA()
	}
	return c
}

func matrixBundle(m matrix) nb.Bundle {
	if rv := reflect.ValueOf(m); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nb.Bundle{mimeText: "<nil>"}
	}
	rows, cols := m.Dims()
	t := table.Table{Rows: rows}
	for c := range cols {
		t.Columns = append(t.Columns, table.Column{Name: strconv.Itoa(c), Float: func(r int) float64 { return m.At(r, c) }})
	}
	return tableBundle(t)
}

// rowsBundle shows a slice of slices of numbers; where rows are shorter, their places stay empty.
func rowsBundle(rv reflect.Value) nb.Bundle {
	cols := 0
	for r := range rv.Len() {
		cols = max(cols, rv.Index(r).Len())
	}
	t := table.Table{Rows: rv.Len(), Caption: rv.Type().String()}
	for c := range cols {
		t.Columns = append(t.Columns, table.Column{Name: strconv.Itoa(c), Float: func(r int) float64 {
			row := rv.Index(r)
			if c >= row.Len() {
				return math.NaN()
			}
			return number(row.Index(c))
		}})
	}
	return tableBundle(t)
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64
}

// number is the value of a reflected number or bool.
func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.Bool && v.Bool():
		return 1
	case v.Kind() == reflect.Bool:
		return 0
	}
	return math.NaN()
}
