package layers

import (
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
