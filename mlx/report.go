package mlx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/metrics"
)

// Confusion counts which classes a model takes for which.
type Confusion = metrics.Confusion

// ConfusionMatrix counts, for labelled data of classes, how often each class was taken for each.
//
// Errors: as [Evaluate], and labels that are values.
func ConfusionMatrix(m *Model, data *Data) (*Confusion, error) {
	truth, p, err := m.classified(data, "a confusion matrix")
	if err != nil {
		return nil, err
	}
	return metrics.ConfusionOf(p.Classes, truth, p.Class)
}

// ClassificationReport says precision, recall and F1 of every class, and their means.
//
// Errors: as [ConfusionMatrix].
func ClassificationReport(m *Model, data *Data) (*metrics.Report, error) {
	c, err := ConfusionMatrix(m, data)
	if err != nil {
		return nil, err
	}
	return c.Report(), nil
}

// ClassCurves is a curve for each class against all others; of two classes, for the second.
type ClassCurves struct {
	Classes []string
	Curves  []*metrics.Curve
	Mean    float64 // of the areas
}

// ROC gives the receiver operating characteristic of each class's probability; see [metrics.ROC].
//
// Errors: as [ConfusionMatrix], and data in which a class does not occur.
func ROC(m *Model, data *Data) (*ClassCurves, error) {
	return m.curves(data, "ROC", metrics.ROC[float32])
}

// PrecisionRecall gives precision over recall by each class's probability; see [metrics.PrecisionRecall].
//
// Errors: as [ROC].
func PrecisionRecall(m *Model, data *Data) (*ClassCurves, error) {
	return m.curves(data, "precision over recall", metrics.PrecisionRecall[float32])
}

func (m *Model) curves(data *Data, what string, f func([]bool, []float32) (*metrics.Curve, error)) (*ClassCurves, error) {
	truth, p, err := m.classified(data, what)
	if err != nil {
		return nil, err
	}
	out := &ClassCurves{}
	for class, name := range p.Classes {
		if len(p.Classes) == 2 && class == 0 {
			continue
		}
		is, scores := make([]bool, len(truth)), make([]float32, len(truth))
		for i, t := range truth {
			is[i], scores[i] = t == class, p.Probabilities[i][class]
		}
		c, err := f(is, scores)
		if err != nil {
			return nil, fmt.Errorf("mlx: %w (class %q against the others)", err, name)
		}
		out.Classes, out.Curves = append(out.Classes, name), append(out.Curves, c)
		out.Mean += c.Area
	}
	out.Mean /= float64(len(out.Curves))
	return out, nil
}

// String says the area of each class's curve.
func (c *ClassCurves) String() string {
	var b strings.Builder
	for i, curve := range c.Curves {
		fmt.Fprintf(&b, "%s: %s %.4f\n", c.Classes[i], curve.AreaName, curve.Area)
	}
	fmt.Fprintf(&b, "mean %.4f", c.Mean)
	return b.String()
}

// Calibration compares the model's probabilities with how often they come true, in bins of equal width (10 are usual): of two
// classes that of the second; of more, the probability of the class that is predicted with how often it is right. See [metrics.Calibration].
//
// Errors: as [ConfusionMatrix], and less than one bin.
func Calibration(m *Model, data *Data, bins int) (*metrics.Reliability, error) {
	truth, p, err := m.classified(data, "calibration")
	if err != nil {
		return nil, err
	}
	is, probability := make([]bool, len(truth)), make([]float32, len(truth))
	for i, t := range truth {
		class := p.Class[i]
		if len(p.Classes) == 2 {
			class = 1
		}
		is[i], probability[i] = t == class, min(p.Probabilities[i][class], 1)
	}
	return metrics.Calibration(is, probability, bins)
}

// classified predicts labelled data of classes.
func (m *Model) classified(data *Data, what string) (truth []int, p *Predictions, err error) {
	prepared, err := m.ready(data, true)
	if err != nil {
		return nil, nil, err
	}
	if prepared.out[0].indices == nil {
		return nil, nil, fmt.Errorf("mlx: %s needs classes, the labels here are values (floats)", what)
	}
	if p, err = Predict(m, data); err != nil {
		return nil, nil, err
	}
	p = p.Of(m.outputs[prepared.out[0].output].name)
	if p.Class == nil {
		return nil, nil, errors.New("mlx: the model was not trained yet")
	}
	for _, c := range prepared.out[0].indices {
		truth = append(truth, int(c))
	}
	return truth, p, nil
}

// RowLoss is an example and how wrong the model is about it.
type RowLoss struct {
	Row         int // in the data
	Label       string
	Predicted   string  // the most probable class, or the outputs
	Probability float64 // of the label's class; NaN for values
	Loss        float64
}

// Losses is rows of data, the worst first.
type Losses []RowLoss

// TopLosses lists the n rows of labelled data that the model is most wrong about: wrong labels and hard cases. Rows of the same loss stay in
// order. The loss is that of [Evaluate]; of several targets it is that of the first.
//
// Errors: as [Evaluate].
func TopLosses(m *Model, data *Data, n int) (Losses, error) {
	p, err := m.ready(data, true)
	if err != nil {
		return nil, err
	}
	losses, err := m.rowLosses(p)
	if err != nil {
		return nil, err
	}
	predictions, err := Predict(m, data)
	if err != nil {
		return nil, err
	}
	t := p.out[0]
	predictions = predictions.Of(m.outputs[t.output].name)
	order := make([]int, len(losses))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case losses[a] > losses[b] || losses[b] != losses[b] && losses[a] == losses[a]:
			return -1
		case losses[a] < losses[b] || losses[a] != losses[a] && losses[b] == losses[b]:
			return 1
		}
		return 0
	})
	var out Losses
	for _, row := range order[:max(0, min(n, len(order)))] {
		l := RowLoss{Row: row, Loss: float64(losses[row]), Probability: math.NaN(), Predicted: numbers(predictions.Outputs[row])}
		if t.indices != nil {
			l.Label = t.label(row)
			if predictions.Class != nil {
				l.Predicted = predictions.Classes[predictions.Class[row]]
				l.Probability = float64(predictions.Probabilities[row][t.indices[row]])
			}
		} else {
			l.Label = numbers(t.values[row*t.width : (row+1)*t.width])
		}
		out = append(out, l)
	}
	return out, nil
}

func numbers(v []float32) string {
	var parts []string
	for _, x := range v[:min(len(v), 4)] {
		parts = append(parts, strconv.FormatFloat(float64(x), 'g', 4, 32))
	}
	if len(v) > 4 {
		parts = append(parts, "…")
	}
	return strings.Join(parts, " ")
}

// rowLosses is the loss of each row, by the first target.
func (m *Model) rowLosses(p *prepared) ([]float32, error) {
	o, err := m.lastObjectives(p)
	if err != nil {
		return nil, err
	}
	out := make([]float32, p.n)
	err = p.chunks(func(r run) error {
		each, err := m.compute(p, r, true, func() (*model.Exec, error) { return m.eachStep(o, r.size) })
		if err != nil {
			return err
		}
		for i, row := range r.rows {
			out[row] = each[0][i]
		}
		return nil
	})
	return out, err
}

// eachStep is the program that gives the loss of each example of a batch.
func (m *Model) eachStep(o objectives, s size) (*model.Exec, error) {
	return m.programs.get("each", o, nil, s, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, args []*graph.Node) *graph.Node {
			x, y := args[:len(m.inputs)], args[len(m.inputs):]
			scope.Store().SetTraining(x[0].Graph(), false)
			first := o.all[0]
			return eachLoss(first.loss, y[0], m.forward(scope, x, nil)[first.output])
		})
	})
}

// String is a table.
func (l Losses) String() string {
	label, predicted := len("label"), len("predicted")
	for _, r := range l {
		label, predicted = max(label, len([]rune(r.Label))), max(predicted, len([]rune(r.Predicted)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6s  %-*s  %-*s  %10s", "row", label, "label", predicted, "predicted", "loss")
	for _, r := range l {
		fmt.Fprintf(&b, "\n%6d  %-*s  %-*s  %10.4g", r.Row, label, r.Label, predicted, r.Predicted, r.Loss)
	}
	return b.String()
}

// Series gives the losses, for charts.
func (l Losses) Series() (names []string, values [][]float64) {
	var each []float64
	for _, r := range l {
		each = append(each, r.Loss)
	}
	return []string{"loss"}, [][]float64{each}
}
