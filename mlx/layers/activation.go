package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Activation is a function applied to every number by itself. It is given to a layer, as in Dense(64, ReLU), or stands
// among the layers as one of them.
//
// Softmax is none of them, on purpose: models end in logits, and mlx's losses and Predict apply it where it belongs.
type Activation struct {
	name  string
	apply func(x *graph.Node) *graph.Node
	he    bool // weights before it are drawn as He et al. do
}

var (
	// ReLU is max(x, 0); its gradient at 0 is 0.
	ReLU = Activation{"relu", func(x *graph.Node) *graph.Node { return graph.Where(positive(x), x, graph.ZerosLike(x)) }, true}
	// LeakyReLU is x where x > 0 and 0.01·x elsewhere.
	LeakyReLU = Activation{"leaky_relu", func(x *graph.Node) *graph.Node { return graph.Where(positive(x), x, graph.MulScalar(x, 0.01)) }, true}
	// GELU is x·Φ(x), Φ the normal distribution function, computed exactly: Hendrycks and Gimpel (2016), https://arxiv.org/abs/1606.08415.
	GELU = Activation{"gelu", func(x *graph.Node) *graph.Node {
		return graph.Mul(x, graph.MulScalar(graph.OnePlus(graph.Erf(graph.MulScalar(x, math.Sqrt2/2))), 0.5))
	}, true}
	// SiLU, also called swish, is x·σ(x), σ the logistic function: Elfwing et al. (2017), https://arxiv.org/abs/1702.03118.
	SiLU = Activation{"silu", func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(x)) }, true}
	// Tanh is the hyperbolic tangent.
	Tanh = Activation{"tanh", graph.Tanh, false}
	// Sigmoid is the logistic function 1/(1+e⁻ˣ).
	Sigmoid = Activation{"sigmoid", graph.Sigmoid, false}
)

func positive(x *graph.Node) *graph.Node { return graph.GreaterThan(x, graph.ZerosLike(x)) }

// Kind is the activation's name, such as "relu".
func (a Activation) Kind() string { return a.name }

// Apply applies it, whatever the shape; it has no variables.
func (a Activation) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if a.apply == nil {
		panic(fmt.Errorf("this Activation is empty; use ReLU, Tanh, …"))
	}
	return a.apply(x)
}

// PerExample says that it treats every example by itself.
func (a Activation) PerExample() bool { return true }

// String is the activation's name.
func (a Activation) String() string { return a.name }
