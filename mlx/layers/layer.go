package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Layer is one step of a model. Those of this package are made by functions named after them ([Dense],
// [Conv2D], …); any type with these two methods is one, and mlx.Func makes one of a function.
type Layer interface {
	// Kind names the layer in summaries and errors: lower case, such as "dense".
	Kind() string
	// Apply builds the layer into a graph. x has shape [batch, …], float32; scope is the layer's own, and keeps its
	// variables. It runs for every graph that is compiled, so it must make the same variables each time. It panics with
	// an error when x is not of a shape that the layer takes; whoever builds the model returns that error.
	Apply(scope *model.Scope, x *graph.Node) *graph.Node
}

// Merger is a layer of several inputs, all of the same batch. Of this package these are [Concat] and [Sum], [Multiply], attention, which takes what is to
// look and what is looked at, and [TransformerDecoder], which takes a sequence and the memory that it looks at.
type Merger interface {
	Kind() string
	// ApplyAll builds the layer into a graph, as [Layer]'s Apply does.
	ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node
}

// two checks that a layer is given two inputs.
func two(xs []*graph.Node) (a, b *graph.Node) {
	if len(xs) != 2 {
		panic(fmt.Errorf("it takes two inputs, not %d", len(xs)))
	}
	return xs[0], xs[1]
}
