package mlx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"golab/kernel/nb"
	"golab/mlx/internal/random"
	"golab/viz"
)

// FitOptions is how [Fit] trains. The zero value is one epoch with Adam and the loss that goes with the labels.
type FitOptions struct {
	Epochs       int       // passes over the data; 1 when left at 0
	BatchSize    int       // examples a step; 32 when left at 0. The last step of an epoch takes what is left
	LearningRate float64   // the optimizer's own default when left at 0: 0.001, for SGD 0.01
	Optimizer    Optimizer // Adam{} when nil
	Loss         Loss      // when nil: CrossEntropy for classes (BinaryCrossEntropy if the model has one output), MSE for values
	Validation   *Data     // judged after every epoch; nil: none
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
// anew; [ErrNotFinite] says at which step the loss blew up, after which [Model.Reset] and a smaller learning rate help.
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
	return t.run()
}

// training is one call of Fit.
type training struct {
	m        *Model
	o        FitOptions
	data     *prepared
	val      *prepared
	rows     []int
	fill     bool // the last, smaller batch of an epoch is filled up, with weights of 0, rather than compiled for
	record   History
	progress *viz.Progress
	drawn    time.Time // of the last status
	last     string    // what the last finished epoch says
}

// begin checks everything and sets the model up for these options.
func (m *Model) begin(data *Data, o FitOptions) (*training, error) {
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
	} {
		if c.bad {
			return nil, fmt.Errorf("mlx: FitOptions.%s is %v; it must be positive, or 0 for the default", c.what, c.v)
		}
	}
	o.Epochs = max(o.Epochs, 1)
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
	t := &training{m: m, o: o}
	var err error
	classes, features := m.classes, m.features
	if t.data, err = m.prepare(data, true, true); err == nil && o.Validation != nil {
		if t.val, err = m.prepare(o.Validation, true, true); err != nil {
			err = fmt.Errorf("%w (FitOptions.Validation)", err)
		}
	}
	if err != nil {
		m.classes, m.features = classes, features // what could not be used decides nothing
		return nil, err
	}
	if o.Loss == nil {
		t.o.Loss = m.lossFor(t.data)
	}
	t.o.BatchSize = min(t.o.BatchSize, t.data.n)
	t.fill = !slices.ContainsFunc(m.layers, mixesExamples)
	t.rows = make([]int, t.data.n)
	for i := range t.rows {
		t.rows[i] = i
	}
	if err := m.setHyper(o.LearningRate, o.Seed); err != nil {
		return nil, err
	}
	return t, nil
}

// lossFor is the loss that goes with the labels.
func (m *Model) lossFor(p *prepared) Loss {
	switch {
	case p.classes == nil:
		return MSE
	case m.outDims[len(m.outDims)-1][0] == 1:
		return BinaryCrossEntropy
	}
	return CrossEntropy
}

// setHyper puts what may change from call to call into variables, so that nothing is compiled anew for it.
func (m *Model) setHyper(rate float64, seed uint64) error {
	lr := optimizer.LearningRateVar(m.store.RootScope(), dtypes.Float32, rate)
	if err := lr.SetValue(tensors.FromScalar(float32(rate))); err != nil {
		return fmt.Errorf("mlx: %w", err)
	}
	seedVar, _ := random.Counters(m.store)
	if err := seedVar.SetValue(tensors.FromScalar(uint32(seed ^ seed>>32))); err != nil {
		return fmt.Errorf("mlx: %w", err)
	}
	return nil
}

func (t *training) run() (*History, error) {
	steps := (t.data.n + t.o.BatchSize - 1) / t.o.BatchSize
	if !t.o.Quiet {
		t.progress = viz.NewProgress(t.o.Epochs*steps, "Fit")
	}
	for e := range t.o.Epochs {
		if err := t.epoch(e, steps); err != nil {
			t.progress.Done(err.Error())
			return &t.record, err
		}
	}
	t.progress.Done(t.last)
	return &t.record, nil
}

// epoch makes one pass over the data. The model's lock is held during a step only.
func (t *training) epoch(e, steps int) error {
	number := t.m.epochsDone() + 1
	if !t.o.KeepOrder {
		random.Permutation(random.Generator(t.o.Seed, fmt.Sprintf("epoch %d", number)), t.rows)
	}
	var loss, hit float64
	for s := range steps {
		rows := t.rows[s*t.o.BatchSize : min((s+1)*t.o.BatchSize, t.data.n)]
		if t.o.Context.Err() != nil {
			return fmt.Errorf("mlx: %w after step %d (in epoch %d); the weights are kept, and Fit goes on from them", ErrInterrupted, t.m.stepsDone(), number)
		}
		l, h, err := t.step(rows)
		if err != nil {
			return err
		}
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return fmt.Errorf("mlx: %w: %v at step %d (in epoch %d) with learning rate %v; lower it and start over with model.Reset()", ErrNotFinite, l, t.m.stepsDone(), number, t.o.LearningRate)
		}
		loss += l * float64(len(rows))
		hit += h * float64(len(rows))
		if t.progress != nil && time.Since(t.drawn) > 50*time.Millisecond {
			t.drawn = time.Now()
			seen := float64(s*t.o.BatchSize + len(rows))
			t.progress.Set(e*steps+s+1, t.status(e, epochResult{loss: loss / seen, hits: hit / seen}))
		}
	}
	r := epochResult{loss: loss / float64(t.data.n), hits: hit / float64(t.data.n)}
	if t.val != nil {
		v, err := t.m.judge(t.val, t.o.Loss)
		if err != nil {
			return err
		}
		r.val, r.valLoss, r.valHits = true, v.loss, v.hits
	}
	t.m.mu.Lock()
	t.record.add(number, t.data.classes != nil, r)
	t.m.history.add(number, t.data.classes != nil, r)
	t.m.mu.Unlock()
	t.last = t.status(e, r)
	t.progress.Set((e+1)*steps, t.last)
	return nil
}

// step trains on some rows once and returns the means of loss and hits over them.
func (t *training) step(rows []int) (loss, hit float64, err error) {
	size := len(rows)
	if t.fill {
		size = t.o.BatchSize
	}
	w := shares(len(rows), size)
	rows = padded(rows, size)
	x, y := t.data.inputs(rows), t.data.targets(rows)
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if t.m.inDims == nil {
		return 0, 0, errors.New("mlx: the model was reset while it was trained")
	}
	if err := t.m.move(); err != nil {
		return 0, 0, err
	}
	var exec *model.Exec
	if exec, err = t.m.trainStep(t.o.Loss, t.o.Optimizer, size); err != nil {
		return 0, 0, err
	}
	out, err := call(exec, x, y, w)
	if err != nil {
		return 0, 0, err
	}
	t.m.loss = t.o.Loss
	t.record.Steps++
	t.m.history.Steps++
	return float64(out[0]), float64(out[1]), nil
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

// status is the line beside the bar.
func (t *training) status(e int, r epochResult) string {
	name := "mae"
	if t.data.classes != nil {
		name = "accuracy"
	}
	s := fmt.Sprintf("epoch %d/%d, loss %.4g, %s %.4g", e+1, t.o.Epochs, r.loss, name, r.hits)
	if r.val {
		s += fmt.Sprintf(", val_loss %.4g, val_%s %.4g", r.valLoss, name, r.valHits)
	}
	return s
}
