package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Accuracy is the share of predictions that are right, from 0 to 1.
func Accuracy[C comparable](truth, predicted []C) (float64, error) {
	if err := same(len(truth), len(predicted)); err != nil {
		return math.NaN(), err
	}
	right := 0
	for i, c := range truth {
		if c == predicted[i] {
			right++
		}
	}
	return float64(right) / float64(len(truth)), nil
}

// BalancedAccuracy is the mean over the true classes of the share of each that is right, its recall: 1/classes for guessing,
// however often each occurs.
func BalancedAccuracy[C cmp.Ordered](truth, predicted []C) (float64, error) {
	c, err := NewConfusion(truth, predicted)
	if err != nil {
		return math.NaN(), err
	}
	sum, n := 0.0, 0
	for i := range c.counts {
		if of := c.row(i); of > 0 {
			sum += float64(c.counts[i][i]) / float64(of)
			n++
		}
	}
	return sum / float64(n), nil
}

// TopK is the share of examples whose true class, an index, is among the k classes of the highest scores. Of equal scores those of
// later classes come first, as in scikit-learn.
func TopK[F Float](truth []int, scores [][]F, k int) (float64, error) {
	if err := same(len(truth), len(scores)); err != nil {
		return math.NaN(), err
	}
	if k < 1 {
		return math.NaN(), fmt.Errorf("metrics: the top %d classes; it needs 1 or more", k)
	}
	right := 0
	for i, row := range scores {
		c := truth[i]
		if c < 0 || c >= len(row) {
			return math.NaN(), fmt.Errorf("metrics: class %d in row %d has no score; there are %d", c, i, len(row))
		}
		if err := finite(fmt.Sprintf("in row %d, score", i), row); err != nil {
			return math.NaN(), err
		}
		above := 0
		for j, v := range row {
			if v > row[c] || v == row[c] && j > c {
				above++
			}
		}
		if above < k {
			right++
		}
	}
	return float64(right) / float64(len(truth)), nil
}

// CohenKappa is the agreement beyond chance, (observed - expected)/(1 - expected): 1 for full agreement, 0 for that of chance, at
// least -1. Cohen (1960), https://doi.org/10.1177/001316446002000104. It is NaN, with an error, when both know one class only.
func CohenKappa[C cmp.Ordered](truth, predicted []C) (float64, error) {
	c, err := NewConfusion(truth, predicted)
	if err != nil {
		return math.NaN(), err
	}
	return c.CohenKappa()
}

// MCC is Matthews's correlation coefficient of true and predicted classes, from -1 to 1; 0 for chance, and when either knows one
// class only. Of several classes it is Gorodkin's (2004), https://doi.org/10.1016/j.compbiolchem.2004.09.006.
func MCC[C cmp.Ordered](truth, predicted []C) (float64, error) {
	c, err := NewConfusion(truth, predicted)
	if err != nil {
		return math.NaN(), err
	}
	return c.MCC(), nil
}

// Confusion counts which classes are taken for which. Viz's heatmap of confusions draws it.
type Confusion struct {
	counts [][]int // of the true class, then of the predicted one
	labels []string
}

// NewConfusion counts over all classes that occur, in order.
func NewConfusion[C cmp.Ordered](truth, predicted []C) (*Confusion, error) {
	if err := same(len(truth), len(predicted)); err != nil {
		return nil, err
	}
	index := map[C]int{}
	all := slices.Concat(truth, predicted)
	slices.Sort(all)
	all = slices.Compact(all)
	c := &Confusion{}
	for i, class := range all {
		if class != class {
			return nil, fmt.Errorf("metrics: a class is NaN")
		}
		index[class] = i
		c.labels = append(c.labels, fmt.Sprint(class))
		c.counts = append(c.counts, make([]int, len(all)))
	}
	for i, class := range truth {
		c.counts[index[class]][index[predicted[i]]]++
	}
	return c, nil
}

// ConfusionOf counts over named classes, which truth and predicted are indices of.
func ConfusionOf[I ~int | ~int32](labels []string, truth, predicted []I) (*Confusion, error) {
	if err := same(len(truth), len(predicted)); err != nil {
		return nil, err
	}
	c := &Confusion{labels: slices.Clone(labels)}
	for range labels {
		c.counts = append(c.counts, make([]int, len(labels)))
	}
	for i, t := range truth {
		p := predicted[i]
		if t < 0 || int(t) >= len(labels) || p < 0 || int(p) >= len(labels) {
			return nil, fmt.Errorf("metrics: row %d has class %d, predicted %d; there are %d classes", i, t, p, len(labels))
		}
		c.counts[t][p]++
	}
	return c, nil
}

// Counts is the matrix: Counts()[i][j] examples of class i were taken for class j.
func (c *Confusion) Counts() [][]int {
	var out [][]int
	for _, row := range c.counts {
		out = append(out, slices.Clone(row))
	}
	return out
}

// Labels names the classes, in the order of rows and columns.
func (c *Confusion) Labels() []string { return slices.Clone(c.labels) }

// Accuracy is the share of examples on the diagonal.
func (c *Confusion) Accuracy() float64 {
	right := 0
	for i := range c.counts {
		right += c.counts[i][i]
	}
	return float64(right) / float64(c.total())
}

// ByTruth is the matrix as shares of the examples of each class: rows add up to 1, or are 0 where there are none. The diagonal is recall.
func (c *Confusion) ByTruth() [][]float64 {
	return c.shares(func(i, _ int) int { return c.row(i) })
}

// ByPrediction is the matrix as shares of what was taken for each class: columns add up to 1, or are 0. The diagonal is precision.
func (c *Confusion) ByPrediction() [][]float64 {
	return c.shares(func(_, j int) int { return c.column(j) })
}

// ByAll is the matrix as shares of all examples.
func (c *Confusion) ByAll() [][]float64 { return c.shares(func(int, int) int { return c.total() }) }

func (c *Confusion) shares(of func(i, j int) int) [][]float64 {
	var out [][]float64
	for i, row := range c.counts {
		out = append(out, nil)
		for j, n := range row {
			out[i] = append(out[i], ratio(float64(n), float64(of(i, j))))
		}
	}
	return out
}

func (c *Confusion) row(i int) (n int) {
	for _, v := range c.counts[i] {
		n += v
	}
	return n
}

func (c *Confusion) column(j int) (n int) {
	for i := range c.counts {
		n += c.counts[i][j]
	}
	return n
}

func (c *Confusion) total() (n int) {
	for i := range c.counts {
		n += c.row(i)
	}
	return n
}

// CohenKappa is the function of that name, of these counts.
func (c *Confusion) CohenKappa() (float64, error) {
	n, expected := float64(c.total()), 0.0
	for i := range c.counts {
		expected += float64(c.row(i)) / n * float64(c.column(i)) / n
	}
	if expected >= 1 {
		return math.NaN(), fmt.Errorf("metrics: Cohen's kappa is not defined when all are of one class and predicted as it")
	}
	return (c.Accuracy() - expected) / (1 - expected), nil
}

// MCC is the function of that name, of these counts.
func (c *Confusion) MCC() float64 {
	n, right, both, truth, predicted := float64(c.total()), 0.0, 0.0, 0.0, 0.0
	for i := range c.counts {
		t, p := float64(c.row(i)), float64(c.column(i))
		right += float64(c.counts[i][i])
		both += t * p
		truth += t * t
		predicted += p * p
	}
	return ratio(right*n-both, math.Sqrt(n*n-predicted)*math.Sqrt(n*n-truth))
}

// String is the matrix, a row for each class and a column for what it was taken for.
func (c *Confusion) String() string {
	width := len("true")
	for i, label := range c.labels {
		width = max(width, len([]rune(label)))
		for _, n := range c.counts[i] {
			width = max(width, len(fmt.Sprint(n)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*s", width, "true")
	for _, label := range c.labels {
		fmt.Fprintf(&b, " %*s", width, label)
	}
	for i, row := range c.counts {
		fmt.Fprintf(&b, "\n%*s", width, c.labels[i])
		for _, n := range row {
			fmt.Fprintf(&b, " %*d", width, n)
		}
	}
	return b.String()
}
