package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// Dense multiplies by a matrix, adds a bias and applies the activations: [batch, …, in] becomes [batch, …, units].
//
// Variables: weights [in, units], drawn as by He et al. (2015) before a rectifier (ReLU and its kin) and as by Glorot and
// Bengio (2010) elsewhere; bias [units], 0 at first.
func Dense(units int, activation ...Activation) Layer { return dense{units, activation} }

type dense struct {
	units      int
	activation []Activation
}

func (l dense) Kind() string { return "dense" }

func (dense) PerExample() bool { return true }

func (l dense) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if l.units < 1 {
		panic(fmt.Errorf("it has %d units; it needs 1 or more", l.units))
	}
	if x.Rank() < 2 {
		panic(fmt.Errorf("it takes [batch, features], not %s", shape.Of(x)))
	}
	g := x.Graph()
	in := x.Shape().Dim(-1)
	w := weight(scope, "weights", drawFor(in, l.units, l.activation), in, l.units).NodeValue(g)
	b := weight(scope, "bias", zeros, l.units).NodeValue(g)
	dims := append([]int(nil), x.Shape().Dimensions...)
	if len(dims) > 2 { // one product of two matrices is what backends are fastest at
		x = graph.Reshape(x, -1, in)
	}
	count(g, x.Shape().Size(), l.units)
	x = graph.Add(graph.MatMul(x, w), graph.ExpandAxes(b, 0))
	if len(dims) > 2 {
		dims[len(dims)-1] = l.units
		x = graph.Reshape(x, dims...)
	}
	for _, a := range l.activation {
		x = a.Apply(scope, x)
	}
	return x
}
