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

// perExample is what a layer may say beside Layer: that, while training, what it gives for an example never depends on the others
// of the batch. Only then a batch can be filled up with examples that are to have no effect.
type perExample interface{ PerExample() bool }

// exampleShape is what [Input] says beside Layer: the shape of an example, without the batch.
type exampleShape interface{ ExampleShape() []int }

func mixesExamples(l Layer) bool {
	p, ok := l.(perExample)
	return !ok || !p.PerExample()
}
