package mlx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"golab/kernel/nb"
	"golab/mlx/internal/random"
)

// FitOptions is how [Fit] trains. The zero value is one epoch with Adam and the loss that goes with the labels.
type FitOptions struct {
	Epochs       int       // passes over the data; 1 when left at 0
	BatchSize    int       // examples a step; 32 when left at 0. The last step of an epoch takes what is left
	LearningRate float64   // the optimizer's own default when left at 0: 0.001, for SGD 0.01
	Schedule     Schedule  // how the learning rate moves over the steps of this call; nil: it stays
	Optimizer    Optimizer // Adam{} when nil
	Loss         Loss      // when nil: CrossEntropy for classes (BinaryCrossEntropy if the model has one output), MSE for values
	// Losses and LossWeights are for models of several outputs, by the outputs' names: what judges each, in place of Loss, and its weight in
	// the sum that is minimized, 1 for those not named.
	Losses      map[string]Loss
	LossWeights map[string]float64
	Validation  *Data // judged after every epoch; nil: none
	// ValidationSplit sets a share of the data aside for validation, such as 0.2, as [Data.Split] with Seed does: the same share at
	// every call. Maps of the data apply to both parts; use Split where they are for training only.
	ValidationSplit float64
	// Callbacks watch the training and may change or stop it: EarlyStopping, ReduceOnPlateau, AfterEpoch, …
	Callbacks []Callback
	// Accumulate makes a step of so many batches, by the mean of their gradients: as with a batch as many times as large,
	// in the memory of one. Batch normalization still sees one batch at a time. 0 is 1.
	Accumulate int
	// ClipNorm scales the gradients down to this length where they are longer, all variables taken as one vector: Pascanu et
	// al. (2013), https://arxiv.org/abs/1211.5063. ClipValue cuts every number of them to ±ClipValue, before that. 0: not.
	ClipNorm, ClipValue float64
	// L1 and L2 add the penalties L1·Σ|w| and L2·Σw² over weights with two axes or more (so not over biases and scales) to
	// what is minimized. The loss that is shown and recorded is without them. They come before clipping.
	L1, L2 float64
	// AverageDecay ends the training with the moving average of the weights, average ← d·average + (1-d)·weights after each
	// step, in place of the last weights; validation judges it too. 0.99 to 0.9999 is usual; 0: no average. Moving means of
	// batch normalization are averaged alike. The average starts from the weights that the call starts from, and a later
	// call goes on from the average. Polyak and Juditsky (1992), https://doi.org/10.1137/0330046.
	AverageDecay float64
	// Seed draws the first weights, if the model was never trained, and shuffles and drops from then on.
	Seed uint64
	// KeepOrder trains on the rows in their order instead of shuffling them anew each epoch.
	KeepOrder bool
	// Quiet shows no progress.
	Quiet bool
	// Context stops the training when it is done, as an interrupt of the notebook does; nil: that of the running cell.
	Context context.Context
}

var (
	// ErrInterrupted is wrapped by the error of a [Fit] that was stopped.
	ErrInterrupted = errors.New("training was interrupted")
	// ErrNotFinite is wrapped by the error of a [Fit] whose loss became NaN or infinite.
	ErrNotFinite = errors.New("the loss is not finite")
)

// Fit trains a model and returns what happened in this call. The model keeps its weights and the state of its optimizer: the next call
// goes on from there, with whatever options it gives. [Model.History] is that of all calls.
//
// Progress shows below the cell, or as lines on standard error outside a notebook.
//
// Errors: whatever is wrong with model, data or options, before anything is trained, and then the History is nil. After
// that it is not: [ErrInterrupted] leaves the weights as the last step left them, and the next call starts that epoch
// anew; [ErrNotFinite] says at which step and in which layer the loss blew up, and leaves the weights as they were before
// that step: a smaller learning rate helps, or starting over with [Model.Reset]. An error of a callback comes back as it is.
func Fit(m *Model, data *Data, options FitOptions) (*History, error) {
	if m == nil {
		return nil, m.Err()
	}
	if !m.fitting.TryLock() {
		return nil, errors.New("mlx: the model is being trained already, by another goroutine")
	}
	defer m.fitting.Unlock()
	t, err := m.begin(data, options)
	if err != nil {
		return nil, err
	}
	defer t.feed.free()
	if err := t.start(); err != nil {
		return nil, err
	}
	return t.run()
}

// begin checks everything and sets the model up for these options.
func (m *Model) begin(data *Data, o FitOptions) (*Training, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range []struct {
		bad  bool
		what string
		v    any
	}{
		{o.Epochs < 0, "Epochs", o.Epochs},
		{o.BatchSize < 0, "BatchSize", o.BatchSize},
		{!(o.LearningRate >= 0) || math.IsInf(o.LearningRate, 0), "LearningRate", o.LearningRate},
		{o.Accumulate < 0, "Accumulate", o.Accumulate},
		{!(o.ClipNorm >= 0), "ClipNorm", o.ClipNorm},
		{!(o.ClipValue >= 0), "ClipValue", o.ClipValue},
		{!(o.L1 >= 0), "L1", o.L1},
		{!(o.L2 >= 0), "L2", o.L2},
	} {
		if c.bad {
			return nil, fmt.Errorf("mlx: FitOptions.%s is %v; it must be positive, or 0 for the default", c.what, c.v)
		}
	}
	if !(o.AverageDecay >= 0 && o.AverageDecay < 1) {
		return nil, fmt.Errorf("mlx: FitOptions.AverageDecay is %v; it must be at least 0 and below 1", o.AverageDecay)
	}
	for i, c := range o.Callbacks {
		if c == nil {
			return nil, fmt.Errorf("mlx: FitOptions.Callbacks[%d] is nil", i)
		}
	}
	o.Epochs, o.Accumulate = max(o.Epochs, 1), max(o.Accumulate, 1)
	if o.BatchSize == 0 {
		o.BatchSize = 32
	}
	if o.Optimizer == nil {
		o.Optimizer = Adam{}
	}
	if o.LearningRate == 0 {
		o.LearningRate = defaultRate(o.Optimizer)
	}
	if o.Context == nil {
		o.Context = nb.Context()
	}
	if m.history.Steps == 0 && m.seed != o.Seed {
		m.seed = o.Seed
		if m.inDims != nil && !m.handed { // built but never trained or touched: its weights are drawn from this seed instead
			m.reset()
		}
	}
	if o.ValidationSplit != 0 {
		if o.Validation != nil {
			return nil, errors.New("mlx: FitOptions has both Validation and ValidationSplit; give one")
		}
		if data, o.Validation = data.Split(o.ValidationSplit, o.Seed); data.Err() != nil {
			return nil, fmt.Errorf("%w (FitOptions.ValidationSplit)", data.Err())
		}
	}
	t := &Training{m: m, o: o}
	losses, err := byOutput(m, "Losses", o.Losses, o.Loss)
	if err != nil {
		return nil, err
	}
	weights, err := byOutput(m, "LossWeights", o.LossWeights, 1)
	if err != nil {
		return nil, err
	}
	known, heads := slices.Clone(m.codes), slices.Clone(m.heads)
	if t.data, err = m.prepareLabels(data, losses, true); err == nil && o.Validation != nil {
		if t.val, err = m.prepareLabels(o.Validation, losses, true); err != nil {
			err = fmt.Errorf("%w (FitOptions.Validation)", err)
		}
	}
	if err == nil {
		t.objectives, err = m.objectives(t.data, losses, weights)
	}
	if err == nil && t.val != nil {
		t.valObjectives, err = m.objectives(t.val, losses, weights)
	}
	if err != nil {
		m.codes, m.heads = known, heads // what could not be used decides nothing
		return nil, err
	}
	t.o.BatchSize = min(t.o.BatchSize, t.data.n)
	t.fill = m.PerExample()
	t.rows = make([]int, t.data.n)
	for i := range t.rows {
		t.rows[i] = i
	}
	t.batches = len(t.runs())
	t.stepsEpoch = (t.batches + o.Accumulate - 1) / o.Accumulate
	t.counted = m.counted(t.data, t.objectives)
	if len(m.outputs) > 1 {
		for _, one := range t.data.out {
			t.names = append(t.names, m.outputs[one.output].name)
		}
	}
	t.rule = rule{o.ClipNorm, o.ClipValue, o.L1, o.L2, o.AverageDecay}
	t.base, t.rate = o.LearningRate, o.LearningRate
	t.feed = newFeed(t.data, m.dev, o.Seed)
	if err := m.setHyper(o.LearningRate, o.Seed); err != nil {
		return nil, err
	}
	if o.AverageDecay > 0 {
		if err := m.startAverages(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// setHyper puts what may change from call to call into variables, so that nothing is compiled anew for it.
func (m *Model) setHyper(rate float64, seed uint64) error {
	if err := m.setRate(rate); err != nil {
		return err
	}
	seedVar, _ := random.Counters(m.store)
	if err := seedVar.SetValue(tensors.FromScalar(uint32(seed ^ seed>>32))); err != nil {
		return fmt.Errorf("mlx: %w", err)
	}
	return nil
}

func (m *Model) setRate(rate float64) error {
	lr := optimizer.LearningRateVar(m.store.RootScope(), dtypes.Float32, rate)
	if err := lr.SetValue(tensors.FromScalar(float32(rate))); err != nil {
		return fmt.Errorf("mlx: %w", err)
	}
	return nil
}

func (m *Model) epochsDone() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.history.Epoch)
}

func (m *Model) stepsDone() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history.Steps
}
