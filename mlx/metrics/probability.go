package metrics

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// LogLoss is the mean of -log of the probability of the true class, an index. Probabilities are taken for at least 2.2e-16, as in
// scikit-learn; rows are to add up to 1.
func LogLoss[F Float](truth []int, probabilities [][]F) (float64, error) {
	if err := same(len(truth), len(probabilities)); err != nil {
		return nan, err
	}
	sum := 0.0
	for i, row := range probabilities {
		if err := probable(i, row, truth[i]); err != nil {
			return nan, err
		}
		const epsilon = 0x1p-52
		sum -= math.Log(min(max(float64(row[truth[i]]), epsilon), 1-epsilon))
	}
	return sum / float64(len(truth)), nil
}

func probable[F Float](i int, row []F, class int) error {
	if class < 0 || class >= len(row) {
		return fmt.Errorf("metrics: class %d in row %d has no probability; there are %d", class, i, len(row))
	}
	sum := 0.0
	for j, v := range row {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("metrics: probability %d of row %d is %v; it must be between 0 and 1", j, i, v)
		}
		sum += float64(v)
	}
	if math.Abs(sum-1) > 1e-3 {
		return fmt.Errorf("metrics: the probabilities of row %d add up to %.4g, not 1", i, sum)
	}
	return nil
}

// Brier is the mean squared difference between the probability of "true" and what it is: 0 is perfect, 0.25 saying one half always. Brier
// (1950), https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
func Brier[F Float](truth []bool, probabilities []F) (float64, error) {
	if err := same(len(truth), len(probabilities)); err != nil {
		return nan, err
	}
	sum := 0.0
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return nan, fmt.Errorf("metrics: probability %d is %v; it must be between 0 and 1", i, p)
		}
		d := float64(p)
		if truth[i] {
			d--
		}
		sum += d * d
	}
	return sum / float64(len(truth)), nil
}

// Reliability compares probabilities with how often they come true, bin by bin; bins without examples are left out.
type Reliability struct {
	Predicted []float64 // mean probability in the bin
	Observed  []float64 // share that came true
	Count     []int
	ECE       float64 // expected calibration error: mean over examples of |observed - predicted| of their bin
	MCE       float64 // maximum of them
}

// Calibration puts probabilities of "true" into bins of equal width and compares: Guo et al. (2017), https://arxiv.org/abs/1706.04599. Ten or
// fifteen bins are usual.
func Calibration[F Float](truth []bool, probabilities []F, bins int) (*Reliability, error) {
	if err := same(len(truth), len(probabilities)); err != nil {
		return nil, err
	}
	if bins < 1 {
		return nil, fmt.Errorf("metrics: %d bins; it needs 1 or more", bins)
	}
	predicted, observed, count := make([]float64, bins), make([]float64, bins), make([]int, bins)
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return nil, fmt.Errorf("metrics: probability %d is %v; it must be between 0 and 1", i, p)
		}
		// As scikit-learn's searchsorted from the left: a bin holds its upper edge, but the first the lower one too.
		bin := max(int(math.Ceil(float64(p)*float64(bins)))-1, 0)
		predicted[bin] += float64(p)
		count[bin]++
		if truth[i] {
			observed[bin]++
		}
	}
	r := &Reliability{}
	for b, n := range count {
		if n == 0 {
			continue
		}
		p, o := predicted[b]/float64(n), observed[b]/float64(n)
		r.Predicted, r.Observed, r.Count = append(r.Predicted, p), append(r.Observed, o), append(r.Count, n)
		r.ECE += math.Abs(o-p) * float64(n) / float64(len(truth))
		r.MCE = max(r.MCE, math.Abs(o-p))
	}
	return r, nil
}

// X is the mean probability of each bin.
func (r *Reliability) X() []float64 { return slices.Clone(r.Predicted) }

// Series gives the shares that came true, and those that would be perfect, for charts over X.
func (r *Reliability) Series() (names []string, values [][]float64) {
	return []string{"observed", "perfect"}, [][]float64{slices.Clone(r.Observed), slices.Clone(r.Predicted)}
}

// String is a table.
func (r *Reliability) String() string {
	var b strings.Builder
	b.WriteString("predicted  observed    count")
	for i, p := range r.Predicted {
		fmt.Fprintf(&b, "\n%9.3f  %8.3f  %7d", p, r.Observed[i], r.Count[i])
	}
	fmt.Fprintf(&b, "\nexpected calibration error %.4f, maximum %.4f", r.ECE, r.MCE)
	return b.String()
}
