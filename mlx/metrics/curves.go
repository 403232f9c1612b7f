package metrics

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

var nan = math.NaN()

// Curve is a curve of what a threshold on scores gives, or of something else over something; viz.Line draws it over X.
type Curve struct {
	XName, YName string
	XS, YS       []float64
	Thresholds   []float64 // of each point, nil when there are none: what scores at least that is taken for positive
	Area         float64   // the number that sums it up, named by AreaName
	AreaName     string
}

// X is where the points lie.
func (c *Curve) X() []float64 { return slices.Clone(c.XS) }

// Series gives the curve by name, for charts over X.
func (c *Curve) Series() (names []string, values [][]float64) {
	return []string{c.YName}, [][]float64{slices.Clone(c.YS)}
}

// String says what the curve is and what it comes to.
func (c *Curve) String() string {
	return fmt.Sprintf("%s over %s, %d points, %s %.4f", c.YName, c.XName, len(c.XS), c.AreaName, c.Area)
}

// ranked is examples by falling score.
type ranked struct {
	thresholds []float64 // distinct scores, falling
	positives  []float64 // of those that score at least as much
	negatives  []float64
}

func rank[F Float](truth []bool, scores []F) (r ranked, err error) {
	if err := same(len(truth), len(scores)); err != nil {
		return r, err
	}
	if err := finite("score", scores); err != nil {
		return r, err
	}
	order := make([]int, len(truth))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	var p, n float64
	for i, j := range order {
		if truth[j] {
			p++
		} else {
			n++
		}
		if i == len(order)-1 || scores[order[i+1]] != scores[j] {
			r.thresholds = append(r.thresholds, float64(scores[j]))
			r.positives, r.negatives = append(r.positives, p), append(r.negatives, n)
		}
	}
	return r, nil
}

func (r ranked) totals() (positives, negatives float64) {
	return r.positives[len(r.positives)-1], r.negatives[len(r.negatives)-1]
}

// ROC is the receiver operating characteristic of scores for "true": over the share of negatives that are taken for positive, the share of
// positives that are. Its Area is [AUC]. It begins at (0, 0), with a threshold of +Inf, and has a point for each distinct score.
func ROC[F Float](truth []bool, scores []F) (*Curve, error) {
	r, err := rank(truth, scores)
	if err != nil {
		return nil, err
	}
	p, n := r.totals()
	if p == 0 || n == 0 {
		return nil, errors.New("metrics: ROC and AUC need examples that are true and examples that are not")
	}
	c := &Curve{XName: "false positive rate", YName: "true positive rate", AreaName: "AUC", XS: []float64{0}, YS: []float64{0}, Thresholds: []float64{math.Inf(1)}}
	for i, t := range r.thresholds {
		x, y := r.negatives[i]/n, r.positives[i]/p
		c.Area += (x - c.XS[i]) * (y + c.YS[i]) / 2
		c.XS, c.YS, c.Thresholds = append(c.XS, x), append(c.YS, y), append(c.Thresholds, t)
	}
	return c, nil
}

// AUC is the area under [ROC]: the probability that an example that is true scores higher than one that isn't, ties counting half. 0.5 is
// chance.
func AUC[F Float](truth []bool, scores []F) (float64, error) {
	c, err := ROC(truth, scores)
	if err != nil {
		return nan, err
	}
	return c.Area, nil
}

// AUCOneVsRest is the AUC of each class against all others, by its column of the scores, and their mean. truth holds indices of columns.
func AUCOneVsRest[F Float](truth []int, scores [][]F) (each []float64, mean float64, err error) {
	return oneVsRest(truth, scores, AUC[F])
}

// AveragePrecisionOneVsRest is the same of [AveragePrecision].
func AveragePrecisionOneVsRest[F Float](truth []int, scores [][]F) (each []float64, mean float64, err error) {
	return oneVsRest(truth, scores, AveragePrecision[F])
}

func oneVsRest[F Float](truth []int, scores [][]F, f func([]bool, []F) (float64, error)) (each []float64, mean float64, err error) {
	if err := same(len(truth), len(scores)); err != nil {
		return nil, nan, err
	}
	k := len(scores[0])
	for class := range k {
		is, column := make([]bool, len(truth)), make([]F, len(truth))
		for i, row := range scores {
			if len(row) != k || truth[i] < 0 || truth[i] >= k {
				return nil, nan, fmt.Errorf("metrics: row %d has %d scores and class %d; row 0 has %d scores", i, len(row), truth[i], k)
			}
			is[i], column[i] = truth[i] == class, row[class]
		}
		v, err := f(is, column)
		if err != nil {
			return nil, nan, fmt.Errorf("%w (class %d against the rest)", err, class)
		}
		each = append(each, v)
		mean += v / float64(k)
	}
	return each, mean, nil
}

// PrecisionRecall is precision over recall of scores for "true". Its Area is [AveragePrecision]. It begins with the highest threshold and has a
// point for each distinct score.
func PrecisionRecall[F Float](truth []bool, scores []F) (*Curve, error) {
	r, err := rank(truth, scores)
	if err != nil {
		return nil, err
	}
	p, _ := r.totals()
	if p == 0 {
		return nil, errors.New("metrics: precision over recall needs examples that are true")
	}
	c := &Curve{XName: "recall", YName: "precision", AreaName: "average precision", Thresholds: r.thresholds}
	last := 0.0
	for i := range r.thresholds {
		recall, precision := r.positives[i]/p, r.positives[i]/(r.positives[i]+r.negatives[i])
		c.Area += (recall - last) * precision
		last = recall
		c.XS, c.YS = append(c.XS, recall), append(c.YS, precision)
	}
	return c, nil
}

// AveragePrecision is Σ (recall - recall before)·precision over falling thresholds, from the share of positives, for chance, to 1.
func AveragePrecision[F Float](truth []bool, scores []F) (float64, error) {
	c, err := PrecisionRecall(truth, scores)
	if err != nil {
		return nan, err
	}
	return c.Area, nil
}
