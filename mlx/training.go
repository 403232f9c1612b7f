package mlx

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"golab/mlx/internal/random"
	"golab/viz"
)

// Training is a [Fit] under way, as its callbacks see it. They may use it while the Fit runs, from the goroutine that
// calls them.
type Training struct {
	m          *Model
	o          FitOptions
	data       *prepared
	val        *prepared
	rows       []int
	fill       bool // the last, smaller batch of an epoch is filled up, with weights of 0, rather than compiled for
	batches    int  // an epoch
	stepsEpoch int
	rule       rule
	objectives objectives
	counted    []string // what is counted of each target beside the loss: accuracy, mae or nothing
	names      []string // of the targets' outputs, if the model has several outputs
	// valObjectives judge the validation data, whose targets may be in another order.
	valObjectives objectives
	feed          *feed
	hooks         []Hooks
	base, rate    float64 // the learning rate that the schedule starts from, and that of the last step
	set           float64 // what the learning rate's variable holds
	epoch         int     // of this call, from 0
	step          int     // made in this call
	loss          float64
	record        History
	stopped       string
	progress      *viz.Progress
	drawn         time.Time // of the last status
	last          string    // what the last finished epoch says
}

// Model is the model that is trained. Predict and Evaluate may be called with it.
func (t *Training) Model() *Model { return t.m }

// Epoch is the number of the epoch under way, or just finished, in this call of Fit: from 1.
func (t *Training) Epoch() int { return t.epoch + 1 }

// Epochs is how many epochs this call of Fit is to make.
func (t *Training) Epochs() int { return t.o.Epochs }

// Step is how many steps this call of Fit has made.
func (t *Training) Step() int { return t.step }

// Steps is how many steps this call of Fit is to make.
func (t *Training) Steps() int { return t.o.Epochs * t.stepsEpoch }

// Loss is the loss of the last step: of its last batch, if it had several.
func (t *Training) Loss() float64 { return t.loss }

// LearningRate is that of the last step, or what the first one will have.
func (t *Training) LearningRate() float64 { return t.rate }

// SetLearningRate sets the learning rate of the next step. With a [Schedule], the rest of it is scaled by as much.
func (t *Training) SetLearningRate(rate float64) error {
	if !(rate >= 0) || !finite(rate) {
		return fmt.Errorf("mlx: a learning rate of %v; it must be a number of 0 or more", rate)
	}
	if t.o.Schedule != nil && t.rate > 0 {
		t.base *= rate / t.rate
	} else {
		t.base = rate
	}
	t.rate = rate
	return nil
}

// History is what this call has recorded so far, as a copy.
func (t *Training) History() *History {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	return t.record.clone()
}

// Stop ends the training after this step or, called after an epoch, with it. Fit then returns no error, and the
// History says why.
func (t *Training) Stop(reason string) {
	if t.stopped == "" {
		t.stopped = reason
	}
}

// value is the last of a series of the history: val_loss and so on.
func (t *Training) value(name string) (float64, error) {
	names, columns := t.record.series()
	for i, n := range names {
		if n == name {
			return (*columns[i])[len(*columns[i])-1], nil
		}
	}
	hint := ""
	if strings.HasPrefix(name, "val_") && t.val == nil {
		hint = "; FitOptions.Validation is nil"
	}
	return 0, fmt.Errorf("mlx: there is no %q to monitor; there are %s%s", name, listed(names), hint)
}

// start lets the callbacks prepare.
func (t *Training) start() error {
	t.rate = t.scheduled()
	for _, c := range t.o.Callbacks {
		h, err := c.Start(t)
		if err != nil {
			return err
		}
		t.hooks = append(t.hooks, h)
	}
	return nil
}

func (t *Training) run() (*History, error) {
	if !t.o.Quiet {
		t.progress = viz.NewProgress(t.o.Epochs*t.batches, "Fit")
	}
	err := t.train()
	if t.rule.ema > 0 {
		if e := t.swap(); err == nil {
			err = e
		}
	}
	for _, h := range t.hooks {
		if h.End == nil {
			continue
		}
		if e := h.End(); err == nil {
			err = e
		}
	}
	t.record.Stopped = t.stopped
	switch {
	case err != nil:
		t.progress.Done(err.Error())
	case t.stopped != "":
		t.progress.Done(t.last + "; " + t.stopped)
	default:
		t.progress.Done(t.last)
	}
	return &t.record, err
}

func (t *Training) train() error {
	for t.epoch = 0; t.epoch < t.o.Epochs; t.epoch++ {
		if err := t.pass(); err != nil {
			return err
		}
		if t.stopped != "" {
			return nil
		}
	}
	t.epoch = t.o.Epochs - 1
	return nil
}

// pass makes one pass over the data. The model's lock is held during a step only.
func (t *Training) pass() error {
	number := t.m.epochsDone() + 1
	if !t.o.KeepOrder {
		random.Permutation(random.Generator(t.o.Seed, fmt.Sprintf("epoch %d", number)), t.rows)
	}
	t.feed.begin(t.runs(), number)
	defer t.feed.stop()
	var sum tally
	seen := 0
	for b := range t.batches {
		if t.o.Context.Err() != nil {
			return t.interrupted()
		}
		out, n, err := t.batch(b, number)
		if err != nil {
			if t.o.Context.Err() != nil { // a Map was stopped in the middle
				return t.interrupted()
			}
			return err
		}
		seen += n
		sum.add(out, float64(n))
		if t.progress != nil && time.Since(t.drawn) > 50*time.Millisecond {
			t.drawn = time.Now()
			t.progress.Set(t.epoch*t.batches+b+1, t.status(t.result(sum.over(seen))))
		}
		if t.stopped != "" && b < t.batches-1 {
			return nil // in the middle of an epoch, which is not recorded
		}
	}
	r := t.result(sum.over(seen))
	return t.averaged(func() error { return t.finish(number, r) })
}

func (t *Training) interrupted() error {
	return fmt.Errorf("mlx: %w after step %d (in epoch %d); the weights are kept, and Fit goes on from them", ErrInterrupted, t.m.stepsDone(), t.m.epochsDone()+1)
}

// runs cuts the rows into batches as they are to be trained on.
func (t *Training) runs() []run {
	return t.data.runs(t.rows, t.o.BatchSize, func(have int) int {
		if t.fill {
			return t.o.BatchSize
		}
		return have
	})
}

func (t *Training) result(train tally) epochResult {
	return epochResult{train: train, counted: t.counted, names: t.names, rate: t.rate}
}

// averaged calls f with the moving averages of the weights in their place, if they are kept.
func (t *Training) averaged(f func() error) error {
	if t.rule.ema == 0 {
		return f()
	}
	if err := t.swap(); err != nil {
		return err
	}
	err := f()
	if e := t.swap(); err == nil {
		err = e
	}
	return err
}

func (t *Training) swap() error {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if t.m.inDims == nil { // reset in the meantime
		return nil
	}
	return t.m.swapAverages()
}

// finish judges and records an epoch.
func (t *Training) finish(number int, r epochResult) error {
	if t.val != nil {
		v, err := t.m.judge(t.val, t.valObjectives)
		if err != nil {
			return err
		}
		r.val = &v
	}
	t.m.mu.Lock()
	t.record.add(number, r)
	t.m.history.add(number, r)
	t.m.mu.Unlock()
	t.last = t.status(r)
	t.progress.Set((t.epoch+1)*t.batches, t.last)
	for _, h := range t.hooks {
		if h.Epoch == nil {
			continue
		}
		if err := h.Epoch(); err != nil {
			return err
		}
	}
	return nil
}

// batch trains on the next batch and returns what its program reports, means over its n examples.
func (t *Training) batch(i, number int) (out []float32, n int, err error) {
	turn := turn{i%t.o.Accumulate == 0, i%t.o.Accumulate == t.o.Accumulate-1 || i == t.batches-1}
	rate := t.scheduled()
	b, err := t.feed.next()
	if err != nil {
		return nil, 0, err
	}
	defer t.feed.done(b)
	out, err = t.compute(b, turn, rate)
	if err != nil {
		return nil, 0, err
	}
	loss := float64(out[0])
	t.loss, t.rate = loss, rate
	if !finite(loss) {
		where := t.m.whereNotFinite(b)
		return nil, 0, fmt.Errorf("mlx: %w: %v at step %d (in epoch %d) with learning rate %v%s; "+
			"the weights are those before that step: lower the learning rate, or start over with model.Reset()",
			ErrNotFinite, loss, t.m.stepsDone()+1, number, rate, where)
	}
	if turn.last {
		t.m.mu.Lock()
		t.record.Steps++
		t.m.history.Steps++
		t.m.mu.Unlock()
		t.step++
		for _, h := range t.hooks {
			if h.Step == nil {
				continue
			}
			if err := h.Step(); err != nil {
				return nil, 0, err
			}
		}
	}
	return out, b.n, nil
}

// compute runs the program of a batch.
func (t *Training) compute(b *batch, turn turn, rate float64) ([]float32, error) {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if t.m.inDims == nil {
		return nil, errors.New("mlx: the model was reset while it was trained")
	}
	if err := t.m.move(); err != nil {
		return nil, err
	}
	if rate != t.set {
		if err := t.m.setRate(rate); err != nil {
			return nil, err
		}
		t.set = rate
	}
	exec, err := t.m.trainStep(t.objectives, t.o.Optimizer, stepKind{t.rule, turn}, b.size)
	if err != nil {
		return nil, err
	}
	for _, o := range t.objectives.list() {
		t.m.heads[o.output].loss = o.loss
	}
	var out [][]float32
	if t.m.dev == t.feed.dev {
		out, err = callKeeping(exec, b.tensors()...)
	} else { // another goroutine chose another backend in the meantime
		var copies []*tensors.Tensor
		if copies, err = clones(b.tensors()); err == nil {
			out, err = call(exec, copies...)
		}
	}
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// status is the line beside the bar.
func (t *Training) status(r epochResult) string {
	s := fmt.Sprintf("epoch %d/%d", t.epoch+1, t.o.Epochs)
	r.each(func(name string, v float64) { s += fmt.Sprintf(", %s %.4g", name, v) })
	return s
}
