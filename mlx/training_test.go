package mlx_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx"
)

// layersOf lists the weights of the layers alone.
func layersOf(t testing.TB, m *mlx.Model) map[string][]float32 {
	all := weights(t, m)
	maps.DeleteFunc(all, func(path string, _ []float32) bool {
		return strings.HasPrefix(path, "/optimizers") || strings.HasPrefix(path, "/training")
	})
	return all
}

func small() *mlx.Model { return mlx.Sequential(mlx.Dense(8, mlx.Tanh), mlx.Dense(3)) }

func TestAccumulatedBatchesAreALargerBatch(t *testing.T) {
	train, _ := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		for _, c := range []struct{ batch, times int }{{10, 3}, {50, 2}} { // 120 in 12 batches or 4; in 50+50, 20 or 100, 20
			o := mlx.FitOptions{BatchSize: c.batch * c.times, Epochs: 2, Optimizer: mlx.SGD{Momentum: 0.9}, LearningRate: 0.1, ClipNorm: 0.7, L2: 1e-3}
			a, b := small(), small()
			h := fit(t, a, train, o)
			o.BatchSize, o.Accumulate = c.batch, c.times
			g := fit(t, b, train, o)
			same(t, "weights", layersOf(t, a), layersOf(t, b), 1e-5)
			if h.Steps != g.Steps || math.Abs(h.Loss[1]-g.Loss[1]) > 2e-2 {
				t.Errorf("%v\n%v", h, g)
			}
		}
	})
}

func TestAverageDecay(t *testing.T) {
	train, test := iris(t)
	mlx.OnEach(t, func(t *testing.T) {
		m := mlx.Sequential(mlx.Dense(8, mlx.Tanh), mlx.BatchNorm(), mlx.Dense(3))
		fit(t, m, train, mlx.FitOptions{})
		want := layersOf(t, m)
		h := fit(t, m, train, mlx.FitOptions{Epochs: 3, BatchSize: 40, LearningRate: 0.05, AverageDecay: 0.8, Validation: test, Callbacks: []mlx.Callback{mlx.AfterStep(func(t2 *mlx.Training) error {
			for path, now := range layersOf(t, t2.Model()) {
				for i, v := range now {
					want[path][i] = 0.8*want[path][i] + 0.2*v
				}
			}
			return nil
		})}})
		same(t, "average", layersOf(t, m), want, 1e-5)
		e, err := mlx.Evaluate(m, test)
		if err != nil || e.Loss != h.ValLoss[2] {
			t.Errorf("validation saw %v, the model now gives %v (%v)", h.ValLoss[2], e.Loss, err)
		}
	})
}

// worse is a schedule that learns for some epochs and then ruins everything.
func worse(after int) mlx.Schedule {
	return func(s mlx.ScheduleStep) float64 {
		if s.Epoch < after {
			return 0.05
		}
		return 3
	}
}

func TestEarlyStoppingAndSaveBest(t *testing.T) {
	train, test := iris(t)
	m, other := small(), small()
	var after []map[string][]float32
	best := &mlx.SaveBest{Monitor: "val_loss"}
	if !math.IsNaN(best.Value()) || best.Restore(m) == nil {
		t.Error("an unused SaveBest has something")
	}
	h := fit(t, m, train, mlx.FitOptions{Epochs: 20, Validation: test, Schedule: worse(3), Callbacks: []mlx.Callback{
		mlx.EarlyStopping{Patience: 2, RestoreBest: true}, best,
		mlx.AfterEpoch(func(tr *mlx.Training) error { after = append(after, layersOf(t, tr.Model())); return nil }),
	}})
	at := slices.Index(h.ValLoss, slices.Min(h.ValLoss))
	if len(h.Loss) != at+3 || !strings.Contains(h.Stopped, fmt.Sprintf("val_loss was best in epoch %d", at+1)) || !strings.Contains(h.String(), h.Stopped) {
		t.Errorf("%v", h)
	}
	same(t, "restored", layersOf(t, m), after[at], 0)
	if best.Epoch() != at+1 || best.Value() != h.ValLoss[at] {
		t.Errorf("best is %v in %d", best.Value(), best.Epoch())
	}
	fit(t, other, train, mlx.FitOptions{})
	if err := best.Restore(other); err != nil {
		t.Fatal(err)
	}
	same(t, "restored elsewhere", layersOf(t, other), after[at], 0)
	if err := best.Restore(mlx.Sequential(mlx.Input(4), mlx.Dense(3))); err == nil || !strings.Contains(err.Error(), "another model") {
		t.Error(err)
	}
	// Accuracies are to grow.
	h = fit(t, small(), train, mlx.FitOptions{Epochs: 30, LearningRate: 0.1, Validation: test, Callbacks: []mlx.Callback{mlx.EarlyStopping{Monitor: "val_accuracy", Patience: 3}}})
	if n := len(h.ValAccuracy); n < 4 || n < 30 && slices.Max(h.ValAccuracy[n-3:]) > slices.Max(h.ValAccuracy[:n-3]) {
		t.Errorf("%v", h)
	}
}

func TestReduceOnPlateauAndRates(t *testing.T) {
	train, _ := iris(t)
	// The loss never improves by 100: every second epoch without improvement halves the rate.
	h := fit(t, small(), train, mlx.FitOptions{Epochs: 7, LearningRate: 0.08, Callbacks: []mlx.Callback{mlx.ReduceOnPlateau{Patience: 1, Factor: 0.5, MinDelta: 100, MinRate: 0.03}}})
	if got := fmt.Sprint(h.LearningRate); got != "[0.08 0.08 0.08 0.04 0.04 0.03 0.03]" {
		t.Error(got)
	}
	if !strings.Contains(h.String(), "rate") {
		t.Errorf("no column for the rate:\n%v", h)
	}
	// With a schedule the rest of it is scaled, and nothing is compiled anew: the weights are those of the rates by hand.
	m, n := small(), small()
	h = fit(t, m, train, mlx.FitOptions{Epochs: 4, BatchSize: 120, LearningRate: 0.1, Optimizer: mlx.SGD{}, Schedule: mlx.ExponentialDecay(0.5), Callbacks: []mlx.Callback{
		mlx.AfterEpoch(func(t *mlx.Training) error {
			if t.Epoch() == 2 {
				return t.SetLearningRate(t.LearningRate() / 10)
			}
			return nil
		})}})
	for i, rate := range []float64{0.1, 0.05, 0.0025, 0.00125} {
		if math.Abs(h.LearningRate[i]-rate) > 1e-12 {
			t.Errorf("rates %v", h.LearningRate)
		}
		fit(t, n, train, mlx.FitOptions{BatchSize: 120, LearningRate: rate, Optimizer: mlx.SGD{}})
	}
	same(t, "weights", layersOf(t, m), layersOf(t, n), 1e-7)
}

func TestAverageWeights(t *testing.T) {
	train, _ := iris(t)
	m := small()
	var seen []map[string][]float32
	fit(t, m, train, mlx.FitOptions{Epochs: 4, LearningRate: 0.05, Callbacks: []mlx.Callback{mlx.AverageWeights{From: 3}, mlx.AfterEpoch(func(tr *mlx.Training) error {
		seen = append(seen, layersOf(t, tr.Model()))
		return nil
	})}})
	for path, v := range seen[2] {
		for i := range v {
			v[i] = (v[i] + seen[3][path][i]) / 2
		}
	}
	same(t, "mean", layersOf(t, m), seen[2], 1e-6)
}

func TestCallbacksStopAndFail(t *testing.T) {
	train, _ := iris(t)
	m := small()
	h := fit(t, m, train, mlx.FitOptions{Epochs: 5, BatchSize: 40, Callbacks: []mlx.Callback{mlx.AfterStep(func(t *mlx.Training) error {
		if t.Step() == 5 {
			t.Stop("enough")
		}
		if t.Steps() != 15 || t.Epochs() != 5 || !(t.Loss() > 0) {
			return errors.New("lost count")
		}
		return nil
	})}})
	if h.Steps != 5 || len(h.Loss) != 1 || h.Stopped != "enough" {
		t.Errorf("%+v", h)
	}
	own := errors.New("own error")
	ended := false
	_, err := mlx.Fit(m, train, mlx.FitOptions{Quiet: true, Callbacks: []mlx.Callback{
		mlx.AfterEpoch(func(*mlx.Training) error { return own }), ending(func() { ended = true })}})
	if err != own || !ended {
		t.Error(err, ended)
	}
	for _, c := range []struct {
		want string
		o    mlx.FitOptions
	}{
		{"Callbacks[0] is nil", mlx.FitOptions{Callbacks: []mlx.Callback{nil}}},
		{`no "val_loss" to monitor; there are loss, accuracy; FitOptions.Validation is nil`, mlx.FitOptions{Callbacks: []mlx.Callback{mlx.EarlyStopping{Monitor: "val_loss"}}}},
		{"Patience is -1", mlx.FitOptions{Callbacks: []mlx.Callback{mlx.EarlyStopping{Patience: -1}}}},
		{"between 0 and 1", mlx.FitOptions{Callbacks: []mlx.Callback{mlx.ReduceOnPlateau{Factor: 2}}}},
		{"must be one of the 1 epochs", mlx.FitOptions{Callbacks: []mlx.Callback{mlx.AverageWeights{From: 2}}}},
		{"ClipNorm is NaN", mlx.FitOptions{ClipNorm: math.NaN()}},
		{"AverageDecay is 1", mlx.FitOptions{AverageDecay: 1}},
		{"RMSProp's momentum is 1", mlx.FitOptions{Optimizer: mlx.RMSProp{Momentum: 1}}},
		{"3 outputs", mlx.FitOptions{Loss: mlx.CategoricalCrossEntropy{Weights: mlx.Weights(1, 2)}}},
	} {
		c.o.Quiet = true
		if _, err := mlx.Fit(m, train, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want …%s…", err, c.want)
		}
	}
}

// ending calls a function at the end.
type ending func()

func (e ending) Start(*mlx.Training) (mlx.Hooks, error) {
	return mlx.Hooks{End: func() error { e(); return nil }}, nil
}

// The loss stops being finite in a layer of one's own; the weights stay.
func TestNotFiniteSaysWhere(t *testing.T) {
	train, _ := iris(t)
	logarithm := mlx.Func("log", func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.Log(x) })
	mlx.OnEach(t, func(t *testing.T) {
		m := mlx.Sequential(mlx.Dense(4), mlx.BatchNorm(), logarithm, mlx.Dense(3))
		if err := m.Build(4); err != nil {
			t.Fatal(err)
		}
		before := layersOf(t, m)
		h, err := mlx.Fit(m, train, mlx.FitOptions{Quiet: true})
		if !errors.Is(err, mlx.ErrNotFinite) || !strings.Contains(err.Error(), "at step 1 ") || !strings.Contains(err.Error(), "layer 3 (log_1)") {
			t.Fatal(err)
		}
		same(t, "weights", layersOf(t, m), before, 0)
		if h.Steps != 0 {
			t.Errorf("%+v", h)
		}
		// A variable that an earlier step ruined: its gradient is not finite where the loss is.
		root := mlx.Func("root", func(scope *model.Scope, x *graph.Node) *graph.Node {
			w := scope.VariableWithValue("w", float32(0)).NodeValue(x.Graph())
			return graph.Add(x, graph.Sqrt(graph.Mul(w, w)))
		})
		_, err = mlx.Fit(mlx.Sequential(mlx.Dense(3), root), train, mlx.FitOptions{Quiet: true})
		if !errors.Is(err, mlx.ErrNotFinite) || !strings.Contains(err.Error(), "at step 2 ") || !strings.Contains(err.Error(), "variable /root_1/w NaN") {
			t.Error(err)
		}
	})
}

func TestFindLearningRate(t *testing.T) {
	train, test := digits(t)
	mlx.OnEach(t, func(t *testing.T) {
		make := func() *mlx.Model { return mlx.Sequential(mlx.Dense(32, mlx.ReLU), mlx.Dropout(0.1), mlx.Dense(10)) }
		m, still := make(), make()
		for _, x := range []*mlx.Model{m, still} {
			fit(t, x, train, mlx.FitOptions{BatchSize: 128})
		}
		c, err := mlx.FindLearningRate(m, train, mlx.FitOptions{BatchSize: 128})
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := mlx.FindLearningRate(m, train, mlx.FitOptions{BatchSize: 128}); fmt.Sprint(again) != fmt.Sprint(c) || !slices.Equal(again.Losses, c.Losses) {
			t.Errorf("%v, then %v", c, again)
		}
		same(t, "weights", weights(t, m), weights(t, still), 0)
		for _, x := range []*mlx.Model{m, still} {
			fit(t, x, train, mlx.FitOptions{BatchSize: 128})
		}
		same(t, "weights, later", weights(t, m), weights(t, still), 0)
		if fmt.Sprint(m.History()) != fmt.Sprint(still.History()) || len(c.X()) != len(c.Losses) || !slices.IsSorted(c.Rates) {
			t.Errorf("%v", c)
		}
		fresh := make()
		c, err = mlx.FindLearningRate(fresh, train, mlx.FitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if fresh.Store() != nil {
			t.Error("the model was built")
		}
		h := fit(t, fresh, train, mlx.FitOptions{Epochs: 3, LearningRate: c.Suggestion, Validation: test})
		if c.Suggestion < 1e-4 || c.Suggestion > 0.1 || h.ValAccuracy[2] < 0.85 {
			t.Errorf("%v\n%v", c, h)
		}
	})
}

func TestReports(t *testing.T) {
	train, test := iris(t)
	m := small()
	fit(t, m, train, mlx.FitOptions{Epochs: 30, LearningRate: 0.05})
	e, err := mlx.Evaluate(m, test)
	if err != nil {
		t.Fatal(err)
	}
	report, err := mlx.ClassificationReport(m, test)
	if err != nil || report.Accuracy != e.Accuracy || report.Support != 30 || report.Classes[0].Class != "setosa" {
		t.Errorf("%v, %v", report, err)
	}
	roc, err := mlx.ROC(m, test)
	if err != nil || len(roc.Curves) != 3 || roc.Mean < 0.95 || roc.Classes[2] != "virginica" {
		t.Errorf("%v, %v", roc, err)
	}
	pr, err := mlx.PrecisionRecall(m, test)
	if err != nil || pr.Mean < 0.9 || !strings.Contains(pr.String(), "average precision") {
		t.Errorf("%v, %v", pr, err)
	}
	cal, err := mlx.Calibration(m, test, 5)
	if err != nil || !(cal.ECE >= 0 && cal.ECE < 0.3) {
		t.Errorf("%v, %v", cal, err)
	}
	top, err := mlx.TopLosses(m, test, 100)
	if err != nil || len(top) != 30 {
		t.Fatal(top, err)
	}
	sum := 0.0
	for i, l := range top {
		sum += l.Loss / 30
		if i > 0 && l.Loss > top[i-1].Loss || math.Abs(l.Loss+math.Log(l.Probability)) > 1e-3*(1+l.Loss) {
			t.Errorf("row %d: %+v", i, l)
		}
	}
	if math.Abs(sum-e.Loss) > 1e-5 {
		t.Errorf("the mean of the losses is %v, not %v", sum, e.Loss)
	}
	// A label that is wrong comes first.
	x, y := [][]float64{{0}, {0.1}, {0.2}, {0.9}, {1}, {0.05}}, []string{"low", "low", "low", "high", "high", "high"}
	line := mlx.Sequential(mlx.Dense(1))
	fit(t, line, mlx.FromSlices(x[:5], y[:5]), mlx.FitOptions{Epochs: 200, LearningRate: 0.1})
	if top, err = mlx.TopLosses(line, mlx.FromSlices(x, y), 1); err != nil || len(top) != 1 || top[0].Row != 5 || top[0].Label != "high" || top[0].Predicted != "low" {
		t.Errorf("%v, %v", top, err)
	}
	if roc, err = mlx.ROC(line, mlx.FromSlices(x[:5], y[:5])); err != nil || len(roc.Curves) != 1 || roc.Mean != 1 || roc.Classes[0] != "low" {
		t.Errorf("%v, %v", roc, err)
	}
	if _, err := mlx.ROC(line, mlx.FromSlices(x[:3], y[:3])); err == nil || !strings.Contains(err.Error(), `class "low"`) {
		t.Error(err)
	}
	values := mlx.FromSlices(x, []float64{0, 0.1, 0.2, 0.9, 1, 7})
	regression := mlx.Sequential(mlx.Dense(1))
	fit(t, regression, values, mlx.FitOptions{Epochs: 50})
	if _, err := mlx.Calibration(regression, values, 3); err == nil || !strings.Contains(err.Error(), "needs classes") {
		t.Error(err)
	}
	if top, err = mlx.TopLosses(regression, values, 2); err != nil || top[0].Row != 5 || top[0].Label != "7" {
		t.Errorf("%v, %v", top, err)
	}
}

func TestCrossValidate(t *testing.T) {
	train, _ := iris(t)
	c, err := mlx.CrossValidate(small, train, 4, mlx.FitOptions{Epochs: 20, LearningRate: 0.05, Quiet: true})
	if err != nil {
		t.Fatal(err)
	}
	mean, deviation := c.Mean("accuracy")
	if len(c.Folds) != 4 || c.Folds[0].Examples != 30 || mean < 0.9 || !(deviation >= 0 && deviation < 0.2) || len(c.Histories[3].ValLoss) != 20 {
		t.Errorf("%v", c)
	}
	again, err := mlx.CrossValidate(small, train, 4, mlx.FitOptions{Epochs: 20, LearningRate: 0.05, Quiet: true})
	if err != nil || again.String() != c.String() {
		t.Errorf("%v\n%v, %v", c, again, err)
	}
	if _, err := mlx.CrossValidate(small, train, 1, mlx.FitOptions{}); err == nil || !strings.Contains(err.Error(), "2 parts or more") {
		t.Error(err)
	}
	if _, err := mlx.CrossValidate(func() *mlx.Model { return mlx.Sequential(mlx.Dense(7)) }, train, 3, mlx.FitOptions{Quiet: true}); err == nil || !strings.Contains(err.Error(), "(part 1 of 3)") {
		t.Error(err)
	}
}

// Losses whose labels are not as long as the outputs.
func TestLossesOfOwnLabels(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		// Four frames of one-hot symbols, read as "1 2": CTC learns to.
		x := tensors.FromValue([][][]float32{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}}, {{0, 1, 0}, {0, 1, 0}, {1, 0, 0}, {1, 0, 0}}})
		data := mlx.FromTensors(x, tensors.FromValue([][]float32{{1, 2}, {1, -1}}))
		m := mlx.Sequential(mlx.Dense(3))
		h := fit(t, m, data, mlx.FitOptions{Epochs: 150, LearningRate: 0.1, Loss: mlx.CTC{}})
		e, err := mlx.Evaluate(m, data)
		if err != nil || e.Loss > 0.1 || !math.IsNaN(e.MAE) || h.MAE != nil || strings.Contains(e.String(), "NaN") {
			t.Errorf("%v, %v", e, err)
		}
		p, err := mlx.Predict(m, data)
		if err != nil || len(p.Outputs[0]) != 4*3 {
			t.Fatal(p, err)
		}
		if got := fmt.Sprint(mlx.CTC{}.Decode(p.Outputs[0], 3), mlx.CTC{}.Decode(p.Outputs[1], 3)); got != "[1 2] [1]" {
			t.Error(got)
		}
		for _, c := range []struct {
			labels [][]float32
			want   string
		}{
			{[][]float32{{1, 2}, {1, 3}}, "label 1 of row 1 is 3; symbols are 0 to 2"},
			{[][]float32{{0, 2}, {1, 2}}, "label 0 of row 0 is 0, which is the blank"},
			{[][]float32{{-1, 2}, {1, 2}}, "comes after a -1"},
		} {
			if _, err := mlx.Fit(m, mlx.FromTensors(x, tensors.FromValue(c.labels)), mlx.FitOptions{Loss: mlx.CTC{}, Quiet: true}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want …%s…", err, c.want)
			}
		}
		// Pairs through the same layers.
		pairs := mlx.FromTensors(tensors.FromValue([][][]float32{{{1, 0}, {1, 0.1}}, {{0, 1}, {0.1, 1}}, {{1, 0}, {0, 1}}}), tensors.FromValue([]float32{1, 1, 0}))
		twins := mlx.Sequential(mlx.Dense(2), mlx.Flatten())
		h = fit(t, twins, pairs, mlx.FitOptions{Epochs: 60, LearningRate: 0.05, Loss: mlx.Contrastive{}})
		if h.Loss[59] > h.Loss[0] || h.Loss[59] > 0.05 {
			t.Errorf("%v", h)
		}
		if _, err := mlx.Fit(mlx.Sequential(mlx.Flatten(), mlx.Dense(3)), pairs, mlx.FitOptions{Loss: mlx.Contrastive{}, Quiet: true}); err == nil || !strings.Contains(err.Error(), "two vectors") {
			t.Error(err)
		}
	})
}

func TestClassWeights(t *testing.T) {
	d := mlx.FromSlices([][]float64{{0}, {1}, {2}, {3}}, []string{"a", "b", "b", "b"})
	w := mlx.BalancedWeights(d)
	if fmt.Sprint(w.Values()) != "[2 0.6666666666666666]" || w != mlx.Weights(2, 2./3) || mlx.BalancedWeights(mlx.FromRows([][]float64{{1}})) != (mlx.ClassWeights{}) {
		t.Error(w)
	}
}
