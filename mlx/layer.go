package mlx

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Layer is one step of a model. Those of this package are made by functions named after them ([Dense], [Dropout], …);
// any type with these two methods is one, and [Func] makes one of a function.
type Layer interface {
	// Kind names the layer in summaries and errors: lower case, such as "dense".
	Kind() string
	// Apply builds the layer into a graph. x has shape [batch, …], float32; scope is the layer's own, and keeps its
	// variables. It runs for every graph that is compiled, so it must make the same variables each time. It panics with
	// an error when x is not of a shape that the layer takes; whoever builds the model returns that error.
	Apply(scope *model.Scope, x *graph.Node) *graph.Node
}

// Func makes a layer of a GoMLX function of a scope and a node. The scope keeps the variables that the function makes.
//
//	mlx.Func("square", func(scope *model.Scope, x *graph.Node) *graph.Node { return graph.Square(x) })
func Func[F func(*model.Scope, *graph.Node) *graph.Node | func(*model.Scope, ...*graph.Node) *graph.Node](kind string, f F) Layer {
	l := function{kind: kind}
	switch f := any(f).(type) {
	case func(*model.Scope, *graph.Node) *graph.Node:
		l.f = f
	case func(*model.Scope, ...*graph.Node) *graph.Node:
		l.f = func(scope *model.Scope, x *graph.Node) *graph.Node { return f(scope, x) }
	}
	return l
}

type function struct {
	kind string
	f    func(*model.Scope, *graph.Node) *graph.Node
}

func (l function) Kind() string                                        { return l.kind }
func (l function) Apply(scope *model.Scope, x *graph.Node) *graph.Node { return l.f(scope, x) }

// layerError is what a layer says of an input that it does not take; the model adds which layer it was.
func layerError(format string, args ...any) error { return fmt.Errorf(format, args...) }

// shapeText writes the shape of a batch without its size: [batch, 8, 8, 1].
func shapeText(dims []int) string {
	var b strings.Builder
	b.WriteString("[batch")
	for _, d := range dims {
		fmt.Fprintf(&b, ", %d", d)
	}
	return b.String() + "]"
}

func shapeOf(x *graph.Node) string { return shapeText(x.Shape().Dimensions[1:]) }

// seedParam is where a store keeps the seed of its initial weights.
const seedParam = "/mlx_seed"

// weight gives the variable name of a layer, drawn by fill at the first time: fill gets a source of numbers that depends on the
// seed of the model and the variable's path only.
func weight(scope *model.Scope, g *graph.Graph, name string, fill func(draw draws, values []float32), dims ...int) *model.Variable {
	if v := scope.GetVariable(name); v != nil {
		if got := v.Shape().Dimensions; fmt.Sprint(got) != fmt.Sprint(dims) {
			panic(layerError("its %s have shape %v, this input needs %v", name, got, dims))
		}
		return v
	}
	seed := uint64(0)
	if s, ok := scope.Store().GetParam(seedParam); ok {
		seed, _ = s.(uint64)
	}
	values := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
	fill(draws{generator(seed, scope.Scope()+"/"+name)}, values)
	return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, dims...))
}
