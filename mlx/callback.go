package mlx

import (
	"fmt"
	"math"
	"strings"
)

// Callback takes part in a [Fit]: [EarlyStopping], [SaveBest], [ReduceOnPlateau], [AverageWeights], and functions of your own by
// [AfterEpoch] and [AfterStep]. A callback does not change, and may serve several Fits: what it keeps of one lies in its Hooks.
type Callback interface {
	// Start is called before the first step. What it returns is called from then on.
	Start(t *Training) (Hooks, error)
}

// Hooks are the functions of a callback for one [Fit]; nil ones are left out. An error ends the training and comes back from Fit.
type Hooks struct {
	Step  func() error // after every step
	Epoch func() error // after every epoch, when it was judged and recorded
	End   func() error // at the end, also of a training that an interrupt, an error or a loss that is not finite ended
}

// AfterEpoch is a callback that calls a function after every epoch. [Training.Stop] ends the training.
func AfterEpoch(f func(t *Training) error) Callback {
	return callbackFunc(func(t *Training) Hooks { return Hooks{Epoch: func() error { return f(t) }} })
}

// AfterStep is a callback that calls a function after every step.
func AfterStep(f func(t *Training) error) Callback {
	return callbackFunc(func(t *Training) Hooks { return Hooks{Step: func() error { return f(t) }} })
}

type callbackFunc func(t *Training) Hooks

func (f callbackFunc) Start(t *Training) (Hooks, error) { return f(t), nil }

// monitor follows a series of the history and remembers its best.
type monitor struct {
	t        *Training
	name     string
	larger   bool // is better
	minDelta float64
	best     float64
	epoch    int // that had it, as the history counts; 0: none
}

// monitoring follows a series by name; "" is val_loss, or loss without validation.
func monitoring(t *Training, name string, minDelta float64) *monitor {
	if name == "" {
		name = "loss"
		if t.val != nil {
			name = "val_loss"
		}
	}
	return &monitor{t: t, name: name, larger: strings.HasSuffix(name, "accuracy"), minDelta: math.Abs(minDelta)}
}

// improved reports whether the epoch just finished is the best so far, by more than minDelta.
func (m *monitor) improved() (bool, error) {
	v, err := m.t.value(m.name)
	if err != nil || math.IsNaN(v) {
		return false, err
	}
	gain := m.best - v
	if m.larger {
		gain = -gain
	}
	if m.epoch > 0 && !(gain > m.minDelta) {
		return false, nil
	}
	m.best, m.epoch = v, m.t.number()
	return true, nil
}

// number is that of the epoch just finished, as the history counts.
func (t *Training) number() int { return t.record.Epoch[len(t.record.Epoch)-1] }

// EarlyStopping ends the training when a series of the history has not improved for some epochs.
type EarlyStopping struct {
	Monitor  string  // such as val_accuracy; when empty, val_loss, or loss without validation. Accuracies are to grow, all else to shrink
	Patience int     // epochs in a row without improvement that end it; 0 is 1
	MinDelta float64 // what improves by no more than this does not count
	// RestoreBest gives the model the weights of the best epoch at the end, however the training ends. The optimizer's state stays.
	RestoreBest bool
}

// Start implements [Callback].
func (e EarlyStopping) Start(t *Training) (Hooks, error) {
	if e.Patience < 0 {
		return Hooks{}, fmt.Errorf("mlx: EarlyStopping.Patience is %d; it must be 0 or more", e.Patience)
	}
	m := monitoring(t, e.Monitor, e.MinDelta)
	var kept *weights
	waited := 0
	h := Hooks{Epoch: func() error {
		better, err := m.improved()
		if err != nil {
			return err
		}
		if better {
			waited = 0
			if e.RestoreBest {
				kept, err = t.m.keep()
			}
			return err
		}
		if waited++; waited >= e.Patience {
			if m.epoch == 0 {
				t.Stop(fmt.Sprintf("stopped early: %s is not a number", m.name))
			} else {
				t.Stop(fmt.Sprintf("stopped early: %s was best in epoch %d, %.4g", m.name, m.epoch, m.best))
			}
		}
		return nil
	}}
	if e.RestoreBest {
		h.End = func() error { return t.m.restore(kept) }
	}
	return h, nil
}

// SaveBest keeps the weights of the best epoch of the Fits that it takes part in, in memory:
//
//	best := &mlx.SaveBest{Monitor: "val_accuracy"}
//	mlx.Fit(model, train, mlx.FitOptions{Validation: test, Callbacks: []mlx.Callback{best}})
//	best.Restore(model)
type SaveBest struct {
	Monitor string // as in [EarlyStopping]

	epoch int
	value float64
	kept  *weights
}

// Start implements [Callback]. It forgets what an earlier Fit left.
func (s *SaveBest) Start(t *Training) (Hooks, error) {
	if s == nil {
		return Hooks{}, fmt.Errorf("mlx: the SaveBest is nil; use &mlx.SaveBest{}")
	}
	s.epoch, s.value, s.kept = 0, math.NaN(), nil
	m := monitoring(t, s.Monitor, 0)
	return Hooks{Epoch: func() error {
		better, err := m.improved()
		if err == nil && better {
			s.epoch, s.value = m.epoch, m.best
			s.kept, err = t.m.keep()
		}
		return err
	}}, nil
}

// Epoch is the best epoch, as the history counts; 0 when there was none yet.
func (s *SaveBest) Epoch() int { return s.epoch }

// Value is what was monitored in the best epoch; NaN when there was none yet.
func (s *SaveBest) Value() float64 {
	if s.kept == nil {
		return math.NaN()
	}
	return s.value
}

// Restore gives a model the weights that were kept: the model that was trained, or another one of the same layers that is built.
// The optimizer's state stays as it is.
//
// Errors: there are none, or they don't fit the model.
func (s *SaveBest) Restore(m *Model) error {
	if s.kept == nil {
		return fmt.Errorf("mlx: SaveBest has kept no weights; no epoch was finished with it")
	}
	if m == nil {
		return m.Err()
	}
	return m.restore(s.kept)
}

// ReduceOnPlateau multiplies the learning rate by a factor when a series of the history has not improved for some epochs, as
// PyTorch's ReduceLROnPlateau does with an absolute threshold.
type ReduceOnPlateau struct {
	Monitor  string  // as in [EarlyStopping]
	Patience int     // epochs without improvement that are borne; 0 reduces at the first
	Factor   float64 // 0.1 when left at 0
	MinDelta float64 // what improves by no more than this does not count
	MinRate  float64 // the rate does not go below
}

// Start implements [Callback].
func (r ReduceOnPlateau) Start(t *Training) (Hooks, error) {
	factor := or(r.Factor, 0.1)
	if r.Patience < 0 || !(factor > 0 && factor < 1) {
		return Hooks{}, fmt.Errorf("mlx: ReduceOnPlateau has Patience %d and Factor %v; they must be 0 or more, and between 0 and 1", r.Patience, factor)
	}
	m := monitoring(t, r.Monitor, r.MinDelta)
	waited := 0
	return Hooks{Epoch: func() error {
		better, err := m.improved()
		if err != nil {
			return err
		}
		if waited++; better {
			waited = 0
		}
		if waited > r.Patience {
			waited = 0
			if rate := math.Max(t.LearningRate()*factor, r.MinRate); rate < t.LearningRate() {
				return t.SetLearningRate(rate)
			}
		}
		return nil
	}}, nil
}

// AverageWeights ends the training with the mean of the weights as they were after each of the last epochs: stochastic weight averaging,
// Izmailov et al. (2018), https://arxiv.org/abs/1803.05407. A learning rate that stays high suits it. The moving means of batch
// normalization are averaged alike, rather than computed anew as the paper does.
type AverageWeights struct {
	From int // the first epoch of the call that counts, from 1; when left at 0, the one after three quarters
}

// Start implements [Callback].
func (a AverageWeights) Start(t *Training) (Hooks, error) {
	from := a.From
	if from == 0 {
		from = t.Epochs()*3/4 + 1
	}
	if from < 1 || from > t.Epochs() {
		return Hooks{}, fmt.Errorf("mlx: AverageWeights.From is %d; it must be one of the %d epochs", a.From, t.Epochs())
	}
	var mean *weights
	n := 0
	return Hooks{
		Epoch: func() error {
			if t.Epoch() < from {
				return nil
			}
			now, err := t.m.keep()
			if err != nil {
				return err
			}
			if n++; mean == nil {
				mean = now
			} else {
				mean.towards(now, 1/float64(n))
			}
			return nil
		},
		End: func() error { return t.m.restore(mean) },
	}, nil
}
