package mlx_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/datasets"
	"golab/mlx"
)

func frame(columns ...series.Series) dataframe.DataFrame { return dataframe.New(columns...) }

func floatsNamed(name string, v ...float64) series.Series { return series.New(v, series.Float, name) }

func TestDataErrors(t *testing.T) {
	abc := frame(floatsNamed("a", 1, 2, 3), floatsNamed("b", 1, math.NaN(), 3), series.New([]string{"x", "y", "NaN"}, series.String, "c"), series.New([]int{0, 1, 2}, series.Int, "d"))
	_, broken := datasets.Split(datasets.Iris(), 7, datasets.SplitOptions{})
	rows := [][]float32{{1, 2}, {3, 4}}
	for _, c := range []struct {
		data *mlx.Data
		want string
	}{
		{nil, "the data is nil"},
		{&mlx.Data{}, "the data is empty"},
		{mlx.FromDataFrame(broken, "species"), "datasets: split: test fraction is 7"},
		{mlx.FromDataFrame(dataframe.DataFrame{}, ""), "no rows"},
		{mlx.FromDataFrame(abc, "label"), `no column "label"; the columns are a, b, c, d`},
		{mlx.FromDataFrame(abc, "d", "a", "e"), `no column "e"`},
		{mlx.FromDataFrame(abc, "d", "a", "d"), `column "d" is both target and input`},
		{mlx.FromDataFrame(abc, "d"), `column "b" has a missing value in row 1`},
		{mlx.FromDataFrame(abc, "d", "a", "c"), `column "c" has a missing value in row 2`},
		{mlx.FromDataFrame(abc, "c", "a"), `the target column "c" has a missing value in row 2`},
		{mlx.FromDataFrame(abc, "b", "a"), `the target column "b" has a missing value in row 1`},
		{mlx.FromDataFrame(frame(floatsNamed("a", 1)), "a"), "no column is left"},
		{mlx.FromDataFrame(frame(floatsNamed("a", 1, math.Inf(1))), ""), `column "a" is +Inf in row 1`},
		{mlx.FromDataFrame(frame(floatsNamed("a", 1, 1e300)), ""), `column "a" is +Inf in row 1`},
		{mlx.FromRows([][]float32{}), "no rows"},
		{mlx.FromRows([][]float32{{}}), "no numbers"},
		{mlx.FromRows([][]float64{{1, 2}, {3}}), "row 1 has 1 numbers, row 0 has 2"},
		{mlx.FromRows([][]float64{{1, 2}, {3, math.NaN()}}), "input 1 is NaN in row 1"},
		{mlx.FromSlices(rows, []int{1}), "2 rows of inputs, but 1 labels"},
		{mlx.FromSlices(rows, []float64{1, math.Inf(-1)}), "the label (label) is -Inf in row 1"},
		{mlx.FromTensors(nil, nil), "nil"},
		{mlx.FromTensors(tensors.FromValue([]float32{1, 2}), nil), "they need [n, …]"},
		{mlx.FromTensors(tensors.FromValue(rows), tensors.FromValue([]int32{1, 2, 3})), "labels have shape [3]; they need [2], [2, 1]"},
		{mlx.FromTensors(tensors.FromValue([][]complex64{{1}}), nil), "can't be used"},
	} {
		err := c.data.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mlx: ") {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
		if _, fitErr := mlx.Fit(mlx.Sequential(mlx.Dense(2)), c.data, mlx.FitOptions{Quiet: true}); fmt.Sprint(fitErr) != fmt.Sprint(err) {
			t.Errorf("Fit says %v", fitErr)
		}
	}
}

func TestDataKinds(t *testing.T) {
	rows := [][]float32{{1, 2}, {3, 4}}
	type id int32
	for _, c := range []struct {
		data *mlx.Data
		want string
	}{
		{mlx.FromRows([][]uint8{{1, 2, 3}}), "1 examples of shape [3], no labels"},
		{mlx.FromSlices(rows, []int{5, 7}), "2 examples of shape [2], 2 classes"},
		{mlx.FromSlices(rows, []id{5, 5}), "2 examples of shape [2], 1 classes"},
		{mlx.FromSlices(rows, []bool{true, false}), "2 examples of shape [2], 2 classes"},
		{mlx.FromSlices(rows, []float64{5, 7}), "2 examples of shape [2], labels are values"},
		{mlx.FromTensors(tensors.FromValue([][][]int32{{{1}, {2}}, {{3}, {4}}}), tensors.FromValue([][]int64{{3}, {4}})), "2 examples of shape [2 1], 2 classes"},
		{mlx.FromTensors(tensors.FromValue(rows), tensors.FromValue([][]float32{{3, 4}, {5, 6}})), "2 examples of shape [2], labels of 2 values"},
		{mlx.FromTensors(tensors.FromValue(rows), tensors.FromValue([]bool{true, false})), "2 examples of shape [2], 2 classes"},
		{mlx.FromDataFrame(datasets.Iris(), "species"), "150 examples of shape [4], 3 classes"},
		{mlx.FromDataFrame(datasets.Iris(), "", "petal_width"), "150 examples of shape [1], no labels"},
		{mlx.FromDataFrame(datasets.Iris(), "petal_width", "petal_length", "sepal_width"), "150 examples of shape [2], labels are values"},
	} {
		if got := c.data.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestModelErrors(t *testing.T) {
	train, _ := iris(t)
	quiet := mlx.FitOptions{Quiet: true}
	run := func(d *mlx.Data, o mlx.FitOptions, layers ...mlx.Layer) error {
		o.Quiet = true
		_, err := mlx.Fit(mlx.Sequential(layers...), d, o)
		return err
	}
	with := func(f func(*mlx.FitOptions)) mlx.FitOptions { o := quiet; f(&o); return o }
	images := mlx.FromTensors(tensors.FromScalarAndDimensions(float32(1), 4, 8, 8), tensors.FromValue([]int32{0, 1, 0, 1}))
	ints := mlx.FromSlices([][]float32{{1}, {2}, {3}}, []int{0, 4, 12})
	_, nilModel := mlx.Fit(nil, train, quiet)
	_, nilEval := mlx.Evaluate(nil, train)
	trained := mlx.Sequential(mlx.Dense(3))
	fit(t, trained, train, mlx.FitOptions{})
	again := func(d *mlx.Data) error { _, err := mlx.Evaluate(trained, d); return err }
	predict := func(d *mlx.Data) error { _, err := mlx.Predict(trained, d); return err }
	some := datasets.Iris().Subset([]int{0, 60, 120})
	unknown := some.Mutate(series.New([]string{"setosa", "virginica", "rose"}, series.String, "species"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{nilModel, "the model is nil"},
		{nilEval, "the model is nil"},
		{run(train, quiet), "the model has no layers"},
		{run(train, quiet, mlx.Dense(3), nil), "layer 2 is nil"},
		{run(train, quiet, mlx.Dense(3), mlx.Input(4)), "layer 2 is an Input; only the first"},
		{run(train, quiet, mlx.Dense(0)), "layer 1 (dense_1), given [batch, 4]: it has 0 units"},
		{run(train, quiet, mlx.Dense(8), mlx.Dropout(1)), "layer 2 (dropout_1), given [batch, 8]: its rate is 1"},
		{run(train, quiet, mlx.Input(64), mlx.Dense(3)), "the model was built for inputs of shape [batch, 64], not [batch, 4]"},
		{run(train, quiet, mlx.Dense(10), mlx.Reshape(3, 3)), "layer 2 (reshape_1), given [batch, 10]: it reshapes to [batch, 3, 3], 9 numbers an example, and is given [batch, 10], 10"},
		{run(images, quiet, mlx.Dense(2)), "the last layer (dense_1) gives [batch, 8, 2]; it needs to give [batch, outputs], so put Flatten"},
		{run(train, quiet, mlx.Dense(10)), "3 classes (setosa, versicolor, virginica), but the model has 10 outputs; make its last layer Dense(3)"},
		{run(ints, quiet, mlx.Dense(10)), "3 classes (0, 4, 12), but the model has 10 outputs"},
		{run(mlx.FromSlices([][]float32{{1}}, []float32{1}), quiet, mlx.Dense(2)), "labels of 1 values an example, but the model has 2 outputs; make its last layer Dense(1)"},
		{run(mlx.FromRows([][]float32{{1}}), quiet, mlx.Dense(2)), "the data has no labels"},
		{run(train, quiet, mlx.Flatten()), "4 outputs"},
		{run(train, with(func(o *mlx.FitOptions) { o.Epochs = -1 }), mlx.Dense(3)), "FitOptions.Epochs is -1"},
		{run(train, with(func(o *mlx.FitOptions) { o.BatchSize = -4 }), mlx.Dense(3)), "FitOptions.BatchSize is -4"},
		{run(train, with(func(o *mlx.FitOptions) { o.LearningRate = math.NaN() }), mlx.Dense(3)), "FitOptions.LearningRate is NaN"},
		{run(train, with(func(o *mlx.FitOptions) { o.Loss = mlx.MSE }), mlx.Dense(3)), "mean squared error takes values, not classes"},
		{run(train, with(func(o *mlx.FitOptions) { o.Loss = mlx.BinaryCrossEntropy }), mlx.Dense(3)), "takes one output, not 3"},
		{run(train, with(func(o *mlx.FitOptions) { o.Optimizer = mlx.SGD{Momentum: 1} }), mlx.Dense(3)), "momentum is 1"},
		{run(train, with(func(o *mlx.FitOptions) { o.Validation = mlx.FromDataFrame(unknown, "species") }), mlx.Dense(3)), `"rose" in row 2 of "species" is not among the classes`},
		{run(mlx.FromSlices([][]float32{{1, 2}, {1, 2}}, []int{0, 1}), quiet, mlx.Flatten(), mlx.ReLU), "nothing to train"},
		{again(mlx.FromDataFrame(unknown, "species")), `"rose" in row 2 of "species" is not among the classes that the model knows: setosa, versicolor, virginica`},
		{again(mlx.FromDataFrame(some.Drop("petal_width"), "species")), `trained on a column "petal_width", which this data lacks; it has sepal_length, sepal_width, petal_length`},
		{predict(mlx.FromDataFrame(some.Rename("width", "petal_width"), "species")), `trained on a column "petal_width", which this data lacks; it has sepal_length, sepal_width, petal_length, width`},
		{again(mlx.FromDataFrame(some, "petal_width", "sepal_length", "sepal_width", "petal_length", "species")), `trained on a column "petal_width", which this data lacks`},
		{mlx.UseBackend("tpu"), `no backend "tpu"; there are go, xla:cpu, cuda and auto`},
		{mlx.UseBackend("xla:/nowhere/plugin.so"), "mlx: backend xla:/nowhere/plugin.so: "},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || !strings.HasPrefix(c.err.Error(), "mlx: ") {
			t.Errorf("got  %v\nwant %s", c.err, c.want)
		}
		if c.err != nil && strings.Contains(c.err.Error(), "\n") {
			t.Errorf("more than one line: %v", c.err)
		}
	}
	if got := mlx.Sequential(mlx.Dense(3), nil).String(); !strings.Contains(got, "layer 2 is nil") {
		t.Error(got)
	}
}

// A first call that fails decides nothing: the next one may give other data.
func TestFailedFitLeavesModelFree(t *testing.T) {
	train, _ := iris(t)
	m := mlx.Sequential(mlx.Dense(3))
	bad := mlx.FromSlices([][]float32{{1, 2}}, []string{"only one class"})
	if _, err := mlx.Fit(m, bad, mlx.FitOptions{Quiet: true}); err == nil {
		t.Fatal("no error")
	}
	fit(t, m, train, mlx.FitOptions{})
	if got := fmt.Sprint(m.Classes()); got != "[setosa versicolor virginica]" {
		t.Error(got)
	}
}

func TestColumnsMayComeInAnotherOrder(t *testing.T) {
	df := datasets.Iris()
	m := mlx.Sequential(mlx.Dense(3))
	fit(t, m, mlx.FromDataFrame(df, "species"), mlx.FitOptions{Epochs: 3})
	a, err := mlx.Evaluate(m, mlx.FromDataFrame(df, "species"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := mlx.Evaluate(m, mlx.FromDataFrame(df.Select([]string{"petal_width", "species", "sepal_width", "sepal_length", "petal_length"}), "species"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Loss != b.Loss {
		t.Errorf("%v, and with the columns in another order %v", a, b)
	}
}

// Classes keep their meaning when a part of the data lacks some.
func TestClassesKeepTheirMeaning(t *testing.T) {
	df := datasets.Iris()
	m := mlx.Sequential(mlx.Dense(3))
	fit(t, m, mlx.FromDataFrame(df, "species"), mlx.FitOptions{Epochs: 80, LearningRate: 0.05})
	e, err := mlx.Evaluate(m, mlx.FromDataFrame(df.Subset([]int{148, 149, 147}), "species"))
	if err != nil || e.Accuracy != 1 {
		t.Errorf("%v, %v", e, err)
	}
	// Numbers that are not indices are classes too.
	years := mlx.FromSlices([][]float32{{0}, {1}, {0}, {1}}, []int{1999, 2024, 1999, 2024})
	m = mlx.Sequential(mlx.Dense(2))
	fit(t, m, years, mlx.FitOptions{Epochs: 100, LearningRate: 0.1})
	p, err := mlx.Predict(m, mlx.FromRows([][]float32{{1}, {0}}))
	if err != nil || fmt.Sprint(p.Labels()) != "[2024 1999]" {
		t.Errorf("%v, %v", p, err)
	}
}
