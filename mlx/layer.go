package mlx

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/layers"
)

// Layer is one step of a model. Those of this package and of [golab/mlx/layers] are made by functions named after them
// ([Dense], [Dropout], layers.Conv2D, …); any type with its two methods is one, and [Func] makes one of a function.
type Layer = layers.Layer

// Func makes a layer of a GoMLX function of a scope and a node, or of several nodes, for [Merge]. The scope keeps the variables that the
// function makes.
//
//	mlx.Func("square", func(scope *model.Scope, x *graph.Node) *graph.Node { return graph.Square(x) })
func Func[F func(*model.Scope, *graph.Node) *graph.Node | func(*model.Scope, ...*graph.Node) *graph.Node](kind string, f F) FuncLayer {
	l := FuncLayer{kind: kind}
	switch f := any(f).(type) {
	case func(*model.Scope, *graph.Node) *graph.Node:
		l.one = f
	case func(*model.Scope, ...*graph.Node) *graph.Node:
		l.all = f
	}
	return l
}

// FuncLayer is a layer made by [Func].
type FuncLayer struct {
	kind string
	one  func(*model.Scope, *graph.Node) *graph.Node
	all  func(*model.Scope, ...*graph.Node) *graph.Node
}

// Kind is the name given to [Func].
func (l FuncLayer) Kind() string { return l.kind }

// Apply calls the function.
func (l FuncLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node { return l.ApplyAll(scope, x) }

// ApplyAll calls the function.
func (l FuncLayer) ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node {
	switch {
	case l.all != nil:
		return l.all(scope, xs...)
	case len(xs) == 1:
		return l.one(scope, xs[0])
	}
	panic(layerError("its function takes one node, not %d; give Func a function of several, xs ...*graph.Node", len(xs)))
}

// layerError is what a layer says of an input that it does not take; the model adds which layer it was.
func layerError(format string, args ...any) error { return fmt.Errorf(format, args...) }

// perExample is what a layer may say beside Layer: that, while training, what it gives for an example never depends on the others
// of the batch. Only then a batch can be filled up with examples that are to have no effect.
type perExample interface{ PerExample() bool }

// exampleShape is what [Input] says beside Layer: the shape of an example, without the batch.
type exampleShape interface{ ExampleShape() []int }

func mixesExamples(l any) bool {
	p, ok := l.(perExample)
	return !ok || !p.PerExample()
}
