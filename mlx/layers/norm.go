package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// normEpsilon is added to variances, as PyTorch does.
const normEpsilon = 1e-5

// LayerNorm brings the last axis of each example to mean 0 and variance 1 (plus 1e-5 for stability), then scales and
// shifts it: Ba, Kiros and Hinton (2016), https://arxiv.org/abs/1607.06450. The shape stays.
//
// Variables: scale (1 at first) and offset (0), as long as the last axis.
func LayerNorm() Layer { return layerNorm{} }

type layerNorm struct{}

func (layerNorm) Kind() string { return "layer_norm" }

func (layerNorm) PerExample() bool { return true }

func (layerNorm) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 2 {
		panic(fmt.Errorf("it takes [batch, …, features], not %s", shape.Of(x)))
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
		panic(fmt.Errorf("it takes [batch, …, channels], not %s", shape.Of(x)))
	}
	g := x.Graph()
	channels := x.Shape().Dim(-1)
	movingMean := weight(scope, "mean", zeros, channels).SetTrainable(false)
	movingVariance := weight(scope, "variance", ones, channels).SetTrainable(false)

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
	g, n := x.Graph(), x.Shape().Dim(-1)
	x = graph.Mul(x, wide(weight(scope, "scale", ones, n).NodeValue(g), x.Rank()))
	return graph.Add(x, wide(weight(scope, "offset", zeros, n).NodeValue(g), x.Rank()))
}

// RMSNorm divides the last axis of each example by its root mean square (of mean square + 1e-5), then scales it: Zhang and Sennrich
// (2019), https://arxiv.org/abs/1910.07467. It is LayerNorm without the mean, and cheaper. The shape stays. PyTorch's RMSNorm(n,
// eps=1e-5).
//
// Variables: scale (1 at first), as long as the last axis.
func RMSNorm() Layer { return rmsNorm{} }

type rmsNorm struct{}

func (rmsNorm) Kind() string { return "rms_norm" }

func (rmsNorm) PerExample() bool { return true }

func (rmsNorm) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 2 {
		panic(fmt.Errorf("it takes [batch, …, features], not %s", shape.Of(x)))
	}
	square := graph.ReduceAndKeep(graph.Square(x), graph.ReduceMean, -1)
	x = graph.Div(x, graph.Sqrt(graph.AddScalar(square, normEpsilon)))
	return graph.Mul(x, wide(weight(scope, "scale", ones, x.Shape().Dim(-1)).NodeValue(x.Graph()), x.Rank()))
}

// GroupNorm brings each group of channels (the last axis) of each example to mean 0 and variance 1 over the group and all other
// axes, then scales and shifts every channel: Wu and He (2018), https://arxiv.org/abs/1803.08494. Unlike BatchNorm it does the same
// whatever the batch. With one group for each channel it is instance normalization. The shape stays. PyTorch's GroupNorm.
//
// Variables: scale (1 at first) and offset (0), as long as the last axis.
func GroupNorm(groups int) Layer { return groupNorm{groups} }

type groupNorm struct{ groups int }

func (groupNorm) Kind() string { return "group_norm" }

func (groupNorm) PerExample() bool { return true }

func (l groupNorm) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 2 {
		panic(fmt.Errorf("it takes [batch, …, channels], not %s", shape.Of(x)))
	}
	channels := x.Shape().Dim(-1)
	if l.groups < 1 || channels%l.groups != 0 {
		panic(fmt.Errorf("its %d groups must divide the channels, %d of %s", l.groups, channels, shape.Of(x)))
	}
	dims := x.Shape().Dimensions
	x = graph.Reshape(x, dims[0], -1, l.groups, channels/l.groups)
	centred := graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, 1, 3))
	variance := graph.ReduceAndKeep(graph.Square(centred), graph.ReduceMean, 1, 3)
	x = graph.Div(centred, graph.Sqrt(graph.AddScalar(variance, normEpsilon)))
	return scaleAndShift(scope, graph.Reshape(x, dims...))
}
