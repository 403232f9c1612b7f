package datasets

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
)

// Scaler brings columns of numbers to a common scale, with what it learned from the data it was fitted on: fit it on
// the training part alone and apply it to every part. [MinMax] and [Standard] make one. A Scaler does not change, and may be used
// from several goroutines.
type Scaler struct {
	method  string
	columns []string
	offset  []float64 // subtracted first
	factor  []float64 // then divided by
	err     error
}

// MinMax fits a scaler that maps the smallest value of each of the columns to 0 and the largest to 1. A column whose
// values are all the same is mapped to 0. Values outside of what it was fitted on land outside of [0, 1].
//
// On an error (unknown column, text, a missing or infinite value, no rows, no columns given) the Scaler carries it: [Scaler.Err].
func MinMax(train dataframe.DataFrame, columns ...string) *Scaler {
	return fit("MinMax", train, columns, func(x []float64) (offset, factor float64) {
		lo, hi := x[0], x[0]
		for _, v := range x {
			lo, hi = min(lo, v), max(hi, v)
		}
		return lo, hi - lo
	})
}

// Standard fits a scaler that gives each of the columns the mean 0 and the standard deviation 1 (of the population:
// divided by n). A column whose values are all the same is mapped to 0.
//
// On an error the Scaler carries it, as with [MinMax].
func Standard(train dataframe.DataFrame, columns ...string) *Scaler {
	return fit("Standard", train, columns, func(x []float64) (offset, factor float64) {
		var mean, sum float64
		for i, v := range x { // Welford (1962): stable where values are large and close together
			d := v - mean
			mean += d / float64(i+1)
			sum += d * (v - mean)
		}
		return mean, math.Sqrt(sum / float64(len(x)))
	})
}

func fit(method string, df dataframe.DataFrame, columns []string, learn func([]float64) (offset, factor float64)) *Scaler {
	s := &Scaler{method: method, columns: append([]string(nil), columns...)}
	fail := func(err error) *Scaler {
		s.err = fmt.Errorf("datasets: %s: %w", method, err)
		return s
	}
	if df.Err != nil {
		return fail(df.Err)
	}
	if df.Nrow() == 0 {
		return fail(errors.New("the dataframe has no rows"))
	}
	if len(columns) == 0 {
		return fail(errors.New(`name the columns to scale; datasets.Except(df, "label")... gives all but the label`))
	}
	seen := map[string]bool{}
	for _, name := range columns {
		if seen[name] {
			return fail(fmt.Errorf("column %q is named twice", name))
		}
		seen[name] = true
		x, err := numbers(df, name)
		if err != nil {
			return fail(err)
		}
		offset, factor := learn(x)
		if math.IsInf(factor, 0) || math.IsNaN(factor) || math.IsInf(offset, 0) {
			return fail(fmt.Errorf("the values of column %q are too large to scale", name))
		}
		if factor == 0 {
			factor = 1
		}
		s.offset, s.factor = append(s.offset, offset), append(s.factor, factor)
	}
	return s
}

// Err says why the scaler could not be fitted; nil when it was.
func (s *Scaler) Err() error {
	if s == nil || s.method == "" {
		return errors.New("datasets: this scaler was not fitted: make one with MinMax or Standard")
	}
	return s.err
}

// Columns lists the columns that the scaler changes.
func (s *Scaler) Columns() []string { return append([]string(nil), s.columns...) }

// Apply returns df with the scaler's columns scaled, as floats; other columns stay as they are, and df itself does too.
// On an error the result carries it in Err: df has an error of its own, lacks a column, or holds text, a missing or an
// infinite value there.
func (s *Scaler) Apply(df dataframe.DataFrame) dataframe.DataFrame {
	return s.change(df, "apply", func(v, offset, factor float64) float64 { return (v - offset) / factor })
}

// Inverse undoes [Scaler.Apply], to within rounding.
func (s *Scaler) Inverse(df dataframe.DataFrame) dataframe.DataFrame {
	return s.change(df, "inverse", func(v, offset, factor float64) float64 { return v*factor + offset })
}

func (s *Scaler) change(df dataframe.DataFrame, what string, f func(v, offset, factor float64) float64) dataframe.DataFrame {
	if err := s.Err(); err != nil {
		return dataframe.DataFrame{Err: err}
	}
	if df.Err != nil {
		return failed("%s: %s: %w", s.method, what, df.Err)
	}
	changed := make(map[string]series.Series, len(s.columns))
	for i, name := range s.columns {
		x, err := numbers(df, name)
		if err != nil {
			return failed("%s: %s: %w", s.method, what, err)
		}
		for j, v := range x {
			x[j] = f(v, s.offset[i], s.factor[i])
		}
		changed[name] = series.New(x, series.Float, name)
	}
	all := make([]series.Series, 0, df.Ncol())
	for _, name := range df.Names() {
		col, ok := changed[name]
		if !ok {
			col = df.Col(name)
		}
		all = append(all, col)
	}
	return dataframe.New(all...)
}

// String says what the scaler does, or why it can't.
func (s *Scaler) String() string {
	if err := s.Err(); err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s scaler", s.method)
	for i, name := range s.columns {
		if i == 8 && len(s.columns) > 9 {
			fmt.Fprintf(&b, "\n  … and %d more", len(s.columns)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: (x - %.6g) / %.6g", name, s.offset[i], s.factor[i])
	}
	return b.String()
}

// numbers is a column as finite floats, or an error that names the row and what is there.
func numbers(df dataframe.DataFrame, name string) ([]float64, error) {
	col, err := column(df, name)
	if err != nil {
		return nil, err
	}
	if t := col.Type(); t != series.Int && t != series.Float {
		return nil, fmt.Errorf("column %q holds %ss, not numbers", name, t)
	}
	x := col.Float()
	for row, v := range x {
		if math.IsNaN(v) {
			return nil, fmt.Errorf("column %q has a missing value in row %d", name, row)
		}
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("column %q has the value %v in row %d", name, v, row)
		}
	}
	return x, nil
}
