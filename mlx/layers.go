package mlx

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
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

func (l dense) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if l.units < 1 {
		panic(layerError("it has %d units; it needs 1 or more", l.units))
	}
	if x.Rank() < 2 {
		panic(layerError("it takes [batch, features], not %s", shapeOf(x)))
	}
	g := x.Graph()
	in := x.Shape().Dim(-1)
	draw := glorot(in, l.units)
	if len(l.activation) > 0 && l.activation[0].he {
		draw = he(in)
	}
	w := weight(scope, g, "weights", draw, in, l.units).NodeValue(g)
	b := weight(scope, g, "bias", zeros, l.units).NodeValue(g)
	dims := append([]int(nil), x.Shape().Dimensions...)
	if len(dims) > 2 { // one product of two matrices is what backends are fastest at
		x = graph.Reshape(x, -1, in)
	}
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

// Dropout sets each number to 0 with the given probability while training, and scales the others by 1/(1-rate); it does
// nothing otherwise. Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html.
//
// What is dropped follows from the seed, the step and the layer's place: it is the same on every backend.
func Dropout(rate float64) Layer { return dropout{rate} }

type dropout struct{ rate float64 }

func (l dropout) Kind() string { return "dropout" }

func (l dropout) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if !(l.rate >= 0 && l.rate < 1) {
		panic(layerError("its rate is %v; it must be at least 0 and below 1", l.rate))
	}
	g := x.Graph()
	if l.rate == 0 || !scope.IsTraining(g) {
		return x
	}
	seed, step := counters(scope.Store())
	layer := graph.Const(g, uint32(generator(0, scope.Scope()).Uint64()>>32))
	u := uniforms(x.Shape(), layer, seed.NodeValue(g), step.NodeValue(g))
	keep := graph.GreaterOrEqual(u, graph.Scalar(g, dtypes.Float32, l.rate))
	return graph.Where(keep, graph.MulScalar(x, 1/(1-l.rate)), graph.ZerosLike(x))
}

// counters are the variables that dropout is drawn from: the seed and the number of training steps made, uint32.
func counters(store *model.Store) (seed, step *model.Variable) {
	scope := store.Scope("/training")
	return scope.VariableWithValue("seed", uint32(0)).SetTrainable(false), scope.VariableWithValue("step", uint32(0)).SetTrainable(false)
}

// Flatten makes a row of numbers of each example: [batch, a, b, …] becomes [batch, a·b·…].
func Flatten() Layer { return flatten{} }

type flatten struct{}

func (flatten) Kind() string { return "flatten" }

func (flatten) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	batch := x.Shape().Dim(0)
	return graph.Reshape(x, batch, x.Shape().Size()/batch)
}

// Reshape gives each example another shape with as many numbers, such as Reshape(8, 8, 1) for [batch, 64].
func Reshape(dims ...int) Layer { return reshape{dims} }

type reshape struct{ dims []int }

func (l reshape) Kind() string { return "reshape" }

func (l reshape) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	size := 1
	for _, d := range l.dims {
		if d < 1 {
			panic(layerError("it reshapes to %s; every axis needs a size of 1 or more", shapeText(l.dims)))
		}
		size *= d
	}
	batch := x.Shape().Dim(0)
	if have := x.Shape().Size() / batch; have != size {
		panic(layerError("it reshapes to %s, %d numbers an example, and is given %s, %d", shapeText(l.dims), size, shapeOf(x), have))
	}
	return graph.Reshape(x, append([]int{batch}, l.dims...)...)
}

// normEpsilon is added to variances, as PyTorch does.
const normEpsilon = 1e-5

// LayerNorm brings the last axis of each example to mean 0 and variance 1 (plus 1e-5 for stability), then scales and
// shifts it: Ba, Kiros and Hinton (2016), https://arxiv.org/abs/1607.06450. The shape stays.
//
// Variables: scale (1 at first) and offset (0), as long as the last axis.
func LayerNorm() Layer { return layerNorm{} }

type layerNorm struct{}

func (layerNorm) Kind() string { return "layer_norm" }

func (layerNorm) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 2 {
		panic(layerError("it takes [batch, …, features], not %s", shapeOf(x)))
	}
	mean := graph.ReduceAndKeep(x, graph.ReduceMean, -1)
	centred := graph.Sub(x, mean)
	variance := graph.ReduceAndKeep(graph.Square(centred), graph.ReduceMean, -1)
	return scaleAndShift(scope, graph.Div(centred, graph.Sqrt(graph.AddScalar(variance, normEpsilon))))
}

// BatchNorm brings each channel (the last axis) to mean 0 and variance 1 over the batch and all other axes, then scales
// and shifts it: Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167. The shape stays.
//
// While training it uses the batch's own mean and variance, and gradients flow through them; otherwise the moving ones,
// updated by a tenth at each step, with the unbiased variance, as in PyTorch.
//
// Variables: scale (1 at first), offset (0), and, not trained, mean (0) and variance (1); each as long as the last axis.
func BatchNorm() Layer { return batchNorm{} }

type batchNorm struct{}

func (batchNorm) Kind() string { return "batch_norm" }

func (batchNorm) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 2 {
		panic(layerError("it takes [batch, …, channels], not %s", shapeOf(x)))
	}
	g := x.Graph()
	channels := x.Shape().Dim(-1)
	movingMean := weight(scope, g, "mean", zeros, channels).SetTrainable(false)
	movingVariance := weight(scope, g, "variance", ones, channels).SetTrainable(false)

	var axes []int
	wide := make([]int, x.Rank()) // shape of a channel's value that broadcasts to x
	for i := range wide {
		wide[i] = 1
		if i < x.Rank()-1 {
			axes = append(axes, i)
		}
	}
	wide[len(wide)-1] = channels

	mean, variance := movingMean.NodeValue(g), movingVariance.NodeValue(g)
	if scope.IsTraining(g) {
		n := float64(x.Shape().Size() / channels)
		batchMean := graph.ReduceMean(x, axes...)
		batchVariance := graph.ReduceMean(graph.Square(graph.Sub(x, graph.Reshape(batchMean, wide...))), axes...)
		unbiased := graph.MulScalar(batchVariance, n/math.Max(n-1, 1))
		const share = 0.1
		movingMean.SetNodeValue(graph.StopGradient(graph.Add(graph.MulScalar(mean, 1-share), graph.MulScalar(batchMean, share))))
		movingVariance.SetNodeValue(graph.StopGradient(graph.Add(graph.MulScalar(variance, 1-share), graph.MulScalar(unbiased, share))))
		mean, variance = batchMean, batchVariance
	}
	x = graph.Sub(x, graph.Reshape(mean, wide...))
	x = graph.Div(x, graph.Reshape(graph.Sqrt(graph.AddScalar(variance, normEpsilon)), wide...))
	return scaleAndShift(scope, x)
}

// scaleAndShift gives the last axis a learned scale and offset.
func scaleAndShift(scope *model.Scope, x *graph.Node) *graph.Node {
	g := x.Graph()
	n := x.Shape().Dim(-1)
	wide := make([]int, x.Rank())
	for i := range wide {
		wide[i] = 1
	}
	wide[len(wide)-1] = n
	scale := graph.Reshape(weight(scope, g, "scale", ones, n).NodeValue(g), wide...)
	offset := graph.Reshape(weight(scope, g, "offset", zeros, n).NodeValue(g), wide...)
	return graph.Add(graph.Mul(x, scale), offset)
}

// Input says the shape of an example, without the batch, so that the model is built, and its shapes checked, before it
// meets data: Input(64), or Input(28, 28, 1). Only the first layer can be one; it is optional.
func Input(dims ...int) Layer { return input{dims} }

type input struct{ dims []int }

func (input) Kind() string { return "input" }

func (l input) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if want := shapes.Make(x.DType(), append([]int{x.Shape().Dim(0)}, l.dims...)...); !x.Shape().Equal(want) {
		panic(layerError("it takes %s, not %s", shapeText(l.dims), shapeOf(x)))
	}
	return x
}

// mixesExamples reports whether what a layer gives for an example may depend on the others of the batch, while training: then
// a batch can't be filled up with examples that are to have no effect.
func mixesExamples(l Layer) bool {
	switch l.(type) {
	case dense, dropout, flatten, reshape, layerNorm, input, Activation:
		return false
	}
	return true
}
