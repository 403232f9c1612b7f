package mlx

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"golab/mlx/internal/random"
)

// CrossValidation is how well models do that were each trained on all but one part of the data, judged by that part.
type CrossValidation struct {
	Folds     []Evaluation
	Histories []*History
}

// CrossValidate cuts data into k parts, trains k models, each on all parts but one, and judges each by the part that it has not seen. make
// makes a model; it is called k times. Examples are drawn into the parts by options.Seed, so that every class occurs as often in each, as
// nearly as can be; with options.KeepOrder the parts are runs of rows instead. Without options.Validation each model's own part
// serves, too, so that callbacks can watch it.
//
// Errors: fewer than 2 parts or fewer examples than parts, and what [Fit] and [Evaluate] say, with the number of the part.
func CrossValidate(make func() *Model, data *Data, k int, options FitOptions) (*CrossValidation, error) {
	if err := data.Err(); err != nil {
		return nil, err
	}
	if k < 2 || k > data.n {
		return nil, fmt.Errorf("mlx: cross-validation in %d parts of %d examples; it needs 2 parts or more, of 1 example or more", k, data.n)
	}
	if make == nil {
		return nil, errors.New("mlx: the function that makes models is nil")
	}
	out := &CrossValidation{}
	for i, fold := range data.folds(k, options.Seed, options.KeepOrder) {
		m, train, test := make(), data.Rows(without(data.n, fold)...), data.Rows(fold...)
		o := options
		if o.Validation == nil {
			o.Validation = test
		}
		h, err := Fit(m, train, o)
		var e Evaluation
		if err == nil {
			e, err = Evaluate(m, test)
		}
		if err != nil {
			return nil, fmt.Errorf("%w (part %d of %d)", err, i+1, k)
		}
		out.Folds, out.Histories = append(out.Folds, e), append(out.Histories, h)
	}
	return out, nil
}

// folds deals the rows into k parts, class by class.
func (d *Data) folds(k int, seed uint64, inOrder bool) [][]int {
	rows := make([]int, d.n)
	for i := range rows {
		rows[i] = i
	}
	folds := make([][]int, k)
	if inOrder {
		for i := range folds {
			folds[i] = rows[i*d.n/k : (i+1)*d.n/k]
		}
		return folds
	}
	rows = d.dealt(random.Generator(seed, "folds"))
	for i, row := range rows {
		folds[i%k] = append(folds[i%k], row)
	}
	for _, f := range folds {
		slices.Sort(f)
	}
	return folds
}

// dealt is all rows in random order, those of a class of the first target after one another.
func (d *Data) dealt(rng *rand.PCG) []int {
	rows := make([]int, d.n)
	random.Permutation(rng, rows)
	if len(d.targets) > 0 && d.targets[0].classes() {
		t := d.targets[0]
		slices.SortStableFunc(rows, func(a, b int) int { return strings.Compare(t.label(a), t.label(b)) })
	}
	return rows
}

// without lists the rows of n that are not among some, which are in order.
func without(n int, rows []int) []int {
	out := make([]int, 0, n-len(rows))
	for i := range n {
		if len(rows) > 0 && rows[0] == i {
			rows = rows[1:]
			continue
		}
		out = append(out, i)
	}
	return out
}

// Series gives loss and accuracy or mae, one number a part, for charts.
func (c *CrossValidation) Series() (names []string, values [][]float64) {
	for _, s := range []struct {
		name string
		of   func(Evaluation) float64
	}{
		{"loss", func(e Evaluation) float64 { return e.Loss }},
		{"accuracy", func(e Evaluation) float64 { return e.Accuracy }},
		{"mae", func(e Evaluation) float64 { return e.MAE }},
	} {
		var each []float64
		for _, e := range c.Folds {
			each = append(each, s.of(e))
		}
		if len(each) > 0 && !math.IsNaN(each[0]) {
			names, values = append(names, s.name), append(values, each)
		}
	}
	return names, values
}

// Mean is the mean over the parts of a series (loss, accuracy or mae) and its standard deviation, that of a sample; NaN for a series that
// there is not.
func (c *CrossValidation) Mean(name string) (mean, deviation float64) {
	names, values := c.Series()
	i := slices.Index(names, name)
	if i < 0 {
		return math.NaN(), math.NaN()
	}
	n := float64(len(values[i]))
	for _, v := range values[i] {
		mean += v / n
	}
	for _, v := range values[i] {
		deviation += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, math.Sqrt(deviation)
}

// String is a table with the means.
func (c *CrossValidation) String() string {
	names, values := c.Series()
	var b strings.Builder
	b.WriteString("part")
	for _, name := range names {
		fmt.Fprintf(&b, "  %10s", name)
	}
	for i := range c.Folds {
		fmt.Fprintf(&b, "\n%4d", i+1)
		for _, v := range values {
			fmt.Fprintf(&b, "  %10.4g", v[i])
		}
	}
	b.WriteString("\nmean")
	for _, name := range names {
		mean, _ := c.Mean(name)
		fmt.Fprintf(&b, "  %10.4g", mean)
	}
	b.WriteString("\n   ±")
	for _, name := range names {
		_, deviation := c.Mean(name)
		fmt.Fprintf(&b, "  %10.4g", deviation)
	}
	return b.String()
}
