package mlx_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx"
	"golab/mlx/layers"
)

func ExampleFunctional() {
	image, words := mlx.Input(8, 8, 1).Named("image"), mlx.Input(5).Named("words")
	seen := image.Then(layers.Conv2D(4, 3, mlx.ReLU), mlx.Flatten())
	read := words.Then(layers.Embedding(100, 8), layers.LSTM(16))
	both := mlx.Merge(layers.Concat(), seen, read)
	m := mlx.Functional(mlx.Values{image, words}, mlx.Values{both.Then(mlx.Dense(10)).Named("label"), both.Then(mlx.Dense(1)).Named("score")})
	fmt.Println(m.Err(), m.Inputs(), m.Outputs())
	// Output: <nil> [{image [8 8 1]} {words [5]}] [{label [10]} {score [1]}]
}

func ExampleMerge() {
	a, b := mlx.Input(4), mlx.Input(3)
	fmt.Println(mlx.Functional(mlx.Values{a, b}, mlx.Values{mlx.Merge(layers.Sum(), a, b)}).Err())
	// Output: mlx: layer 3 (sum_1), given [batch, 4] and [batch, 3]: its branches give [batch, 4] and [batch, 3]; they must have the same shape
}

func ExampleShared() {
	a, b := mlx.Input(4), mlx.Input(4)
	tower := mlx.Shared(mlx.Dense(8, mlx.ReLU))
	apart := mlx.Merge(layers.Concat(), a.Then(tower), b.Then(tower))
	fmt.Println(mlx.Functional(mlx.Values{a, b}, mlx.Values{apart}).Summary().Trainable, 4*8+8)
	// Output: 40 40
}

func ExampleFrozen() {
	base := mlx.Sequential(mlx.Input(4), mlx.Dense(8, mlx.ReLU)) // and trained on much data
	m := mlx.Sequential(mlx.Frozen(base), mlx.Dense(2))
	fmt.Println(m.Build(4), m.Summary().Trainable, m.Summary().Frozen)
	// Output: <nil> 18 40
}

func ExampleFunc_merging() {
	squares := mlx.Func("squares", func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.Square(x) })
	distance := mlx.Func("distance", func(_ *model.Scope, xs ...*graph.Node) *graph.Node { return graph.Sub(xs[0], xs[1]) })
	a, b := mlx.Input(2), mlx.Input(2)
	m := mlx.Functional(mlx.Values{a, b}, mlx.Values{mlx.Merge(distance, a, b).Then(squares)})
	p, err := mlx.Predict(m, mlx.FromRows([][]float32{{3, 1}}).And(mlx.FromRows([][]float32{{1, 4}})))
	fmt.Println(p, err)
	// Output:     0  [4 9] <nil>
}

func ExampleModel_ApplyEach() {
	m := mlx.Sequential(mlx.Input(4), mlx.Dense(3, mlx.Tanh), mlx.Dense(2))
	backend, _ := mlx.Backend()
	exec, err := model.NewExec(backend, m.Store(), func(scope *model.Scope, x *graph.Node) (hidden, outputs *graph.Node) {
		all := m.ApplyEach(scope, []*graph.Node{x}, func(layer string, out *graph.Node) {
			if layer == "dense_1" {
				hidden = out
			}
		})
		return hidden, all[0]
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := exec.Call([][]float32{{0, 0, 0, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out[0].Value())
	// Output: [[0 0 0]]
}
