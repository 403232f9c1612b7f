package mlx_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"golab/datasets"
	"golab/mlx"
)

func flowers() (train, test *mlx.Data) {
	a, b := datasets.Split(datasets.Iris(), 0.2, datasets.SplitOptions{Stratify: "species", Seed: 1})
	scaler := datasets.Standard(a, datasets.Except(a, "species")...)
	return mlx.FromDataFrame(scaler.Apply(a), "species"), mlx.FromDataFrame(scaler.Apply(b), "species")
}

func ExampleEarlyStopping() {
	train, test := flowers()
	m := mlx.Sequential(mlx.Dense(16, mlx.ReLU), mlx.Dense(3))
	best := &mlx.SaveBest{Monitor: "val_accuracy"}
	history, err := mlx.Fit(m, train, mlx.FitOptions{
		Epochs: 500, LearningRate: 0.05, Validation: test, Quiet: true,
		Callbacks: []mlx.Callback{best, mlx.EarlyStopping{Patience: 10, RestoreBest: true}, mlx.ReduceOnPlateau{Patience: 4, Factor: 0.5}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(history.Loss) < 500, history.Stopped != "", best.Value() > 0.9)
	// Output: true true true
}

func ExampleAfterEpoch() {
	train, _ := flowers()
	m := mlx.Sequential(mlx.Dense(3))
	history, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 100, LearningRate: 0.1, Quiet: true, Callbacks: []mlx.Callback{
		mlx.AfterEpoch(func(t *mlx.Training) error {
			if h := t.History(); h.Accuracy[len(h.Accuracy)-1] > 0.9 {
				t.Stop("accurate enough")
			}
			return nil
		}),
	}})
	fmt.Println(len(history.Loss) < 100, history.Stopped, err)
	// Output: true accurate enough <nil>
}

func ExampleOneCycle() {
	train, test := flowers()
	m := mlx.Sequential(mlx.Dense(16, mlx.ReLU), mlx.Dense(3))
	_, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 30, LearningRate: 0.05, Schedule: mlx.OneCycle(), ClipNorm: 1, Quiet: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := mlx.Evaluate(m, test)
	fmt.Println(e.Accuracy >= 0.85, err)
	// Output: true <nil>
}

func ExampleSchedule() {
	halved := func(s mlx.ScheduleStep) float64 { return s.Rate / float64(1+s.Epoch) }
	train, _ := flowers()
	history, err := mlx.Fit(mlx.Sequential(mlx.Dense(3)), train, mlx.FitOptions{Epochs: 4, LearningRate: 0.12, Schedule: halved, Quiet: true})
	fmt.Printf("%.3f %v", history.LearningRate, err)
	// Output: [0.120 0.060 0.040 0.030] <nil>
}

func ExampleCategoricalCrossEntropy() {
	train, _ := flowers()
	loss := mlx.CategoricalCrossEntropy{Smoothing: 0.1, Weights: mlx.BalancedWeights(train)}
	_, err := mlx.Fit(mlx.Sequential(mlx.Dense(3)), train, mlx.FitOptions{Loss: loss, Quiet: true})
	fmt.Println(loss.Weights, err)
	// Output: [1 1 1] <nil>
}

func ExampleClassificationReport() {
	train := mlx.FromSlices([][]float64{{0}, {1}, {0.1}, {0.9}}, []string{"low", "high", "low", "high"})
	m := mlx.Sequential(mlx.Dense(1))
	if _, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 100, LearningRate: 0.2, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	report, err := mlx.ClassificationReport(m, mlx.FromSlices([][]float64{{0}, {1}, {0.8}}, []string{"low", "high", "low"}))
	fmt.Println(err)
	fmt.Println(report)
	// Output:
	// <nil>
	//           precision  recall     f1  support
	//     high      0.500   1.000  0.667        1
	//      low      1.000   0.500  0.667        2
	//    macro      0.750   0.750  0.667        3
	// weighted      0.833   0.667  0.667        3
	// accuracy      0.667
}

func ExampleTopLosses() {
	x, y := [][]float64{{0}, {0.1}, {0.9}, {1}}, []string{"low", "low", "high", "high"}
	m := mlx.Sequential(mlx.Dense(1))
	if _, err := mlx.Fit(m, mlx.FromSlices(x, y), mlx.FitOptions{Epochs: 200, LearningRate: 0.1, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	y[3] = "low" // a mistake in the labels
	top, err := mlx.TopLosses(m, mlx.FromSlices(x, y), 1)
	fmt.Println(top[0].Row, top[0].Label, top[0].Predicted, err)
	// Output: 3 low high <nil>
}

func ExampleCrossValidate() {
	train, _ := flowers()
	c, err := mlx.CrossValidate(func() *mlx.Model { return mlx.Sequential(mlx.Dense(3)) }, train, 4, mlx.FitOptions{Epochs: 30, LearningRate: 0.1, Quiet: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	mean, _ := c.Mean("accuracy")
	fmt.Println(len(c.Folds), mean > 0.9)
	// Output: 4 true
}

func ExampleFindLearningRate() {
	train, _ := flowers()
	m := mlx.Sequential(mlx.Dense(16, mlx.ReLU), mlx.Dense(3))
	curve, err := mlx.FindLearningRate(m, train, mlx.FitOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(curve.Suggestion > 1e-4 && curve.Suggestion < 1)
	// Output: true
}

func ExampleCTC() {
	// Frames of one-hot symbols, 0 being the blank: the first reads "1 2", the second "1".
	frames := [][]float32{{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}, {0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0}}
	data := mlx.FromTensors(tensors.FromValue(frames), tensors.FromValue([][]float32{{1, 2}, {1, -1}}))
	m := mlx.Sequential(mlx.Reshape(4, 3), mlx.Dense(3))
	if _, err := mlx.Fit(m, data, mlx.FitOptions{Epochs: 150, LearningRate: 0.1, Loss: mlx.CTC{}, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	p, err := mlx.Predict(m, data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mlx.CTC{}.Decode(p.Outputs[0], 3), mlx.CTC{}.Decode(p.Outputs[1], 3))
	// Output: [1 2] [1]
}

func ExampleROC() {
	train, test := flowers()
	m := mlx.Sequential(mlx.Dense(3))
	if _, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 50, LearningRate: 0.1, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	roc, err := mlx.ROC(m, test)
	fmt.Println(roc.Classes, roc.Mean > 0.95, err)
	// Output: [setosa versicolor virginica] true <nil>
}
