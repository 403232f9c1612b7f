package metrics

import (
	"cmp"
	"fmt"
	"strings"
)

// Scores are precision, recall and their harmonic mean, from 0 to 1.
type Scores struct {
	Precision float64 // share that is right of what was taken for the class; 0 when nothing was
	Recall    float64 // share of the class that was found; 0 when there is none
	F1        float64 // 2·precision·recall/(precision + recall); 0 when both are
}

// ClassScores are those of one class.
type ClassScores struct {
	Class string
	Scores
	Support int // examples of the class
}

// Report is how well each class is told, and means over them.
type Report struct {
	Classes  []ClassScores
	Accuracy float64
	Micro    Scores // of all decisions together: the accuracy, when every example has one class
	Macro    Scores // mean over classes
	Weighted Scores // mean over classes, weighted by their examples
	Support  int
}

// Classification reports on predicted classes.
func Classification[C cmp.Ordered](truth, predicted []C) (*Report, error) {
	c, err := NewConfusion(truth, predicted)
	if err != nil {
		return nil, err
	}
	return c.Report(), nil
}

// Precision, Recall and F1 are the macro means of [Classification].
func Precision[C cmp.Ordered](truth, predicted []C) (float64, error) {
	return macro(truth, predicted, func(s Scores) float64 { return s.Precision })
}

// Recall is the mean over classes of the share of each that was found.
func Recall[C cmp.Ordered](truth, predicted []C) (float64, error) {
	return macro(truth, predicted, func(s Scores) float64 { return s.Recall })
}

// F1 is the mean over classes of the harmonic mean of precision and recall.
func F1[C cmp.Ordered](truth, predicted []C) (float64, error) {
	return macro(truth, predicted, func(s Scores) float64 { return s.F1 })
}

func macro[C cmp.Ordered](truth, predicted []C, f func(Scores) float64) (float64, error) {
	r, err := Classification(truth, predicted)
	if err != nil {
		return nan, err
	}
	return f(r.Macro), nil
}

// Report is [Classification] of these counts.
func (c *Confusion) Report() *Report {
	r := &Report{Accuracy: c.Accuracy(), Support: c.total()}
	r.Micro = Scores{r.Accuracy, r.Accuracy, r.Accuracy}
	for i, label := range c.labels {
		right, of := float64(c.counts[i][i]), c.row(i)
		s := Scores{Precision: ratio(right, float64(c.column(i))), Recall: ratio(right, float64(of))}
		s.F1 = ratio(2*right, float64(c.column(i)+of))
		r.Classes = append(r.Classes, ClassScores{label, s, of})
		r.Macro.add(s, 1/float64(len(c.labels)))
		r.Weighted.add(s, float64(of)/float64(r.Support))
	}
	return r
}

func (s *Scores) add(o Scores, share float64) {
	s.Precision += share * o.Precision
	s.Recall += share * o.Recall
	s.F1 += share * o.F1
}

// Labels names the classes.
func (r *Report) Labels() []string {
	var out []string
	for _, c := range r.Classes {
		out = append(out, c.Class)
	}
	return out
}

// Series gives precision, recall and f1, one number a class in the order of Labels, for charts.
func (r *Report) Series() (names []string, values [][]float64) {
	values = make([][]float64, 3)
	for _, c := range r.Classes {
		values[0] = append(values[0], c.Precision)
		values[1] = append(values[1], c.Recall)
		values[2] = append(values[2], c.F1)
	}
	return []string{"precision", "recall", "f1"}, values
}

// String is a table.
func (r *Report) String() string {
	width := len("weighted")
	for _, c := range r.Classes {
		width = max(width, len([]rune(c.Class)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*s  precision  recall     f1  support", width, "")
	line := func(name string, s Scores, n int) {
		fmt.Fprintf(&b, "\n%*s  %9.3f  %6.3f  %5.3f  %7d", width, name, s.Precision, s.Recall, s.F1, n)
	}
	for _, c := range r.Classes {
		line(c.Class, c.Scores, c.Support)
	}
	line("macro", r.Macro, r.Support)
	line("weighted", r.Weighted, r.Support)
	fmt.Fprintf(&b, "\n%*s  %9.3f", width, "accuracy", r.Accuracy)
	return b.String()
}
