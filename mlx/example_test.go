package mlx_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/datasets"
	"golab/mlx"
)

func Example() {
	trainFrame, testFrame := datasets.Split(datasets.Digits(), 0.2, datasets.SplitOptions{Stratify: "label", Seed: 1})
	scaler := datasets.MinMax(trainFrame, datasets.Except(trainFrame, "label")...)
	train := mlx.FromDataFrame(scaler.Apply(trainFrame), "label")
	test := mlx.FromDataFrame(scaler.Apply(testFrame), "label")

	model := mlx.Sequential(
		mlx.Dense(64, mlx.ReLU),
		mlx.Dropout(0.2),
		mlx.Dense(10),
	)
	options := mlx.FitOptions{Epochs: 10, LearningRate: 0.003, Validation: test, Seed: 1, Quiet: true}
	if _, err := mlx.Fit(model, train, options); err != nil {
		fmt.Println(err)
		return
	}

	options.LearningRate = 0.001 // go on from there, more carefully
	if _, err := mlx.Fit(model, train, options); err != nil {
		fmt.Println(err)
		return
	}
	evaluation, err := mlx.Evaluate(model, test)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(evaluation.Accuracy >= 0.95, evaluation.Examples)
	fmt.Println(len(model.History().Loss), "epochs")
	// Output:
	// true 359
	// 20 epochs
}

func ExampleModel_Summary() {
	fmt.Println(mlx.Sequential(mlx.Input(64), mlx.Dense(32, mlx.GELU), mlx.BatchNorm(), mlx.Dense(10)))
	// Output:
	// layer         output                  parameters
	// input_1       [batch, 64]                      0
	// dense_1       [batch, 32]                   2080
	// batch_norm_1  [batch, 32]                    128
	// dense_2       [batch, 10]                    330
	// total                                       2538
	// trained                                     2474
}

func ExampleSequential_error() {
	m := mlx.Sequential(mlx.Input(28, 28, 1), mlx.Dense(32), mlx.Reshape(64))
	fmt.Println(m.Err())
	// Output:
	// mlx: layer 3 (reshape_1), given [batch, 28, 28, 32]: it reshapes to [batch, 64], 64 numbers an example, and is given [batch, 28, 28, 32], 25088
}

func ExampleFunc() {
	scale := mlx.Func("scale", func(scope *model.Scope, x *graph.Node) *graph.Node {
		factor := scope.VariableWithValue("factor", float32(3))
		return graph.Mul(x, factor.NodeValue(x.Graph()))
	})
	p, err := mlx.Predict(mlx.Sequential(scale), mlx.FromRows([][]float64{{1, 2}}))
	fmt.Println(p.Outputs, err)
	// Output: [[3 6]] <nil>
}

func ExamplePredict() {
	train := mlx.FromSlices([][]float64{{0, 0}, {0, 1}, {1, 0}, {1, 1}}, []string{"same", "differs", "differs", "same"})
	m := mlx.Sequential(mlx.Dense(8, mlx.Tanh), mlx.Dense(2))
	if _, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 300, LearningRate: 0.05, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	p, err := mlx.Predict(m, mlx.FromRows([][]float64{{1, 0}, {1, 1}}))
	fmt.Println(p.Labels(), err)
	// Output: [differs same] <nil>
}

func ExampleConfusion() {
	train := mlx.FromSlices([][]float64{{0}, {1}, {0.1}, {0.9}}, []string{"low", "high", "low", "high"})
	m := mlx.Sequential(mlx.Dense(1)) // one output: the logit of the second class, "low"
	if _, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 100, LearningRate: 0.2, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	c, err := mlx.ConfusionMatrix(m, mlx.FromSlices([][]float64{{0}, {1}, {0.8}}, []string{"low", "high", "low"}))
	fmt.Println(err)
	fmt.Println(c)
	// Output:
	// <nil>
	// true high  low
	// high    1    0
	//  low    1    1
}
