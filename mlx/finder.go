package mlx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// RateCurve is the loss over learning rates; viz.Line draws it over X, which is best on a logarithmic axis.
type RateCurve struct {
	Rates  []float64
	Losses []float64 // smoothed
	// Suggestion is the rate at which the loss fell most steeply, on the way to its lowest.
	Suggestion float64
}

const (
	finderSteps = 100
	finderFrom  = 1e-6
	finderTo    = 10
)

// FindLearningRate trains a copy of the model for 100 steps at rates that grow from 1e-6 to 10, or until the loss explodes, and suggests the
// one at which it fell most steeply: Smith (2015), https://arxiv.org/abs/1506.01186. The model itself stays untouched. Of the options
// batch size, optimizer, loss, seed, penalties, clipping and context count.
//
// Errors: as [Fit], and a loss that does not fall.
func FindLearningRate(m *Model, data *Data, options FitOptions) (*RateCurve, error) {
	c, err := m.clone()
	if err != nil {
		return nil, err
	}
	defer c.Reset() // gives its memory back
	o := options
	o.LearningRate, o.Validation, o.Quiet, o.AverageDecay = finderFrom, nil, true, 0
	o.Schedule = func(s ScheduleStep) float64 {
		return s.Rate * math.Pow(finderTo/finderFrom, float64(s.Step)/(finderSteps-1))
	}
	curve := &RateCurve{}
	const kept = 0.9
	smooth, weight, best := 0.0, 0.0, math.Inf(1)
	o.Callbacks = []Callback{AfterStep(func(t *Training) error {
		smooth, weight = kept*smooth+(1-kept)*t.Loss(), kept*weight+1-kept
		loss := smooth / weight
		curve.Rates, curve.Losses = append(curve.Rates, t.LearningRate()), append(curve.Losses, loss)
		best = min(best, loss)
		if loss > 4*best && best > 0 || t.Step() == finderSteps {
			t.Stop("the loss has been seen at enough learning rates")
		}
		return nil
	})}
	o.Epochs = finderSteps // of one step or more
	if _, err := Fit(c, data, o); err != nil && !errors.Is(err, ErrNotFinite) {
		return nil, err
	}
	// The first steps say little yet, as they are smoothed with nothing; beyond the lowest loss it may rise and fall again.
	steepest, lowest := math.Inf(1), 0
	for i, loss := range curve.Losses {
		if loss < curve.Losses[lowest] {
			lowest = i
		}
	}
	for i := 5; i < lowest; i++ {
		if slope := curve.Losses[i+1] - curve.Losses[i-1]; slope < steepest {
			steepest, curve.Suggestion = slope, curve.Rates[i]
		}
	}
	if curve.Suggestion == 0 {
		return nil, fmt.Errorf("mlx: over %d steps at learning rates from %v on the loss did not fall; there is no rate to suggest", len(curve.Losses), finderFrom)
	}
	return curve, nil
}

// X is the learning rates.
func (c *RateCurve) X() []float64 { return slices.Clone(c.Rates) }

// Series gives the losses, for charts over X.
func (c *RateCurve) Series() (names []string, values [][]float64) {
	return []string{"loss"}, [][]float64{slices.Clone(c.Losses)}
}

// String says what the curve suggests.
func (c *RateCurve) String() string {
	return fmt.Sprintf("loss over %d learning rates from %.2g to %.2g; it fell most steeply at %.2g", len(c.Rates), c.Rates[0], c.Rates[len(c.Rates)-1], c.Suggestion)
}

// clone copies a model with all it has learned.
func (m *Model) clone() (*Model, error) {
	if m == nil {
		return nil, m.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Model{
		layers: m.layers, inputs: m.inputs, outputs: m.outputs, err: m.err, dev: m.dev, seed: m.seed, inDims: m.inDims, fixed: m.fixed, handed: m.handed, outDims: m.outDims,
		sizes: m.sizes, frozen: m.frozen, convolves: m.convolves, flops: m.flops, grows: m.grows, codes: slices.Clone(m.codes), heads: slices.Clone(m.heads), history: *m.history.clone(),
	}
	if m.store == nil {
		return c, nil
	}
	c.store = model.NewStore()
	for path, value := range m.store.IterParams() {
		c.store.SetParam(path, value)
	}
	for v := range m.store.IterVariables() {
		value, err := valueOf(v)
		if err != nil {
			return nil, err
		}
		c.store.VariableWithValue(v.Path(), value).SetTrainable(v.Trainable)
	}
	return c, nil
}
