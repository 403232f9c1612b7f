package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// Flatten makes a row of numbers of each example: [batch, a, b, …] becomes [batch, a·b·…].
func Flatten() Layer { return flatten{} }

type flatten struct{}

func (flatten) Kind() string { return "flatten" }

func (flatten) PerExample() bool { return true }

func (flatten) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	batch := x.Shape().Dim(0)
	return graph.Reshape(x, batch, x.Shape().Size()/batch)
}

// Reshape gives each example another shape with as many numbers, such as Reshape(8, 8, 1) for [batch, 64].
func Reshape(dims ...int) Layer { return reshape{dims} }

type reshape struct{ dims []int }

func (l reshape) Kind() string { return "reshape" }

func (reshape) PerExample() bool { return true }

func (l reshape) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	size := 1
	for _, d := range l.dims {
		if d < 1 {
			panic(fmt.Errorf("it reshapes to %s; every axis needs a size of 1 or more", shape.Text(l.dims)))
		}
		size *= d
	}
	batch := x.Shape().Dim(0)
	if have := x.Shape().Size() / batch; have != size {
		panic(fmt.Errorf("it reshapes to %s, %d numbers an example, and is given %s, %d", shape.Text(l.dims), size, shape.Of(x), have))
	}
	return graph.Reshape(x, append([]int{batch}, l.dims...)...)
}

// Input says the shape of an example, without the batch, so that the model is built, and its shapes checked, before it
// meets data: Input(64), or Input(28, 28, 1). Only the first layer can be one; it is optional.
func Input(dims ...int) Layer { return input{dims} }

type input struct{ dims []int }

func (input) Kind() string { return "input" }

func (input) PerExample() bool { return true }

// ExampleShape tells the model what it is built for.
func (l input) ExampleShape() []int { return l.dims }

func (l input) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if !slices.Equal(x.Shape().Dimensions[1:], l.dims) {
		panic(fmt.Errorf("it takes %s, not %s", shape.Text(l.dims), shape.Of(x)))
	}
	return x
}
