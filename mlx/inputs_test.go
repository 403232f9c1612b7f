package mlx_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/mlx"
	"golab/mlx/layers"
)

// two makes data of two inputs and two targets: whether a's first number is the larger one, and the sum of b.
func two(n, from int) *mlx.Data {
	var a, b [][]float32
	var larger []string
	var sum []float32
	for i := from; i < from+n; i++ {
		x, y := float32(math.Sin(float64(i)*1.7)), float32(math.Cos(float64(i)*2.3))
		a, b = append(a, []float32{x, y}), append(b, []float32{x, y, x * y})
		larger, sum = append(larger, map[bool]string{true: "yes", false: "no"}[x > y]), append(sum, x+y+x*y)
	}
	return mlx.FromSlices(a, larger).Named("a", "larger").And(mlx.FromSlices(b, sum).Named("b", "sum"))
}

func TestSeveralInputsAndOutputs(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		a, b := mlx.Input(2).Named("a"), mlx.Input(3).Named("b")
		h := mlx.Merge(layers.Concat(), a.Then(mlx.Dense(8, mlx.ReLU)), b.Then(mlx.Dense(8, mlx.Tanh)))
		m := mlx.Functional(mlx.Values{b, a}, mlx.Values{h.Then(mlx.Dense(2)).Named("larger"), h.Then(mlx.Dense(1)).Named("sum")})
		train, test := two(400, 0), two(100, 400)
		history, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 30, LearningRate: 0.02, Validation: test, Quiet: true, LossWeights: map[string]float64{"sum": 0.5}})
		if err != nil {
			t.Fatal(err)
		}
		names, values := history.Series()
		if got := fmt.Sprint(names); got != "[loss val_loss larger_loss larger_accuracy val_larger_loss val_larger_accuracy sum_loss sum_mae val_sum_loss val_sum_mae]" {
			t.Errorf("series %v", got)
		}
		last := map[string]float64{}
		for i, n := range names {
			last[n] = values[i][len(values[i])-1]
		}
		if last["val_larger_accuracy"] < 0.95 || last["val_sum_mae"] > 0.1 {
			t.Errorf("it learned too little: %v", last)
		}
		if want := last["val_larger_loss"] + 0.5*last["val_sum_loss"]; math.Abs(last["val_loss"]-want) > 1e-6 {
			t.Errorf("the loss is %v, its parts add up to %v", last["val_loss"], want)
		}
		e, err := mlx.Evaluate(m, test)
		if err != nil || len(e.Outputs) != 2 || math.Abs(e.Outputs[0].Accuracy-last["val_larger_accuracy"]) > 1e-6 || math.Abs(e.Outputs[1].MAE-last["val_sum_mae"]) > 1e-5 {
			t.Errorf("evaluated %v, %v; the training said %v", e, err, last)
		}
		p, err := mlx.Predict(m, test)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != "larger" || p.Of("sum").Class != nil || len(p.Of("sum").Outputs) != 100 || p.Of("nothing") != nil || p.Labels()[0] != "yes" && p.Labels()[0] != "no" {
			t.Errorf("predictions %v and %v", p, p.Of("sum"))
		}
		c, err := mlx.ConfusionMatrix(m, test)
		if err != nil || len(c.Labels()) != 2 {
			t.Errorf("confusion %v, %v", c, err)
		}
		if _, err := mlx.TopLosses(m, test, 3); err != nil {
			t.Error(err)
		}
		// An output alone can be trained on, and is judged alone.
		alone := mlx.FromSlices([][]float32{{1, 0}, {0, 1}}, []string{"yes", "no"}).Named("a", "larger").And(mlx.FromRows([][]float32{{1, 0, 0}, {0, 1, 0}}).Named("b", ""))
		if e, err := mlx.Evaluate(m, alone); err != nil || len(e.Outputs) != 1 {
			t.Errorf("%v, %v", e, err)
		}
	})
}

func TestInputErrors(t *testing.T) {
	a, b := mlx.Input(2).Named("a"), mlx.Input(3).Named("b")
	m := mlx.Functional(mlx.Values{a, b}, mlx.Values{mlx.Merge(layers.Concat(), a, b).Then(mlx.Dense(1)).Named("y")})
	rows2, rows3 := mlx.FromRows([][]float32{{1, 2}}), mlx.FromRows([][]float32{{1, 2, 3}})
	predict := func(d *mlx.Data) error { _, err := mlx.Predict(m, d); return err }
	fit := func(o mlx.FitOptions) error {
		_, err := mlx.Fit(m, rows2.And(rows3).And(mlx.FromSlices([][]float32{{1}}, []float64{1}).Target()), o)
		return err
	}
	train := mlx.FromSlices([][]float32{{1}, {2}}, []int{0, 1})
	sequences := mlx.FromSequences([][]int{{1, 2}, {3}}, []int{0, 1}, 0)
	for _, c := range []struct {
		err  error
		want string
	}{
		{predict(rows2), "the data has 1 inputs without names, the model has 2: a, b"},
		{predict(rows2.Named("c", "").And(rows3.Named("b", ""))), `the data has an input "c", which the model lacks; it has a, b`},
		{predict(rows2.Named("a", "").And(rows3.Named("a", ""))), `two inputs named "a"`},
		{predict(rows2.Named("a", "")), `the data has nothing for the model's input "b"`},
		{predict(rows3.And(rows2)), "the model was built for inputs of shape [batch, 3] as its b, not [batch, 2]"},
		{rows2.And(mlx.FromRows([][]float32{{1}, {2}})).Err(), "1 examples and 2; they must be as many"},
		{rows2.And(nil).Err(), "the data is nil"},
		{rows2.Named("a", "y").Err(), "no input or labels to name"},
		{rows2.And(rows3).Named("a", "").Err(), "name each before And"},
		{rows2.Target().Err(), "has no labels"},
		{rows2.Rows(1).Err(), "there is no row 1; the data has 1"},
		{rows2.Rows().Err(), "none"},
		{fit(mlx.FitOptions{Losses: map[string]mlx.Loss{"z": mlx.MAE}}), `names an output "z", which the model lacks; it has y`},
		{fit(mlx.FitOptions{Validation: rows2, ValidationSplit: 0.5}), "both Validation and ValidationSplit"},
		{fit(mlx.FitOptions{ValidationSplit: 2}), "a share of 2 of 1 examples"},
		{train.Map(nil).MapBatch(nil).Err(), "the function is nil"},
		{train.PadTo(3).Err(), "no sequences"},
		{sequences.PadTo(0).Err(), "lengths [0]"},
		{sequences.Bucketed().Err(), "lengths []"},
		{mlx.FromSequences([][]int{{1}, {}}, []int{0, 1}, 0).Err(), "sequence 1 is empty"},
		{mlx.FromSequences([][]float64{{1, math.NaN()}}, []int{0}, 0).Err(), "sequence 0 is NaN at place 1"},
		{mlx.FromSource(nil, []int{1}).Err(), "the source is nil"},
		{mlx.FromSource(counting{n: 2, dims: []int{0}}, []int{1, 2}).Err(), "shape [0]"},
		{mlx.FromSource(counting{n: 2, dims: []int{1}}, []int{1}).Err(), "2 rows of inputs, but 1 labels"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || !strings.HasPrefix(c.err.Error(), "mlx: ") {
			t.Errorf("got  %v\nwant %s", c.err, c.want)
		}
	}
}

// counting is a source of numbers that follow from the row; bad is a row that can't be read.
type counting struct {
	n    int
	dims []int
	bad  int
	nan  int
}

func (c counting) Len() int     { return c.n }
func (c counting) Shape() []int { return c.dims }
func (c counting) Read(row int, x []float32) error {
	if c.bad > 0 && row == c.bad {
		return errors.New("the file is damaged")
	}
	for i := range x {
		x[i] = float32((row*7+i*3)%11) - 5
		if c.nan > 0 && row == c.nan {
			x[i] = float32(math.NaN())
		}
	}
	return nil
}

func (c counting) rows() (x [][]float32, y []float64) {
	for i := range c.n {
		row := make([]float32, c.dims[0])
		counting{n: c.n, dims: c.dims}.Read(i, row)
		x, y = append(x, row), append(y, float64(row[0]-row[1]))
	}
	return x, y
}

func TestSourceIsAsMemory(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		s := counting{n: 100, dims: []int{4}}
		x, y := s.rows()
		var outputs [][]float32
		for _, d := range []*mlx.Data{mlx.FromSlices(x, y), mlx.FromSource(s, y)} {
			m := mlx.Sequential(mlx.Dense(5, mlx.Tanh), mlx.Dense(1))
			fit(t, m, d, mlx.FitOptions{Epochs: 3, ValidationSplit: 0.2})
			p, err := mlx.Predict(m, d.Rows(3, 99, 5))
			if err != nil {
				t.Fatal(err)
			}
			outputs = append(outputs, []float32{p.Outputs[0][0], p.Outputs[1][0], p.Outputs[2][0]})
		}
		if fmt.Sprint(outputs[0]) != fmt.Sprint(outputs[1]) {
			t.Errorf("trained from memory it gives %v, from a source %v", outputs[0], outputs[1])
		}
		for _, c := range []struct {
			s    counting
			want string
		}{
			{counting{n: 100, dims: []int{4}, bad: 57}, "row 57: the file is damaged"},
			{counting{n: 100, dims: []int{4}, nan: 42}, "input 0 is NaN in row 42"},
		} {
			m := mlx.Sequential(mlx.Dense(1))
			if _, err := mlx.Fit(m, mlx.FromSource(c.s, y), mlx.FitOptions{Quiet: true}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected %s", err, c.want)
			}
			if _, err := mlx.Evaluate(m, mlx.FromSource(c.s, y)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected %s", err, c.want)
			}
		}
	})
}

// Sequences of different lengths: what a model with a mask gives for one does not depend on how far it is padded.
func TestBuckets(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		var x [][]int
		var y []int
		for i := range 90 {
			one := make([]int, 1+i*i%23)
			for j := range one {
				one[j] = 1 + (i+j*j)%9
			}
			x, y = append(x, one), append(y, one[0]%2)
		}
		all := mlx.FromSequences(x, y, 0)
		if all.Shape()[0] != 19 {
			t.Errorf("shape %v", all.Shape())
		}
		m := mlx.Sequential(layers.Embedding(10, 6).Padding(0), layers.GRU(8), mlx.Dense(2))
		h := fit(t, m, all.Bucketed(5, 12, 23), mlx.FitOptions{Epochs: 12, LearningRate: 0.02, BatchSize: 8, Validation: all})
		if last := len(h.Loss) - 1; h.Loss[last] > 0.3*h.Loss[0] || h.ValAccuracy[last] < 0.95 {
			t.Errorf("it learned too little: %v", h)
		}
		want, err := mlx.Predict(m, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*mlx.Data{all.Bucketed(5, 12, 23), all.PadTo(40), all.Rows(3, 1, 2, 0).PadTo(23)} {
			got, err := mlx.Predict(m, d)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range got.Outputs {
				w := want.Outputs[i]
				if d.Len() == 4 {
					w = want.Outputs[[]int{3, 1, 2, 0}[i]]
				}
				if math.Abs(float64(row[0]-w[0])) > 1e-5 {
					t.Fatalf("%v: sequence %d gives %v, padded otherwise %v", d, i, row, w)
				}
			}
		}
		// What needs one length says so.
		flat := mlx.Sequential(layers.Embedding(10, 6), mlx.Flatten(), mlx.Dense(2))
		if _, err := mlx.Fit(flat, all.Bucketed(5, 23), mlx.FitOptions{Quiet: true}); err == nil || !strings.Contains(err.Error(), "dense_1") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCategories(t *testing.T) {
	mlx.OnEach(t, func(t *testing.T) {
		train := frame(floatsNamed("size", 1, 2, 3, 4, 5, 6), series.New([]string{"red", "blue", "red", "blue", "green", "green"}, series.String, "colour"),
			series.New([]string{"a", "b", "a", "b", "c", "c"}, series.String, "kind"))
		m := mlx.Sequential(mlx.Dense(3))
		data := mlx.FromDataFrame(train, "kind")
		if fmt.Sprint(data.Shape()) != "[4]" || fmt.Sprint(data.Features()) != "[size colour]" {
			t.Errorf("shape %v, features %v", data.Shape(), data.Features())
		}
		fit(t, m, data, mlx.FitOptions{Epochs: 200, LearningRate: 0.1})
		// Fewer categories, another order of the columns: the same inputs.
		p, err := mlx.Predict(m, mlx.FromDataFrame(frame(series.New([]string{"green", "red"}, series.String, "colour"), floatsNamed("size", 5, 1)), ""))
		if err != nil || fmt.Sprint(p.Labels()) != "[c a]" {
			t.Errorf("predicted %v, %v", p, err)
		}
		_, err = mlx.Predict(m, mlx.FromDataFrame(frame(series.New([]string{"green", "violet"}, series.String, "colour"), floatsNamed("size", 5, 1)), ""))
		if err == nil || !strings.Contains(err.Error(), `"violet" in row 1 of column "colour" was not among the values that the model was trained on: blue, green, red`) {
			t.Errorf("error %v", err)
		}
		_, err = mlx.Predict(m, mlx.FromDataFrame(frame(floatsNamed("colour", 1, 2), floatsNamed("size", 5, 1)), ""))
		if err == nil || !strings.Contains(err.Error(), `column "colour" holds numbers`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestMap(t *testing.T) {
	x, y := counting{n: 50, dims: []int{4}}.rows()
	data := mlx.FromSlices(x, y)
	var mu sync.Mutex
	seen := map[int][]float32{}
	noisy := data.Map(func(e *mlx.Example) error {
		for i := range e.Inputs[0] {
			e.Inputs[0][i] += float32(e.Rand.NormFloat64())
		}
		mu.Lock()
		defer mu.Unlock()
		seen[e.Row] = append(seen[e.Row], e.Inputs[0][0])
		return nil
	})
	run := func() (float64, map[int][]float32) {
		seen = map[int][]float32{}
		m := mlx.Sequential(mlx.Dense(1))
		h := fit(t, m, noisy, mlx.FitOptions{Epochs: 2, BatchSize: 16})
		for _, v := range seen { // a row that fills up the last batch comes several times at once
			slices.Sort(v)
		}
		return h.Loss[1], seen
	}
	loss, first := run()
	again, second := run()
	if loss != again || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the same seed gave %v and %v", loss, again)
	}
	if v := first[7]; len(v) < 2 || v[0] == v[1] {
		t.Errorf("row 7 was the same in both epochs: %v", v)
	}
	if want, _ := (counting{n: 50, dims: []int{4}}).rows(); fmt.Sprint(want) != fmt.Sprint(x) {
		t.Error("Map changed the data itself")
	}
	for want, f := range map[string]func(*mlx.Example) error{
		"no such colour": func(e *mlx.Example) error { return errors.New("no such colour") },
		"panicked":       func(e *mlx.Example) error { panic("oh") },
	} {
		if _, err := mlx.Fit(mlx.Sequential(mlx.Dense(1)), data.Map(f), mlx.FitOptions{Quiet: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %s", err, want)
		}
	}
}

func TestMapBatchMixesTargets(t *testing.T) {
	data := mlx.FromTensors(tensors.FromValue([][]float32{{1, 0}, {0, 1}}), tensors.FromValue([][]float32{{1, 0}, {0, 1}}))
	mixed := data.MapBatch(func(b *mlx.Batch) error {
		for i := range b.Values[0] {
			b.Values[0][i] = 0.5
		}
		return nil
	})
	m := mlx.Sequential(mlx.Dense(2))
	fit(t, m, mixed, mlx.FitOptions{Epochs: 300, LearningRate: 0.05})
	p, err := mlx.Predict(m, data)
	if err != nil || math.Abs(float64(p.Outputs[0][0]-0.5)) > 0.02 || math.Abs(float64(p.Outputs[1][0]-0.5)) > 0.02 {
		t.Errorf("it learned %v, not the targets that the map made; %v", p, err)
	}
}

func TestSplit(t *testing.T) {
	var x [][]float32
	var y []string
	for i := range 100 {
		x, y = append(x, []float32{float32(i)}), append(y, []string{"a", "b", "b", "b", "b"}[i%5])
	}
	train, test := mlx.FromSlices(x, y).Split(0.2, 3)
	if train.Len() != 80 || test.Len() != 20 {
		t.Fatalf("%v and %v", train, test)
	}
	m := mlx.Sequential(mlx.Dense(2))
	fit(t, m, train, mlx.FitOptions{})
	c, err := mlx.ConfusionMatrix(m, test)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Counts()[0][0] + c.Counts()[0][1]; a != 4 {
		t.Errorf("of 20 classes a should be 4; it is %v", a)
	}
	if _, again := mlx.FromSlices(x, y).Split(0.2, 3); again.String() != test.String() {
		t.Error("the same seed split otherwise")
	}
}
