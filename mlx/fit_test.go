package mlx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"golab/datasets"
	"golab/mlx"
)

// digits are the handwritten digits, split and scaled.
func digits(t testing.TB) (train, test *mlx.Data) {
	a, b := datasets.Split(datasets.Digits(), 0.2, datasets.SplitOptions{Stratify: "label", Seed: 1})
	scaler := datasets.MinMax(a, datasets.Except(a, "label")...)
	train, test = mlx.FromDataFrame(scaler.Apply(a), "label"), mlx.FromDataFrame(scaler.Apply(b), "label")
	if train.Err() != nil || test.Err() != nil {
		t.Fatal(train.Err(), test.Err())
	}
	return train, test
}

// iris is small: 120 flowers to train on, 30 to judge by.
func iris(t testing.TB) (train, test *mlx.Data) {
	a, b := datasets.Split(datasets.Iris(), 0.2, datasets.SplitOptions{Stratify: "species", Seed: 1})
	scaler := datasets.Standard(a, datasets.Except(a, "species")...)
	train, test = mlx.FromDataFrame(scaler.Apply(a), "species"), mlx.FromDataFrame(scaler.Apply(b), "species")
	if train.Err() != nil || test.Err() != nil {
		t.Fatal(train.Err(), test.Err())
	}
	return train, test
}

// everything is a small model with a layer of each kind that keeps something.
func everything() *mlx.Model {
	return mlx.Sequential(mlx.Dense(8, mlx.GELU), mlx.BatchNorm(), mlx.Dropout(0.3), mlx.Dense(8), mlx.LayerNorm(), mlx.Tanh, mlx.Dense(3))
}

func fit(t testing.TB, m *mlx.Model, d *mlx.Data, o mlx.FitOptions) *mlx.History {
	t.Helper()
	o.Quiet = true
	h, err := mlx.Fit(m, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// weights lists every variable of a model, with the bits of its numbers.
func weights(t testing.TB, m *mlx.Model) map[string][]float32 {
	out := map[string][]float32{}
	for v := range m.Store().IterVariables() {
		value := v.MustValue()
		if value.DType().String() != "Float32" || strings.Contains(v.Path(), "learning_rate") {
			continue
		}
		flat, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			t.Fatal(err)
		}
		out[v.Path()] = flat
	}
	return out
}

func same(t *testing.T, what string, a, b map[string][]float32, tolerance float64) {
	t.Helper()
	if len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%s: %d and %d variables", what, len(a), len(b))
	}
	for path, x := range a {
		for i, v := range x {
			if d := math.Abs(float64(v) - float64(b[path][i])); !(d <= tolerance) {
				t.Fatalf("%s: %s[%d] is %v and %v", what, path, i, v, b[path][i])
			}
		}
	}
}

func TestDigits(t *testing.T) {
	train, test := digits(t)
	mlx.OnEach(t, func(t *testing.T) {
		model := mlx.Sequential(mlx.Dense(64, mlx.ReLU), mlx.Dropout(0.2), mlx.Dense(10))
		history := fit(t, model, train, mlx.FitOptions{Epochs: 15, LearningRate: 0.003, Validation: test, Seed: 1})
		e, err := mlx.Evaluate(model, test)
		if err != nil {
			t.Fatal(err)
		}
		if e.Accuracy < 0.95 || e.Examples != 359 {
			t.Errorf("%v", e)
		}
		if n := len(history.Loss); n != 15 || history.Steps != 15*45 || history.ValLoss[14] != e.Loss || history.ValAccuracy[14] != e.Accuracy {
			t.Errorf("%+v\n%v", history, e)
		}
		c, err := mlx.ConfusionMatrix(model, test)
		if err != nil {
			t.Fatal(err)
		}
		if c.Accuracy() != e.Accuracy || strings.Join(c.Labels(), "") != "0123456789" {
			t.Errorf("%v\n%v", e, c)
		}
		p, err := mlx.Predict(model, test)
		if err != nil {
			t.Fatal(err)
		}
		if p.Len() != 359 || len(p.Labels()) != 359 {
			t.Errorf("%v", p)
		}
		for i, row := range p.Probabilities {
			sum := float32(0)
			for _, v := range row {
				sum += v
			}
			if math.Abs(float64(sum)-1) > 1e-5 {
				t.Fatalf("probabilities of row %d add up to %v", i, sum)
			}
		}
	})
}

func TestTwoFitsAreOneLongFit(t *testing.T) {
	train, test := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		o := mlx.FitOptions{BatchSize: 16, Seed: 3, Epochs: 6}
		long, short := everything(), everything()
		h := fit(t, long, train, o)
		o.Epochs = 2
		fit(t, short, train, o)
		if _, err := mlx.Evaluate(short, test); err != nil { // changes nothing
			t.Fatal(err)
		}
		o.Epochs = 4
		last := fit(t, short, train, o)
		same(t, "weights", weights(t, long), weights(t, short), 0)
		if fmt.Sprint(h) != fmt.Sprint(short.History()) {
			t.Errorf("histories differ:\n%v\n%v", h, short.History())
		}
		if last.Epoch[0] != 3 || len(last.Loss) != 4 {
			t.Errorf("the second history is %v", last)
		}
	})
}

func TestSameSeedSameBits(t *testing.T) {
	train, _ := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		run := func(seed uint64) map[string][]float32 {
			m := everything()
			fit(t, m, train, mlx.FitOptions{BatchSize: 7, Seed: seed, Epochs: 3})
			return weights(t, m)
		}
		a := run(5)
		same(t, "weights", a, run(5), 0)
		if fmt.Sprint(a) == fmt.Sprint(run(6)) {
			t.Error("another seed gave the same weights")
		}
	})
}

// A model trained here and there: the backends draw the same numbers, so they differ by rounding alone.
func TestBackendsAgree(t *testing.T) {
	train, test := iris(t)
	var first map[string][]float32
	var probabilities [][]float32
	mlx.OnEach(t, func(t *testing.T) {
		m := everything()
		fit(t, m, train, mlx.FitOptions{BatchSize: 16, Epochs: 5, Optimizer: mlx.SGD{Momentum: 0.9}, Seed: 2})
		p, err := mlx.Predict(m, test)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first, probabilities = weights(t, m), p.Probabilities
			return
		}
		same(t, "weights", first, weights(t, m), 1e-4)
		for i, row := range p.Probabilities {
			for j, v := range row {
				if math.Abs(float64(v-probabilities[i][j])) > 1e-4 {
					t.Fatalf("probability %d of row %d: %v and %v", j, i, probabilities[i][j], v)
				}
			}
		}
	})
}

func TestModelMovesBetweenBackends(t *testing.T) {
	train, test := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		other := mlx.BackendName()
		use := func(name string) {
			if err := mlx.UseBackend(name); err != nil {
				t.Fatal(err)
			}
		}
		use("go")
		stay, move := everything(), everything()
		o := mlx.FitOptions{Epochs: 2, Seed: 4, Optimizer: mlx.SGD{Momentum: 0.9}}
		fit(t, stay, train, o)
		fit(t, stay, train, o)
		fit(t, move, train, o)
		use(other)
		fit(t, move, train, o)
		use("go")
		if _, err := mlx.Evaluate(move, test); err != nil {
			t.Fatal(err)
		}
		same(t, "weights", weights(t, stay), weights(t, move), 1e-4)
	})
}

// The last batch of an epoch is filled up where no layer mixes examples; that must be as if it were smaller.
func TestFilledBatchIsASmallerBatch(t *testing.T) {
	train, _ := iris(t)
	exact := mlx.Func("as is", func(_ *model.Scope, x *graph.Node) *graph.Node { return x }) // may mix, for all that is known
	mlx.OnEach(t, func(t *testing.T) {
		o := mlx.FitOptions{BatchSize: 50, Epochs: 3, Optimizer: mlx.SGD{Momentum: 0.9}} // 50 + 50 + 20
		a, b := mlx.Sequential(mlx.Dense(8, mlx.GELU), mlx.Dense(3)), mlx.Sequential(mlx.Dense(8, mlx.GELU), mlx.Dense(3), exact)
		h, g := fit(t, a, train, o), fit(t, b, train, o)
		same(t, "weights", weights(t, a), weights(t, b), 1e-6)
		if math.Abs(h.Loss[2]-g.Loss[2]) > 1e-6 || h.Accuracy[2] != g.Accuracy[2] {
			t.Errorf("%v\n%v", h, g)
		}
	})
}

func TestHyperparametersChangeInTheNextCall(t *testing.T) {
	train, _ := iris(t)
	m := everything()
	fit(t, m, train, mlx.FitOptions{Epochs: 1})
	before := weights(t, m)
	fit(t, m, train, mlx.FitOptions{Epochs: 1, LearningRate: 1e-30, BatchSize: 50})
	after := weights(t, m)
	same(t, "weights at a learning rate of next to nothing", map[string][]float32{"w": before["/dense_1/weights"]}, map[string][]float32{"w": after["/dense_1/weights"]}, 1e-7)
	fit(t, m, train, mlx.FitOptions{Epochs: 1, LearningRate: 0.5, BatchSize: 1000, Optimizer: mlx.SGD{Momentum: 0.5}, Loss: mlx.CrossEntropy})
	if fmt.Sprint(weights(t, m)["/dense_1/weights"]) == fmt.Sprint(after["/dense_1/weights"]) {
		t.Error("a learning rate of 0.5 changed nothing")
	}
	if h := m.History(); h.Steps != 4+3+1 || len(h.Loss) != 3 {
		t.Errorf("%+v", h)
	}
}

func TestRegressionAndBinary(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		// y = 2a - b + 1, exactly: a linear model must find it.
		var x [][]float64
		var y []float64
		var above []bool
		for i := range 64 {
			a, b := float64(i%8)/8, float64(i/8)/8
			x, y, above = append(x, []float64{a, b}), append(y, 2*a-b+1), append(above, a > b+0.05)
		}
		m := mlx.Sequential(mlx.Dense(1))
		h := fit(t, m, mlx.FromSlices(x, y), mlx.FitOptions{Epochs: 200, LearningRate: 0.05, BatchSize: 16})
		e, err := mlx.Evaluate(m, mlx.FromSlices(x, y))
		if err != nil || e.Loss > 1e-6 || e.MAE > 1e-3 || !math.IsNaN(e.Accuracy) {
			t.Errorf("%v, %v", e, err)
		}
		if names, _ := h.Series(); strings.Join(names, " ") != "loss mae" {
			t.Errorf("series %v", names)
		}
		w := weights(t, m)
		if got := fmt.Sprintf("%.3f %.3f", w["/dense_1/weights"], w["/dense_1/bias"]); got != "[2.000 -1.000] [1.000]" {
			t.Error(got)
		}
		if _, err := mlx.ConfusionMatrix(m, mlx.FromSlices(x, y)); err == nil || !strings.Contains(err.Error(), "needs classes") {
			t.Error(err)
		}

		one := mlx.Sequential(mlx.Dense(1))
		d := mlx.FromSlices(x, above)
		fit(t, one, d, mlx.FitOptions{Epochs: 200, LearningRate: 0.1})
		if e, err = mlx.Evaluate(one, d); err != nil || e.Accuracy < 0.98 {
			t.Errorf("%v, %v", e, err)
		}
		p, err := mlx.Predict(one, mlx.FromRows([][]float32{{1, 0}, {0, 1}}))
		if err != nil || fmt.Sprint(p.Labels()) != "[true false]" || len(p.Probabilities[0]) != 2 {
			t.Errorf("%v, %v", p, err)
		}
	})
}

// after is a context that is done from the nth time on that it is asked.
type after struct {
	context.Context
	left int
}

func (a *after) Err() error {
	if a.left--; a.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestInterrupt(t *testing.T) {
	train, test := iris(t)
	m := everything()
	h, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 10, BatchSize: 40, Quiet: true, Context: &after{context.Background(), 7}})
	if !errors.Is(err, mlx.ErrInterrupted) || !strings.Contains(err.Error(), "after step 7 (in epoch 3)") {
		t.Fatal(err)
	}
	if len(h.Loss) != 2 || h.Steps != 7 {
		t.Errorf("%+v", h)
	}
	if _, err := mlx.Evaluate(m, test); err != nil {
		t.Fatal(err)
	}
	h = fit(t, m, train, mlx.FitOptions{Epochs: 2, BatchSize: 40})
	if h.Epoch[0] != 3 || m.History().Steps != 7+6 {
		t.Errorf("%+v", h)
	}
}

func TestNotFinite(t *testing.T) {
	x, y := [][]float64{{1e18}, {-1e18}}, []float64{1e19, 3}
	mlx.OnEach(t, func(t *testing.T) {
		m := mlx.Sequential(mlx.Dense(1))
		h, err := mlx.Fit(m, mlx.FromSlices(x, y), mlx.FitOptions{Epochs: 5, Optimizer: mlx.SGD{}, LearningRate: 3, Quiet: true})
		if !errors.Is(err, mlx.ErrNotFinite) || !strings.Contains(err.Error(), "at step ") || !strings.Contains(err.Error(), "model.Reset()") {
			t.Fatal(err)
		}
		if h == nil {
			t.Fatal("no history")
		}
		m.Reset()
		fit(t, m, mlx.FromSlices([][]float64{{1}, {2}}, []float64{1, 2}), mlx.FitOptions{})
	})
}

// 200 cells that each train a step, and look.
func TestManyFitsKeepMemory(t *testing.T) {
	train, test := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		m := everything()
		cell := func() {
			fit(t, m, train, mlx.FitOptions{BatchSize: 120, LearningRate: 1e-3})
			if _, err := mlx.Evaluate(m, test); err != nil {
				t.Fatal(err)
			}
			if _, err := mlx.Predict(m, test); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			cell()
		}
		before, live := resident(t)
		for range 200 {
			cell()
		}
		now, liveNow := resident(t)
		t.Logf("200 cells: resident %+.1f MB, live heap %+.2f MB", float64(now-before)/1e6, float64(liveNow-live)/1e6)
		if now-before > 20e6 || liveNow-live > 1e6 {
			t.Errorf("memory grew: resident by %d, heap by %d bytes", now-before, liveNow-live)
		}
	})
}

func resident(t *testing.T) (rss, heap int) {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		var size, pages int
		fmt.Sscan(string(b), &size, &pages)
		rss = pages * os.Getpagesize()
	}
	return rss, int(s.HeapAlloc)
}

func TestFitAndPredictAtOnce(t *testing.T) {
	train, test := iris(t)
	m := everything()
	fit(t, m, train, mlx.FitOptions{})
	done := make(chan error)
	go func() {
		_, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 30, Quiet: true})
		done <- err
	}()
	busy := false
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if !busy {
				t.Log("the second Fit never met the first")
			}
			return
		default:
		}
		if _, err := mlx.Predict(m, test); err != nil {
			t.Fatal(err)
		}
		if _, err := mlx.Fit(m, train, mlx.FitOptions{Quiet: true}); err != nil {
			if busy = true; !strings.Contains(err.Error(), "trained already") {
				t.Fatal(err)
			}
		}
	}
}

// Gated dilated convolutions of GoMLX's own, many of them independent: they deadlock in pure Go unless taken one by one.
func TestManyConvolutionsDoNotHang(t *testing.T) {
	wavenet := mlx.Func("wavenet", func(scope *model.Scope, x *graph.Node) *graph.Node {
		var skip *graph.Node
		for i := range 8 {
			padded := graph.GrowLeft(x, 1, 1<<i, 0)
			conv := func(name string) *graph.Node {
				return layers.Convolution(scope.In("%s_%d", name, i), padded).Channels(16).KernelSizePerAxis(2).DilationPerAxis(1 << i).NoPadding().Done()
			}
			z := graph.Mul(graph.Tanh(conv("filter")), graph.Sigmoid(conv("gate")))
			if x = graph.Add(x, z); skip == nil {
				skip = z
			} else {
				skip = graph.Add(skip, z)
			}
		}
		return skip
	})
	sound := mlx.FromTensors(tensors.FromScalarAndDimensions(float32(0.5), 8, 1024, 16), tensors.FromValue([]int32{0, 1, 0, 1, 0, 1, 0, 1}))
	m := mlx.Sequential(wavenet, mlx.Flatten(), mlx.Dense(2))
	fit(t, m, sound, mlx.FitOptions{BatchSize: 8})
}
